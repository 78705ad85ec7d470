"""morphgen calibrate with a training."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from morphgen.calibration.training.options import TrainingOptions
from morphgen.excursion import ExcursionModel

from .conftest import draw

GIVEN = ("--order", "1,0,2", "--fields", "gaussian,gaussian", "--parametrization", "low")
SMALL = ("--crop", "48", "--batch", "2", "--discriminator", "k4n4s2,k4n8s2", "--device", "cpu")
COMBINED = ("--method", "combined", *GIVEN, *SMALL, "--steps", "4")

Call = Callable[..., Any]


@pytest.fixture
def section(files: Path) -> Path:
    return files / "xy.tif"


@pytest.fixture(scope="module")
def small(truth: ExcursionModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A section on which a training of a few steps takes a second."""
    return draw(truth, tmp_path_factory.mktemp("small"), "xy.tif", seed=1, side=160)


def stop_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Press Ctrl-C when a step is done."""
    from morphgen.calibration.training import loop

    one_step = loop._one_step

    def interrupted(objective: Any, track: Any, *rest: Any) -> None:
        if track.step == step:
            raise KeyboardInterrupt
        one_step(objective, track, *rest)

    monkeypatch.setattr(loop, "_one_step", interrupted)


def test_interrupted_and_continued(
    small: Path, tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("morphgen.calibration.training.setting.SAVE_EVERY", 2)
    out, whole = tmp_path / "model.json", tmp_path / "whole.json"
    checkpoint, report = tmp_path / "model.json.checkpoint.pt", tmp_path / "report.html"
    with monkeypatch.context() as patched:
        stop_at(patched, 3)
        shown = call("calibrate", small, *COMBINED, "--out", out)
    assert shown.code == 75
    first, command = shown.err.strip().splitlines()
    assert first == "interrupted; continue with"
    assert checkpoint.exists()
    assert not out.exists()
    kept = checkpoint.read_bytes()
    call("calibrate", small, *COMBINED, "--out", out).refused("--resume", "--overwrite")
    other = ("calibrate", small, *COMBINED, "--seed", 1, "--out", out, "--resume")
    call(*other).refused("belongs to another request")
    assert checkpoint.read_bytes() == kept
    words = shlex.split(command)
    assert words[0] == "morphgen"
    assert words[-1] == "--resume"
    shown = call(*words[1:], "--json")
    assert shown.code == 0, shown.err
    assert shown.json["training"]["steps"] == 4
    assert not checkpoint.exists()
    told = call("calibrate", small, *COMBINED, "--out", whole, "--report", report)
    assert told.code == 0, told.err
    assert "Training took 4 steps" in told.out
    assert "the fit stopped" not in told.err
    assert "How the training went" in report.read_text(encoding="utf-8")
    assert out.read_bytes() == whole.read_bytes()
    call(*other).refused("comes from another request", "--overwrite")


def test_a_finished_model_is_shown_again(small: Path, tmp_path: Path, call: Call) -> None:
    out, report = tmp_path / "model.json", tmp_path / "report.html"
    request = ("calibrate", small, *COMBINED, "--precision", "bfloat16", "--out", out)
    first = call(*request, "--json").json
    assert first["training"]["precision"] == "bfloat16"
    before = out.stat().st_mtime_ns
    auto = ["auto" if word in {"cpu", "bfloat16"} else word for word in request]
    again = call(*auto, "--resume", "--json", "--report", report)
    assert again.code == 0, again.err
    assert out.stat().st_mtime_ns == before
    assert "How the training went" in report.read_text(encoding="utf-8")
    found = again.json
    assert found.pop("report") == str(report)
    first.pop("report")
    assert found.keys() == first.keys()
    for name in ("training", "order", "max_lag", "misfit", "status", "message", "warnings"):
        assert found[name] == first[name]
    assert found["largest_misfit"] == pytest.approx(first["largest_misfit"], abs=1e-6)
    # the record rounds standard errors to three digits
    error, known = (one["phases"][0]["standard_error"] for one in (found, first))
    assert error == pytest.approx(known, rel=5e-3)
    told = call(*request, "--resume", "--overwrite")
    assert told.code == 0
    assert f"{out} is finished" in told.out
    assert out.stat().st_mtime_ns == before


def test_overwriting_is_continued_with_overwriting(
    section: Path, tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, checkpoint = tmp_path / "model.json", tmp_path / "model.json.checkpoint.pt"
    out.write_text("{}")
    checkpoint.write_bytes(b"of another request")
    request = ("calibrate", section, *COMBINED, "--out", out, "--overwrite")

    def early(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("morphgen.workflows.calibrate", early)
    shown = call(*request)
    assert shown.code == 75
    assert "nothing was written" in shown.err
    assert not checkpoint.exists()

    def late(*arguments: object, training: TrainingOptions, **options: object) -> None:
        assert training.checkpoint is not None
        training.checkpoint.write_bytes(b"of this request")
        raise KeyboardInterrupt

    monkeypatch.setattr("morphgen.workflows.calibrate", late)
    words = shlex.split(call(*request).err.splitlines()[1])
    assert words[-2:] == ["--overwrite", "--resume"]
    # the command is accepted, and goes on
    assert call(*words[1:]).code == 75
    assert checkpoint.read_bytes() == b"of this request"


def test_the_closed_form_has_nothing_to_continue(section: Path, tmp_path: Path, call: Call) -> None:
    out = tmp_path / "model.json"
    call("calibrate", section, "--resume", "--out", out).refused("closed form", "--overwrite")
    assert list(tmp_path.iterdir()) == []


def test_sampled_coverage(small: Path, tmp_path: Path, call: Call) -> None:
    out = tmp_path / "model.json"
    sampled = ("--estimator", "sampled", "--steps", "4", "--batch", "2", "--smoothing", "logistic")
    shown = call("calibrate", small, *GIVEN, *sampled, "--json", "--out", out)
    assert shown.code == 0, shown.err
    assert shown.json["training"]["estimator"] == "sampled"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--method", "guess"), ("guess", "coverage, adversarial, combined")),
        (("--estimator", "guess"), ("guess", "closed, sampled")),
        (("--method", "combined", "--estimator", "sampled"), ("method coverage",)),
        (("--method", "combined", "--discriminator", "big"), ("k4n64s2",)),
        (("--method", "combined", "--crop", "240", *GIVEN), ("240 x 240", "--crop")),
        (("--method", "combined", "--steps", "0"), ("steps is 0",)),
        (("--precision", "half"), ("half", "auto or float32 or bfloat16")),
    ],
)
def test_refusals(
    arguments: tuple[str, ...], words: tuple[str, ...], section: Path, tmp_path: Path, call: Call
) -> None:
    call("calibrate", section, *arguments, "--out", tmp_path / "m.json").refused(*words)
    assert list(tmp_path.iterdir()) == []
