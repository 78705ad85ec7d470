"""Lags of planes that contain an axis of symmetry, binned by distances across and along it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from morphgen.calibration.lags import Lags
from morphgen.descriptors.coverage import CoverageCounts

# lag vectors up to this many pixels are kept apart: C has a cusp at 0
_EXACT = 3.0
# directions from across to along the axis, and distances, that are kept apart beyond
_SECTORS, _RINGS = 7, 40


@dataclass(frozen=True, eq=False)
class BinnedCoverage:
    """Symmetrised C_ij by distances across and along an axis; the first bin is lag 0.

    Attributes
    ----------
    lags : Lags
        Mean distances of the pairs of each of K bins.
    values : ndarray, shape (n, n, K)
        C_ij, NaN in bins without a pair.
    weight : ndarray, shape (K,)
        Number of pairs.
    """

    lags: Lags
    values: np.ndarray
    weight: np.ndarray


@dataclass(frozen=True, eq=False)
class PlaneBins:
    """Bins of lag vectors (across, along) of a plane; made by `plane_bins`.

    Attributes
    ----------
    across, along : ndarray, shape (M,)
        Distances of the lag vectors of the grid, flattened.
    number : ndarray of int, shape (M,)
        Bin of each lag vector, -1 where it is not used.
    """

    across: np.ndarray
    along: np.ndarray
    number: np.ndarray

    def coverage(self, counts: CoverageCounts) -> BinnedCoverage:
        """C_ij and mean distances of all pairs in each bin."""
        phases = len(counts.phases)
        totals = np.asarray(counts.totals).reshape(-1)
        pairs = np.asarray(counts.pairs).reshape(phases, phases, -1)
        weight = self._sums(totals)
        divisor = np.where(weight > 0, weight, np.nan)
        both = self._sums(pairs + pairs.swapaxes(0, 1))
        means = (self._sums(totals * part) / divisor for part in (self.across, self.along))
        return BinnedCoverage(Lags(*means), both / (2.0 * divisor), weight.astype(np.float64))

    @cached_property
    def _order(self) -> tuple[np.ndarray, np.ndarray]:
        order = np.argsort(self.number, kind="stable")
        starts = np.searchsorted(self.number[order], np.arange(self.number.max() + 1))
        return order, starts

    def _sums(self, values: np.ndarray) -> np.ndarray:
        order, starts = self._order
        return np.asarray(np.add.reduceat(values[..., order], starts, axis=-1))


def plane_bins(max_lag: int, steps: tuple[float, float], reaches: tuple[float, float]) -> PlaneBins:
    """Sort the lags of a plane whose columns run along the axis.

    Every lag vector of at most 3 pixels is a bin of its own, together with its mirror images.
    Beyond, bins are the sectors and rings of an ellipse: 7 directions from across to along the
    axis, and 40 distances at most, none narrower than a pixel.

    Parameters
    ----------
    max_lag : int
        Largest lag of the grid, in pixels.
    steps : tuple of 2 floats
        Pixel size across and along the axis.
    reaches : tuple of 2 floats
        Largest lags across and along the axis: half axes of the ellipse.
    """
    offsets = np.abs(np.indices((2 * max_lag + 1,) * 2).reshape(2, -1) - max_lag)
    across, along = (part * step for part, step in zip(offsets, steps, strict=True))
    rings = min(_RINGS, math.floor(min(r / s for r, s in zip(reaches, steps, strict=True))))
    scaled = np.hypot(across / reaches[0], along / reaches[1])
    angle = np.arctan2(along / reaches[1], across / reaches[0])
    exact = np.hypot(across, along) <= (_EXACT + 1e-9) * min(steps)
    sector = np.rint(angle * (_SECTORS - 1) / (0.5 * np.pi))
    ring = np.rint(scaled * rings)
    # exact vectors first, by distance, then ring after ring
    keys = np.stack(
        [
            np.where(exact, 0.0, 1.0 + ring),
            np.where(exact, np.round(np.hypot(across, along) / min(steps), 9), 0.0),
            np.where(exact, offsets[0], sector),
        ]
    )
    used = exact | (scaled <= 1.0 + 1e-9)
    number = np.full(across.size, -1)
    number[used] = np.unique(keys[:, used], axis=1, return_inverse=True)[1].reshape(-1)
    return PlaneBins(across, along, number)
