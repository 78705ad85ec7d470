"""High-parametric (HP) kernels: compactly supported cubic B-splines with free-sign coefficients.

The kernel of an isotropic field is k(r) = sum_j c_j B(|r| / d - j), j = 0..m-1, for the cardinal
cubic B-spline B and knot distance d; it ends at R = (m + 1) d, twice continuously differentiable.
The cylindrical kernel is the tensor product of two such sums, in r_perp and |z|.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal

import numpy as np
import scipy.special

from morphgen._array_api import Array, asarray_like, gauss_legendre, is_numpy, namespace
from morphgen.errors import ModelError
from morphgen.fields.kernels import (
    Axis,
    GradientVariance,
    Kernel,
    axis_distances,
    check_positive,
    unfold,
)

# wave number, in 1 / knot distance, up to which spectra are integrated: the energy beyond it
# falls with its seventh power and is below 1e-9
_HIGHEST_WAVE_NUMBER = 24.0
_MOST_SPLINES = 64


@dataclass(frozen=True)
class SplineKernel(Kernel):
    """Isotropic kernel in cubic B-splines on [0, support_radius].

    Parameters
    ----------
    coefficients : tuple of float
        Spline coefficients c_j; only their ratios matter.
    support_radius : float
        Distance R at which the kernel ends, in the model's unit.
    """

    coefficients: tuple[float, ...]
    support_radius: float
    type: Literal["spline"] = "spline"

    def __post_init__(self) -> None:
        check_positive("support_radius", self.support_radius)
        _check_coefficients(np.asarray(self.coefficients))

    @property
    def axis(self) -> Axis | None:
        """None: the kernel is isotropic."""
        return None

    @property
    def knot_distance(self) -> float:
        """Distance of neighbouring spline knots."""
        return self.support_radius / (len(self.coefficients) + 1)

    @property
    def reach(self) -> float:
        """Distance beyond which the correlation vanishes: twice the support radius."""
        return 2.0 * self.support_radius

    @property
    def gradient_variance(self) -> GradientVariance:
        """Minus the second derivatives of the correlation at lag 0."""
        spectrum = RadialSpectrum.of(len(self.coefficients))
        variance = spectrum.gradient_variance(np.asarray(self.coefficients))
        variance /= self.knot_distance**2
        return GradientVariance(variance, variance)

    def cylindrical_correlation(self, perpendicular: Array, axial: Array) -> Array:
        """Correlation at distances across and along any axis, of any backend and shape."""
        xp = namespace(perpendicular)
        distance = xp.sqrt(perpendicular**2 + axial**2)
        spectrum = RadialSpectrum.of(len(self.coefficients))
        coefficients = asarray_like(np.asarray(self.coefficients), distance)
        # the quadrature resolves lags up to the reach; beyond it the correlation is zero
        near = distance < self.reach
        inside = xp.where(near, distance, xp.zeros_like(distance))
        values = spectrum.correlation(coefficients, inside / self.knot_distance)
        return xp.where(near, values, xp.zeros_like(values))

    def lattice_values(self, spacing: Sequence[float]) -> np.ndarray:
        """Kernel on the voxel lattice, with the squares of its values summing to one."""
        return _lattice_values(self, tuple(float(step) for step in spacing))


@dataclass(frozen=True)
class CylindricalSplineKernel(Kernel):
    """Kernel in tensor products of cubic B-splines of (r_perp, |z|).

    Parameters
    ----------
    coefficients : tuple of tuples of float
        One row per spline in r_perp, one column per spline in the distance along the axis.
    support_radius, support_height : float
        Distances across and along the axis at which the kernel ends, in the model's unit.
    symmetry_axis : {"z", "y", "x"}
        Axis of symmetry.
    """

    coefficients: tuple[tuple[float, ...], ...]
    support_radius: float
    support_height: float
    symmetry_axis: Axis = "z"
    type: Literal["cylindrical_spline"] = "cylindrical_spline"

    def __post_init__(self) -> None:
        check_positive("support_radius", self.support_radius)
        check_positive("support_height", self.support_height)
        if len({len(row) for row in self.coefficients}) != 1:
            raise ModelError("the rows of spline coefficients differ in length")
        _check_coefficients(np.asarray(self.coefficients))

    @property
    def axis(self) -> Axis | None:
        """Axis of symmetry."""
        return self.symmetry_axis

    @property
    def reach(self) -> float:
        """Distance beyond which the correlation vanishes."""
        return 2.0 * math.hypot(self.support_radius, self.support_height)

    @property
    def gradient_variance(self) -> GradientVariance:
        """Minus the second derivatives of the correlation at lag 0."""
        perpendicular, axial, energy = self._spectrum()
        total = float(np.sum(energy))
        return GradientVariance(
            float(np.sum(energy * perpendicular[:, None] ** 2)) / (2.0 * total),
            float(np.sum(energy * axial**2)) / total,
        )

    def cylindrical_correlation(self, perpendicular: Array, axial: Array) -> Array:
        """Correlation at distances across and along the axis, of any backend and shape."""
        xp = namespace(perpendicular)
        zero = xp.zeros_like(perpendicular)
        # the quadrature resolves lags up to the supports; beyond them the correlation is zero
        near = (perpendicular < 2.0 * self.support_radius) & (axial < 2.0 * self.support_height)
        across, along, energy = self._spectrum()
        weights = asarray_like(energy / np.sum(energy), perpendicular)
        distances = xp.where(near, perpendicular, zero)[..., None]
        columns = xp.matmul(_bessel_j0(distances * asarray_like(across, perpendicular)), weights)
        heights = xp.where(near, axial, zero)[..., None]
        waves = xp.cos(heights * asarray_like(along, perpendicular))
        return xp.where(near, xp.sum(columns * waves, axis=-1), zero)

    def lattice_values(self, spacing: Sequence[float]) -> np.ndarray:
        """Kernel on the voxel lattice, with the squares of its values summing to one."""
        ends = [self.support_radius] * 3
        ends["zyx".index(self.symmetry_axis)] = self.support_height
        half = [math.floor(end / step) for end, step in zip(ends, spacing, strict=True)]
        across, along = axis_distances(self.symmetry_axis, spacing, half)
        values = np.asarray(self.coefficients)
        rows = _folded_splines(across / self._knots()[0], values.shape[0])
        columns = _folded_splines(along / self._knots()[1], values.shape[1])
        return unfold(np.einsum("...i,ij,...j->...", rows, values, columns, optimize=True))

    def _knots(self) -> tuple[float, float]:
        rows, columns = len(self.coefficients), len(self.coefficients[0])
        return self.support_radius / (rows + 1), self.support_height / (columns + 1)

    def _spectrum(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Wave numbers across and along the axis, and the spectral energy at their pairs."""
        values = np.asarray(self.coefficients)
        across, across_weights, rows = _hankel_amplitudes(values.shape[0])
        along, along_weights, columns = _cosine_amplitudes(values.shape[1])
        energy = across_weights[:, None] * along_weights * (rows @ values @ columns.T) ** 2
        return across / self._knots()[0], along / self._knots()[1], energy


