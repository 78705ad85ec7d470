"""A structure of three phases that the pictures of descriptors share, and how they are drawn."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

import morphgen as mg
from morphgen.fields.laws import Gaussian
from morphgen.fields.parametric import GaussianKernel
from morphgen.validation.rendering import colored
from morphgen.validation.surface_view import render

PHASES = (
    mg.Phase(0, "pore", "#dfe3e8"),
    mg.Phase(1, "grain", "#e69f00"),
    mg.Phase(2, "binder", "#0072b2"),
)
PORE, GRAIN, BINDER = 0, 1, 2
COLORS = tuple(phase.color for phase in PHASES)
MARK = "#cc3311"
WIDTH = 7.6


@cache
def model() -> mg.ExcursionModel:
    """Grains of a Gaussian field, and binder that a second one cuts out of what is left."""
    law = Gaussian()
    fields = (
        mg.Field(GaussianKernel(6.0), law, law.threshold(0.45)),
        mg.Field(GaussianKernel(5.0), law, law.threshold(0.3)),
    )
    return mg.ExcursionModel(PHASES, (GRAIN, BINDER, PORE), fields)


@cache
def section(side: int = 140) -> np.ndarray:
    """A plane section."""
    return mg.section_sampler(model(), (side, side)).labels(seed=5)


@cache
def volume(side: int = 80) -> np.ndarray:
    """A volume."""
    return np.asarray(mg.Realization(model(), 3).window((0, 0, 0), (side, side, side)))


def canvas(panels: int, height: float = 2.5, ratios: tuple[float, ...] | None = None):
    """A figure with some panels beside each other."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, figure.subplots(1, panels, width_ratios=ratios)


def show(axis: Axes, labels: np.ndarray, title: str = "") -> None:
    """Draw a section in the colours of its phases."""
    axis.imshow(colored(labels, PHASES), interpolation="nearest")
    bare(axis, title)


def surfaces(axis: Axes, labels: np.ndarray, title: str, phases=PHASES, hidden: int = PORE) -> None:
    """Draw a volume with one phase cut away."""
    image = render(labels, (1.0, 1.0, 1.0), phases, hidden, 420)
    axis.imshow(image)
    bare(axis, title)
    # a square around it: titles stand at one height
    side, (rows, columns) = max(image.shape), image.shape[:2]
    axis.set_xlim(0.5 * (columns - side), 0.5 * (columns + side))
    axis.set_ylim(0.5 * (rows + side), 0.5 * (rows - side))
    axis.set_frame_on(False)


def bare(axis: Axes, title: str = "") -> None:
    """Take the ticks away."""
    axis.set_xticks([])
    axis.set_yticks([])
    axis.set_title(title, fontsize=9)


def label(axis: Axes, x: str, title: str) -> None:
    """Name a graph and its argument."""
    axis.set_xlabel(x, fontsize=8)
    axis.set_title(title, fontsize=9)
    axis.tick_params(labelsize=8)
    axis.spines[["top", "right"]].set_visible(False)


def legend(figure: Figure, *entries: tuple[str, str]) -> None:
    """Say what colours mean, below the panels."""
    handles = [Patch(facecolor=color, edgecolor="0.3", label=name) for name, color in entries]
    figure.legend(
        handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, fontsize=8
    )


def phase_legend(figure: Figure) -> None:
    """Name the phases."""
    legend(figure, *((phase.name, phase.color) for phase in PHASES))


def save(figure: Figure, folder: Path, name: str) -> None:
    """Write a picture."""
    figure.savefig(folder / f"{name}.png", dpi=130)
