"""Models that many tests share."""

from __future__ import annotations

import numpy as np

from morphgen.excursion import ExcursionModel, Field
from morphgen.fields.laws import ChiSquare, Gaussian
from morphgen.fields.parametric import GaussianKernel, MaternKernel
from morphgen.fields.spline import SplineKernel
from morphgen.phases import Phase

PHASES = (Phase(0, "pore"), Phase(1, "active material"), Phase(2, "solid electrolyte"))


def spline_kernel(support_radius: float = 12.0, count: int = 8) -> SplineKernel:
    """Bell-shaped spline kernel."""
    knots = np.linspace(0.0, 2.5, count)
    return SplineKernel(tuple(np.exp(-(knots**2)).tolist()), support_radius)


def two_phases(length: float = 5.0, threshold: float = 0.2) -> ExcursionModel:
    """One Gaussian field."""
    field = Field(GaussianKernel(length), Gaussian(), threshold)
    return ExcursionModel(PHASES[:2], (1, 0), (field,))


def three_phases() -> ExcursionModel:
    """A Gaussian field first, then a lower excursion set of a chi-square field."""
    first = Field(spline_kernel(), Gaussian(), 0.1)
    second = Field(MaternKernel(2.0, smoothness=2.5), ChiSquare(2), 1.3, "below")
    return ExcursionModel(PHASES, (1, 0, 2), (first, second))