@dataclass(frozen=True, eq=False)
class RadialSpectrum:
    """Spectral amplitudes of the radial splines, in units of the knot distance.

    rho(h) = sum_k w_k sinc(kappa_k h) S_k^2 / sum_k w_k S_k^2, with S = amplitudes @ coefficients:
    the three-dimensional Fourier integral by Gauss-Legendre quadrature.
    """

    wave_numbers: np.ndarray
    weights: np.ndarray
    amplitudes: np.ndarray

    @classmethod
    def of(cls, count: int) -> RadialSpectrum:
        """Spectrum of ``count`` splines."""
        return _radial_spectrum(count)

    def correlation(self, coefficients: Array, distance: Array) -> Array:
        """Correlation at distances in units of the knot distance.

        Differentiable in the coefficients where the backend is.
        """
        xp = namespace(coefficients, distance)
        amplitude = xp.matmul(asarray_like(self.amplitudes, coefficients), coefficients)
        energy = asarray_like(self.weights, coefficients) * amplitude**2
        phase = distance[..., None] * asarray_like(self.wave_numbers, distance)
        return xp.matmul(_sinc(phase), energy / xp.sum(energy))

    def jacobian(
        self, coefficients: np.ndarray, waves: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Correlation and its derivatives in the coefficients, for ``waves`` = sinc(kappa h)."""
        amplitude = self.amplitudes @ coefficients
        energy = self.weights * amplitude**2
        correlation = waves @ energy / energy.sum()
        slope = (2.0 * self.weights * amplitude / energy.sum())[:, None] * self.amplitudes
        return correlation, waves @ slope - np.outer(correlation, slope.sum(axis=0))

    def waves(self, distance: np.ndarray) -> np.ndarray:
        """sinc(kappa h) for distances in units of the knot distance, shape (lags, wave numbers)."""
        return np.asarray(_sinc(distance[:, None] * self.wave_numbers))

    def gradient_variance(self, coefficients: np.ndarray) -> float:
        """Minus the second derivative of the correlation at 0, per squared knot distance."""
        energy = self.weights * (self.amplitudes @ coefficients) ** 2
        return float(energy @ self.wave_numbers**2 / (3.0 * energy.sum()))


@lru_cache(maxsize=16)
def _lattice_values(kernel: SplineKernel, spacing: tuple[float, ...]) -> np.ndarray:
    half = [math.floor(kernel.support_radius / step) for step in spacing]
    distance, _ = axis_distances(None, spacing, half)
    octant = _spline_sum(np.asarray(kernel.coefficients), distance / kernel.knot_distance)
    values = unfold(octant)
    values.flags.writeable = False
    return values


@cache
def _radial_spectrum(count: int) -> RadialSpectrum:
    # the largest phase is kappa times the reach of the correlation
    nodes = 64 + math.ceil(_HIGHEST_WAVE_NUMBER * (count + 1) / 1.5)
    kappa, weights = gauss_legendre(nodes, 0.0, _HIGHEST_WAVE_NUMBER)
    sinc, slope = _sinc(0.5 * kappa), _sinc_slope(0.5 * kappa)
    shifts = np.arange(count)[None, :]
    phase = kappa[:, None] * shifts
    # transform of a radial function: -(2 pi / kappa) times the derivative of the cosine transform
    cosine = np.cos(phase) * (2.0 * sinc**3 * slope)[:, None]
    derivative = cosine - shifts * np.sin(phase) * (sinc**4)[:, None]
    amplitudes = -derivative / kappa[:, None] * _multiplicity(count)
    spectrum = RadialSpectrum(kappa, weights * kappa**2, amplitudes)
    for array in (spectrum.wave_numbers, spectrum.weights, spectrum.amplitudes):
        array.flags.writeable = False
    return spectrum


@cache
def _cosine_amplitudes(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    kappa, weights = gauss_legendre(64 + 12 * count, 0.0, _HIGHEST_WAVE_NUMBER)
    phase = kappa[:, None] * np.arange(count)
    return kappa, weights, np.cos(phase) * (_sinc(0.5 * kappa) ** 4)[:, None] * _multiplicity(count)


@cache
def _hankel_amplitudes(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    kappa, weights = gauss_legendre(64 + 12 * count, 0.0, _HIGHEST_WAVE_NUMBER)
    pieces = [gauss_legendre(16, knot, knot + 1.0) for knot in range(count + 1)]
    radius = np.concatenate([nodes for nodes, _ in pieces])
    radius_weights = radius * np.concatenate([piece for _, piece in pieces])
    bessel = scipy.special.j0(kappa[:, None] * radius)
    amplitudes = (bessel * radius_weights) @ _folded_splines(radius, count)
    return kappa, weights * kappa, amplitudes


def _multiplicity(count: int) -> np.ndarray:
    # the spline at the origin is its own mirror image
    return np.where(np.arange(count) == 0, 0.5, 1.0)


def _sinc(phase: Array) -> Array:
    xp = namespace(phase)
    tiny = xp.abs(phase) < 1e-8
    safe = xp.where(tiny, xp.ones_like(phase), phase)
    return xp.where(tiny, xp.ones_like(phase), xp.sin(safe) / safe)


def _sinc_slope(phase: np.ndarray) -> np.ndarray:
    series = -phase / 3.0 + phase**3 / 30.0 - phase**5 / 840.0
    return np.where(phase < 0.05, series, (np.cos(phase) - _sinc(phase)) / phase)


def _bessel_j0(argument: Array) -> Array:
    """Bessel function J0, by the mean of cos(x sin t) over t, on any backend."""
    xp = namespace(argument)
    if is_numpy(xp):
        return scipy.special.j0(argument)
    # the trapezoidal rule is exact to rounding once it has more points than the largest argument
    points = 32 + int(xp.max(xp.abs(argument)))
    total = xp.zeros_like(argument)
    for k in range(points):
        total = total + xp.cos(argument * math.sin(math.pi * (k + 0.5) / points))
    return total / points


def _cubic_spline(x: np.ndarray) -> np.ndarray:
    distance = np.abs(x)
    outer = np.clip(2.0 - distance, 0.0, None) ** 3
    inner = np.clip(1.0 - distance, 0.0, None) ** 3
    return np.asarray((outer - 4.0 * inner) / 6.0)


def _folded_splines(x: np.ndarray, count: int) -> np.ndarray:
    """Values of the splines and their mirror images at x >= 0, on a new last axis."""
    shifts = np.arange(count)
    both = _cubic_spline(x[..., None] - shifts) + _cubic_spline(x[..., None] + shifts)
    return np.asarray(both * _multiplicity(count))


def _spline_sum(coefficients: np.ndarray, x: np.ndarray) -> np.ndarray:
    # one spline at a time: a kernel may have millions of voxels
    total = np.zeros_like(x)
    for shift, coefficient in enumerate(coefficients * _multiplicity(coefficients.size)):
        total += coefficient * (_cubic_spline(x - shift) + _cubic_spline(x + shift))
    return total


def _check_coefficients(coefficients: np.ndarray) -> None:
    if min(coefficients.shape) < 2 or max(coefficients.shape) > _MOST_SPLINES:
        shape = "x".join(str(length) for length in coefficients.shape)
        raise ModelError(
            f"{shape} spline coefficients: expected 2 to {_MOST_SPLINES} along an axis"
        )
    if not np.all(np.isfinite(coefficients)):
        raise ModelError("spline coefficients: expected finite numbers")
    if not np.any(coefficients != 0.0):
        raise ModelError("spline coefficients: expected at least one that is not zero")
