"""Penalties that keep what the data leave open from drifting.

Residuals of C are of the order 1e-3; these weights decide only what no lag shows: the scale of a
spline kernel, and its roughness.
"""

from __future__ import annotations

import numpy as np

# value of a penalty and its derivatives, shapes (R,) and (R, parameters)
Penalty = tuple[np.ndarray, np.ndarray]

_SCALE_WEIGHT, _ROUGHNESS_WEIGHT = 1e-2, 2e-4


def no_penalty(count: int) -> Penalty:
    """Penalty without rows, for ``count`` parameters."""
    return np.zeros(0), np.zeros((0, count))


def spline_penalty(coefficients: np.ndarray) -> Penalty:
    """Pull the sum of squares to 1, and second differences along each axis to zero.

    Parameters
    ----------
    coefficients : ndarray, shape (m,) or (m, n)
        Spline coefficients; they are mirrored at the origin of each axis.
    """
    flat = coefficients.ravel()
    shape = coefficients.shape
    rough = np.concatenate(
        [
            _along(axis, shape, _ROUGHNESS_WEIGHT * _second_differences(count))
            for axis, count in enumerate(shape)
        ]
    )
    scale = _SCALE_WEIGHT * (flat @ flat - 1.0)
    value = np.concatenate([[scale], rough @ flat])
    return value, np.concatenate([2.0 * _SCALE_WEIGHT * flat[None], rough])


def _second_differences(count: int) -> np.ndarray:
    mirrored = np.concatenate([np.eye(count)[1:2], np.eye(count), np.zeros((2, count))])
    return np.asarray(np.diff(mirrored, n=2, axis=0))


def _along(axis: int, shape: tuple[int, ...], operator: np.ndarray) -> np.ndarray:
    """Matrix that applies an operator along one axis of a flattened array."""
    whole = np.eye(1)
    for number, count in enumerate(shape):
        whole = np.kron(whole, operator if number == axis else np.eye(count))
    return whole
