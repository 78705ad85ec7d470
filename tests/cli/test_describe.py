"""morphgen describe."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from morphgen.tiles import open_volume

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
    assert " pixels" in shown.out
    assert "1/µm" in shown.out
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


def test_voxels_that_are_not_cubes(stack: Path, call: Call) -> None:
    ask = ("describe", stack, "--voxel-size", "200nm,0.1um,0.1um", "--json", "--descriptors")
    found = call(*ask, "specific_surface_area").json
    assert (found["spacing"], found["unit"]) == ([200.0, 100.0, 100.0], "nm")
    sections = call(*ask, "volume_fraction", "--sections", "--plane", "xz").json
    assert sections["spacing"] == [200.0, 100.0]


def test_a_part_that_lacks_a_phase(tmp_path: Path, call: Call) -> None:
    pores = np.zeros((34, 40), dtype=np.uint8)
    section, volume = "volume_fraction,lineal_path", "phase_size_radius,mean_geodesic_tortuosity"
    for file, labels, kinds in (
        ("one.tif", pores, section),
        ("stack.tif", np.stack([pores] * 34), f"{section},{volume}"),
    ):
        ask = ("--phases", "0=pore,1=solid", "--descriptors", kinds)
        tifffile.imwrite(tmp_path / file, labels, photometric="minisblack")
        found = call("describe", tmp_path / file, *ask, "--json")
        assert found.code == 0, found.err
        values = [one for one in found.json["readings"] if one["descriptor"] == "volume_fraction"]
        assert [one["value"] for one in values] == [1.0, 0.0]
        call("describe", tmp_path / file).refused("holds the single value 0", "name the phases")


def test_effective_conductivities_of_named_phases(stack: Path, call: Call) -> None:
    names = "0=pore,1=solid,2=binder"
    ask = ("describe", stack, "--phases", names, "--json", "--descriptors")
    kinds = "effective_ionic_conductivity,effective_electronic_conductivity"
    found = call(
        *ask, kinds, "--ionic", "pore=2,binder=0", "--electronic", "solid=1,binder=1,pore=1"
    )
    by_kind = {}
    for one in found.json["readings"]:
        by_kind.setdefault(one["descriptor"], []).append(one)
    ionic, electronic = by_kind.values()
    assert [one["phases"] for one in ionic] == [[0]] * 3
    assert [one["direction"] for one in electronic] == ["z", "y", "x"]
    assert [one["value"] for one in electronic] == pytest.approx([1.0] * 3, rel=1e-6)
    assert all(one["value"] < 0.5 for one in ionic)
    call(*ask, kinds, "--ionic", "pore=2").refused("effective_electronic_conductivity needs")
    call("describe", stack, "--ionic", "air=2").refused("no phase 'air'; expected one of")
    call("describe", stack, "--ionic", "pore").refused("--ionic is 'pore'; expected names")
    call(*ask, kinds, "--ionic", "pore=-1").refused("conductivity of 'pore' is -1.0")


def test_sub_volumes_are_named(stack: Path, tmp_path: Path, call: Call) -> None:
    ask = ("describe", stack, "--descriptors", "cluster_number,mean_geodesic_tortuosity")
    whole = call(*ask)
    assert "sub-volumes" not in whole.out
    named, ask = ask, (*ask, "--subvolumes", 2, "--subvolume-edge", 20)
    found = call(*ask)
    assert found.code == 0, found.err
    # clusters are those of the whole all the same
    assert "2 sub-volumes of 18 x 20 x 20 voxels, not of the whole: mean geod" in found.out
    record = call(*ask, "--json").json
    assert (record["subvolumes"]["number"], record["subvolumes"]["shape"]) == (2, [18, 20, 20])
    one = call(*named, "--subvolumes", 1, "--subvolume-edge", 20).out
    assert "those of one sub-volume of 18 x 20 x 20 voxels" in one
    call(*named, "--subvolume-edge", 0).refused("edge 0 and number 8; expected 1 or more")
    call("describe", stack, "--sections", "--subvolumes", 2).refused("sub-volumes are for volumes")


def test_wrong_requests(stack: Path, call: Call) -> None:
    call("describe", stack, "--descriptors", "porosity").refused("'porosity' is not known")
    call("describe", stack, "--max-lag", 40).refused("max_lag is 40 voxels; expected 1 to 35")
    call("describe", stack, "--voxel-size", "1um,2um").refused("one length or 3, along z, y, x")
    call("describe", stack, "--voxel-size", "3").refused("'3' has no unit; write 3um")
    call("describe", stack, "--out", stack).refused("would overwrite the input")


def test_a_store_is_described_part_by_part_as_in_memory(
    volume: Path, tmp_path: Path, call: Call
) -> None:
    file = tmp_path / "volume.npy"
    np.save(file, open_volume(volume).labels()[...])
    ask = ("--descriptors", "volume_fraction,two_point_coverage,covariance", "--max-lag", 9)
    whole = call("describe", file, *ask, "--voxel-size", "1um", "--json").json
    out = tmp_path / "store.json"
    ask = (*ask, "--json", "--out", out, "--overwrite")
    for how in (("--workers", 1, "--chunk", 30), ("--workers", 2)):
        found = call("describe", volume, *ask, *how).json
        assert found["readings"] == whole["readings"]
        assert len(found["readings"]) == 3 + 2 * 6 * 4
        assert (found["shape"], found["unit"], found["source"]) == ([64, 48, 40], "um", str(volume))
        assert json.loads(out.read_text())["readings"] == whole["readings"]


def test_wrong_requests_of_stores_and_images(
    volume: Path, stack: Path, tmp_path: Path, call: Call
) -> None:
    call("describe", volume, "--sections").refused("is a store", "leave out --sections")
    call("describe", volume, "--phases", "0=pore").refused("leave out --phases")
    call("describe", volume, "--chunk", 0).refused("chunk is 0")
    call("describe", volume, "--workers", 0).refused("workers is 0: expected at least 1")
    call("describe", volume, "--max-lag", 40).refused("max_lag is 40 voxels; expected 1 to 39")
    call("describe", volume, "--workers", 1, "--scheduler", "tcp://x:1").refused("exclude each")
    call("describe", stack, "--sections", "--workers", 2).refused("sections are measured without")
    call("describe", tmp_path).refused("holds no volume; give an image or a Zarr store")
    shutil.copytree(volume, tmp_path / "part.zarr")
    next(path for path in (tmp_path / "part.zarr/0/c").rglob("*") if path.is_file()).unlink()
    call("describe", tmp_path / "part.zarr").refused("1 of 1 blocks are not written")
    call("describe", volume, "--workers", 10**6).refused("GiB of memory", "give fewer workers")


def test_a_missing_package_is_told_once(
    stack: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "edt" else name)
    shown = call("describe", stack, "--max-lag", 4)
    assert shown.code == 0, shown.err
    (line,) = (one for one in shown.err.splitlines() if "edt" in one)
    assert line.startswith('left out (edt is not installed: pip install "morphgen[analysis]"): ')
    assert "constrictivity, mean geodesic tortuosity" in line
