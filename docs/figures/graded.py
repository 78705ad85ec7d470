"""An electrode whose porosity falls along z: a section of it, and the fractions of its planes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

import morphgen as mg
from morphgen.fields.laws import ChiSquare, Gaussian
from morphgen.fields.parametric import GaussianKernel
from morphgen.phases import phase_colors

PIXEL, SHAPE = 0.1, (256, 320, 512)
PHASES = (mg.Phase(0, "pore"), mg.Phase(1, "active material"), mg.Phase(2, "solid electrolyte"))
PROFILE = mg.Profile("z", (0.0, 12.8, 25.6), {0: (0.45, 0.3, 0.15), 1: (0.35, 0.45, 0.6)})


def draw(folder: Path) -> None:
    """Draw a section across the gradient, and local fractions beside the profile."""
    law = ChiSquare(2)
    fields = (
        mg.Field(GaussianKernel(0.8), Gaussian(), 0.1),
        mg.Field(GaussianKernel(0.6), law, law.threshold(0.5)),
    )
    model = mg.ExcursionModel(PHASES, (1, 0, 2), fields, (PIXEL,) * 3, "um")
    labels = mg.Realization(model, 3, profile=PROFILE).window((0, 0, 0), SHAPE)
    graded = mg.GradedModel(model, PROFILE)
    places = graded.places(0, SHAPE[0])
    figure = Figure(figsize=(8.4, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(2.0, 1.1), sharey=True)
    colors = phase_colors(PHASES)
    extent = (0.0, SHAPE[2] * PIXEL, SHAPE[0] * PIXEL, 0.0)
    left.imshow(labels[:, 0], ListedColormap(colors), vmin=0, vmax=2, extent=extent)
    left.set_xlabel("x (µm)")
    left.set_ylabel("z (µm)")
    for phase, color in zip(PHASES, colors, strict=True):
        found = np.mean(labels == phase.label, axis=(1, 2))
        right.plot(found, places, color=color, label=phase.name)
        right.plot(graded.fractions(places)[phase.label], places, color="0.4", linestyle="--")
    right.set_xlabel("volume fraction")
    right.set_xlim(0.0, 0.75)
    figure.legend(loc="outside upper right", ncols=3, frameon=False, fontsize=8)
    figure.savefig(folder / "graded.png", dpi=130)
