"""What two-point statistics miss: pairs of structures with one coverage function, in 3D.

As a program, it measures the table of docs/explanation/beyond-two-points.md.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from blindness import FRACTION, LAG, PHASES, pair
from matplotlib.figure import Figure

import morphgen as mg
from morphgen import descriptors
from morphgen.validation.surface_view import render

EDGE, SEEDS = 128, 6
COLORED = (PHASES[0], mg.Phase(1, "solid", "#e69f00"))
TRUTH, TWIN = "#000000", "#0072b2"


def volume(model: mg.ExcursionModel, seed: int, edge: int = EDGE) -> np.ndarray:
    """A volume of the model."""
    return np.asarray(mg.Realization(model, seed).window((0, 0, 0), (edge, edge, edge)))


def draw(folder: Path) -> None:
    """Draw a pair, its coverage function, and what tells the two apart."""
    models = pair(1)
    figure = Figure(figsize=(8.0, 6.6), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(1.45, 1.0))
    names = ("chi-square, n = 1", "Gaussian, the same two-point coverage")
    for axis, model, name in zip(above.subplots(1, 2), models, names, strict=True):
        axis.imshow(render(volume(model, 1, 112), (1.0, 1.0, 1.0), COLORED, 0, 460))
        axis.set_title(name, fontsize=10)
        axis.axis("off")
    left, middle, right = below.subplots(1, 3)
    for model, color, style, name in (
        (models[0], TRUTH, "-", "chi-square"),
        (models[1], TWIN, "--", "Gaussian"),
    ):
        labels = volume(model, 1, 112)
        coverage = np.asarray(model.two_point_coverage(LAG))[1, 1]
        left.plot(LAG, coverage, style, color=color, label=name)
        path = descriptors.lineal_path(labels, 1, 0)
        middle.plot(path.lengths[:49], path.values()[:49], style, color=color)
        sizes = descriptors.clusters(labels, 1).sizes
        right.plot(np.arange(1, sizes.size + 1), np.cumsum(sizes) / sizes.sum(), style, color=color)
    left.axhline(FRACTION**2, color="0.7", linewidth=0.8)
    left.legend(frameon=False, fontsize=8)
    right.set_xscale("log")
    right.set_ylim(0.0, 1.02)
    for axis, title, x in (
        (left, "two-point coverage", "lag (voxels)"),
        (middle, "lineal path", "length (voxels)"),
        (right, "share in the largest clusters", "number of clusters"),
    ):
        axis.set_title(title, fontsize=10)
        axis.set_xlabel(x, fontsize=9)
        axis.tick_params(labelsize=8)
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(folder / "beyond.png", dpi=130)


def _tortuosity(labels: np.ndarray) -> float:
    found = [descriptors.geodesic_tortuosities(labels, 1, axis) for axis in range(3)]
    return float(np.mean(np.concatenate(found)))


def _diffusivity(labels: np.ndarray) -> float:
    middle = slice(EDGE // 4, 3 * EDGE // 4)
    return descriptors.effective_diffusivity(labels[middle, middle, middle], 1, 0)


MEASURES: dict[str, Callable[[np.ndarray], float]] = {
    "volume fraction": lambda labels: float(np.mean(labels == 1)),
    "C at lag 8": lambda labels: float(np.mean((labels[8:] == 1) & (labels[:-8] == 1))),
    "surface area per volume": lambda labels: float(
        descriptors.specific_surface_areas(labels, [0, 1])[1]
    ),
    "largest cluster": lambda labels: descriptors.clusters(labels, 1).largest_share(),
    "through-connected along z": lambda labels: descriptors.clusters(labels, 1).through_share(0),
    "mean geodesic tortuosity": _tortuosity,
    "Euler number, 10⁻⁵ per voxel": lambda labels: (
        1e5 * float(descriptors.euler_density(labels, 1))
    ),
    "effective diffusivity": _diffusivity,
}


def main() -> None:
    """Print the table: means over seeds, with standard errors."""
    for components in (1, 2):
        models = pair(components)
        first, second = (np.asarray(model.two_point_coverage(LAG)) for model in models)
        print(f"n = {components}: C differs by at most {np.abs(first - second).max():.2g}")
        drawn = [[volume(model, seed) for seed in range(SEEDS)] for model in models]
        for name, measure in MEASURES.items():
            cells = []
            for volumes in drawn:
                values = np.array([measure(labels) for labels in volumes])
                error = np.nanstd(values, ddof=1) / SEEDS**0.5
                cells.append(f"{np.nanmean(values):.4g} ± {error:.2g}")
            print(f"| {name} | n = {components} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
