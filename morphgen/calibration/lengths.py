"""Correlation lengths: where a correlation has fallen to exp(-1/2)."""

from __future__ import annotations

import math

import numpy as np

from morphgen.calibration.lags import Lags
from morphgen.excursion.shared import MixedCorrelation
from morphgen.fields.kernels import Kernel

# points of a line along which the correlation of a kernel with an axis is looked at
_POINTS = 256


def correlation_lengths(kernel: Kernel | MixedCorrelation, lags: Lags) -> dict[str, float]:
    """Correlation length of a kernel, and with an axis that along it and their ratio.

    Parameters
    ----------
    kernel : Kernel or MixedCorrelation
        The kernel, or the kernels of a field that shares noise.
    lags : Lags
        Lags that it was fitted at: lengths beyond are not looked for.

    Returns
    -------
    dict
        ``correlation_length``; with an axis, it is that across the axis, and there are
        ``correlation_length_along`` and ``axial_scale``, the length along over that across.
    """
    if kernel.axis is None:
        distance = lags.distance
        rho = np.asarray(kernel.cylindrical_correlation(distance, np.zeros_like(distance)))
        return {"correlation_length": correlation_length(distance, rho)}
    ends = float(lags.across.max()), float(lags.along.max())
    rows, columns = (end / _POINTS * np.arange(1, _POINTS + 1) for end in ends)
    zero = np.zeros(1)
    across = correlation_length(rows, kernel.grid_correlation(rows, zero)[:, 0])
    along = correlation_length(columns, kernel.grid_correlation(zero, columns)[0])
    return {
        "correlation_length": across,
        "correlation_length_along": along,
        "axial_scale": along / across,
    }


def correlation_length(lag: np.ndarray, correlation: np.ndarray) -> float:
    """First lag at which a correlation falls to exp(-1/2), by linear interpolation."""
    target = math.exp(-0.5)
    below = np.flatnonzero(correlation < target)
    if below.size == 0:
        return float(lag[-1])
    last = int(below[0])
    left = (0.0, 1.0) if last == 0 else (float(lag[last - 1]), float(correlation[last - 1]))
    share = (left[1] - target) / (left[1] - float(correlation[last]))
    return left[0] + share * (float(lag[last]) - left[0])


def axis_lengths(lags: Lags, correlation: np.ndarray) -> tuple[float, float]:
    """Correlation lengths across and along the axis, as if the correlation were a Gaussian bell.

    With rho = exp(-across^2 / 2 a^2 - along^2 / 2 b^2), the logarithm is linear in 1 / a^2 and
    1 / b^2: a least-squares fit where the correlation is well above zero.
    """
    well = (correlation > 0.3) & (correlation < 0.99)
    squares = np.stack([lags.across[well] ** 2, lags.along[well] ** 2], axis=1)
    if np.linalg.matrix_rank(squares) == 2:
        found = np.linalg.lstsq(squares, -2.0 * np.log(correlation[well]), rcond=None)[0]
        if np.all(found > 0.0):
            across, along = (1.0 / np.sqrt(found)).tolist()
            return across, along
    order = np.argsort(lags.distance)
    length = correlation_length(lags.distance[order], correlation[order])
    return length, length
