"""morphgen validate."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from morphgen.cli.screen import Screen
from morphgen.cli.specimens import volumes_of

from morphgen.excursion import load_model
from morphgen.tiles import open_volume

FEW = ("--realizations", "8")
QUICK = (*FEW, "--descriptors", "volume_fraction,two_point_coverage,covariance,connected_fraction")

Call = Callable[..., Any]


@pytest.fixture
def model(files: Path) -> Path:
    return files / "truth.json"


def test_passed(model: Path, files: Path, volume: Path, tmp_path: Path, call: Call) -> None:
    out, pdf, figures = tmp_path / "report.html", tmp_path / "report.pdf", tmp_path / "figures"
    places = ("--out", out, "--pdf", pdf, "--figures", figures)
    shown = call("validate", model, files / "other.tif", *FEW, "--volume", volume, *places)
    assert shown.code == 0, shown.err
    assert "passed: all " in shown.out
    assert "volume fraction of binder" in shown.out
    assert f"report written to {out}" in shown.out
    assert "other.tif states no pixel size: the model's is taken, 1 um" in shown.err
    assert "volume.zarr was generated from this very model: it is shown, not judged" in shown.err
    assert "In three dimensions" in out.read_text(encoding="utf-8")
    assert pdf.read_bytes().startswith(b"%PDF")
    assert (figures / "01-side-by-side.png").exists()
    assert f"figures written to {figures}" in shown.out
    again = ("validate", model, files / "other.tif", *FEW, "--figures", figures)
    call(*again).refused("holds figures")


def test_not_passed(files: Path, call: Call) -> None:
    request = ("validate", files / "wrong.json", files / "other.tif", *FEW)
    shown = call(*request)
    assert shown.code == 1
    assert "differs" in shown.out
    assert shown.err.splitlines()[-1].startswith("not passed: ")
    quiet = call(*request, "--quiet", "--json")
    assert quiet.code == 1
    assert quiet.json["passed"] is False
    assert quiet.err.startswith("not passed: ")


def test_json(model: Path, files: Path, call: Call) -> None:
    sections = (files / "xy.tif", files / "other.tif", "--plane", "xz", "--plane", "yz")
    shown = call("validate", model, *sections, *FEW, "--voxel-size", "1um", "--json")
    assert (shown.code, shown.err) == (0, "")
    assert [one["plane"] for one in shown.json["sections"]] == ["xz", "yz"]
    assert shown.json["report"] is None
    assert {one["kind"] for one in shown.json["quantities"]} >= {"volume_fraction", "covariance"}


def test_a_reference_volume_is_judged(model: Path, files: Path, tmp_path: Path, call: Call) -> None:
    random = np.random.default_rng(3)
    stack = tmp_path / "volume.tif"
    tifffile.imwrite(stack, random.integers(0, 3, (32, 40, 48), dtype=np.uint8))
    request = ("validate", model, *QUICK, "--volume", stack)
    shown = call(*request)
    assert shown.code == 1, shown.err
    assert "of the volume volume.tif, all of 32 x 40 x 48 voxels were compared" in shown.out
    assert "differs" in shown.out
    assert "volume.tif states no pixel size" in shown.err
    found = call(*request, "--json", "--judge", "equivalence", "--margin", "100").json
    assert found["judge"] == "equivalence"
    assert found["volume"]["shape"] == [32, 40, 48]
    assert found["sections"] == []
    assert {one["where"] for one in found["quantities"]} == {"volume"}


def test_a_reference_volume_has_a_voxel_size_for_each_axis(
    model: Path, tmp_path: Path, call: Call
) -> None:
    stack = tmp_path / "volume.tif"
    tifffile.imwrite(stack, np.random.default_rng(3).integers(0, 3, (32, 40, 48), dtype=np.uint8))
    call("validate", model, "--volume", stack, "--voxel-size", "1um,2um").refused(
        "one length or 3, along z, y, x"
    )
    sizes = "2um,1um,1000nm"
    given = volumes_of(Screen(False, True), load_model(model), stack, False, sizes, None)
    assert given.judged is not None
    assert given.judged.voxel_size == (2.0, 1.0, 1.0)


def test_a_store_of_another_model_is_a_reference(files: Path, volume: Path, call: Call) -> None:
    shown = call("validate", files / "wrong.json", *QUICK, "--volume", volume, "--json")
    found = shown.json["volume"]
    assert found["name"] == volume.name
    # not that of the model, which other volumes have too
    assert found["sha256"] == open_volume(volume).record.identity()


def test_the_size_of_a_large_store_is_told(
    model: Path, files: Path, tmp_path: Path, call: Call
) -> None:
    store = tmp_path / "long.zarr"
    shape = ("--shape", 270, 32, 32, "--workers", 1, "--quiet")
    assert call("generate", files / "wrong.json", store, *shape).code == 0
    few = (*FEW, "--descriptors", "volume_fraction", "--volume", store, "--json")
    found = call("validate", model, *few).json["volume"]
    assert found["whole_shape"] == [270, 32, 32]
    assert found["start"] == [39, 0, 0]
    assert found["shape"] == [192, 32, 32]


def test_colours_need_names(model: Path, tmp_path: Path, call: Call) -> None:
    colours = np.zeros((64, 64, 3), dtype=np.uint8)
    colours[::2] = (230, 159, 0)
    tifffile.imwrite(tmp_path / "rgb.tif", colours, photometric="rgb")
    call("validate", model, tmp_path / "rgb.tif").refused("rgb.tif", "colour")


def test_wrong_requests(model: Path, files: Path, volume: Path, tmp_path: Path, call: Call) -> None:
    other = files / "other.tif"
    call("validate", model, tmp_path / "missing.tif").refused("missing.tif")
    call("validate", tmp_path / "missing.json", other).refused("missing.json")
    call("validate", model, other, "--voxel-size", "1,5um").refused("1,5um", "1.5um")
    call("validate", model, other, "--voxel-size", "1um", "--realizations", 2).refused("8 at least")
    call("validate", model, other, "--phases", "0=a,1=b").refused("no phase is given for 2")
    call("validate", model, other, "--plane", "xy", "--plane", "xy").refused("--plane")
    call("validate", model, other, "--quiet", "--volume", tmp_path).refused("no volume")
    call("validate", model).refused("no section", "volume")
    typo = ("--voxel-size", "1um", "--descriptors", "volume_fractoin")
    call("validate", model, other, *typo).refused("volume_fractoin", "volume_fraction")
    call("validate", model, "--volume", volume).refused("this very model", "give sections")
    call(
        *("validate", model, other, "--voxel-size", "1um", "--margin", "0"),
    ).refused("margin is 0")
    call("validate", model, other, "--out", files / "wrong.json").refused("exists", "--overwrite")
    call("validate", model, other, "--pdf", files / "wrong.json").refused("exists", "--overwrite")
    call("validate", model, other, "--figures", files).refused("folder for figures alone")
    same = ("--out", tmp_path / "one", "--pdf", tmp_path / "one")
    call("validate", model, other, *same).refused("two outputs")
    call("validate", model, other, other, "--voxel-size", "1um").refused("give it once")


@pytest.mark.parametrize("place", ["truth.json", "other.tif", "link.tif", "volume.zarr/zarr.json"])
def test_inputs_are_not_overwritten(
    place: str, model: Path, files: Path, volume: Path, call: Call
) -> None:
    link = files / "link.tif"
    link.unlink(missing_ok=True)
    link.symlink_to(files / "other.tif")
    request = ("validate", model, files / "other.tif", "--volume", volume, "--overwrite")
    before = (files / place).read_bytes()
    call(*request, "--out", files / place).refused("overwrite the input")
    assert (files / place).read_bytes() == before


def test_other_units_are_converted(model: Path, files: Path, call: Call) -> None:
    request = ("validate", model, files / "other.tif", *FEW, "--json", "--voxel-size")
    shown = call(*request, "1000nm")
    assert shown.code == 0, shown.err
    assert shown.json["sections"][0]["pixel_size"] == [1.0, 1.0]
    assert shown.json == call(*request, "1um").json


def test_a_section_may_lack_a_phase(model: Path, files: Path, tmp_path: Path, call: Call) -> None:
    labels = tifffile.imread(files / "other.tif")
    labels[labels == 2] = 0
    tifffile.imwrite(tmp_path / "two.tif", labels)
    request = ("validate", model, tmp_path / "two.tif", *FEW, "--json")
    shown = call(*request)
    assert shown.json["passed"] is False, shown.err
    assert call(*request, "--phases", "0=pore,1=grain,2=binder").json == shown.json


def test_a_volume_must_be_complete(
    model: Path, files: Path, volume: Path, tmp_path: Path, call: Call
) -> None:
    part = tmp_path / "part.zarr"
    shutil.copytree(volume, part)
    shutil.rmtree(part / "0" / "c")
    (part / "0" / "c").mkdir()
    shown = call("info", part, "--json")
    assert (shown.json["complete"], shown.json["blocks_written"]) == (False, 0)
    assert "0 of 1 blocks" in call("info", part).out
    call(
        *("validate", model, files / "other.tif", "--volume", part, "--quiet"),
    ).refused("0 of 1 blocks", "--resume")
