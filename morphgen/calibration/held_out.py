"""Held-out score: a candidate fitted to one half of the sections and held against the other.

Each section is cut into tiles as for the standard errors, and the tiles are dealt out like the
squares of a chessboard. A strip of one correlation length along every edge between tiles belongs
to neither half, so that pixels of different halves are almost independent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from morphgen.calibration.minimize import solve
from morphgen.calibration.objective import pairs_of
from morphgen.calibration.problem import Problem
from morphgen.calibration.targets import Target
from morphgen.calibration.tiling import TILE_LAGS, TILES_ALONG
from morphgen.errors import ImageError, InputError
from morphgen.excursion.coverage import first_match_fractions
from morphgen.images import Section
from morphgen.phases import OUTSIDE

# standard errors vanish towards lag 0, where digitisation errs all the same
FINEST_NOISE = 1e-3

# a candidate starts from its fit to all data: few steps are left
_EVALUATIONS, _TOLERANCE = 12, 1e-3


@dataclass(frozen=True, eq=False)
class Folds:
    """Two separated halves of the data, and the standard errors of all of it.

    Attributes
    ----------
    target : Target
        All data.
    halves : tuple of 2 Targets
        The halves, at the same lags.
    """

    target: Target
    halves: tuple[Target, Target]

    def score(self, problem: Problem, parameters: np.ndarray, order: Sequence[int]) -> float:
        """Fit a candidate to each half and hold it against the other.

        Parameters
        ----------
        problem : Problem
            The candidate's problem on all data.
        parameters : ndarray
            Its solution, from which the fits start.
        order : sequence of int
            Labels in the order of decision.

        Returns
        -------
        float
            Root mean square deviation of C_ij - p_i p_j from the half that was not fitted, in
            standard errors of that half, averaged over both ways. Two samples of one structure
            differ by up to the square root of two.
        """
        ways = (self.halves, self.halves[::-1])
        return float(np.mean([self._one_way(problem, parameters, order, *way) for way in ways]))

    def _one_way(
        self,
        problem: Problem,
        parameters: np.ndarray,
        order: Sequence[int],
        fitted: Target,
        other: Target,
    ) -> float:
        near = on(problem, fitted, order)
        found = solve(near, parameters, evaluations=_EVALUATIONS, tolerance=_TOLERANCE)
        fractions, rows = other.in_order(order)
        shares = np.asarray(first_match_fractions(near.decisions(found.parameters)))
        model = on(problem, other, order, fractions=near.fractions).model_rows(found.parameters)
        noise = standard_error_rows(self.target, order)
        noise = noise * math.sqrt(self.target.pixels / other.pixels)
        deviation = excess(model, shares) - excess(rows, fractions)
        return float(np.sqrt(np.mean((deviation / noise) ** 2)))


def make_folds(
    sections: Sequence[Section], target: Target, measure: Callable[[Sequence[Section]], Target]
) -> Folds | None:
    """Cut sections into two halves; None where a half lacks a phase, or lags, or is too small.

    Parameters
    ----------
    sections : sequence of Section
        The sections.
    target : Target
        Their coverage functions.
    measure : callable
        Measures the coverage functions of masked sections at the same lags.
    """
    if len(sections) == 1 and not _divisible(sections[0], target):
        return None
    try:
        first, second = (
            measure([_half(one, target, number + which) for number, one in enumerate(sections)])
            for which in (0, 1)
        )
    except (InputError, ImageError):
        return None
    if any(half.values.shape != target.values.shape for half in (first, second)):
        return None
    return Folds(target, (first, second))


def on(
    problem: Problem, target: Target, order: Sequence[int], fractions: np.ndarray | None = None
) -> Problem:
    """Return a candidate's problem on other data, at given fractions or those of the data."""
    known, rows = target.in_order(order)
    members = tuple(member.at(target.lags) for member in problem.parametrizations)
    fractions = known if fractions is None else fractions
    return replace(problem, rows=rows, fractions=fractions, parametrizations=members)


def excess(rows: np.ndarray, fractions: np.ndarray) -> np.ndarray:
    """C_ij - p_i p_j of rows of pairs, shape (pairs, K)."""
    products = [fractions[i] * fractions[j] for i, j in pairs_of(len(fractions))]
    return np.asarray(rows - np.array(products)[:, None])


def standard_error_rows(target: Target, order: Sequence[int]) -> np.ndarray:
    """Standard errors of C_ij - p_i p_j in an order of decision, shape (pairs, K)."""
    place = [target.labels.index(label) for label in order]
    errors = target.standard_errors()
    rows = np.stack([errors[place[i], place[j]] for i, j in pairs_of(len(place))])
    return np.asarray(np.maximum(rows, FINEST_NOISE))


def deviation(
    problem: Problem, parameters: np.ndarray, target: Target, order: Sequence[int]
) -> float:
    """Root mean square deviation of C_ij from the data that were fitted, in standard errors."""
    residual = problem.model_rows(parameters) - problem.rows
    return float(np.sqrt(np.mean((residual / standard_error_rows(target, order)) ** 2)))


def _divisible(section: Section, target: Target) -> bool:
    return any(len(edges) > 0 for edges in _edges(section, target))


def _edges(section: Section, target: Target) -> list[np.ndarray]:
    """First row, and column, of every tile but the first."""
    reach = float(target.lag.max())
    edges = []
    for side, step in zip(section.labels.shape, section.pixel_size, strict=True):
        count = min(TILES_ALONG, max(1, int(side * step / (TILE_LAGS * reach))))
        edges.append(np.array([part[0] for part in np.array_split(np.arange(side), count)[1:]]))
    return edges


def _half(section: Section, target: Target, which: int) -> Section:
    """Section with the tiles of the other half, and the strips between tiles, left out."""
    tiles, strips = [], []
    sides = zip(_edges(section, target), section.labels.shape, section.pixel_size, strict=True)
    for edges, side, step in sides:
        pixel = np.arange(side)
        tiles.append(np.searchsorted(edges, pixel, side="right"))
        guard = 0.5 * target.correlation_length / step
        distance = np.abs(pixel[:, None] + 0.5 - edges[None, :])
        strips.append(np.any(distance < guard, axis=1))
    ours = (tiles[0][:, None] + tiles[1] + which) % 2 == 0
    inside = ours & ~strips[0][:, None] & ~strips[1]
    labels = np.where(inside, section.labels, np.uint8(OUTSIDE))
    return replace(section, labels=labels)
