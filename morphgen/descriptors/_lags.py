"""Geometry of the lag grid: offsets in voxels, and bins of equal distance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from morphgen._array_api import Array, asarray_like, device_of, namespace


def lag_offsets(max_lag: int, ndim: int) -> Array:
    """Lags in voxels on the full grid; int64 NumPy array of shape (ndim,) + lag_shape."""
    return np.indices((2 * max_lag + 1,) * ndim, dtype=np.int64) - max_lag


@dataclass(frozen=True, eq=False)
class LagBins:
    """Lags of a grid, sorted into bins of distance; NumPy arrays.

    Attributes
    ----------
    order
        Flat indices of the M lags in use, bin after bin; int64, shape (M,).
    ends
        Start of each bin in ``order``, and the end of the last; int64, shape (K + 1,).
    centre
        Nominal distance of each bin; float64, shape (K,).
    excess
        Distance of each lag in ``order`` less that of its bin; float64, shape (M,).
    """

    order: Array
    ends: Array
    centre: Array
    excess: Array

    def total(self, values: Array) -> Array:
        """Sum of values over the lags of each bin; flat lag grid on the last axis."""
        return self._sums(self._sorted(values))

    def mean_distance(self, totals: Array) -> Array:
        """Mean distance of the pairs in each bin, its centre if it has none; float64."""
        xp = namespace(totals)
        pairs = xp.astype(self._sorted(totals), xp.float64)
        # The deviation is averaged, not the distance, so that exact bins stay free of rounding.
        moment = self._sums(pairs * asarray_like(self.excess, pairs))
        weight = xp.astype(self.total(totals), xp.float64)
        weight = xp.where(weight > 0.0, weight, xp.ones_like(weight))
        return asarray_like(self.centre, pairs) + moment / weight

    def _sorted(self, values: Array) -> Array:
        xp = namespace(values)
        return xp.take(values, xp.asarray(self.order, device=device_of(values)), axis=-1)

    def _sums(self, values: Array) -> Array:
        xp = namespace(values)
        ends = xp.asarray(self.ends, device=device_of(values))
        until = xp.cumulative_sum(values, axis=-1, include_initial=True)
        return xp.take(until, ends[1:], axis=-1) - xp.take(until, ends[:-1], axis=-1)


def lag_bins(
    max_lag: int, spacing: Sequence[float], exact_below: float, *, folded: bool = False
) -> LagBins:
    """Sort the lags of a grid by distance, as `CoverageCounts.radial` describes.

    The lags are those of the full grid, or, folded over their signs, from 0 to ``max_lag``.
    """
    unit = min(spacing)
    along = np.arange(0 if folded else -max_lag, max_lag + 1)
    squared = np.zeros(())
    for step in spacing:
        squared = np.add.outer(squared, (along * (step / unit)) ** 2)
    distance = np.sqrt(np.ravel(squared))
    # Distances that are equal but for rounding share a bin.
    centre = np.where(distance < exact_below, np.round(distance, 9), np.rint(distance))
    used = np.flatnonzero(distance <= max_lag + 1e-9)
    order = used[np.argsort(centre[used], kind="stable")]
    centres, starts = np.unique(centre[order], return_index=True)
    return LagBins(
        order=order,
        ends=np.append(starts, order.size),
        centre=unit * centres,
        excess=unit * (distance - centre)[order],
    )
