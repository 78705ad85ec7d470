"""Low-parametric (LP) kernels: named covariance families, stretched along an axis if wanted.

Their lattice kernel is the square root of the covariance on the lattice: the field then has the
family's correlation at every lattice lag, whether or not the continuous kernel is singular.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import scipy.fft
import scipy.special

from morphgen._array_api import Array, check_eager, is_numpy, namespace
from morphgen.errors import ModelError
from morphgen.fields.kernels import (
    Axis,
    GradientVariance,
    Kernel,
    axis_distances,
    check_positive,
    unfold,
)

# share of a kernel's energy that is cut off; the correlation then errs by less than 1e-3 (tested)
_DISCARDED_ENERGY = 1e-6
_NEGLIGIBLE = 1e-5
# The lattice root of a covariance of about one voxel reaches farther than the covariance: its
# spectrum does not vanish at the Nyquist wave number.
KERNEL_MARGIN = 16


@dataclass(frozen=True)
class ParametricKernel(Kernel):
    """A covariance family rho(h), with h = sqrt(r^2 + (z / axial_scale)^2).

    Parameters
    ----------
    length : float
        Correlation length l, in the model's unit.
    axial_scale : float
        Stretch along the axis; 1 for an isotropic kernel.
    symmetry_axis : {"z", "y", "x"} or None
        Axis of symmetry; None for an isotropic kernel.
    """

    length: float
    axial_scale: float = 1.0
    symmetry_axis: Axis | None = None

    def __post_init__(self) -> None:
        check_positive("length", self.length)
        check_positive("axial_scale", self.axial_scale)
        if self.symmetry_axis is None and self.axial_scale != 1.0:
            raise ModelError(f"axial_scale is {self.axial_scale}, but no symmetry_axis is given")

    @abstractmethod
    def radial_correlation(self, distance: Array) -> Array:
        """Correlation at a distance, before the stretch along the axis."""

    @property
    @abstractmethod
    def radial_gradient_variance(self) -> float:
        """Minus the second derivative of ``radial_correlation`` at 0."""

    @property
    def axis(self) -> Axis | None:
        """Axis of symmetry, or None for an isotropic kernel."""
        return self.symmetry_axis

    @property
    def gradient_variance(self) -> GradientVariance:
        """Minus the second derivatives of the correlation at lag 0."""
        variance = self.radial_gradient_variance
        return GradientVariance(variance, variance / self.axial_scale**2)

    @property
    def reach(self) -> float:
        """Distance beyond which the correlation is below 1e-5."""
        return self._radial_reach() * max(1.0, self.axial_scale)

    def cylindrical_correlation(self, perpendicular: Array, axial: Array) -> Array:
        """Correlation at distances across and along the axis, of any backend and shape."""
        xp = namespace(perpendicular)
        scaled = axial / self.axial_scale
        return self.radial_correlation(xp.sqrt(perpendicular**2 + scaled**2))

    def lattice_values(self, spacing: Sequence[float]) -> np.ndarray:
        """Square root of the lattice covariance, cut off where its energy is negligible."""
        return _lattice_root(self, tuple(float(step) for step in spacing))

    def _radial_reach(self) -> float:
        distances = self.length * np.arange(0.5, 400.0, 0.25)
        beyond = np.flatnonzero(np.abs(self.radial_correlation(distances)) > _NEGLIGIBLE)
        return float(distances[min(beyond[-1] + 1, distances.size - 1)])

    def _half_lengths(self, spacing: Sequence[float]) -> list[int]:
        reach = [self._radial_reach()] * 3
        if self.symmetry_axis is not None:
            reach["zyx".index(self.symmetry_axis)] *= self.axial_scale
        return [math.ceil(r / step) + KERNEL_MARGIN for r, step in zip(reach, spacing, strict=True)]


@dataclass(frozen=True)
class GaussianKernel(ParametricKernel):
    """rho(h) = exp(-h^2 / 2 l^2): the smoothest family."""

    type: Literal["gaussian"] = "gaussian"

    def radial_correlation(self, distance: Array) -> Array:
        """Correlation at a distance, before the stretch along the axis."""
        return namespace(distance).exp(-0.5 * (distance / self.length) ** 2)

    @property
    def radial_gradient_variance(self) -> float:
        """Minus the second derivative of the correlation at 0: 1 / l^2."""
        return 1.0 / self.length**2


@dataclass(frozen=True)
class MaternKernel(ParametricKernel):
    """rho(h) = 2^(1-nu) / Gamma(nu) (h/l)^nu K_nu(h/l): of adjustable smoothness nu.

    Parameters
    ----------
    smoothness : float
        The exponent nu in [0.3, 20]; 1/2 is the exponential covariance.
    """

    smoothness: float = 1.5
    type: Literal["matern"] = "matern"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.3 <= self.smoothness <= 20.0:
            raise ModelError(f"smoothness is {self.smoothness}: expected 0.3 to 20")

    def radial_correlation(self, distance: Array) -> Array:
        """Correlation at a distance, before the stretch along the axis."""
        xp, nu = namespace(distance), self.smoothness
        scaled = distance / self.length
        tiny = scaled < 1e-8
        safe = xp.where(tiny, xp.ones_like(scaled), scaled)
        factor = 2.0 ** (1.0 - nu) / math.gamma(nu)
        value = factor * safe**nu * _bessel_k(nu, safe)
        return xp.where(tiny, xp.ones_like(scaled), value)

    @property
    def radial_gradient_variance(self) -> float:
        """Minus the second derivative at 0: 1 / (2 (nu - 1) l^2), infinite for nu <= 1."""
        if self.smoothness <= 1.0:
            return math.inf
        return 0.5 / ((self.smoothness - 1.0) * self.length**2)


@dataclass(frozen=True)
class DampedSincKernel(ParametricKernel):
    """rho(h) = sin(kh)/(kh) exp(-h^2 / 2 l^2): a hole effect, valid in three dimensions.

    Parameters
    ----------
    wave_number : float
        The wave number k, in radians per unit of length.
    """

    wave_number: float = 1.0
    type: Literal["damped_sinc"] = "damped_sinc"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive("wave_number", self.wave_number)

    def radial_correlation(self, distance: Array) -> Array:
        """Correlation at a distance, before the stretch along the axis."""
        xp = namespace(distance)
        phase = self.wave_number * distance
        tiny = phase < 1e-8
        safe = xp.where(tiny, xp.ones_like(phase), phase)
        wave = xp.where(tiny, xp.ones_like(phase), xp.sin(safe) / safe)
        return wave * xp.exp(-0.5 * (distance / self.length) ** 2)

    @property
    def radial_gradient_variance(self) -> float:
        """Minus the second derivative of the correlation at 0: k^2 / 3 + 1 / l^2."""
        return self.wave_number**2 / 3.0 + 1.0 / self.length**2


def _bessel_k(order: float, z: Array) -> Array:
    xp = namespace(z)
    if is_numpy(xp):
        return scipy.special.kv(order, z)
    check_eager(xp, "a Matérn correlation")
    # int_0^inf exp(-z cosh t) cosh(order t) dt: the trapezoidal rule converges at double
    # exponential speed; t = 25 covers z >= 1e-8
    step = 0.05
    total = 0.5 * xp.exp(-z)
    for k in range(1, 500):
        t = step * k
        total = total + xp.exp(order * t - z * math.cosh(t)) * 0.5 * (
            1.0 + math.exp(-2.0 * order * t)
        )
    return step * total


@lru_cache(maxsize=16)
def _lattice_root(kernel: ParametricKernel, spacing: tuple[float, ...]) -> np.ndarray:
    half = kernel._half_lengths(spacing)
    distances = axis_distances(kernel.axis, spacing, half)
    # the cosine transform of an octant is the Fourier transform of its even continuation
    spectrum = scipy.fft.dctn(kernel.cylindrical_correlation(*distances), type=1)
    root = scipy.fft.idctn(np.sqrt(np.clip(spectrum, 0.0, None)), type=1)
    values = unfold(_truncated(root, *distances, kernel.axial_scale))
    values.flags.writeable = False
    return values


def _truncated(
    octant: np.ndarray, perpendicular: np.ndarray, axial: np.ndarray, axial_scale: float
) -> np.ndarray:
    """Cut an octant off at the radius beyond which its energy is negligible."""
    radius = np.sqrt(perpendicular**2 + (axial / axial_scale) ** 2)
    # points on a face of the octant stand for one, two or four mirror images fewer
    images = np.ones(octant.shape)
    for axis in range(3):
        inner = [slice(None)] * 3
        inner[axis] = slice(1, None)
        images[tuple(inner)] *= 2.0
    order = np.argsort(radius, axis=None)
    energy = np.cumsum((images * octant**2).ravel()[order])
    last = np.searchsorted(energy, (1.0 - _DISCARDED_ENERGY) * energy[-1])
    inside = radius <= radius.ravel()[order[last]]
    extent = [int(np.flatnonzero(inside.any(axis=_others(axis)))[-1]) + 1 for axis in range(3)]
    kept = np.where(inside, octant, 0.0)
    return kept[: extent[0], : extent[1], : extent[2]]


def _others(axis: int) -> tuple[int, ...]:
    return tuple(i for i in range(3) if i != axis)
