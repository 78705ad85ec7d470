"""Law of each field chosen by a classifier, one field after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from morphgen.calibration.coverage import CoverageSolution, refitted
from morphgen.calibration.fields import FieldFit
from morphgen.calibration.objective import FieldLaw, coverage_rows
from morphgen.calibration.plane_families import PlaneFamily, plane_families
from morphgen.calibration.problem import Problem
from morphgen.calibration.ranking import parameter_count
from morphgen.calibration.selection import LAWS, fit_law, wanted
from morphgen.calibration.training.classes import ClassScores, DrawnModel, class_scores
from morphgen.calibration.training.crops import real_crops
from morphgen.calibration.training.generator import generator, reach_of
from morphgen.calibration.training.options import TrainingOptions
from morphgen.calibration.training.parallel_sets import STEPS_PER_LENGTH
from morphgen.calibration.training.planes import torus_of
from morphgen.calibration.training.setting import crop_edge, model_axis
from morphgen.excursion.provenance import Candidate
from morphgen.fields.laws import parse_law
from morphgen.progress import Progress

# a chi-square field must lead the Gaussian one by so many standard errors
_PARSIMONY = 1.0
# simulated crops of each candidate that a classifier learns from
CROPS = 256
# classifiers take streams of noise behind those of the plane families
_FIRST_FAMILY = 8


@dataclass(frozen=True)
class ClassChoice:
    """What the classifiers found.

    Attributes
    ----------
    laws : tuple of str
        Law of each field, as on the command line.
    scores : tuple of (laws, score)
        Score of every candidate that was tried; the last score of one tried twice counts.
    """

    laws: tuple[str, ...]
    scores: tuple[tuple[tuple[str, ...], float], ...]


def choose_classes(
    fitted: CoverageSolution,
    options: TrainingOptions,
    device: torch.device,
    progress: Progress,
    known: ClassChoice | None = None,
) -> tuple[CoverageSolution, ClassChoice]:
    """Choose the law of every field, and fit the chosen ones.

    Parameters
    ----------
    fitted : CoverageSolution
        The closed-form fit, whose laws are the first guess.
    options : TrainingOptions
        Size of the crops.
    device : torch.device
        Where sections are drawn.
    progress : Progress
        Told about the candidates.
    known : ClassChoice, optional
        What an earlier run found.
    """
    found = known or _searched(fitted, options, device, progress)
    fits = list(fitted.selection.fits)
    for number, name in enumerate(found.laws):
        if fits[number].law.name != name:
            fits[number] = _fit(fitted, number, FieldLaw(*parse_law(name)))
    candidates = _ranked(fitted, fits, found)
    selection = replace(fitted.selection, fits=tuple(fits), candidates=candidates)
    if found.laws == tuple(fit.law.name for fit in fitted.selection.fits):
        return replace(fitted, selection=selection), found
    return refitted(fitted, selection), found


def _searched(
    fitted: CoverageSolution, options: TrainingOptions, device: torch.device, progress: Progress
) -> ClassChoice:
    families = plane_families(fitted.sections, model_axis(fitted.model()))
    fits = list(fitted.selection.fits)
    scores: dict[tuple[str, ...], float] = {}
    for number in range(len(fits)):
        tried = []
        for law in LAWS:
            same = fits[number].law == law
            fit = fits[number] if same else _fit(fitted, number, law)
            tried.append([*fits[:number], fit, *fits[number + 1 :]])
        judged = ClassScores(
            np.concatenate(
                [
                    _judged(fitted, options, device, tried, place, family, progress)
                    for place, family in enumerate(families)
                ]
            )
        )
        for one, value in zip(tried, judged.mean, strict=True):
            scores[tuple(fit.law.name for fit in one)] = float(value)
        fits = tried[_chosen(judged)]
    return ClassChoice(tuple(fit.law.name for fit in fits), tuple(scores.items()))


def _chosen(judged: ClassScores) -> int:
    """Place of the best candidate; the first one, Gaussian, unless it is clearly worse."""
    best = int(np.argmax(judged.mean))
    lead, error = judged.lead(best, 0)
    return best if lead > _PARSIMONY * error else 0


def _judged(
    fitted: CoverageSolution,
    options: TrainingOptions,
    device: torch.device,
    tried: Sequence[Sequence[FieldFit]],
    place: int,
    family: PlaneFamily,
    progress: Progress,
) -> np.ndarray:
    """Log-probabilities of the candidates on the tiles of one family of planes."""
    length = fitted.target.correlation_length
    edge = crop_edge(options, length, family)
    contenders = []
    for fits in tried:
        problem, parameters = _problem(fitted, fits)
        torus = torus_of(family, (edge, edge), reach_of(problem, parameters), least=2 * edge)
        drawing = generator(
            problem,
            torus,
            seed=fitted.request.seed,
            family=_FIRST_FAMILY + place,
            device=device,
        )
        contenders.append(DrawnModel(drawing, parameters))
    step = max(1, round(length / min(family.steps) / STEPS_PER_LENGTH))
    real = real_crops(family, fitted.selection.order, edge)
    return class_scores(contenders, real, step=step, count=CROPS, progress=progress).values


def _fit(fitted: CoverageSolution, number: int, law: FieldLaw) -> FieldFit:
    return fit_law(
        fitted.target, fitted.selection.order, number, law, fitted.request.parametrization
    )


def _problem(fitted: CoverageSolution, fits: Sequence[FieldFit]) -> tuple[Problem, np.ndarray]:
    """Problem and parameters of fields fitted one by one, at the fractions of the data."""
    problem = replace(
        fitted.problem,
        laws=tuple(fit.law for fit in fits),
        parametrizations=tuple(fit.parametrization for fit in fits),
        free_thresholds=False,
    )
    return problem, problem.start([fit.parameters for fit in fits])


def _ranked(
    fitted: CoverageSolution, fits: Sequence[FieldFit], found: ClassChoice
) -> tuple[Candidate, ...]:
    """Table with the scores, the chosen row first."""
    selection, kind = fitted.selection, fitted.request.parametrization
    scores: dict[tuple[str, ...], Any] = dict(found.scores)
    rows = [
        replace(row, discriminator_score=scores[row.laws])
        if row.order == selection.order and row.parametrization == kind and row.laws in scores
        else row
        for row in selection.candidates
    ]
    mine = [
        row
        for row in rows
        if row.order == selection.order and row.parametrization == kind and row.laws == found.laws
    ]
    if not mine:
        joints, probabilities = (
            [fit.joint for fit in fits],
            wanted(fitted.target, selection.order)[1],
        )
        misfit = coverage_rows(probabilities, joints) - fitted.problem.rows
        mine = [
            replace(
                rows[0],
                laws=found.laws,
                misfit=float(np.abs(misfit).max()),
                parameters=parameter_count(fits),
                topology_score=None,
                held_out=None,
                discriminator_score=scores[found.laws],
            )
        ]
    return (mine[0], *(row for row in rows if row is not mine[0]))
