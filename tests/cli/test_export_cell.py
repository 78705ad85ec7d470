"""morphgen export of cell parameters."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from battery import cell
from morphgen.cli.app import run

Call = Callable[..., Any]

POSITIVE = ("--component", "positive", "--electrolyte", "pore", "--active", "grain")
ELECTRONIC = ("--electronic", "grain=2,binder=20")
KINDS = "volume_fraction,interface_area,effective_diffusivity,effective_electronic_conductivity"


@pytest.fixture(scope="module")
def small(files: Path) -> Path:
    path = files / "small.zarr"
    arguments = ["generate", files / "truth.json", path, "--shape", 32, 24, 24, "--workers", 1]
    assert run([*map(str, arguments), "--quiet"]) == 0
    return path


@pytest.fixture(scope="module")
def described(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("described") / "found.json"
    arguments = ["describe", small, "--descriptors", KINDS, *ELECTRONIC, "--out", path, "--quiet"]
    assert run([str(one) for one in arguments]) == 0
    return path


def test_a_volume_and_its_description_give_the_same(
    small: Path, described: Path, tmp_path: Path, call: Call
) -> None:
    direct, later = tmp_path / "direct.json", tmp_path / "later.json"
    shown = call("export", small, direct, *POSITIVE, *ELECTRONIC)
    assert shown.code == 0, shown.err
    assert f"written: {direct}" in shown.out
    assert "Transport efficiency" in shown.out
    found = call("export", described, later, *POSITIVE, "--json").json
    assert later.read_bytes() == direct.read_bytes()
    content = json.loads(direct.read_text(encoding="utf-8"))
    fields = content["Parameterisation"]["Positive electrode"]
    assert {name: one["value"] for name, one in found["fields"].items()} == fields
    assert 0.0 < fields["Transport efficiency"] < fields["Porosity"] < 1.0


def test_a_template(described: Path, tmp_path: Path, call: Call) -> None:
    bpx = pytest.importorskip("bpx")
    template, target = tmp_path / "cell.json", tmp_path / "filled.json"
    template.write_text(json.dumps(cell()), encoding="utf-8")
    options = ("--template", template, "--thickness", "70um")
    shown = call("export", described, target, *POSITIVE, *options)
    assert shown.code == 0, shown.err
    assert "a R / 3" in shown.err
    electrode = bpx.parse_bpx_file(target).parameterisation.positive_electrode
    assert electrode.thickness == pytest.approx(7e-5)
    assert 0.0 < electrode.conductivity < 20.0


def test_wrong_requests(
    small: Path, described: Path, files: Path, tmp_path: Path, call: Call
) -> None:
    target, voxels = tmp_path / "a.json", tmp_path / "a.npy"
    call("export", small, target).refused("--component")
    call("export", small, target, "--component", "separator").refused("--electrolyte")
    call("export", small, target, *POSITIVE, "--level", 1).refused("--level")
    call("export", small, voxels, *POSITIVE).refused("--component", "a.npy")
    call("export", small, target, *POSITIVE[:4], "--active", "rock").refused("rock", "grain")
    call("export", small, target, *POSITIVE, "--thickness", "70").refused("no unit")
    call("export", small, target, *POSITIVE, "--thickness", "7voxel").refused("85um")
    call("export", described, target, *POSITIVE, "--electronic", "grain=1").refused("describe")
    call("export", small, target, *POSITIVE, "--template", tmp_path / "none").refused("none")
    call("export", files / "xy.tif", target, *POSITIVE).refused("morphgen describe")
    separator = ("--component", "separator", "--electrolyte", "pore")
    call("export", small, target, *separator, *ELECTRONIC).refused("leave out --electronic")
    call("export", described, described, *POSITIVE).refused("overwrite the input")
    assert not target.exists()
