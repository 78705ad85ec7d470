"""Spectral amplitudes of spline kernels, and the correlations that follow from them.

A kernel is a sum of cubic B-splines; its Fourier transform is the same sum of the splines' own
transforms, and the correlation is the transform of its square.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import scipy.special

from morphgen._array_api import (
    Array,
    asarray_like,
    check_eager,
    gauss_legendre,
    is_numpy,
    namespace,
)

# wave number, in 1 / knot distance, up to which spectra are integrated: the energy beyond it
# falls with its seventh power and is below 1e-9
_HIGHEST_WAVE_NUMBER = 24.0


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


@dataclass(frozen=True, eq=False)
class CylindricalSpectrum:
    """Spectral amplitudes of tensor products of splines, in units of the knot distances.

    rho(r, z) = sum_ab w_a v_b J0(kappa_a r) cos(mu_b z) S_ab^2 / sum_ab w_a v_b S_ab^2, with
    S = rows @ coefficients @ columns.T: the Hankel and the cosine integral by Gauss-Legendre
    quadrature.

    Attributes
    ----------
    across, along : ndarray, shapes (A,) and (B,)
        Wave numbers kappa and mu, across and along the axis.
    across_weights, along_weights : ndarray, shapes (A,) and (B,)
        Weights w and v.
    rows, columns : ndarray, shapes (A, m) and (B, n)
        Amplitudes of the splines across and along the axis.
    """

    across: np.ndarray
    along: np.ndarray
    across_weights: np.ndarray
    along_weights: np.ndarray
    rows: np.ndarray
    columns: np.ndarray

    @classmethod
    def of(cls, rows: int, columns: int) -> CylindricalSpectrum:
        """Spectrum of ``rows`` splines across the axis times ``columns`` along it."""
        across, across_weights, row_amplitudes = _hankel_amplitudes(rows)
        along, along_weights, column_amplitudes = _cosine_amplitudes(columns)
        return cls(across, along, across_weights, along_weights, row_amplitudes, column_amplitudes)

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of splines across and along the axis."""
        return self.rows.shape[1], self.columns.shape[1]

    def energy(self, coefficients: np.ndarray) -> np.ndarray:
        """Spectral energy at each pair of wave numbers, shape (A, B), adding up to one."""
        amplitude = self.rows @ coefficients @ self.columns.T
        energy = self.across_weights[:, None] * self.along_weights * amplitude**2
        return np.asarray(energy / energy.sum())

    def products(self, across: np.ndarray, along: np.ndarray) -> SplineProducts:
        """Correlations of pairs of splines at K distances, in units of the knot distances.

        The numerator of rho is a quadratic form in the coefficients that is separable at each lag:
        sum_ii'jj' c_ij A_ii'(r) B_jj'(z) c_i'j', with A = rows.T diag(w J0(kappa r)) rows.
        """
        waves = bessel_j0(np.append(across, 0.0)[:, None] * self.across) * self.across_weights
        heights = np.cos(np.append(along, 0.0)[:, None] * self.along) * self.along_weights
        # both are symmetric matrices; the wave numbers are summed by one matrix product
        pairs = _pair_products(self.rows), _pair_products(self.columns)
        shapes = (-1, self.shape[0], self.shape[0]), (-1, self.shape[1], self.shape[1])
        return SplineProducts(
            (waves @ pairs[0]).reshape(shapes[0]), (heights @ pairs[1]).reshape(shapes[1])
        )


@dataclass(frozen=True, eq=False)
class SplineProducts:
    """Correlations of pairs of splines at K distances, and last at distance 0.

    Attributes
    ----------
    across : ndarray, shape (K + 1, m, m)
    along : ndarray, shape (K + 1, n, n)
    """

    across: np.ndarray
    along: np.ndarray

    def jacobian(self, coefficients: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Correlation (K,) of m x n coefficients, and its derivatives (K, m * n) in them."""
        gradient = self.across @ coefficients @ self.along
        values = np.sum(gradient * coefficients, axis=(1, 2))
        correlation = values[:-1] / values[-1]
        slope = gradient[:-1] - correlation[:, None, None] * gradient[-1]
        return correlation, 2.0 / values[-1] * slope.reshape(correlation.size, -1)


@cache
def _radial_spectrum(count: int) -> RadialSpectrum:
    kappa, weights = gauss_legendre(_nodes(count), 0.0, _HIGHEST_WAVE_NUMBER)
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


def _nodes(count: int) -> int:
    # the largest phase is the wave number times the reach of the correlation
    return 64 + math.ceil(_HIGHEST_WAVE_NUMBER * (count + 1) / 1.5)


@cache
def _cosine_amplitudes(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    kappa, weights = gauss_legendre(_nodes(count), 0.0, _HIGHEST_WAVE_NUMBER)
    phase = kappa[:, None] * np.arange(count)
    return kappa, weights, np.cos(phase) * (_sinc(0.5 * kappa) ** 4)[:, None] * _multiplicity(count)


@cache
def _hankel_amplitudes(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    kappa, weights = gauss_legendre(_nodes(count), 0.0, _HIGHEST_WAVE_NUMBER)
    pieces = [gauss_legendre(16, knot, knot + 1.0) for knot in range(count + 1)]
    radius = np.concatenate([nodes for nodes, _ in pieces])
    radius_weights = radius * np.concatenate([piece for _, piece in pieces])
    bessel = scipy.special.j0(kappa[:, None] * radius)
    amplitudes = (bessel * radius_weights) @ folded_splines(radius, count)
    return kappa, weights * kappa, amplitudes


def _pair_products(amplitudes: np.ndarray) -> np.ndarray:
    """Products of all pairs of columns, shape (wave numbers, count * count)."""
    products = amplitudes[:, :, None] * amplitudes[:, None, :]
    return np.asarray(products.reshape(len(amplitudes), -1))


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


def bessel_j0(argument: Array) -> Array:
    """Bessel function J0, by the mean of cos(x sin t) over t, on any backend."""
    xp = namespace(argument)
    if is_numpy(xp):
        return scipy.special.j0(argument)
    check_eager(xp, "a Bessel function")
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


def folded_splines(x: np.ndarray, count: int) -> np.ndarray:
    """Values of the splines and their mirror images at x >= 0, on a new last axis."""
    shifts = np.arange(count)
    both = _cubic_spline(x[..., None] - shifts) + _cubic_spline(x[..., None] + shifts)
    return np.asarray(both * _multiplicity(count))


def spline_sum(coefficients: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Sum of the splines and their mirror images at x >= 0, times their coefficients."""
    # one spline at a time: a kernel may have millions of voxels
    total = np.zeros_like(x)
    for shift, coefficient in enumerate(coefficients * _multiplicity(coefficients.size)):
        total += coefficient * (_cubic_spline(x - shift) + _cubic_spline(x + shift))
    return total
