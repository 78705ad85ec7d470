"""Distances of voxels to a phase, and what balls of one radius cover."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from morphgen._array_api import Array
from morphgen.descriptors._volume import library
from morphgen.descriptors.parts import Labels
from morphgen.descriptors.readings import Floats
from morphgen.errors import InputError
from morphgen.phases import OUTSIDE

Squares = NDArray[np.float32]
Flags = NDArray[np.bool_]

# squares are float32: a radius that a distance should equal must not miss it by rounding
ROUNDING = 1e-5


def checked_radii(radii: Array | None, spacing: tuple[float, ...], longest: float) -> Floats:
    """Radii of balls in the unit of the spacing; by default from a voxel of the finest axis up.

    By default they rise by half a voxel to 8 voxels, by a whole one to 16, by two to 32, and so on;
    the last is the first that is not below ``longest``. So those of a smaller volume are the first
    of those of a larger one.

    Raises
    ------
    InputError
        If they do not rise, or one is not positive and finite.
    """
    if radii is None:
        return min(spacing) * _rising(longest / min(spacing))
    found = np.asarray(radii, dtype=np.float64)
    rises = found.ndim == 1 and found.size and found[0] > 0.0 and (np.diff(found) > 0.0).all()
    if not rises or not np.isfinite(found).all():
        raise InputError(f"radii are {radii!r}; expected positive, finite, rising lengths")
    return found


def diagonal(shape: tuple[int, ...], spacing: tuple[float, ...]) -> float:
    """Length that no ball reaches which fits into a phase of a volume with another one in it."""
    return math.hypot(*(side * step for side, step in zip(shape, spacing, strict=True)))


def squared_distances(free: Flags, spacing: tuple[float, ...], *, border: bool = False) -> Squares:
    """Squared distance of each voxel to the nearest that is not free, from centre to centre.

    With ``border``, voxels beyond the border are not free either; without, the distance is infinite
    where every voxel is free.
    """
    found: Squares = library("edt").edtsq(
        np.ascontiguousarray(free).view(np.uint8),
        anisotropy=spacing,
        black_border=border,
        parallel=1,
    )
    return found


def room(volume: Labels, phases: tuple[int, ...], spacing: tuple[float, ...]) -> Squares:
    """Squared distance of each voxel of the phases to the nearest of another one; 0 elsewhere.

    What is outside is no wall, as nothing is known of it, nor is the border.
    """
    found = np.zeros(volume.shape, dtype=np.float32)
    for phase in phases:
        own = volume == phase
        np.copyto(found, squared_distances(own | (volume == OUTSIDE), spacing), where=own)
    return found


def fits(squares: Squares, radius: float) -> Flags:
    """Whether a ball of this radius fits, by the squared distance of its centre to the wall."""
    return np.asarray(squares >= radius**2 * (1.0 - ROUNDING))


def covered(centres: Flags, radius: float, spacing: tuple[float, ...]) -> Flags:
    """Voxels nearer than the radius to one of the centres."""
    return np.asarray(squared_distances(~centres, spacing) < radius**2 * (1.0 - ROUNDING))


def _rising(longest: float) -> Floats:
    """Radii in voxels from 1 up to the first that is not below the longest."""
    found: list[Floats] = [np.arange(2.0, 16.0) / 2]
    octave = 8.0
    while found[-1][-1] < longest:
        found.append(np.arange(8, 16, dtype=np.float64) * (octave / 8))
        octave *= 2.0
    radii = np.concatenate(found)
    return radii[: int(np.searchsorted(radii, longest)) + 1]
