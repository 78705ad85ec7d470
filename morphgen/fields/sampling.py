"""How coarsely a field may be synthesised, and how it is interpolated to the voxels.

A field whose spectrum ends early is synthesised on a lattice of every f-th voxel along an axis and
interpolated along one axis after the other. Along an axis, the voxel a steps behind a lattice point
is a weighted sum of the T nearest lattice points, whose weights are those of simple kriging with
the correlation along that axis, scaled to unit variance: the linear predictor of least mean
squared error (Stein 1999, "Interpolation of Spatial Data", section 1.2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.fft
from numpy.lib.stride_tricks import sliding_window_view

from morphgen._array_api import fast_length
from morphgen.fields.kernels import Kernel

Index = tuple[int, int, int]
Periods = tuple[int | None, int | None, int | None]

# Largest error of any correlation between two voxels, by synthesis on a coarser lattice. A spline
# kernel of a few voxels errs by more on the voxels themselves: see `synthesis_error`.
COVARIANCE_ERROR = 2e-3

_FACTORS = (64, 48, 32, 24, 16, 12, 8, 6, 5, 4, 3, 2)
_TAPS = (4, 6, 8, 10, 12)
# kept for the kernel, which is cut off and sampled on the coarser lattice
_KERNEL_SHARE = 5e-4
# distance of lattice points over the correlation length 1 / sqrt(lambda): more never suffices
_LARGEST_RATIO = 0.8
# points that a correlation is evaluated at together: a spline's takes a thousand numbers for each
_POINTS_AT_ONCE = 2048
# rounding of weights for correlations so smooth that their matrix is singular to working precision
_SINGULAR = 1e-13


@dataclass(frozen=True)
class AxisSampling:
    """Synthesis lattice along one axis.

    Parameters
    ----------
    factor : int
        Distance of lattice points, in voxels; 1 where nothing is interpolated.
    taps : int
        Lattice points that a voxel is interpolated from.
    halo : int
        Reach of the kernel, in lattice points.
    error : float
        Largest error of a correlation by interpolation along this axis.
    """

    factor: int
    taps: int
    halo: int
    error: float = 0.0

    @property
    def reach(self) -> int:
        """Distance in voxels from which noise enters a voxel, at most."""
        return self.factor * (self.halo + self.taps // 2)

    def points(self, edge: int) -> int:
        """Lattice points that the voxels of any block are interpolated from, without the halo."""
        # a block whose edge is no multiple of the factor may begin anywhere between two points
        offset = self.factor - 1 if edge % self.factor else 0
        return (offset + edge - 1) // self.factor + self.taps

    def first_point(self, start: int) -> int:
        """First lattice point that voxel ``start`` is interpolated from."""
        return start // self.factor - (self.taps - 1) // 2

    def fft_length(self, edge: int) -> int:
        """Length of the FFT for blocks of the given edge."""
        return fast_length(self.points(edge) + 2 * self.halo)


@dataclass(frozen=True)
class Sampling:
    """Synthesis lattice of a field along (z, y, x)."""

    axes: tuple[AxisSampling, AxisSampling, AxisSampling]

    @property
    def factors(self) -> Index:
        """Distance of lattice points along each axis, in voxels."""
        z, y, x = (axis.factor for axis in self.axes)
        return z, y, x

    @property
    def taps(self) -> Index:
        """Lattice points that a voxel is interpolated from, along each axis."""
        z, y, x = (axis.taps for axis in self.axes)
        return z, y, x

    @property
    def spacing_factor(self) -> int:
        """Voxels per lattice point."""
        return math.prod(self.factors)

    @property
    def interpolated(self) -> bool:
        """Whether the lattice is coarser than the voxels along any axis."""
        return self.spacing_factor > 1

    @property
    def reach(self) -> int:
        """Distance in voxels from which noise enters a voxel, at most."""
        return max(axis.reach for axis in self.axes)

    def lattice(self, spacing: tuple[float, ...]) -> tuple[float, ...]:
        """Distance of lattice points along each axis, for voxels of the given size."""
        return tuple(step * f for step, f in zip(spacing, self.factors, strict=True))

    def fft_shape(self, edge: int) -> Index:
        """Lengths of the FFT for blocks of the given edge."""
        z, y, x = (axis.fft_length(edge) for axis in self.axes)
        return z, y, x


@lru_cache(maxsize=64)
def sampling(
    kernel: Kernel,
    spacing: tuple[float, float, float],
    periods: Periods = (None, None, None),
    *,
    exact: bool = False,
) -> Sampling:
    """Choose the coarsest lattice whose correlations err by less than `COVARIANCE_ERROR`.

    Parameters
    ----------
    kernel : Kernel
        Kernel of the field.
    spacing : tuple of 3 floats
        Voxel size along (z, y, x), in the kernel's unit.
    periods : tuple of 3 ints or None
        Periods in voxels; the distance of lattice points divides them.
    exact : bool
        Whether to keep every voxel.

    Returns
    -------
    Sampling

    Notes
    -----
    The error is the sum of that of the kernel on the lattice and of those of the interpolations
    along each axis. For the latter, with K the covariance on the voxels and P the interpolation
    along an axis, the largest entry of P K P' - K is found over all pairs of voxels on a line.
    Voxels on two parallel lines err by less for every kernel that was tried, a few hundred with
    coefficients of either sign among them.
    """
    chosen = [(1, 1, 0.0)] * 3 if exact else _interpolations(kernel, spacing, periods)
    while True:
        factors = tuple(factor for factor, _, _ in chosen)
        lattice = tuple(step * f for step, f in zip(spacing, factors, strict=True))
        values = kernel.lattice_values(lattice)
        spent = sum(error for _, _, error in chosen)
        if max(factors) == 1 or spent + kernel_error(kernel, values, lattice) <= COVARIANCE_ERROR:
            break
        worst = int(np.argmax(factors))
        chosen[worst] = _interpolation(kernel, spacing, worst, periods[worst], factors[worst] - 1)
    z, y, x = (
        AxisSampling(factor, taps, length // 2, error)
        for (factor, taps, error), length in zip(chosen, values.shape, strict=True)
    )
    return Sampling((z, y, x))


@lru_cache(maxsize=256)
def interpolation_weights(
    kernel: Kernel, spacing: tuple[float, ...], axis: int, factor: int, taps: int
) -> np.ndarray:
    """Weights of the lattice points next to a voxel, by its distance behind one of them.

    Returns
    -------
    ndarray of float64, shape (factor, taps)
        Row a: the voxel a steps behind tap ``(taps - 1) // 2``.
    """
    if factor == 1:
        return np.ones((1, 1))
    correlation = _line_correlations(kernel, spacing, axis)
    at = factor * (np.arange(taps) - (taps - 1) // 2)
    matrix = _looked_up(correlation, at[:, None] - at)
    right = _looked_up(correlation, at[:, None] - np.arange(factor))
    columns = np.asarray(np.linalg.lstsq(matrix, right, rcond=_SINGULAR)[0])
    weights: np.ndarray = (columns / np.sqrt(np.sum(columns * (matrix @ columns), axis=0))).T
    weights.flags.writeable = False
    return weights


def synthesis_error(
    kernel: Kernel, spacing: tuple[float, float, float], lattice: Sampling
) -> float:
    """Error that no correlation of two voxels exceeds, by the kernel on the lattice and between."""
    steps = lattice.lattice(spacing)
    by_kernel = kernel_error(kernel, kernel.lattice_values(steps), steps)
    return by_kernel + sum(axis.error for axis in lattice.axes)


def kernel_error(kernel: Kernel, values: np.ndarray, lattice: tuple[float, ...]) -> float:
    """Largest error of a kernel's lattice autocorrelation, in the planes through lag 0.

    In a plane, it is the sum of the autocorrelations of the kernel's own planes.
    """
    # the planes are alike where the kernel and the lattice are
    normals = (0,) if kernel.axis is None and len(set(lattice)) == 1 else (0, 1, 2)
    worst = 0.0
    for normal in normals:
        planes = np.moveaxis(values, normal, 0)
        steps = [step for axis, step in enumerate(lattice) if axis != normal]
        padded = [scipy.fft.next_fast_len(2 * n, real=True) for n in planes.shape[1:]]
        power = np.zeros((padded[0], padded[1] // 2 + 1))
        for plane in planes:
            power += np.abs(scipy.fft.rfft2(plane, s=padded)) ** 2
        rows, columns = planes.shape[1:]
        found = scipy.fft.irfft2(power, s=padded)[:rows, :columns]
        offsets = np.zeros((rows, columns, 3))
        first, second = (axis for axis in range(3) if axis != normal)
        offsets[..., first] = steps[0] * np.arange(rows)[:, None]
        offsets[..., second] = steps[1] * np.arange(columns)
        worst = max(worst, float(np.max(np.abs(found - _correlations(kernel, offsets)))))
    return worst


def interpolation_error(
    kernel: Kernel, spacing: tuple[float, ...], axis: int, factor: int, taps: int
) -> float:
    """Largest error of a correlation by interpolation along one axis: see `sampling`."""
    weights = interpolation_weights(kernel, spacing, axis, factor, taps)
    correlations = _line_correlations(kernel, spacing, axis)
    most = -(-correlations.size // factor) + taps
    points = np.arange(-most - taps, most + taps + 1)
    table = _looked_up(correlations, factor * points)
    # covariances of lattice points with the voxels of a cell, then of voxels with voxels
    half = sliding_window_view(table, taps) @ weights.T
    found = sliding_window_view(half, taps, axis=0)[..., ::-1] @ weights.T
    steps = points[taps - 1 : -(taps - 1)]
    voxels = np.arange(factor)
    lags = factor * steps[:, None, None] + voxels[:, None] - voxels
    return float(np.max(np.abs(found - _looked_up(correlations, lags))))


def _looked_up(correlations: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Correlations at a number of steps, which vanish beyond the end of the table."""
    return np.asarray(correlations[np.minimum(np.abs(steps), correlations.size - 1)])


