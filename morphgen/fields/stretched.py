"""Spline kernels of a radius that is stretched along an axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from morphgen._array_api import Array
from morphgen.fields.kernels import AXES, Axis, GradientVariance, Kernel, check_positive
from morphgen.fields.spline import SplineKernel


@dataclass(frozen=True)
class StretchedSplineKernel(Kernel):
    """Spline kernel in h = sqrt(r_perp^2 + (z / axial_scale)^2).

    It is the kernel of an isotropic field that is stretched along an axis.

    Parameters
    ----------
    coefficients : tuple of float
        As in `SplineKernel`.
    support_radius : float
        Distance across the axis at which the kernel ends, in the model's unit.
    axial_scale : float
        Stretch along the axis.
    symmetry_axis : {"z", "y", "x"}
        Axis of symmetry.
    """

    coefficients: tuple[float, ...]
    support_radius: float
    axial_scale: float
    symmetry_axis: Axis
    type: Literal["stretched_spline"] = "stretched_spline"

    def __post_init__(self) -> None:
        check_positive("axial_scale", self.axial_scale)
        # its coefficients and radius are checked where it is made
        _ = self._isotropic

    @property
    def axis(self) -> Axis | None:
        """Axis of symmetry."""
        return self.symmetry_axis

    @property
    def reach(self) -> float:
        """Distance beyond which the correlation vanishes."""
        return self._isotropic.reach * max(1.0, self.axial_scale)

    @property
    def gradient_variance(self) -> GradientVariance:
        """Minus the second derivatives of the correlation at lag 0."""
        variance = self._isotropic.gradient_variance.perpendicular
        return GradientVariance(variance, variance / self.axial_scale**2)

    def cylindrical_correlation(self, perpendicular: Array, axial: Array) -> Array:
        """Correlation at distances across and along the axis, of any backend and shape."""
        return self._isotropic.cylindrical_correlation(perpendicular, axial / self.axial_scale)

    def lattice_values(self, spacing: Sequence[float]) -> np.ndarray:
        """Kernel on the voxel lattice, with the squares of its values summing to one."""
        steps = [float(step) for step in spacing]
        steps[AXES.index(self.symmetry_axis)] /= self.axial_scale
        return self._isotropic.lattice_values(steps)

    @cached_property
    def _isotropic(self) -> SplineKernel:
        """The kernel before it is stretched."""
        return SplineKernel(self.coefficients, self.support_radius)
