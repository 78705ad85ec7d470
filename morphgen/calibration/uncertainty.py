"""Standard errors and confidence intervals of everything that a calibration determines.

Each tile of the sections moves the data a little from their mean. To first order the fitted
parameters, and all that follows from them, move by the derivative of the least-squares solution:
one linear map from the data to the named quantities. The sum of the squares of what the tiles add
is a variance; tiles drawn with replacement give intervals (block bootstrap).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.special

from morphgen.calibration.problem import Problem
from morphgen.calibration.targets import Target

LEVEL = 0.95
_DRAWS = 2000
_STEP = 1e-5

# quantities that cannot be negative: their logarithm is what moves linearly
_POSITIVE = (
    "correlation_length",
    "correlation_length_along",
    "axial_scale",
    "specific_surface_area",
    "kernel.length",
    "kernel.smoothness",
    "kernel.wave_number",
)

Quantities = Callable[[np.ndarray, Problem], dict[str, float]]


@dataclass(frozen=True, eq=False)
class Spread:
    """What each tile of the sections adds to each named quantity.

    Attributes
    ----------
    values : dict
        The quantities, by name.
    effects : ndarray, shape (tiles, quantities)
        Change of each quantity by the deviation of each tile; the squares add up to the variance.
    """

    values: dict[str, float]
    effects: np.ndarray

    def standard_errors(self) -> dict[str, float]:
        """Standard error of each quantity."""
        errors = np.sqrt(np.sum(self.effects**2, axis=0))
        return dict(zip(self.values, errors.tolist(), strict=True))

    def intervals(
        self, *, seed: int, draws: int = _DRAWS, level: float = LEVEL
    ) -> dict[str, tuple[float, float]]:
        """Confidence interval of each quantity, by block bootstrap.

        As many tiles as there are get drawn with replacement; the interval lies between two
        percentiles of the quantity over the draws. Few tiles say little of their own scatter:
        distances from the value are stretched as the t distribution of ``tiles - 1`` degrees of
        freedom asks, against the normal one. Lengths and other positive quantities move on a
        logarithmic scale.

        Parameters
        ----------
        seed : int
            Seed of the draws.
        draws : int
            Number of bootstrap samples.
        level : float
            Probability that the interval holds the true value.
        """
        tiles = len(self.effects)
        random = np.random.default_rng(np.random.SeedSequence([seed, tiles]))
        counts = random.multinomial(tiles, np.full(tiles, 1.0 / tiles), size=draws)
        tails = [0.5 - 0.5 * level, 0.5 + 0.5 * level]
        ends = np.quantile((counts - 1.0) @ self.effects, tails, axis=0)
        ends *= float(scipy.special.stdtrit(tiles - 1, tails[1]) / scipy.special.ndtri(tails[1]))
        found = {}
        for (name, value), (low, high) in zip(self.values.items(), ends.T, strict=True):
            if name.endswith(_POSITIVE) and value > 0.0:
                found[name] = (
                    value * float(np.exp(low / value)),
                    value * float(np.exp(high / value)),
                )
            else:
                found[name] = (value + float(low), value + float(high))
        return found


def spread(
    problem: Problem,
    parameters: np.ndarray,
    target: Target,
    order: Sequence[int],
    quantities: Quantities,
) -> Spread:
    """Follow the deviation of each tile to the named quantities, to first order.

    Parameters
    ----------
    problem : Problem
        The problem that was solved.
    parameters : ndarray
        Its solution.
    target : Target
        The data, with their scatter between tiles.
    order : sequence of int
        Labels in the order of decision.
    quantities : callable
        Named values of (parameters, problem): parameters of the model or derived from it.
    """
    fractions, rows = target.influence_in_order(order)
    shifts = parameter_shifts(problem, parameters, fractions, rows)
    centre = quantities(parameters, problem)

    def slope(moved_parameters: np.ndarray, moved: Problem) -> list[float]:
        values = quantities(moved_parameters, moved)
        return [(values[name] - centre[name]) / _STEP for name in centre]

    by_parameter = [slope(parameters + unit, problem) for unit in _STEP * np.eye(parameters.size)]
    by_fraction = [slope(parameters, moved) for moved in _moved_fractions(problem)]
    effects = shifts @ np.array(by_parameter) + fractions @ np.array(by_fraction)
    return Spread(centre, effects)


def parameter_shifts(
    problem: Problem, parameters: np.ndarray, fractions: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """First-order changes of the solution by changes of the data.

    Parameters
    ----------
    problem : Problem
        The problem that was solved.
    parameters : ndarray, shape (P,)
        Its solution.
    fractions : ndarray, shape (changes, n)
        Changes of the fractions, in the order of decision.
    rows : ndarray, shape (changes, pairs, K)
        Changes of the C_ij.

    Returns
    -------
    ndarray, shape (changes, P)
    """
    solver = np.linalg.pinv(problem.jacobian(parameters), rcond=1e-6)
    known = problem.model_rows(parameters)
    by_fraction = np.stack(
        [
            (moved.model_rows(parameters) - known).ravel() / _STEP
            for moved in _moved_fractions(problem)
        ]
    )
    changes = fractions @ by_fraction - rows.reshape(len(rows), -1)
    if problem.free_thresholds:
        changes = np.concatenate([changes, -fractions * np.sqrt(problem.rows.shape[1])], axis=1)
    # penalties, the last residuals, do not depend on the data
    return np.asarray(-changes @ solver[:, : changes.shape[1]].T)


def _moved_fractions(problem: Problem) -> list[Problem]:
    units = _STEP * np.eye(problem.fractions.size)
    return [replace(problem, fractions=problem.fractions + unit) for unit in units]
