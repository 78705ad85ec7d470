"""Coordinates in which one step of an optimiser means the same for every parameter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from morphgen.calibration.problem import Problem

# directions that change C less than this share of the stiffest one are not stretched further
_DAMPING = 1e-2


@dataclass(frozen=True, eq=False)
class Scaling:
    """Parameters = start + matrix @ coordinates.

    A coordinate of 1 changes the C_ij by ``unit`` (root mean square over lags and pairs), to first
    order at the start: spline coefficients, lengths and thresholds are then alike.

    Attributes
    ----------
    start : ndarray, shape (P,)
        Where coordinates are zero.
    matrix : ndarray, shape (P, P)
        Eigenvectors of the Gauss-Newton matrix, divided by the roots of its eigenvalues.
    unit : float
        Change of C that one coordinate makes.
    """

    start: np.ndarray
    matrix: np.ndarray
    unit: float

    def parameters(self, coordinates: np.ndarray) -> np.ndarray:
        """Parameters at given coordinates."""
        return np.asarray(self.start + self.matrix @ coordinates)


def scaling_at(problem: Problem, start: np.ndarray, unit: float) -> Scaling:
    """Scale a problem at its start.

    Parameters
    ----------
    problem : Problem
        Gives the derivatives of the C_ij.
    start : ndarray, shape (P,)
        Parameters.
    unit : float
        Change of C for one coordinate, such as the standard error of the data.
    """
    jacobian = problem.jacobian(start)
    values, vectors = np.linalg.eigh(jacobian.T @ jacobian / problem.rows.size)
    stretched = np.sqrt(np.maximum(values, 0.0) + _DAMPING**2 * values.max())
    return Scaling(start, unit * vectors / stretched, unit)
