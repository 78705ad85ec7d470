"""morphgen calibrate with a training."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from morphgen.excursion import load_model

GIVEN = ("--order", "1,0,2", "--fields", "gaussian,gaussian", "--parametrization", "low")
SMALL = ("--crop", "48", "--batch", "2", "--discriminator", "k4n4s2,k4n8s2", "--device", "cpu")
COMBINED = ("--method", "combined", *GIVEN, *SMALL, "--steps", "30")

Call = Callable[..., Any]


@pytest.fixture
def section(files: Path) -> Path:
    return files / "xy.tif"


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
    section: Path, tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, whole = tmp_path / "model.json", tmp_path / "whole.json"
    checkpoint = tmp_path / "model.json.checkpoint.pt"
    with monkeypatch.context() as patched:
        stop_at(patched, 27)
        shown = call("calibrate", section, *COMBINED, "--out", out)
    assert shown.code == 75
    first, command = shown.err.strip().splitlines()
    assert first == "interrupted; continue with"
    assert checkpoint.exists()
    assert not out.exists()
    kept = checkpoint.read_bytes()
    call("calibrate", section, *COMBINED, "--out", out).refused("--resume", "--overwrite")
    other = call("calibrate", section, *COMBINED, "--seed", 1, "--out", out, "--resume")
    other.refused("belongs to another request")
    assert checkpoint.read_bytes() == kept
    words = shlex.split(command)
    assert words[0] == "morphgen"
    assert words[-1] == "--resume"
    shown = call(*words[1:], "--json")
    assert shown.code == 0, shown.err
    assert shown.json["training"]["steps"] == 30
    assert not checkpoint.exists()
    assert call("calibrate", section, *COMBINED, "--out", whole).code == 0
    assert out.read_bytes() == whole.read_bytes()
    again = call(*words[1:])
    assert (again.code, again.out) == (0, f"{out} is finished\n")
    call("calibrate", section, *COMBINED, "--seed", 1, "--out", out, "--resume").refused(
        "comes from another request", "--overwrite"
    )


def test_report_shows_the_training(section: Path, tmp_path: Path, call: Call) -> None:
    out, report = tmp_path / "model.json", tmp_path / "report.html"
    shown = call(
        *("calibrate", section, *COMBINED, "--out", out, "--report", report),
    )
    assert shown.code == 0, shown.err
    assert "Training took 30 steps" in shown.out
    assert "How the training went" in report.read_text(encoding="utf-8")
    origin = load_model(out).provenance
    assert origin is not None
    assert origin.method == "combined"


def test_sampled_coverage(section: Path, tmp_path: Path, call: Call) -> None:
    out = tmp_path / "model.json"
    sampled = ("--estimator", "sampled", "--steps", "20", "--batch", "2", "--smoothing", "logistic")
    shown = call("calibrate", section, *GIVEN, *sampled, "--json", "--out", out)
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
    ],
)
def test_refusals(
    arguments: tuple[str, ...], words: tuple[str, ...], section: Path, tmp_path: Path, call: Call
) -> None:
    call("calibrate", section, *arguments, "--out", tmp_path / "m.json").refused(*words)
    assert list(tmp_path.iterdir()) == []
