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
from morphgen.phases import OUTSIDE


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
        First for all balls, then for those from each face; of this radius or a larger one, because
        what larger balls of voxels cover is not always covered by smaller ones.
    """
    # in units of the finest voxel, for which squares of float32 are exact
    finest = min(spacing)
    steps = tuple(step / finest for step in spacing)
    squares = room(volume, phases, steps)
    counts = np.zeros((1 + len(faces), len(phases), radii.size), dtype=np.int64)
    found = np.zeros((1 + len(faces), *volume.shape), dtype=np.bool_)
    for index in reversed(range(radii.size)):
        radius = float(radii[index] / finest)
        centres = fits(squares, radius)
        if not centres.any():
            continue
        found[0] |= covered(centres, radius, steps)
        if faces:
            _enter(found[1:], np.where(centres, volume + np.uint8(1), 0), radius, steps, faces)
        counts[..., index] = [
            np.bincount(volume[flags], minlength=OUTSIDE + 1)[list(phases)] for flags in found
        ]
    return counts


def _enter(
    found: Flags,
    centres: Labels,
    radius: float,
    steps: tuple[float, ...],
    faces: tuple[tuple[int, int], ...],
) -> None:
    """Add what balls cover whose centres are joined to those on a face, for each face.

    Most of what can be entered is so from every face: it is covered once, and the rest of each face
    in the box that holds it.
    """
    # a ball moves diagonally where voxels on both ways around the corner belong to the phase: they
    # are a side away from one end or the other, so it must be larger than two of the three sides
    numbered, touches = numbered_clusters(centres, 26 if radius > sorted(steps)[1] else 6)
    entered = np.stack([touches[:, axis, side] for axis, side in faces])
    shared: Flags = np.asarray(entered.all(axis=0))
    found |= covered(shared[numbered], radius, steps)
    for own, flags in zip(entered & ~shared, found, strict=True):
        if own.any():
            apart = own[numbered]
            box = _box(apart, tuple(math.ceil(radius / step) for step in steps))
            flags[box] |= covered(apart[box], radius, steps)


def _box(flags: Flags, reach: tuple[int, ...]) -> tuple[slice, ...]:
    """Smallest box that holds all flagged voxels, wider by the reach."""
    slices = []
    for axis, width in enumerate(reach):
        others = tuple(itertools.chain(range(axis), range(axis + 1, flags.ndim)))
        (hits,) = np.nonzero(flags.any(axis=others))
        slices.append(slice(max(0, int(hits[0]) - width), int(hits[-1]) + width + 1))
    return tuple(slices)
