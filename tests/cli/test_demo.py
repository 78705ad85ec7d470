"""morphgen demo."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from morphgen.images import read_section
from morphgen.images.demo import PHASES, demo_section
from morphgen.tiles import open_volume

Call = Callable[..., Any]


def test_sections_are_the_same_every_time() -> None:
    first, again, other = demo_section(1, 128), demo_section(1, 128), demo_section(2, 128)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first.shape == (128, 128)
    assert set(np.unique(first)) == {0, 1, 2}


def test_sections_are_alike() -> None:
    shares = [np.bincount(demo_section(seed).ravel()) / 512**2 for seed in (1, 2)]
    assert np.abs(shares[0] - shares[1]).max() < 0.03
    assert min(shares[0]) > 0.2


def test_folders_that_are_taken(tmp_path: Path, call: Call) -> None:
    (tmp_path / "precious").write_text("text")
    call("demo", "--out", tmp_path).refused("not empty", "--overwrite")
    call("demo", "--out", tmp_path / "precious").refused("is a file")
    call("demo", "--out", tmp_path / "precious" / "below").refused("cannot be created")
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


@pytest.mark.slow
def test_the_whole_way(tmp_path: Path, call: Call) -> None:
    out = tmp_path / "demo"
    shown = call("demo", "--out", out, "--json")
    assert (shown.code, shown.err) == (0, "")
    assert shown.json["passed"] is False
    assert shown.json["seconds"] < 120.0
    assert shown.json["largest_misfit"] < 0.03
    written = {path.name for path in out.iterdir()}
    assert written == {
        "section.png",
        "other_section.png",
        "model.json",
        "calibration.html",
        "volume.zarr",
        "volume.png",
        "report.html",
    }
    assert open_volume(out / "volume.zarr").complete
    assert np.array_equal(read_section(out / "section.png", phases=PHASES).labels, demo_section(1))
    assert call("info", out / "model.json").code == 0
