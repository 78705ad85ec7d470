"""Calibration by training: the sampled estimator, and the adversarial and combined methods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from morphgen.calibration.coverage import CoverageSolution, coverage_result, fit_coverage
from morphgen.calibration.minimize import Solution
from morphgen.calibration.request import CalibrationRequest
from morphgen.calibration.result import CalibrationResult
from morphgen.calibration.training.arithmetic import (
    chosen_device,
    chosen_precision,
    fixed_arithmetic,
)
from morphgen.calibration.training.checkpoint import Checkpoint
from morphgen.calibration.training.class_choice import ClassChoice, choose_classes
from morphgen.calibration.training.loop import Objective, Score, Track, train
from morphgen.calibration.training.options import TrainingOptions
from morphgen.calibration.training.scaling import Scaling, scaling_at
from morphgen.calibration.training.setting import adversarial_setting, check_crops, sampled_setting
from morphgen.excursion.provenance import TrainingRecord
from morphgen.images import Section
from morphgen.progress import Progress, silent

VERSIONS = ("morphgen", "numpy", "scipy", "torch")


def calibrate_trained(
    sections: Sequence[Section],
    request: CalibrationRequest,
    options: TrainingOptions,
    *,
    progress: Progress = silent,
) -> CalibrationResult:
    """Calibrate by sampled sections.

    ``coverage`` with the ``sampled`` estimator starts from the rough fit of one field after the
    other; ``adversarial`` and ``combined`` start from the closed-form fit.

    Parameters
    ----------
    sections : sequence of Section
        Sections of one material.
    request : CalibrationRequest
        What is asked for.
    options : TrainingOptions
        Options of the training.
    progress : Progress
        Told what is being done, and the losses.

    Raises
    ------
    InputError
        If the request or the sections are unusable, or a checkpoint is of another request.
    BackendError
        If the device does not work.
    CalibrationError
        If the training diverged.
    """
    if request.estimator == "closed":
        check_crops(sections, request, options)
    device = chosen_device(options.device)
    precision = chosen_precision(options.precision, device)
    options = replace(options, device=device.type, precision=precision)
    keeper = Checkpoint(options.checkpoint, request.fingerprint(sections, options))
    kept = keeper.begin(options.resume) or {"threads": torch.get_num_threads()}
    with fixed_arithmetic(kept["threads"]):
        fitted = fit_coverage(sections, _start(request), progress)
        if request.laws is None and request.estimator == "closed":
            known = ClassChoice(**kept["classes"]) if "classes" in kept else None
            fitted, choice = choose_classes(fitted, options, device, progress, known)
            kept = {**kept, "classes": vars(choice)}
        return _trained(fitted, options, device, keeper, kept, progress)


def _start(request: CalibrationRequest) -> CalibrationRequest:
    """What is asked of the closed form before a training."""
    free = request.free_thresholds or request.method == "adversarial"
    rough = request.estimator == "sampled"
    return replace(request, free_thresholds=free, evaluations=1 if rough else request.evaluations)


def _trained(
    fitted: CoverageSolution,
    options: TrainingOptions,
    device: torch.device,
    keeper: Checkpoint,
    kept: dict[str, Any],
    progress: Progress,
) -> CalibrationResult:
    request = fitted.request
    scaling = _scaling(fitted, kept)
    objective: Objective
    score: Score | None = None
    if request.estimator == "sampled":
        objective, pace = sampled_setting(fitted, options, scaling, device)
    else:
        objective, score, pace = adversarial_setting(
            fitted, options, scaling, device, request.method
        )
    own: dict[str, Any] = {
        **{name: kept[name] for name in ("threads", "classes") if name in kept},
        "start": torch.from_numpy(scaling.start),
        "matrix": torch.from_numpy(scaling.matrix),
        "unit": scaling.unit,
    }
    track, adam = Track.at_start(scaling.start.size), None
    if "track" in kept:
        track, adam = Track(**kept["track"]), kept["adam"]
        objective.restore(kept["objective"])
    elif "classes" in own:
        # minutes of work; not before the request is known to be usable: a refused one keeps nothing
        keeper.save(own)
    track = train(
        objective,
        track,
        pace,
        adam=adam,
        score=score,
        save=lambda state: keeper.save({**own, **state}),
        progress=progress,
    )
    solution = Solution(
        scaling.parameters(track.best.numpy()),
        track.converged,
        track.ended,
        fitted.solution.history,
    )
    record = _record(track, request.estimator, keeper.request, options)
    return coverage_result(
        replace(fitted, solution=solution),
        method=request.method,
        training=record,
        versions=VERSIONS,
    )


def _scaling(fitted: CoverageSolution, kept: dict[str, Any]) -> Scaling:
    """Scaling at the start; the one of the checkpoint, if there is one."""
    if "matrix" in kept:
        return Scaling(kept["start"].numpy(), kept["matrix"].numpy(), kept["unit"])
    errors = fitted.target.standard_errors()
    unit = float(np.sqrt(np.mean(errors**2)))
    return scaling_at(fitted.problem, fitted.solution.parameters, unit)


def _record(track: Track, estimator: str, request: str, options: TrainingOptions) -> TrainingRecord:
    scores = dict(track.scores)
    return TrainingRecord(
        estimator=estimator,
        request=request,
        steps=track.step,
        best_step=track.best_step,
        ended=track.ended,
        score_start=scores.get(0),
        score_best=track.best_score,
        losses=track.curves(),
        scores=tuple(track.scores),
        device=options.device,
        precision=options.precision if estimator == "closed" else "float32",
    )
