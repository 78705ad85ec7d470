"""Synthetic truths with an axis, and sections of them."""

from __future__ import annotations

from functools import lru_cache

from samples import PHASES

from morphgen.excursion import ExcursionModel, Field, SectionSampler, section_sampler
from morphgen.fields.kernels import Axis
from morphgen.fields.laws import Gaussian
from morphgen.fields.parametric import GaussianKernel
from morphgen.images import Section, read_section

GAUSSIAN = Gaussian()


def cylinder(scale: float, length: float = 4.0, axis: Axis = "z") -> ExcursionModel:
    """Three phases by two Gaussian fields with bells, stretched by ``scale`` along the axis."""
    kernels = [
        GaussianKernel(r, axial_scale=scale, symmetry_axis=axis) for r in (length, 0.9 * length)
    ]
    fields = tuple(
        Field(kernel, GAUSSIAN, GAUSSIAN.threshold(share))
        for kernel, share in zip(kernels, (0.35, 0.5), strict=True)
    )
    return ExcursionModel(PHASES, (1, 0, 2), fields)


@lru_cache
def _sampler(scale: float, axis: Axis, plane: str, side: int) -> SectionSampler:
    return section_sampler(cylinder(scale, axis=axis), (side, side), plane=plane)  # type: ignore[arg-type]


def cut(scale: float, plane: str, seed: int, side: int = 256, axis: Axis = "z") -> Section:
    """One section of a truth."""
    return read_section(_sampler(scale, axis, plane, side).labels(seed), plane=plane)
