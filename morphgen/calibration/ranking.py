"""The ranked table of the models that were considered.

The chosen model stands first. Models with a held-out score follow, by the root of the sum of the
squares of held-out and topology score; then the other models that were fitted, by the same with
the deviation from the fitted data in place of the held-out score; last the orders that were ruled
out before any field was fitted, by their misfit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from morphgen.calibration.fields import FieldFit
from morphgen.calibration.held_out import Folds, deviation
from morphgen.calibration.problem import Problem
from morphgen.calibration.targets import Target
from morphgen.excursion.provenance import Candidate

# models held against data that they were not fitted to, besides the chosen one and its variants
_BEST_OTHERS = 3
# a topology score is markedly worse when it is this multiple of another, and larger by this
_MARKEDLY, _CLEARLY = 2.0, 2.0


@dataclass(frozen=True, eq=False)
class Contender:
    """A row of the table with the fields behind it; none where an order was ruled out.

    Attributes
    ----------
    row : Candidate
        The row, its scores as far as they are known.
    fits : tuple of FieldFit
        The fields, in the order of decision.
    """

    row: Candidate
    fits: tuple[FieldFit, ...] = ()

    def problem(self, target: Target) -> Problem:
        """Least-squares problem of all C_ij, solved by `parameters` field by field."""
        fractions, rows = target.in_order(self.row.order)
        laws = tuple(fit.law for fit in self.fits)
        return Problem(rows, fractions, laws, tuple(fit.parametrization for fit in self.fits))

    @property
    def parameters(self) -> np.ndarray:
        """Parameters of all fields."""
        return np.concatenate([fit.parameters for fit in self.fits])


def parameter_count(fits: Sequence[FieldFit]) -> int:
    """Numbers that a model has: a threshold and the parameters of a kernel for each field.

    Of spline coefficients only the ratios count, and the support radius counts too: as many
    numbers as there are coefficients.
    """
    return sum(1 + len(fit.parametrization.names) for fit in fits)


def ranked(
    contenders: Sequence[Contender], target: Target, folds: Folds | None, *, always: int = 1
) -> list[Candidate]:
    """Score the best contenders on held-out data, and rank all; the first one is the chosen one.

    Parameters
    ----------
    contenders : sequence of Contender
        The chosen model first, then others that are always scored, then the rest.
    target : Target
        The data.
    folds : Folds or None
        Halves of the data; without them nothing is held out.
    always : int
        Number of contenders that are held against data whatever their rank, besides the best
        three of the rest.
    """
    fitted = [one for one in contenders[always:] if one.fits]
    fitted.sort(key=lambda one: _fitted_score(one, target))
    first = [*contenders[:always], *fitted[:_BEST_OTHERS]]
    scored = [_held_out(one, target, folds) if one.fits else one.row for one in first]
    rest = [one.row for one in fitted[_BEST_OTHERS:]]
    ruled_out = [one.row for one in contenders[always:] if not one.fits]
    return [
        *scored[:1],
        *sorted(scored[1:], key=lambda row: _together(row.held_out, row.topology_score)),
        *rest,
        *sorted(ruled_out, key=lambda row: row.misfit),
    ]


def merged(chosen: Candidate, others: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Rank the rows of several tables together, behind the chosen one.

    Those with a held-out score come first; where one of them has no topology score, by the
    held-out score alone. The others keep the order in which they come, before those ruled out.
    """
    scored = [row for row in others if row.held_out is not None]
    fitted = [row for row in others if row.held_out is None and row.parameters is not None]
    ruled_out = [row for row in others if row.held_out is None and row.parameters is None]
    both = all(row.topology_score is not None for row in scored)
    return (
        chosen,
        *sorted(scored, key=lambda row: _together(row.held_out, row.topology_score if both else 0)),
        *fitted,
        *sorted(ruled_out, key=lambda row: row.misfit),
    )


def topology_warning(table: Sequence[Candidate]) -> tuple[str, ...]:
    """Say so where another row than the chosen first one has a far smaller topology score.

    That is less than half as large, and smaller by more than two standard errors.
    """
    scores = [row.topology_score for row in table]
    first = scores[0] if scores else None
    known = [(score, rank) for rank, score in enumerate(scores, start=1) if score is not None]
    if first is None:
        return ()
    least, rank = min(known)
    if first <= max(_MARKEDLY * least, least + _CLEARLY):
        return ()
    return (
        f"the topology score of the chosen model is {first:.1f}, that of row {rank} of the table "
        f"{least:.1f}: its two-point functions fit, its connections less so; where these matter "
        "compare both with morphgen validate",
    )


def _held_out(one: Contender, target: Target, folds: Folds | None) -> Candidate:
    if folds is None:
        return one.row
    score = folds.score(one.problem(target), one.parameters, one.row.order)
    return replace(one.row, held_out=score)


def _fitted_score(one: Contender, target: Target) -> float:
    found = deviation(one.problem(target), one.parameters, target, one.row.order)
    return _together(found, one.row.topology_score)


def _together(score: float | None, topology: float | None) -> float:
    return math.hypot(score or 0.0, topology or 0.0)
