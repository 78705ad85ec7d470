"""Law of each field chosen by a classifier, one field after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from morphgen.calibration.coverage import CoverageSolution, folds_of, refitted
from morphgen.calibration.fields import FieldFit
from morphgen.calibration.objective import FieldLaw
from morphgen.calibration.plane_families import PlaneFamily, plane_families
from morphgen.calibration.problem import Problem
from morphgen.calibration.ranking import merged, ranked
from morphgen.calibration.selection import LAWS, contender, fit_law
from morphgen.calibration.topology import simulator
from morphgen.calibration.training.classes import ClassScores, DrawnModel, class_scores
from morphgen.calibration.training.crops import real_crops
from morphgen.calibration.training.generator import generator, reach_of
from morphgen.calibration.training.options import TrainingOptions
from morphgen.calibration.training.parallel_sets import STEPS_PER_LENGTH
from morphgen.calibration.training.planes import torus_of
from morphgen.calibration.training.score import hold_out
from morphgen.calibration.training.setting import crop_edge, model_axis
from morphgen.excursion.provenance import Candidate
from morphgen.fields.laws import parse_law
from morphgen.progress import Progress

# a chi-square field must lead the Gaussian one by so many standard errors
_PARSIMONY = 1.0
# on less, a law hardly shows
_COMFORTABLE_PIXELS = 650**2
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
        Mean logarithm of the likelihood ratio of a crop, of every candidate that was tried to the
        one of ``laws``, whose score is 0.
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
    fitted = replace(fitted, warnings=(*fitted.warnings, *_warnings(fitted)))
    if found.laws == _names(fitted.selection.fits):
        return replace(fitted, selection=selection), found
    return refitted(fitted, selection), found


def _searched(
    fitted: CoverageSolution, options: TrainingOptions, device: torch.device, progress: Progress
) -> ClassChoice:
    families = [
        # what is held out must not know the laws
        hold_out(family)[0]
        for family in plane_families(fitted.sections, model_axis(fitted.model()))
    ]
    fits = list(fitted.selection.fits)
    rounds = []
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
        winner = chosen_place(judged)
        rounds.append(([_names(one) for one in tried], judged.mean, winner))
        fits = tried[winner]
    return ClassChoice(_names(fits), tuple(on_one_scale(rounds).items()))


def on_one_scale(
    rounds: Sequence[tuple[Sequence[tuple[str, ...]], np.ndarray, int]],
) -> dict[tuple[str, ...], float]:
    """Log-likelihood ratios to the winner of the last round.

    A classifier's probabilities depend on what it chooses from: only differences within a round
    mean something. The winner of a round is a candidate of the next one, which links the two.

    Parameters
    ----------
    rounds : sequence of (laws, mean, winner)
        Laws of the candidates, the means of their logarithms, and the place of the winner.
    """
    found: dict[tuple[str, ...], float] = {}
    for laws, mean, winner in reversed(rounds):
        shift = found.get(laws[winner], 0.0) - mean[winner]
        for names, value in zip(laws, mean, strict=True):
            found.setdefault(names, float(value + shift))
    return found


def _names(fits: Sequence[FieldFit]) -> tuple[str, ...]:
    return tuple(fit.law.name for fit in fits)


def _warnings(fitted: CoverageSolution) -> tuple[str, ...]:
    pixels = fitted.target.pixels
    if pixels >= _COMFORTABLE_PIXELS:
        return ()
    return (
        f"the laws of the fields were chosen on {pixels} px; under {_COMFORTABLE_PIXELS} px a "
        "choice may be due to chance: bring more sections, or give --fields",
    )


def chosen_place(judged: ClassScores) -> int:
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
    """Table with the scores, the chosen row first, the first guess where its scores put it."""
    scores = dict(found.scores)
    alike = [_alike(row, fitted) and row.laws in scores for row in fitted.selection.candidates]
    rows = [
        replace(row, discriminator_score=scores[row.laws]) if same else row
        for row, same in zip(fitted.selection.candidates, alike, strict=True)
    ]
    mine = [row for row in rows if _alike(row, fitted) and row.laws == found.laws]
    others = [row for row in rows if row not in mine[:1]]
    if not mine or mine[0].held_out is None:
        new = _scored(fitted, fits, rows[0])
        mine = [replace(new, discriminator_score=scores[found.laws])]
    return merged(mine[0], others)


def _alike(row: Candidate, fitted: CoverageSolution) -> bool:
    """Whether a row differs from the fit by the laws of its fields alone."""
    known = (row.order, row.parametrization, row.symmetry)
    request, target = fitted.request, fitted.target
    return known == (fitted.selection.order, request.parametrization, target.symmetry)


def _scored(fitted: CoverageSolution, fits: Sequence[FieldFit], like: Candidate) -> Candidate:
    """Row of other fields in the same order, held against data and simulations like the others."""
    target, sections = fitted.target, fitted.sections
    simulations = simulator(
        sections, target.correlation_length, seed=fitted.request.seed, axis=target.axis
    )
    one = contender(
        target,
        sections,
        simulations,
        like.order,
        fits,
        fitted.request.parametrization,
    )
    (row,) = ranked([one], target, folds_of(sections, target))
    return replace(row, bound=like.bound, order_score=like.order_score)
