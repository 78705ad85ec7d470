"""Which function runs on which array library and device: the table that drives the tests."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from matrix.table import markdown


def draw(folder: Path) -> None:
    """Write the table of the reference page, as text that it includes."""
    (folder / "backends.txt").write_text(markdown(), encoding="utf-8")
