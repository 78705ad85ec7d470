"""Area of exported surfaces over the closed form: planes by direction, excursion sets of fields.

    python benchmarks/surfaces.py [--seeds 24] [--side 128]

Triangles are those of `morphgen export FILE.stl`. Of a field those count whose centre lies inside
the volume, so that the faces that close the surface at its border do not.
"""

from __future__ import annotations

import argparse
import math
import statistics

import numpy as np
from runs import surroundings

from morphgen import ExcursionModel, Field, Phase, Realization
from morphgen.fields.laws import ChiSquare, Gaussian, Law
from morphgen.fields.parametric import GaussianKernel
from morphgen.tiles.export.surfaces import triangulated

DIRECTIONS = {"axis": (0, 0, 1), "(1, 1, 0)": (0, 1, 1), "(1, 1, 1)": (1, 1, 1)}
FIELDS: tuple[tuple[str, Law, float], ...] = (
    ("Gaussian", Gaussian(), 0.5),
    ("Gaussian", Gaussian(), 0.3),
    ("chi-square, 2 degrees", ChiSquare(2), 0.4),
)
LENGTHS = (2.0, 4.0, 8.0)
SLAB = 32


def area_within(labels: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> float:
    """Area of the triangles of phase 1 whose centres lie in a box, in voxels."""
    total = 0.0
    for part in triangulated(np.split(labels, range(SLAB, len(labels), SLAB)), 1):
        corners = 0.5 * part.vertices[part.faces]
        across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        centres = corners.mean(axis=1)
        inside = ((centres >= lower) & (centres < upper)).all(axis=1)
        total += 0.5 * float(np.linalg.norm(across[inside], axis=1).sum())
    return total


def plane(normal: np.ndarray, side: int, rng: np.random.Generator) -> float:
    """Area of a digital plane over its true area, both within a cylinder about its normal."""
    grid = np.indices((side,) * 3) - 0.5 * (side - 1)
    shift = rng.uniform(-0.5, 0.5)
    labels = (np.tensordot(normal, grid, axes=1) < shift).astype(np.uint8)
    radius, total = 0.35 * side, 0.0
    for part in triangulated([labels], 1):
        corners = 0.5 * part.vertices[part.faces] - 0.5 * (side - 1)
        across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        centres = corners.mean(axis=1)
        height = centres @ normal
        away = np.linalg.norm(centres - height[:, None] * normal, axis=1)
        near = (away < radius) & (np.abs(height) < 3.0)
        total += 0.5 * float(np.linalg.norm(across[near], axis=1).sum())
    return total / (math.pi * radius**2)


def planes(count: int, side: int) -> None:
    rng = np.random.default_rng(1)
    print("| plane normal to | area / true area |\n|---|---|")
    for name, direction in DIRECTIONS.items():
        normal = np.array(direction) / np.linalg.norm(direction)
        print(f"| {name} | {statistics.fmean(plane(normal, side, rng) for _ in range(4)):.3f} |")
    found = []
    for _ in range(count):
        normal = rng.normal(size=3)
        found.append(plane(normal / np.linalg.norm(normal), side, rng))
    error = statistics.stdev(found) / count**0.5
    print(f"| random, {count} | {statistics.fmean(found):.3f} ± {error:.3f} |")
    print(f"\nof these, {min(found):.3f} to {max(found):.3f}\n")


def fields(seeds: int, side: int) -> None:
    print("| field | fraction | length (voxels) | area / closed form |\n|---|---|---|---|")
    for name, law, share in FIELDS:
        for length in LENGTHS:
            field = Field(GaussianKernel(length), law, law.threshold(share))
            model = ExcursionModel((Phase(0, "a"), Phase(1, "b")), (1, 0), (field,))
            expected = model.specific_surface_areas()[1] * (side - 2) ** 3
            lower, upper = np.full(3, 0.5), np.full(3, side - 1.5)
            found = []
            for seed in range(seeds):
                labels = np.asarray(Realization(model, seed).window((0, 0, 0), (side,) * 3))
                found.append(area_within(labels, lower, upper) / expected)
            error = statistics.stdev(found) / seeds**0.5
            mean = statistics.fmean(found)
            print(f"| {name} | {share} | {length:g} | {mean:.3f} ± {error:.3f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=24)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--planes", type=int, default=200)
    options = parser.parse_args()
    print(surroundings())
    planes(options.planes, 64)
    fields(options.seeds, options.side)


if __name__ == "__main__":
    main()
