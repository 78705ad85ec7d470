"""morphgen describe."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

Call = Callable[..., Any]


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    file = tmp_path / "stack.tif"
    labels = np.random.default_rng(3).integers(0, 3, (36, 40, 44), dtype=np.uint8)
    tifffile.imwrite(file, labels)
    return file


def test_a_section(files: Path, tmp_path: Path, call: Call) -> None:
    out = tmp_path / "descriptors.json"
    shown = call("describe", files / "xy.tif", "--voxel-size", "0.5um", "--out", out)
    assert shown.code == 0, shown.err
    assert "volume fraction" in shown.out
    assert f"descriptors written to {out}" in shown.out
    record = json.loads(out.read_text())
    assert (record["axes"], record["unit"], record["spacing"]) == ("yx", "um", [0.5, 0.5])
    fractions = [one for one in record["readings"] if one["descriptor"] == "volume_fraction"]
    assert sum(one["value"] for one in fractions) == pytest.approx(1.0)
    call("describe", files / "xy.tif", "--out", out).refused("exists", "--overwrite")


def test_a_stack_is_a_volume_unless_its_pages_are_sections(stack: Path, call: Call) -> None:
    ask = ("describe", stack, "--descriptors", "volume_fraction", "--json")
    volume = call(*ask).json
    assert (volume["shape"], volume["axes"], volume["images"]) == ([36, 40, 44], "zyx", 1)
    assert volume["readings"][0]["standard_error"] is None
    sections = call(*ask, "--sections", "--plane", "xz").json
    assert (sections["shape"], sections["axes"], sections["images"]) == ([40, 44], "zx", 36)
    assert sections["readings"][0]["standard_error"] > 0.0
    assert sections["readings"][0]["value"] == pytest.approx(volume["readings"][0]["value"])


def test_wrong_requests(stack: Path, call: Call) -> None:
    call("describe", stack, "--descriptors", "porosity").refused("'porosity' is not known")
    call("describe", stack, "--max-lag", 40).refused("max_lag is 40 voxels; expected 1 to 35")
    call("describe", stack, "--voxel-size", "1um,2um").refused("voxel size is one length")
    call("describe", stack, "--out", stack).refused("would overwrite the input")
