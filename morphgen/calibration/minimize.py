"""Bounded minimisation that says how it ended."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.optimize

from morphgen.calibration.problem import Problem
from morphgen.errors import InputError


@dataclass(frozen=True, eq=False)
class Solution:
    """Where a minimisation ended, and how it got there.

    Attributes
    ----------
    parameters : ndarray
        The best parameters.
    converged : bool
        Whether a stopping criterion was met within the allowed evaluations.
    message : str
        The criterion, or the limit, in words.
    history : tuple of float
        Half the sum of squared residuals after each evaluation, the best so far.
    """

    parameters: np.ndarray
    converged: bool
    message: str
    history: tuple[float, ...]


def solve(
    problem: Problem, start: np.ndarray, *, evaluations: int, tolerance: float = 1e-6
) -> Solution:
    """Minimise the residuals of a problem by a trust-region method.

    Parameters
    ----------
    problem : Problem
        Residuals and derivatives.
    start : ndarray
        First parameters.
    evaluations : int
        Most evaluations of the residuals; there is no unlimited run.
    tolerance : float
        Relative decrease of the sum of squares, or change of the parameters, that ends the run.

    Raises
    ------
    InputError
        If ``evaluations`` is not a positive integer.
    """
    check_evaluations(evaluations)
    history: list[float] = []

    def residuals(parameters: np.ndarray) -> np.ndarray:
        values = problem.residuals(parameters)
        cost = 0.5 * float(values @ values)
        history.append(min(cost, history[-1]) if history else cost)
        return values

    found = scipy.optimize.least_squares(
        residuals,
        start,
        jac=problem.jacobian,
        x_scale="jac",
        max_nfev=evaluations,
        ftol=tolerance,
        xtol=tolerance,
        gtol=1e-12,
    )
    return Solution(
        found.x, found.status > 0, found.message.replace("`", "").rstrip("."), tuple(history)
    )


def check_evaluations(evaluations: object) -> None:
    """Refuse a run without a limit.

    Raises
    ------
    InputError
        If ``evaluations`` is not a positive integer.
    """
    if isinstance(evaluations, bool) or not isinstance(evaluations, int) or evaluations < 1:
        raise InputError(
            f"the limit of evaluations is {evaluations!r}: expected a positive integer; "
            "calibration does not run unbounded"
        )
