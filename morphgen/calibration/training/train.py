"""Calibration by training: the sampled estimator, and the adversarial and combined methods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from morphgen.calibration.coverage import CoverageSolution, coverage_result, fit_coverage
from morphgen.calibration.minimize import Solution
from morphgen.calibration.objective import FieldLaw
from morphgen.calibration.result import CalibrationResult
from morphgen.calibration.training.arithmetic import chosen_device, fixed_threads
from morphgen.calibration.training.checkpoint import Checkpoint, fingerprint
from morphgen.calibration.training.loop import Objective, Score, Track, train
from morphgen.calibration.training.options import TrainingOptions
from morphgen.calibration.training.scaling import Scaling, scaling_at
from morphgen.calibration.training.setting import adversarial_setting, sampled_setting
from morphgen.excursion.model import TrainingRecord
from morphgen.images import Section
from morphgen.progress import Progress, silent

VERSIONS = ("morphgen", "numpy", "scipy", "torch")


def calibrate_trained(
    sections: Sequence[Section],
    *,
    method: str = "combined",
    estimator: str = "closed",
    options: TrainingOptions | None = None,
    parametrization: str = "high",
    laws: Sequence[FieldLaw] | None = None,
    order: Sequence[int] | None = None,
    free_thresholds: bool = False,
    max_lag: int | None = None,
    evaluations: int = 200,
    seed: int = 0,
    progress: Progress = silent,
) -> CalibrationResult:
    """Calibrate by sampled sections.

    ``coverage`` with the ``sampled`` estimator starts from the rough fit of one field after the
    other; ``adversarial`` and ``combined`` start from the closed-form fit.

    Parameters
    ----------
    sections : sequence of Section
        Sections of one material.
    method : {"coverage", "adversarial", "combined"}
        What the fit matches: sampled C_ij, a discriminator's judgement, or this and the
        closed-form C_ij.
    estimator : {"closed", "sampled"}
        How ``coverage`` computes C_ij.
    options : TrainingOptions, optional
        Options of the training.
    parametrization, laws, order, free_thresholds, max_lag, evaluations, seed, progress
        See `morphgen.calibration.coverage.calibrate_coverage`. The adversarial method frees the
        thresholds in any case.

    Raises
    ------
    InputError
        If the request or the sections are unusable, or a checkpoint is of another request.
    BackendError
        If the device does not work.
    CalibrationError
        If the training diverged.
    """
    chosen = options or TrainingOptions()
    request: dict[str, object] = {
        "method": method,
        "estimator": estimator,
        "parametrization": parametrization,
        "laws": None if laws is None else [law.name for law in laws],
        "order": None if order is None else list(order),
        "free_thresholds": free_thresholds or method == "adversarial",
        "max_lag": max_lag,
        "evaluations": evaluations,
        "seed": seed,
    }
    keeper = Checkpoint(chosen.checkpoint, fingerprint(sections, chosen, request))
    kept = (keeper.load() if chosen.resume else None) or {"threads": torch.get_num_threads()}
    with fixed_threads(kept["threads"]):
        fitted = fit_coverage(
            sections,
            parametrization=parametrization,
            laws=laws,
            order=order,
            free_thresholds=free_thresholds or method == "adversarial",
            max_lag=max_lag,
            evaluations=1 if estimator == "sampled" else evaluations,
            seed=seed,
            progress=progress,
        )
        return _trained(fitted, method, estimator, chosen, keeper, kept, progress)


def _trained(
    fitted: CoverageSolution,
    method: str,
    estimator: str,
    options: TrainingOptions,
    keeper: Checkpoint,
    kept: dict[str, Any],
    progress: Progress,
) -> CalibrationResult:
    device = chosen_device(options.device)
    scaling = _scaling(fitted, kept)
    objective: Objective
    score: Score | None = None
    if estimator == "sampled":
        objective, pace = sampled_setting(fitted, options, scaling, device)
    else:
        objective, score, pace = adversarial_setting(fitted, options, scaling, device, method)
    track, adam = Track.at_start(scaling.start.size), None
    if "track" in kept:
        track, adam = Track(**kept["track"]), kept["adam"]
        objective.restore(kept["objective"])
    own = {
        "threads": kept["threads"],
        "start": torch.from_numpy(scaling.start),
        "matrix": torch.from_numpy(scaling.matrix),
        "unit": scaling.unit,
    }
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
        scaling.parameters(track.best.numpy()), True, track.ended, fitted.solution.history
    )
    record = _record(track, estimator, keeper.request)
    return coverage_result(
        replace(fitted, solution=solution), method=method, training=record, versions=VERSIONS
    )


def _scaling(fitted: CoverageSolution, kept: dict[str, Any]) -> Scaling:
    """Scaling at the start; the one of the checkpoint, if there is one."""
    if "matrix" in kept:
        return Scaling(kept["start"].numpy(), kept["matrix"].numpy(), kept["unit"])
    errors = fitted.target.standard_errors()
    unit = float(np.sqrt(np.mean(errors**2)))
    return scaling_at(fitted.problem, fitted.solution.parameters, unit)


def _record(track: Track, estimator: str, request: str) -> TrainingRecord:
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
    )
