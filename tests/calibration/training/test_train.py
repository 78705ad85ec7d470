"""Whole trainings of a few steps: the same result however often they are interrupted."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from morphgen.calibration.coverage import CoverageSolution, fit_coverage
from morphgen.calibration.request import CalibrationRequest
from morphgen.calibration.result import CalibrationResult
from morphgen.calibration.training.class_choice import ClassChoice
from morphgen.calibration.training.loop import Track, train
from morphgen.calibration.training.options import TrainingOptions
from morphgen.calibration.training.scaling import scaling_at
from morphgen.calibration.training.setting import adversarial_setting, sampled_setting
from morphgen.errors import BackendError, InputError
from morphgen.excursion import ExcursionModel, Field, section_sampler
from morphgen.fields.laws import Gaussian
from morphgen.fields.parametric import GaussianKernel
from morphgen.images import Section, read_section
from morphgen.phases import Phase
from morphgen.progress import silent
from morphgen.workflows import calibrate, calibration_request

from .conftest import CPU

SMALL = TrainingOptions(
    steps=12,
    crop=48,
    batch=2,
    discriminator="k4n4s2,k4n8s2",
    device="cpu",
    score_every=6,
)
GIVEN = {"fields": "gaussian,chi2:2", "order": (1, 0, 2), "parametrization": "low"}


def trained(
    section: Section, options: TrainingOptions = SMALL, method: str = "combined", **asked: object
) -> CalibrationResult:
    return calibrate([section], method=method, training=options, **{**GIVEN, **asked})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def undisturbed(section: Section) -> ExcursionModel:
    return trained(section).model


def test_record(undisturbed: ExcursionModel) -> None:
    origin = undisturbed.provenance
    assert origin is not None
    assert origin.method == "combined"
    assert "torch" in origin.versions
    record = origin.training
    assert record is not None
    assert record.steps == 12
    assert record.ended == "all 12 steps were taken"
    assert (record.device, record.precision) == ("cpu", "float32")
    assert origin.status == "stopped"
    assert origin.message.endswith("for independent fields; all 12 steps were taken")
    assert set(record.losses) == {"step", "discriminator", "adversarial", "coverage"}
    assert [step for step, _ in record.scores] == [0, 6, 12]
    assert record.score_best == min(score for _, score in record.scores)


def test_same_seed_same_model(section: Section, undisturbed: ExcursionModel) -> None:
    threads = torch.get_num_threads()
    assert trained(section).model == undisturbed
    assert torch.get_num_threads() == threads
    assert trained(section, seed=1).model.fields != undisturbed.fields


def test_interruption_changes_nothing(
    section: Section, undisturbed: ExcursionModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("morphgen.calibration.training.setting.SAVE_EVERY", 4)
    options = replace(SMALL, checkpoint=tmp_path / "a.pt", resume=True)
    for stop in (5, 11):

        def interrupt(stage: str, done: int, total: int, stop: int = stop) -> None:
            if stage.startswith("training") and done == stop:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            trained(section, options, progress=interrupt)
        assert options.checkpoint is not None
        assert options.checkpoint.exists()
    # auto is what it was resolved to
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(InputError, match="another request"):
        trained(section, replace(options, precision="bfloat16"))
    resolved = replace(options, device="auto", precision="float32")
    assert trained(section, resolved).model == undisturbed
    with pytest.raises(InputError, match="another request"):
        trained(section, replace(options, batch=4))


def test_a_refused_request_keeps_nothing(
    section: Section, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = "morphgen.calibration.training.train"
    kept = tmp_path / "a.pt"
    options = replace(SMALL, checkpoint=kept)

    def chosen(fitted: CoverageSolution, *_: object) -> tuple[CoverageSolution, ClassChoice]:
        return fitted, ClassChoice(("gaussian", "gaussian"), ())

    def refused(*_: object) -> None:
        raise InputError("found too late")

    def interrupt(stage: str, done: int, total: int) -> None:
        if stage.startswith("training"):
            raise KeyboardInterrupt

    monkeypatch.setattr(f"{where}.choose_classes", chosen)
    with monkeypatch.context() as patched:
        patched.setattr(f"{where}.adversarial_setting", refused)
        with pytest.raises(InputError, match="found too late"):
            trained(section, options, fields="auto")
    assert list(tmp_path.iterdir()) == []
    # the choice of classes is minutes of work: it is kept before the first step
    with pytest.raises(KeyboardInterrupt):
        trained(section, options, fields="auto", progress=interrupt)
    assert kept.exists()


@pytest.mark.parametrize(
    ("method", "estimator"), [("adversarial", "closed"), ("coverage", "sampled")]
)
def test_other_methods(section: Section, method: str, estimator: str) -> None:
    steps = SMALL if method == "adversarial" else replace(SMALL, steps=40, smoothing="probit")
    result = trained(section, steps, method, estimator=estimator)
    origin = result.model.provenance
    assert origin is not None
    assert origin.training is not None
    assert origin.training.estimator == estimator
    assert origin.training.best_step == steps.steps
    closed = calibrate([section], **GIVEN)  # type: ignore[arg-type]
    # the start is the optimum in closed form or close to it: training moves, but hardly away
    assert result.model.fields != closed.model.fields
    assert result.coverage.misfit < 1.3 * closed.coverage.misfit


def test_sampled_coverage_leads_back_to_the_data(
    fitted: CoverageSolution, parameters: np.ndarray
) -> None:
    away = parameters.copy()
    # the last two are the thresholds' logits
    away[-2:] += (0.06, -0.06)
    scaling = scaling_at(fitted.problem, away, 5e-3)
    options = TrainingOptions(steps=100, batch=2)
    objective, pace = sampled_setting(fitted, options, scaling, CPU)
    track = train(objective, Track.at_start(away.size), pace, progress=silent)

    def missed(at: np.ndarray) -> float:
        return float(np.sqrt(np.mean((fitted.problem.model_rows(at) - fitted.problem.rows) ** 2)))

    # six times the misfit of the optimum, .0077, and a third of it: .0025
    assert missed(away) > 5.0 * missed(parameters)
    assert missed(scaling.parameters(track.best.numpy())) < 0.5 * missed(away)


def with_axis() -> ExcursionModel:
    """Two phases, correlated twice as far along z."""
    law = Gaussian()
    kernel = GaussianKernel(3.0, axial_scale=2.0, symmetry_axis="z")
    phases = (Phase(0, "rest"), Phase(1, "phase"))
    return ExcursionModel(phases, (1, 0), (Field(kernel, law, law.threshold(0.4)),))


def test_each_pixel_size_has_a_network() -> None:
    sizes = {"xz": (1.0, 1.0), "yz": (1.0, 2.0)}
    cuts = [
        read_section(
            section_sampler(with_axis(), (160, 160), plane=plane, pixel_size=size).labels(1),  # type: ignore[arg-type]
            plane=plane,
            voxel_size=size,
        )
        for plane, size in sizes.items()
    ]
    request = calibration_request(
        fields="gaussian", order=(1, 0), parametrization="low", symmetry="cylindrical", axis="z"
    )
    fitted = fit_coverage(cuts, request)
    scaling = scaling_at(fitted.problem, fitted.solution.parameters, 2e-3)
    objective, score, _ = adversarial_setting(fitted, SMALL, scaling, CPU, "combined")
    assert len(objective.adversaries) == 2
    along, across = (
        [float(lags.max()) for lags in (torus.lags.along, torus.lags.across)]
        for torus in (one.generator.torus for one in objective.adversaries)
    )
    assert along != across
    # both strips look like the model at the same parameters
    assert score(np.zeros(scaling.start.size)) < 2.0


def test_axis_and_planes() -> None:
    model = with_axis()
    cuts = [
        read_section(section_sampler(model, (160, 160), plane=plane).labels(1), plane=plane)
        for plane in ("xy", "yz")
    ]
    result = calibrate(
        cuts,
        method="combined",
        symmetry="cylindrical",
        axis="z",
        fields="gaussian",
        parametrization="low",
        training=SMALL,
    )
    found = result.model.fields[0].kernel
    assert found.axis == "z"
    # four standard errors
    error = result.uncertainty["fields.0.axial_scale"]
    assert error < 0.5
    assert abs(getattr(found, "axial_scale", 0.0) - 2.0) < 4.0 * error


def test_sections_smaller_than_the_crop(section: Section, monkeypatch: pytest.MonkeyPatch) -> None:
    # nothing is fitted before
    monkeypatch.delattr("morphgen.calibration.training.train.fit_coverage")
    with pytest.raises(InputError, match=r"150 x 150 px .*128 x 160 px.*lower --crop"):
        trained(section, replace(SMALL, crop=150))


def test_crop_smaller_than_what_is_seen(section: Section, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("morphgen.calibration.training.train.fit_coverage")
    with pytest.raises(InputError, match="raise --crop"):
        trained(section, replace(SMALL, crop=16, discriminator="k9n2s2,k9n2s2"))


def test_sampled_belongs_to_coverage(section: Section) -> None:
    with pytest.raises(InputError, match="belongs to method coverage"):
        trained(section, estimator="sampled")


def test_sampled_knows_no_axis() -> None:
    with pytest.raises(InputError, match="isotropic models only; use --estimator closed"):
        CalibrationRequest(estimator="sampled", symmetry="cylindrical", axis="z")


@pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA works here")
def test_absent_device(section: Section) -> None:
    with pytest.raises(BackendError, match="choose --device cpu"):
        trained(section, replace(SMALL, device="cuda"))


@pytest.mark.slow
def test_kill_and_resume(section: Section, tmp_path: Path) -> None:
    np.save(tmp_path / "section.npy", section.labels)
    command = [
        *(sys.executable, "-c", "from morphgen.cli.app import main; main()", "calibrate"),
        *("section.npy", "--method", "combined"),
        *("--fields", "gaussian,chi2:2", "--order", "1,0,2", "--crop", "48", "--steps", "150"),
        *("--device", "cpu", "--quiet", "--out"),
    ]
    subprocess.run([*command, "whole.json"], cwd=tmp_path, check=True)
    for _ in range(2):
        kept = tmp_path / "killed.json.checkpoint.pt"
        before = kept.stat().st_mtime_ns if kept.exists() else 0
        running = subprocess.Popen([*command, "killed.json", "--resume"], cwd=tmp_path)
        while running.poll() is None:
            if kept.exists() and kept.stat().st_mtime_ns > before:
                running.send_signal(signal.SIGKILL)
                break
            time.sleep(0.02)
        assert running.wait() == -signal.SIGKILL
    subprocess.run([*command, "killed.json", "--resume"], cwd=tmp_path, check=True)
    assert (tmp_path / "killed.json").read_bytes() == (tmp_path / "whole.json").read_bytes()
    assert not kept.exists()
