"""Standard errors of everything that a calibration determines, from the scatter between tiles.

Each tile of the sections moves the data a little from their mean. To first order the fitted
parameters follow by the derivative of the least-squares solution; the sum of the squares over the
tiles is the variance (an infinitesimal block bootstrap).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from morphgen.calibration.problem import Problem
from morphgen.calibration.targets import Target

_STEP = 1e-3

Quantities = Callable[[np.ndarray, Problem], dict[str, float]]


def standard_errors(
    problem: Problem,
    parameters: np.ndarray,
    target: Target,
    order: Sequence[int],
    quantities: Quantities,
) -> dict[str, float]:
    """Standard error of each named quantity.

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
    solver = np.linalg.pinv(problem.jacobian(parameters), rcond=1e-6)
    centre = quantities(parameters, problem)
    squares = dict.fromkeys(centre, 0.0)
    for shares, change in zip(fractions, rows, strict=True):
        moved = replace(problem, fractions=problem.fractions + _STEP * shares)
        shift = -solver @ _residual_shift(problem, moved, parameters, change, shares)
        values = quantities(parameters + _STEP * shift, moved)
        for name, value in values.items():
            squares[name] += ((value - centre[name]) / _STEP) ** 2
    return {name: float(np.sqrt(total)) for name, total in squares.items()}


def _residual_shift(
    problem: Problem,
    moved: Problem,
    parameters: np.ndarray,
    change: np.ndarray,
    shares: np.ndarray,
) -> np.ndarray:
    """Change of the residuals per unit of a tile's deviation, penalties unchanged."""
    by_model = (moved.model_rows(parameters) - problem.model_rows(parameters)) / _STEP
    parts = [(by_model - change).ravel()]
    if problem.free_thresholds:
        parts.append(-shares * np.sqrt(problem.rows.shape[1]))
    found = np.concatenate(parts)
    penalties = problem.residuals(parameters).size - found.size
    return np.concatenate([found, np.zeros(penalties)])
