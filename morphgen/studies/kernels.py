"""Kernels with other lengths."""

from __future__ import annotations

from dataclasses import replace

from morphgen.errors import InputError
from morphgen.excursion.shared import AnyKernel
from morphgen.fields.kernels import Axis
from morphgen.fields.parametric import DampedSincKernel, ParametricKernel
from morphgen.fields.spline import CylindricalSplineKernel, SplineKernel
from morphgen.fields.stretched import StretchedSplineKernel


def scaled(kernel: AnyKernel, factor: float) -> AnyKernel:
    """Kernel whose lengths are all multiplied: its correlation at h is the other's at h / factor.

    Raises
    ------
    InputError
        If the factor is not positive.
    """
    _check(factor)
    if isinstance(kernel, SplineKernel | StretchedSplineKernel):
        return replace(kernel, support_radius=kernel.support_radius * factor)
    if isinstance(kernel, CylindricalSplineKernel):
        return replace(
            kernel,
            support_radius=kernel.support_radius * factor,
            support_height=kernel.support_height * factor,
        )
    if isinstance(kernel, DampedSincKernel):
        wave_number = kernel.wave_number / factor
        return replace(kernel, length=kernel.length * factor, wave_number=wave_number)
    return replace(kernel, length=kernel.length * factor)


def stretched(kernel: AnyKernel, factor: float, axis: Axis) -> AnyKernel:
    """Kernel whose lengths along an axis are multiplied.

    Raises
    ------
    InputError
        If the factor is not positive, or the kernel has another axis.
    """
    _check(factor)
    if kernel.axis not in (None, axis):
        raise InputError(f"a field has the axis {kernel.axis} and cannot be stretched along {axis}")
    if isinstance(kernel, SplineKernel):
        return StretchedSplineKernel(kernel.coefficients, kernel.support_radius, factor, axis)
    if isinstance(kernel, ParametricKernel):
        return replace(kernel, axial_scale=kernel.axial_scale * factor, symmetry_axis=axis)
    if isinstance(kernel, StretchedSplineKernel):
        return replace(kernel, axial_scale=kernel.axial_scale * factor)
    return replace(kernel, support_height=kernel.support_height * factor)


def _check(factor: float) -> None:
    if not factor > 0.0:
        raise InputError(f"factor {factor}: expected a positive number")
