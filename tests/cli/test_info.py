"""morphgen info on models."""

from __future__ import annotations

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


def test_what_is_neither(tmp_path: Path, call: Call) -> None:
    (tmp_path / "text.json").write_text("not a model")
    call("info", tmp_path / "text.json").refused("text.json", "not valid JSON")
    call("info", tmp_path).refused("volume", "give a model file or a Zarr store")
    call("info", tmp_path / "missing.zarr").refused("missing.zarr")
