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
SMOOTH: tuple[Law, ...] = (Gaussian(), ChiSquare(1), ChiSquare(2), ChiSquare(4))


def drawn(field: mg.Field, side: int, seed: int) -> tuple[mg.ExcursionModel, np.ndarray]:
    """Model of one field, and a cube of it."""
    model = mg.ExcursionModel((mg.Phase(0, "rest"), mg.Phase(1, "phase")), (1, 0), (field,))
    return model, mg.Realization(model, seed).window((0, 0, 0), (side, side, side))


def largest_cluster(phase: np.ndarray) -> float:
    """Share of the phase that its largest cluster takes."""
    clusters, _ = scipy.ndimage.label(phase)
    sizes = np.bincount(clusters.ravel())[1:]
    return float(sizes.max() / sizes.sum())


def row(labels: np.ndarray, step: int, area: float) -> tuple[float, float, float]:
    """Fraction, relative interface area and share of the largest cluster on coarser voxels."""
    seen = np.ascontiguousarray(labels[::step, ::step, ::step])
    found = float(specific_surface_areas(seen, (0, 1), spacing=float(step))[1])
    return float(np.mean(seen == 1)), found / area, largest_cluster(seen == 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--length", type=float, default=16.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print(surroundings())
    steps = [step for step in (1, 2, 4, 8, 16) if step <= options.length]
    for law in SMOOTH:
        field = mg.Field(GaussianKernel(options.length), law, law.threshold(FRACTION))
        model, labels = drawn(field, options.side, options.seed)
        for step in steps:
            seen = row(labels, step, model.specific_surface_areas()[1])
            show(law.name, options.length / step, seen)
    rough = MaternKernel(options.length, smoothness=0.5)
    field = mg.Field(rough, Gaussian(), Gaussian().threshold(FRACTION))
    labels = drawn(field, options.side // 2, options.seed)[1]
    finest = row(labels, 1, 1.0)[1]
    for step in steps:
        show("exponential", options.length / step, row(labels, step, finest))


def show(name: str, length: float, seen: tuple[float, float, float]) -> None:
    """Print one row."""
    print(f"{name:12} {length:5.1f} voxels  fraction {seen[0]:.3f}  area {seen[1]:.3f}  "
          f"largest cluster {seen[2]:.3f}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
