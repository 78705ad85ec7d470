"""morphgen reduce."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from morphgen.excursion import load_model

FIXED = ("--order", "1,0,2", "--fields", "gaussian,gaussian")

Call = Callable[..., Any]


@pytest.fixture
def calibrated(files: Path, tmp_path: Path, call: Call) -> Path:
    out = tmp_path / "model.json"
    assert call("calibrate", files / "xy.tif", *FIXED, "--out", out, "--quiet").code == 0
    return out


def test_tables_and_json(calibrated: Path, files: Path, tmp_path: Path, call: Call) -> None:
    out = tmp_path / "low.json"
    shown = call("reduce", calibrated, files / "xy.tif", "--out", out)
    assert shown.code == 0, shown.err
    for words in ("reduced to", "parameters, with standard errors", "C 0-1", f"written to {out}"):
        assert words in shown.out
    low = load_model(out)
    assert low.provenance.status == "reduced"
    found = call("reduce", calibrated, "--out", out, "--overwrite", "--json").json
    assert found["largest_loss"] == max(found["loss"].values()) < 0.02
    assert 4 <= len(found["parameters"]) <= 10
    assert [one["name"] for one in found["parameters"]][:2] == [
        "fields.0.threshold",
        "fields.0.kernel.length",
    ]
    words = call("info", out).out
    assert "Reduced from the model sha256" in words
    assert "Loss of fit" in words


def test_what_lacks_a_standard_error_is_told(files: Path, tmp_path: Path, call: Call) -> None:
    out = tmp_path / "low.json"
    shown = call("reduce", files / "truth.json", "--out", out)
    assert "no standard error is known of fields.0.threshold" in shown.err
    assert "name the sections" in shown.err


def test_refusals(calibrated: Path, files: Path, tmp_path: Path, call: Call) -> None:
    out = tmp_path / "low.json"
    call("reduce", calibrated, files / "other.tif", "--out", out).refused("other sections")
    call("reduce", calibrated, "--out", calibrated, "--overwrite").refused("would overwrite")
    assert call("reduce", calibrated, "--out", out, "--quiet").code == 0
    call("reduce", out, "--out", tmp_path / "lower.json").refused("families already")
