"""Bias of areas, boundary lengths and Euler numbers: by orientation, by angle, by resolution.

    python benchmarks/bias.py [--lines 100] [--seeds 32]

Areas by orientation are exact. Boundary lengths are those of straight lines in random directions
where three sectors meet, over the length of the line. Resolution: excursion sets of smooth fields,
over their closed forms (Adler and Taylor, 2007): at one length in voxels from many volumes, at
others from volumes of a great length of which every first, second, ... voxel is seen.
"""

from __future__ import annotations

import argparse
import math

import numpy as np

from morphgen import ExcursionModel, Field, Phase, Realization
from morphgen.descriptors import (
    euler_density,
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
LENGTH, SIDE = 8.0, 160
FINE, FINE_SIDE, STEPS = 24.0, 240, (1, 2, 3, 4, 6, 8, 10, 12)


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


def thin_bodies(count: int) -> None:
    """Layers that end between two phases, with one line, and rods on their interface, with two."""
    rng = np.random.default_rng(2)
    shape = (44, 44, 44)
    print("length of the lines over its true value: thickness in voxels, end of a layer, rod")
    for thickness in (1.5, 2.0, 3.0, 4.0, 6.0):
        found, true = np.zeros(2), np.zeros(2)
        for _ in range(count):
            frame, at = rotation(rng), rng.uniform(-0.5, 0.5, 3)
            middle = 0.5 * (np.array(shape) - 1.0) + at
            grid = np.indices(shape) - middle[:, None, None, None]
            x, y = np.tensordot(frame[:2], grid, axes=1)
            layer = (np.abs(x) < 0.5 * thickness) & (y > 0.0)
            rod = np.hypot(x, y) < 0.5 * thickness
            windows = np.array(shape) - 5
            line = length_within(frame[2], at, 0.5 * windows)
            for place, body in enumerate((layer, rod)):
                labels = np.where(body, 2, x > 0.0).astype(np.uint8)
                (density,) = triple_phase_boundary_densities(labels, (0, 1, 2)).values()
                found[place] += float(density) * np.prod(windows)
                true[place] += (1 + place) * line
        print(thickness, *np.round(found / true, 3), flush=True)


def model_of(first: Law, second: Law, length: float) -> ExcursionModel:
    fields = tuple(
        Field(GaussianKernel(length), law, law.threshold(p))
        for law, p in ((first, 0.35), (second, 0.5))
    )
    return ExcursionModel(PHASES, (1, 0, 2), fields)


def areas_on_a_lattice(model: ExcursionModel, count: int, step: float) -> float:
    """Expected area of phase 1, over its true area: neighbours differ by 2 (p - C)."""
    distance = step * lengths(neighbour_offsets(3)[:count], (1.0, 1.0, 1.0))
    share = 2.0 * (model.volume_fractions()[1] - model.two_point_coverage(distance)[1, 1])
    weights = np.array(direction_weights(count, (1.0, 1.0, 1.0)))
    found = float(np.sum(2.0 * weights * share / distance))
    return found / model.specific_surface_areas()[1]


def measured(model: ExcursionModel, labels: np.ndarray, step: int) -> list[float]:
    """Boundary length and Euler number of phase 1, over their closed forms."""
    field = model.fields[0]
    variance = field.kernel.gradient_variance.perpendicular
    euler = field.law.euler_densities(field.threshold, variance)[2]
    seen = labels[::step, ::step, ::step]
    (line,) = triple_phase_boundary_densities(seen, (0, 1, 2), float(step)).values()
    true = triple_phase_boundary_length(model, (0, 1, 2))
    return [float(line) / true, float(euler_density(seen, 1, float(step))) / euler]


def resolution(seeds: int) -> None:
    """Values at one length over closed forms, from many volumes; at others by the same volumes."""
    laws = {"gaussian": (Gaussian(), Gaussian()), "chi-square 2": (ChiSquare(2), Gaussian())}
    for name, pair in laws.items():
        model = model_of(*pair, LENGTH)
        found = np.array(
            [
                measured(model, Realization(model, seed).window((0, 0, 0), (SIDE,) * 3), 1)
                for seed in range(seeds)
            ]
        )
        level, error = found.mean(axis=0), found.std(axis=0, ddof=1) / math.sqrt(seeds)
        print(name, f"l = {LENGTH}: L_V, chi_V over closed forms", level, "+-", error, flush=True)
        fine = model_of(*pair, FINE)
        several = []
        for seed in range(seeds // 4):
            labels = Realization(fine, seed).window((0, 0, 0), (FINE_SIDE,) * 3)
            several.append([measured(fine, labels, step) for step in STEPS])
        total = np.sum(several, axis=0)
        distance = 2.0 / fine.specific_surface_areas()[1]
        print("l, distance of interfaces in voxels, S_V (3), S_V (13), L_V, chi_V")
        for step, row in zip(STEPS, level * total / total[STEPS.index(3)], strict=True):
            areas = [areas_on_a_lattice(fine, count, float(step)) for count in (3, 13)]
            print(FINE / step, round(distance / step, 1), *np.round([*areas, *row], 3), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=32)
    chosen = parser.parse_args()
    areas_by_orientation()
    lines(chosen.lines)
    thin_bodies(chosen.lines)
    resolution(chosen.seeds)


if __name__ == "__main__":
    main()
