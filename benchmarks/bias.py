"""Bias of areas, boundary lengths and Euler numbers: by orientation, by angle, by resolution.

    python benchmarks/bias.py [--lines 60] [--seeds 8]

Areas by orientation are exact. Boundary lengths are those of straight lines in random directions
where three sectors meet, over the length of the line. Resolution: excursion sets of smooth fields,
seen on every first, second, ... voxel, over their closed forms (Adler and Taylor, 2007).
"""

from __future__ import annotations

import argparse
import math

import numpy as np

from morphgen import ExcursionModel, Field, Phase, Realization
from morphgen.descriptors import (
    euler_density,
    specific_surface_areas,
    triple_phase_boundary_densities,
)
from morphgen.descriptors._directions import direction_weights, lengths, neighbour_offsets
from morphgen.excursion import triple_phase_boundary_length
from morphgen.fields.laws import ChiSquare, Gaussian, Law
from morphgen.fields.parametric import GaussianKernel

PHASES = (Phase(0, "a"), Phase(1, "b"), Phase(2, "c"))
SPACINGS = ((1.0, 1.0, 1.0), (2.0, 1.0, 1.0), (4.0, 1.0, 1.0), (1.0, 2.0, 2.0))
JUNCTIONS = {
    "120, 120, 120": (120, 120, 120),
    "180, 90, 90": (180, 90, 90),
    "180, 60, 120": (180, 60, 120),
    "180, 30, 150": (180, 30, 150),
    "180, 15, 165": (180, 15, 165),
    "90, 45, 225": (90, 45, 225),
}
LENGTH, SIDE, STEPS = 12.0, 192, (1, 2, 3, 4, 5, 6)


def rotation(rng: np.random.Generator) -> np.ndarray:
    """Three perpendicular unit vectors, of random orientation."""
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    return q * np.sign(np.diag(r))


def sectors(
    shape: tuple[int, ...],
    spacing: np.ndarray,
    frame: np.ndarray,
    angles: np.ndarray,
    at: np.ndarray,
) -> np.ndarray:
    """Labels 0, 1, 2 around the line along the last vector of the frame, through a point."""
    centre = 0.5 * (np.array(shape) - 1.0) * spacing + at
    grid = np.indices(shape) * spacing[:, None, None, None] - centre[:, None, None, None]
    across, up = np.tensordot(frame[:2], grid, axes=1)
    angle = np.degrees(np.arctan2(up, across)) % 360.0
    return np.digitize(angle, np.cumsum(angles)[:2]).astype(np.uint8)


def length_within(direction: np.ndarray, at: np.ndarray, half: np.ndarray) -> float:
    """Length of the line in a box."""
    ends = np.sort((np.array([-half, half]) - at) / direction, axis=0)
    return float(ends[1].min() - ends[0].max())


def areas_by_orientation() -> None:
    rng = np.random.default_rng(0)
    normals = rng.normal(size=(200_000, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    print("area of a plane interface over its true area: spacing, directions, least, most, sd")
    for spacing in SPACINGS:
        for count in (3, 13):
            offsets = neighbour_offsets(3)[:count]
            units = np.array(offsets) * spacing / lengths(offsets, spacing)[:, None]
            share = 2.0 * np.abs(normals @ units.T) @ direction_weights(count, spacing)
            print(spacing, count, *np.round([share.min(), share.max(), share.std()], 3))


def lines(count: int) -> None:
    rng = np.random.default_rng(1)
    shape = (40, 40, 40)
    print("length of a straight line over its true length: spacing, angles, mean, sd, least, most")
    for spacing in SPACINGS[:2]:
        steps = np.array(spacing)
        for name, angles in JUNCTIONS.items():
            found, true = [], []
            for _ in range(count):
                frame, at = rotation(rng), rng.uniform(-0.5, 0.5, 3) * steps
                labels = sectors(shape, steps, frame, np.array(angles), at)
                windows = np.array(shape) - 5
                (density,) = triple_phase_boundary_densities(labels, (0, 1, 2), spacing).values()
                found.append(float(density) * np.prod(windows * steps))
                true.append(length_within(frame[2], at, 0.5 * windows * steps))
            share = np.array(found) / true
            row = [np.sum(found) / np.sum(true), share.std(), share.min(), share.max()]
            print(spacing, name, *np.round(row, 3), flush=True)


def model_of(first: Law, second: Law) -> ExcursionModel:
    fields = tuple(
        Field(GaussianKernel(LENGTH), law, law.threshold(p))
        for law, p in ((first, 0.35), (second, 0.5))
    )
    return ExcursionModel(PHASES, (1, 0, 2), fields)


def measured(labels: np.ndarray, step: int) -> list[float]:
    seen = labels[::step, ::step, ::step]
    first = [
        float(specific_surface_areas(seen, (0, 1, 2), float(step), directions=count)[1])
        for count in (3, 13)
    ]
    (line,) = triple_phase_boundary_densities(seen, (0, 1, 2), float(step)).values()
    return [*first, float(line), float(euler_density(seen, 1, float(step)))]


def resolution(seeds: int) -> None:
    print("over closed forms, and standard error: length in voxels, S_V (3), S_V (13), L_V, chi_V")
    laws = {"gaussian": (Gaussian(), Gaussian()), "chi-square 2": (ChiSquare(2), Gaussian())}
    for name, (first, second) in laws.items():
        model = model_of(first, second)
        field = model.fields[0]
        euler = field.law.euler_densities(
            field.threshold, field.kernel.gradient_variance.perpendicular
        )
        area = model.specific_surface_areas()[1]
        true = [area, area, triple_phase_boundary_length(model, (0, 1, 2)), euler[2]]
        found = []
        for seed in range(seeds):
            labels = Realization(model, seed).window((0, 0, 0), (SIDE,) * 3)
            found.append([measured(labels, step) for step in STEPS])
        ratio = np.array(found) / true
        print(name, "mean distance of interfaces in lengths", round(2.0 / area / LENGTH, 2))
        for place, step in enumerate(STEPS):
            # the finest lattice over the closed form, the others over the finest: less scatter
            finest = ratio[:, 0] if place else np.ones_like(ratio[:, 0])
            change = ratio[:, place].mean(axis=0) / finest.mean(axis=0)
            error = np.std(ratio[:, place] - change * finest, axis=0, ddof=1) / math.sqrt(seeds)
            print(
                LENGTH / step, *(f"{c:.3f} ({e:.3f})" for c, e in zip(change, error, strict=True))
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=8)
    chosen = parser.parse_args()
    areas_by_orientation()
    lines(chosen.lines)
    resolution(chosen.seeds)


if __name__ == "__main__":
    main()
