"""What a coarser voxel loses, and what a finer one of a rough field invents.

    python benchmarks/resolution.py [--side 512] [--length 16] [--seed 1]

One field of each law with 30 % of its volume, drawn on voxels of a small part of its length, is
looked at on every 2nd, 4th, ... voxel: a label is that of a point, so that this is the same as
drawing on coarser voxels. Interface area is estimated in 13 directions and divided by the closed
form; for the rough field, of exponential covariance and no finite area, by that of the finest
voxels. The share of the largest cluster is that of voxels joined by their faces.
"""

from __future__ import annotations

import argparse

import numpy as np
import scipy.ndimage
from runs import surroundings

import morphgen as mg
from morphgen.descriptors import specific_surface_areas
from morphgen.fields.laws import ChiSquare, Gaussian, Law
from morphgen.fields.parametric import GaussianKernel, MaternKernel

FRACTION = 0.3
LAWS: tuple[Law, ...] = (Gaussian(), ChiSquare(1), ChiSquare(2), ChiSquare(4))


def drawn(field: mg.Field, side: int, seed: int) -> tuple[mg.ExcursionModel, np.ndarray]:
    """Model of one field, and a cube of it."""
    model = mg.ExcursionModel((mg.Phase(0, "rest"), mg.Phase(1, "phase")), (1, 0), (field,))
    return model, mg.Realization(model, seed).window((0, 0, 0), (side, side, side))


def largest_cluster(phase: np.ndarray) -> float:
    """Share of the phase that its largest cluster takes."""
    clusters, _ = scipy.ndimage.label(phase)
    sizes = np.bincount(clusters.ravel())[1:]
    return float(sizes.max() / sizes.sum())


def seen(model: mg.ExcursionModel, labels: np.ndarray, step: int, area: float) -> list[float]:
    """Width of features in voxels, relative interface area and share of the largest cluster."""
    held = np.ascontiguousarray(labels[::step, ::step, ::step])
    found = float(specific_surface_areas(held, (0, 1), spacing=float(step))[1])
    outside = float(model.two_point_coverage(np.array([float(step)]))[0, 1, 0])
    return [FRACTION / outside, found / area, largest_cluster(held == 1)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--length", type=float, default=16.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print(surroundings())
    print("| field | length (voxels) | features (voxels) | area | largest cluster |")
    print("|---|---|---|---|---|")
    steps = [step for step in (1, 2, 4, 8, 16) if step <= options.length]
    fields = [
        mg.Field(GaussianKernel(options.length), law, law.threshold(FRACTION)) for law in LAWS
    ]
    rough = MaternKernel(options.length, smoothness=0.5)
    fields.append(mg.Field(rough, Gaussian(), Gaussian().threshold(FRACTION)))
    for field in fields:
        smooth = field.kernel is not rough
        model, labels = drawn(field, options.side // (1 if smooth else 2), options.seed)
        area = model.specific_surface_areas()[1] if smooth else seen(model, labels, 1, 1.0)[1]
        for step in steps:
            values = " | ".join(f"{value:.3g}" for value in seen(model, labels, step, area))
            name = field.law.name if smooth else "exponential"
            print(f"| {name} | {options.length / step:g} | {values} |", flush=True)


if __name__ == "__main__":
    main()
