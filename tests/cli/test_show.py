"""morphgen show."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Call = Callable[..., Any]


def colors_of(file: Path) -> set[tuple[int, ...]]:
    with Image.open(file) as image:
        return {tuple(one) for one in np.asarray(image.convert("RGB")).reshape(-1, 3).tolist()}


def test_a_volume(volume: Path, tmp_path: Path, call: Call) -> None:
    out = tmp_path / "pictures"
    shown = call("show", volume, "--out", out, "--json")
    assert shown.code == 0, shown.err
    assert [Path(one).name for one in shown.json["files"]] == ["slices.png", "phase-surfaces.png"]
    assert "Three orthogonal slices" in shown.json["alt"][0]
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in out.iterdir())
    call("show", volume, "--out", out).refused("slices.png exists")
    assert call("show", volume, "--out", out, "--overwrite").code == 0


def test_a_section_in_colours_of_ones_own(files: Path, tmp_path: Path, call: Call) -> None:
    out = tmp_path / "pictures"
    shown = call("show", files / "xy.tif", "--out", out, "--colors", "phase 0=#123456, 1=#fedcba")
    assert shown.code == 0, shown.err
    assert colors_of(out / "section.png") >= {(0x12, 0x34, 0x56), (0xFE, 0xDC, 0xBA)}


def test_wrong_requests(files: Path, tmp_path: Path, call: Call) -> None:
    ask = ("show", files / "xy.tif", "--out", tmp_path / "pictures")
    nothing = ("show", "memory://nothing.zarr", "--out", tmp_path / "pictures")
    call(*nothing).refused("memory://nothing.zarr is no volume")
    call(*ask, "--colors", "9=#123456").refused("'9'", "expected one of 0 (")
    call(*ask, "--colors", "0=red").refused("'red'", "#rrggbb")
    call(*ask[:-1], tmp_path / "picture.png").refused("looks like a file", "a folder")
    assert not (tmp_path / "pictures").exists()
    nowhere = tmp_path / "no" / "pictures"
    call("show", files / "xy.tif", "--out", nowhere).refused("does not exist")
