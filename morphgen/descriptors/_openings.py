"""Balls of growing radius in all phases at once: what they cover, and what they enter from a face.

A ball that fits into its phase covers no voxel of another one. So one distance map serves all
phases.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from morphgen.descriptors._distances import Flags, covered, fits, room
from morphgen.descriptors._volume import numbered_clusters
from morphgen.descriptors.parts import Counts, Labels
from morphgen.descriptors.readings import Floats


def openings(
    volume: Labels,
    phases: tuple[int, ...],
    spacing: tuple[float, ...],
    radii: Floats,
    faces: tuple[tuple[int, int], ...] = (),
) -> Counts:
    """Voxels of each phase that balls cover: all that fit, and those that enter from a face.

    Parameters
    ----------
    volume
        Label volume.
    phases
        Labels of the phases.
    spacing
        Voxel size of each axis.
    radii
        Radii of the balls, rising.
    faces
        Axis and side (0 or 1) of the faces that balls enter from.

    Returns
    -------
    array of int64, shape (1 + F, P, K)
        First for all balls, then for those from each face.
    """
    # in units of the finest voxel, for which squares of float32 are exact
    finest = min(spacing)
    steps = tuple(step / finest for step in spacing)
    squares = room(volume, phases, steps)
    counts = np.zeros((1 + len(faces), len(phases), radii.size), dtype=np.int64)
    for index, radius in enumerate((radii / finest).tolist()):
        centres = fits(squares, radius)
        if not centres.any():
            break
        found = [_per_phase(volume, covered(centres, radius, steps), phases)]
        if faces:
            found += _from_faces(volume, phases, steps, centres, radius, faces)
        counts[..., index] = found
    return counts


def _per_phase(volume: Labels, flags: Flags, phases: tuple[int, ...]) -> Counts:
    """Number of flagged voxels of each phase."""
    return np.bincount(volume[flags], minlength=256)[list(phases)]


def _from_faces(
    volume: Labels,
    phases: tuple[int, ...],
    steps: tuple[float, ...],
    centres: Flags,
    radius: float,
    faces: tuple[tuple[int, int], ...],
) -> list[Counts]:
    """Voxels that balls cover whose centres are joined to those on a face, for each face.

    Most of what can be entered is so from every face: it is covered once, and the rest of each face
    in the box that holds it.
    """
    # up to the finest voxel a ball is a voxel and moves through faces; a larger one also moves
    # diagonally, since voxels on both ways around the corner then belong to the phase
    adjacency = 26 if radius > 1.0 else 6
    numbered, touches = numbered_clusters(np.where(centres, volume + np.uint8(1), 0), adjacency)
    entered = np.stack([touches[:, axis, side] for axis, side in faces])
    shared: Flags = np.asarray(entered.all(axis=0))
    common = covered(shared[numbered], radius, steps)
    base = _per_phase(volume, common, phases)
    found = []
    for own in entered & ~shared:
        count = base
        if own.any():
            apart = own[numbered]
            box = _box(apart, tuple(math.ceil(radius / step) for step in steps))
            more = covered(apart[box], radius, steps) & ~common[box]
            count = base + _per_phase(volume[box], more, phases)
        found.append(count)
    return found


def _box(flags: Flags, reach: tuple[int, ...]) -> tuple[slice, ...]:
    """Smallest box that holds all flagged voxels, wider by the reach."""
    slices = []
    for axis, width in enumerate(reach):
        others = tuple(itertools.chain(range(axis), range(axis + 1, flags.ndim)))
        (hits,) = np.nonzero(flags.any(axis=others))
        slices.append(slice(max(0, int(hits[0]) - width), int(hits[-1]) + width + 1))
    return tuple(slices)
