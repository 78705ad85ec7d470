"""A section through an electrode whose porosity falls along z, and the fractions of its planes."""

from __future__ import annotations

from pathlib import Path

import morphgen as mg
from morphgen.fields.laws import ChiSquare, Gaussian
from morphgen.fields.parametric import GaussianKernel
from morphgen.validation.gradient import gradient

PIXEL, SHAPE, SEED = 0.1, (256, 320, 512), 3
PHASES = (mg.Phase(0, "pore"), mg.Phase(1, "active material"), mg.Phase(2, "solid electrolyte"))
PROFILE = mg.Profile("z", (0.0, 12.8, 25.6), {0: (0.45, 0.3, 0.15), 1: (0.35, 0.45, 0.6)})


def electrode() -> mg.ExcursionModel:
    """Model of three phases: a Gaussian field decides the first, a chi-square field the second."""
    law = ChiSquare(2)
    fields = (
        mg.Field(GaussianKernel(0.8), Gaussian(), 0.1),
        mg.Field(GaussianKernel(0.6), law, law.threshold(0.5)),
    )
    return mg.ExcursionModel(PHASES, (1, 0, 2), fields, (PIXEL,) * 3, "um")


def volume(seed: int, shape: tuple[int, int, int] = SHAPE) -> mg.Volume:
    """Draw the graded volume."""
    labels = mg.Realization(electrode(), seed, profile=PROFILE).window((0, 0, 0), shape)
    return mg.Volume(labels, (PIXEL,) * 3, "um", PHASES, "0" * 64, "graded volume")


def draw(folder: Path) -> None:
    """Draw a section across the gradient, and local fractions beside the profile."""
    drawn = gradient(volume(SEED), mg.GradedModel(electrode(), PROFILE))
    (folder / "graded.png").write_bytes(drawn.data)
