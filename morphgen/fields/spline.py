"""High-parametric (HP) kernels: compactly supported cubic B-splines with free-sign coefficients.

The kernel of an isotropic field is k(r) = sum_j c_j B(|r| / d - j), j = 0..m-1, for the cardinal
cubic B-spline B and knot distance d; it ends at R = (m + 1) d, twice continuously differentiable.
The cylindrical kernel is the tensor product of two such sums, in r_perp and |z|.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

import numpy as np

from morphgen._array_api import Array, asarray_like, namespace
from morphgen.errors import ModelError
from morphgen.fields.kernels import (
    Axis,
    GradientVariance,
    Kernel,
    axis_distances,
    check_positive,
    unfold,
)
from morphgen.fields.spectra import (
    CylindricalSpectrum,
    RadialSpectrum,
    bessel_j0,
    folded_splines,
    spline_sum,
)

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
        across, along, energy = self._spectrum
        return GradientVariance(
            float(np.sum(energy * across[:, None] ** 2)) / 2.0, float(np.sum(energy * along**2))
        )

    def cylindrical_correlation(self, perpendicular: Array, axial: Array) -> Array:
        """Correlation at distances across and along the axis, of any backend and shape."""
        xp = namespace(perpendicular)
        zero = xp.zeros_like(perpendicular)
        # the quadrature resolves lags up to the supports; beyond them the correlation is zero
        near = (perpendicular < 2.0 * self.support_radius) & (axial < 2.0 * self.support_height)
        across, along, energy = self._spectrum
        weights = asarray_like(energy, perpendicular)
        distances = xp.where(near, perpendicular, zero)[..., None]
        columns = xp.matmul(bessel_j0(distances * asarray_like(across, perpendicular)), weights)
        heights = xp.where(near, axial, zero)[..., None]
        waves = xp.cos(heights * asarray_like(along, perpendicular))
        return xp.where(near, xp.sum(columns * waves, axis=-1), zero)

    def grid_correlation(self, perpendicular: np.ndarray, axial: np.ndarray) -> np.ndarray:
        """Correlation at all pairs of distances across and along the axis."""
        across, along, energy = self._spectrum
        near = perpendicular < 2.0 * self.support_radius, axial < 2.0 * self.support_height
        columns = bessel_j0(perpendicular[near[0], None] * across) @ energy
        values = np.zeros((perpendicular.size, axial.size))
        values[np.ix_(*near)] = columns @ np.cos(along[:, None] * axial[near[1]])
        return values

    def lattice_values(self, spacing: Sequence[float]) -> np.ndarray:
        """Kernel on the voxel lattice, with the squares of its values summing to one."""
        ends = [self.support_radius] * 3
        ends["zyx".index(self.symmetry_axis)] = self.support_height
        half = [math.floor(end / step) for end, step in zip(ends, spacing, strict=True)]
        across, along = axis_distances(self.symmetry_axis, spacing, half)
        values = np.asarray(self.coefficients)
        rows = folded_splines(across / self._knots()[0], values.shape[0])
        columns = folded_splines(along / self._knots()[1], values.shape[1])
        return unfold(np.einsum("...i,ij,...j->...", rows, values, columns, optimize=True))

    def _knots(self) -> tuple[float, float]:
        rows, columns = len(self.coefficients), len(self.coefficients[0])
        return self.support_radius / (rows + 1), self.support_height / (columns + 1)

    @cached_property
    def _spectrum(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Wave numbers across and along the axis, and the spectral energy at their pairs."""
        values = np.asarray(self.coefficients)
        spectrum = CylindricalSpectrum.of(*values.shape)
        across, along = self._knots()
        return spectrum.across / across, spectrum.along / along, spectrum.energy(values)


@lru_cache(maxsize=16)
def _lattice_values(kernel: SplineKernel, spacing: tuple[float, ...]) -> np.ndarray:
    half = [math.floor(kernel.support_radius / step) for step in spacing]
    distance, _ = axis_distances(None, spacing, half)
    octant = spline_sum(np.asarray(kernel.coefficients), distance / kernel.knot_distance)
    values = unfold(octant)
    values.flags.writeable = False
    return values


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
