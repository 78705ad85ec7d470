"""The models that the benchmarks draw from."""

from __future__ import annotations

import morphgen as mg
from morphgen.fields.laws import ChiSquare, Gaussian
from morphgen.fields.parametric import GaussianKernel, MaternKernel

PHASES = (mg.Phase(0, "pore"), mg.Phase(1, "active material"), mg.Phase(2, "electrolyte"))


def smooth(length: float = 8.0) -> mg.ExcursionModel:
    """One Gaussian field of covariance exp(-h^2 / 2 l^2), fraction one half."""
    field = mg.Field(GaussianKernel(length), Gaussian(), 0.0)
    return mg.ExcursionModel(PHASES[:2], (1, 0), (field,))


def three_phases(length: float = 8.0) -> mg.ExcursionModel:
    """A Gaussian and a chi-square field with two degrees of freedom: three Gaussian fields."""
    first, second = Gaussian(), ChiSquare(2)
    fields = (
        mg.Field(GaussianKernel(length), first, first.threshold(0.35)),
        mg.Field(GaussianKernel(length), second, second.threshold(0.4)),
    )
    return mg.ExcursionModel(PHASES, (1, 2, 0), fields)


def rough(length: float = 4.7) -> mg.ExcursionModel:
    """One Gaussian field of exponential covariance; its kernel reaches 32 voxels.

    Its spectrum falls with the fourth power of the wave number only: a lattice twice as coarse
    would lose a tenth of the variance.
    """
    field = mg.Field(MaternKernel(length, smoothness=0.5), Gaussian(), 0.0)
    return mg.ExcursionModel(PHASES[:2], (1, 0), (field,))


MODELS = {"smooth": smooth, "three_phases": three_phases, "rough": rough}