@lru_cache(maxsize=32)
def _line_correlations(kernel: Kernel, spacing: tuple[float, ...], axis: int) -> np.ndarray:
    """Correlations of voxels 0, 1, ... steps apart along an axis; the last one is zero."""
    offsets = np.zeros((math.ceil(kernel.reach / spacing[axis]) + 1, 3))
    offsets[:, axis] = spacing[axis] * np.arange(len(offsets))
    return np.append(_correlations(kernel, offsets), 0.0)


def _correlations(kernel: Kernel, offsets: np.ndarray) -> np.ndarray:
    """Correlations at lag vectors, in bounded memory."""
    vectors = offsets.reshape(-1, 3)
    inverse = None
    if kernel.axis is None:
        distances, inverse = np.unique(np.sum(vectors**2, axis=1), return_inverse=True)
        vectors = np.zeros((distances.size, 3))
        vectors[:, 0] = np.sqrt(distances)
    found = np.concatenate(
        [
            np.asarray(kernel.correlation(vectors[first : first + _POINTS_AT_ONCE]))
            for first in range(0, len(vectors), _POINTS_AT_ONCE)
        ]
    )
    return (found if inverse is None else found[inverse]).reshape(offsets.shape[:-1])


def _interpolations(
    kernel: Kernel, spacing: tuple[float, ...], periods: Periods
) -> list[tuple[int, int, float]]:
    found: dict[tuple[float, int | None], tuple[int, int, float]] = {}
    chosen = []
    for axis, period in enumerate(periods):
        like = (spacing[axis], period)
        if kernel.axis is not None or like not in found:
            found[like] = _interpolation(kernel, spacing, axis, period, max(_FACTORS))
        chosen.append(found[like])
    return chosen


def _interpolation(
    kernel: Kernel, spacing: tuple[float, ...], axis: int, period: int | None, most: int
) -> tuple[int, int, float]:
    """Factor up to ``most``, taps and error of the coarsest interpolation along an axis."""
    share = (COVARIANCE_ERROR - _KERNEL_SHARE) / 3.0
    across, along = kernel.gradient_variance
    variance = along if kernel.axis is not None and "zyx".index(kernel.axis) == axis else across
    for factor in _FACTORS:
        if factor > most or (period or 0) % factor:
            continue
        if not factor * spacing[axis] * math.sqrt(variance) <= _LARGEST_RATIO:
            continue
        for taps in _TAPS:
            error = interpolation_error(kernel, spacing, axis, factor, taps)
            if error <= share:
                return factor, taps, error
    return 1, 1, 0.0
