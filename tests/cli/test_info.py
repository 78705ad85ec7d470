"""morphgen info on models."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from morphgen.excursion import ExcursionModel, Field
from morphgen.fields.laws import Gaussian
from morphgen.fields.parametric import MaternKernel
from morphgen.phases import Phase

Call = Callable[..., Any]


def test_model(files: Path, truth: ExcursionModel, call: Call) -> None:
    shown = call("info", files / "truth.json")
    assert shown.code == 0, shown.err
    for words in ("model of 3 phases", "voxel size 1 µm", "binder is what no field decides"):
        assert words in shown.out
    assert "no record of a calibration" in shown.out
    found = call("info", files / "truth.json", "--json").json
    assert found["kind"] == "model"
    assert found["block_edge"] == truth.block_edge
    assert found["provenance"] is None
    fractions = {one["label"]: one["volume_fraction"] for one in found["phases"]}
    assert fractions == pytest.approx(truth.volume_fractions())


def test_how_large_a_volume_must_be(files: Path, volume: Path, call: Call) -> None:
    model = files / "truth.json"
    shown = call("info", model)
    assert "scatter about the model's" in shown.out
    assert "0.01 or less in every phase from " in shown.out
    found = call("info", model, "--edge", 64, "--edge", 96, "--precision", 0.02, "--json").json
    first, second = (one["standard_deviations"]["1"] for one in found["precision"]["edges"])
    # of independent parts; what a border hides makes it a little less
    assert 1.4 < first / second < 1.5**1.5
    (needed,) = found["precision"]["needed"]
    assert needed["standard_deviation"] == 0.02
    for edge in (-5, 0, 2**20 + 1):
        call("info", model, "--edge", edge).refused(f"--edge is {edge}; expected 1 to 1048576")
    call("info", volume, "--edge", 64).refused("--edge and --precision ask of a model")


def test_calibrated_model(files: Path, tmp_path: Path, call: Call) -> None:
    out = tmp_path / "model.json"
    fast = ("--order", "1,0,2", "--fields", "gaussian,gaussian", "--parametrization", "low")
    assert call("calibrate", files / "xy.tif", *fast, "--out", out, "--quiet").code == 0
    shown = call("info", out)
    assert "xy.tif: 256 x 256 pixels, plane xy, sha256 " in shown.out
    assert "Largest misfit of C_ij" in shown.out
    assert " ± " in shown.out


def test_infinite_surface(tmp_path: Path, call: Call) -> None:
    law = Gaussian()
    kernel = MaternKernel(4.0, smoothness=0.5)
    ExcursionModel(
        phases=(Phase(0, "pore"), Phase(1, "solid")),
        order=(1, 0),
        fields=(Field(kernel, law, law.threshold(0.3)),),
    ).save(tmp_path / "rough.json")
    assert "infinite" in call("info", tmp_path / "rough.json").out
    found = call("info", tmp_path / "rough.json", "--json").json
    assert found["phases"][0]["specific_surface_area"] is None


def test_verify(volume: Path, files: Path, tmp_path: Path, call: Call) -> None:
    shown = call("info", volume, "--verify", 8, "--seed", 1)
    assert (shown.code, shown.err) == (0, "")
    assert "verified   1 blocks computed again, 0 of them differ" in shown.out
    found = call("info", volume, "--verify", "all", "--json").json
    assert found["kind"] == "volume"
    assert found["verified"]["passed"]
    assert found["verified"]["checked"] == [1]

    spoiled = Path(shutil.copytree(volume, tmp_path / "v.zarr"))
    shard = spoiled / "0" / "c" / "0" / "0" / "0"
    content = bytearray(shard.read_bytes())
    content[50] ^= 1
    shard.write_bytes(content)
    shown = call("info", spoiled, "--verify", 8)
    assert shown.code == 1
    assert shown.err.startswith("block (0, 0, 0) at voxel (0, 0, 0): it cannot be read: ")
    assert shown.err.endswith(f"; delete {shard} and run generate --resume\n")
    shown = call("info", spoiled, "--verify", 8, "--json")
    assert (shown.code, shown.json["verified"]["passed"]) == (1, False)
    call("info", volume, "--verify", 2, "--seed", -1).refused("seed -1")

    shard.unlink()
    shown = call("info", spoiled, "--verify", "all")
    assert shown.code == 1
    assert shown.err.startswith("no block is written, so that nothing could be verified; run")
    (spoiled / "0" / "zarr.json").unlink()
    call("info", spoiled, "--verify", "all").refused("metadata lost or damaged", "resume")
    assert call("info", spoiled).code == 0

    call("info", volume, "--verify", 0).refused("expected a positive number, or all")
    call("info", files / "truth.json", "--verify", 1).refused("only volumes are verified")


def test_what_is_neither(tmp_path: Path, call: Call) -> None:
    (tmp_path / "text.json").write_text("not a model")
    call("info", tmp_path / "text.json").refused("text.json", "not valid JSON")
    call("info", tmp_path).refused("volume", "give a model file or a Zarr store")
    call("info", tmp_path / "missing.zarr").refused("missing.zarr")
