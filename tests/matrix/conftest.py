"""What all tests of the matrix share."""

from __future__ import annotations

import pytest

from morphgen.fields import blocks


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 64 voxels: those of 256 that models would choose take seconds."""
    monkeypatch.setattr(blocks, "_EDGES", (64,))
