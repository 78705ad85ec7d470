"""Directions from a voxel to its neighbours, and how much of the sphere each stands for."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import SphericalVoronoi

from morphgen.errors import InputError

Offset = tuple[int, ...]


@lru_cache(maxsize=2)
def neighbour_offsets(ndim: int) -> tuple[Offset, ...]:
    """One of each two opposite neighbours: 4 in a plane, 13 in a volume; the axes come first."""
    found = [step for step in itertools.product((-1, 0, 1), repeat=ndim) if step > (0,) * ndim]
    return tuple(sorted(found, key=lambda step: (sum(map(abs, step)), [-abs(s) for s in step])))


def checked_directions(directions: int | None, ndim: int) -> int:
    """Number of directions: the axes alone (the default in a plane), or all (in a volume).

    Raises
    ------
    InputError
        If an image of so many axes has no such set of directions.
    """
    choices = (ndim, len(neighbour_offsets(ndim)))
    if directions is None:
        return choices[0] if ndim == 2 else choices[1]
    if directions not in choices:
        raise InputError(
            f"directions is {directions!r}; expected {choices[0]} or {choices[1]} "
            f"for an image of {ndim} axes"
        )
    return directions


def lengths(offsets: Sequence[Offset], spacing: Sequence[float]) -> NDArray[np.float64]:
    """Distance of the neighbours, in the unit of the spacing."""
    steps = np.array(offsets, dtype=np.float64) * np.array(spacing, dtype=np.float64)
    return np.asarray(np.linalg.norm(steps, axis=1))


@lru_cache(maxsize=32)
def direction_weights(count: int, spacing: tuple[float, ...]) -> tuple[float, ...]:
    """Share of all directions that is nearest to each of the first ``count`` offsets.

    The axes alone share equally. All neighbours get the area of their Voronoi cells on the unit
    circle or sphere (Ohser and Mücklich 2000, section 4.2), which depends on the spacing.
    """
    ndim = len(spacing)
    if count == ndim:
        return (1.0 / ndim,) * ndim
    points = np.array(neighbour_offsets(ndim)[:count]) * np.array(spacing)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    cells = _arcs(points) if ndim == 2 else _areas(points)
    return tuple((cells / cells.sum()).tolist())


def _arcs(points: NDArray[np.float64]) -> NDArray[np.float64]:
    angles = np.arctan2(points[:, 1], points[:, 0]) % math.pi
    order = np.argsort(angles)
    gaps = np.diff(np.append(angles[order], angles[order[0]] + math.pi))
    cells = np.empty_like(angles)
    cells[order] = 0.5 * (gaps + np.roll(gaps, 1))
    return cells


def _areas(points: NDArray[np.float64]) -> NDArray[np.float64]:
    both = np.concatenate([points, -points])
    found: NDArray[np.float64] = SphericalVoronoi(both).calculate_areas()
    return found[: len(points)]
