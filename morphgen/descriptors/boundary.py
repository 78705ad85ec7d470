"""Length per volume of the lines where three phases meet, from smoothed indicators."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from morphgen._array_api import Array, device_of, namespace
from morphgen.descriptors._cells import slabs, with_margin
from morphgen.descriptors._labels import OUTSIDE, checked_phases, checked_spacing, pixels_inside
from morphgen.descriptors.parts import Counts, Frame, Part
from morphgen.descriptors.readings import Reading, number
from morphgen.errors import InputError

Triple = tuple[int, int, int]

# What the sum below gives for the line where two independent planes of random orientation cross
# and one of them ends: 1.0947 with a standard error of 0.0008 from 700 lines; its scatter over
# directions and angles is in docs/reference/descriptors.md.
_DIGITAL_LENGTH = 1.095

# lengths are added up as integers of this part of a voxel, so that the order does not matter
_LENGTH_UNITS = 2**20

# sum of the weights of a window of 4 voxels along each axis
_FULL = 8**3


def triple_phase_boundary_densities(
    labels: Array,
    phases: Sequence[int],
    spacing: float | Sequence[float] = 1.0,
    mask: Array | None = None,
) -> dict[Triple, Array]:
    """Length per volume of the lines where three phases meet.

    With f_i, f_j, f_k the indicators of three phases, smoothed with binomial weights over windows
    of 4 voxels, the lines on which (f_i, f_j, f_k) has a given value run along the boundary of the
    three phases, one for each value. Their mean length, with weight 120 f_i f_j f_k (which
    integrates to 1 over all values), is by the coarea formula
    120 sum f_i f_j f_k |grad f_i x grad f_j| dV.

    Parameters
    ----------
    labels
        Label image of three axes, uint8, 255 = outside.
    phases
        Labels of three phases or more.
    spacing
        Voxel spacing, one number or one per axis, in any unit of length.
    mask
        Bool array of the shape of ``labels``, false outside.

    Returns
    -------
    dict
        For each three phases, in ascending order, their length per volume of the windows wholly
        inside the specimen, in units of 1/length²; float64, no axis.

    Raises
    ------
    InputError
        If the image, the mask, the phases or the spacing cannot be used, or no window of
        4 by 4 by 4 voxels is wholly inside.

    Notes
    -----
    The voxel edges that touch three labels are no measure of the length, even at the finest
    resolution: where two interfaces meet at a small angle, the wedge between them falls into
    separate voxels, each with ends of its own, and two phases that meet at a corner only count as
    touching. Two independent isotropic fields come out 16 % too long, nearly parallel interfaces
    several times.

    Bias here: the sum is divided by 1.095, its mean for two planes of independent, random
    orientation of which one ends at the other. A straight line deviates from it by 3 % or less
    for directions in space (standard deviation 2 %), and by 1 % for angles between the phases of
    30° and more. Lines that are curved or near each other within the window are lost: the result
    is low by about (2.5 voxels / mean chord of the interfaces)²; see the reference page for the
    measured table. Free of an edge effect for a stationary structure.

    References
    ----------
    Federer, *Geometric Measure Theory* (1969), 3.2.12 (coarea formula).
    """
    pixels_inside(labels, mask, ndims=(3,))
    chosen = checked_phases(phases)
    if len(chosen) < 3:
        raise InputError(f"phases are {chosen}; expected three or more, whose boundary is measured")
    steps = checked_spacing(spacing, 3)
    xp = namespace(labels)
    counts = _lengths(with_margin(labels, 2, mask), chosen, steps)
    windows = int(counts[-1])
    if not windows:
        raise InputError(
            "no window of 4 by 4 by 4 voxels is wholly inside the specimen; expected some"
        )
    values = xp.astype(counts[:-1], xp.float64) * (_unit_length(steps) / windows)
    return {
        _ascending(three): values[place, ...]
        for place, three in enumerate(itertools.combinations(chosen, 3))
    }


@dataclass(frozen=True)
class TriplePhaseBoundaries:
    """Length of the boundary of each three phases of a volume, as a measure of parts.

    The same numbers as `triple_phase_boundary_densities`; NaN where no window is wholly inside the
    specimen.
    """

    margin: int = 2
    along: int | None = None

    def counts(self, part: Part, frame: Frame) -> Counts:
        """Length for each three phases, in units that depend on the spacing; then whole windows."""
        return np.asarray(_lengths(part.labels, frame.phases, frame.spacing))

    def readings(self, counts: Counts, frame: Frame) -> tuple[Reading, ...]:
        """Length per volume of the boundary of each three phases."""
        unit, windows = _unit_length(frame.spacing), float(counts[-1])
        return tuple(
            number(
                "triple_phase_boundary_length",
                _ascending(three),
                count * unit / windows if windows else np.nan,
            )
            for three, count in zip(
                itertools.combinations(frame.phases, 3), counts[:-1].tolist(), strict=True
            )
        )


def _ascending(three: Triple) -> Triple:
    first, second, third = sorted(three)
    return first, second, third


def _unit_length(spacing: Sequence[float]) -> float:
    """Length per volume of a voxel that one count in each of them stands for."""
    return float(max(spacing) / (_LENGTH_UNITS * np.prod(spacing)))


def _lengths(labels: Array, phases: Sequence[int], spacing: Sequence[float]) -> Array:
    """Length by three phases, then windows, of an image with a margin of two; int64."""
    xp = namespace(labels)
    triples = list(itertools.combinations(range(len(phases)), 3))
    total = xp.zeros(len(triples) + 1, dtype=xp.int64, device=device_of(labels))
    for slab in slabs(labels, 2):
        # a window belongs to the second of its voxels along each axis
        near = slab[1:, 1:, 1:]
        smooth = [_Smooth.of(near == phase) for phase in phases]
        whole = _Smooth.of(near != OUTSIDE).values == _FULL
        found = [_length(whole, [smooth[place] for place in three], spacing) for three in triples]
        total += xp.stack([*found, xp.astype(xp.count_nonzero(whole), xp.int64)])
    return total


@dataclass(frozen=True, eq=False)
class _Smooth:
    """Smoothed indicator in the middle of each window, times 512, and its slopes times 256."""

    values: Array
    slopes: tuple[Array, Array, Array]

    @classmethod
    def of(cls, flags: Array) -> _Smooth:
        """Smooth bool flags with the weights 1, 3, 3, 1 along each axis; int16."""
        xp = namespace(flags)
        wide = xp.astype(flags, xp.int16)
        for axis in (0, 1, 2, 0, 1, 2):
            wide = _sum(wide, axis)
        tall = _sum(wide, 0)
        flat = _sum(tall, 1)
        slopes = (
            _sum(_sum(_step(wide, 0), 1), 2),
            _sum(_step(tall, 1), 2),
            _step(flat, 2),
        )
        return cls(_sum(flat, 2), slopes)


def _length(whole: Array, three: Sequence[_Smooth], spacing: Sequence[float]) -> Array:
    """Length of the boundary of three phases in units of the largest spacing; int64, no axis."""
    xp = namespace(whole)
    first, second, third = (one.values for one in three)
    chosen = whole & (first > 0) & (second > 0) & (third > 0)
    a, b = ([xp.astype(slope[chosen], xp.float64) for slope in one.slopes] for one in three[:2])
    # |grad f_i x grad f_j| dV: a step along z times the area normal to it, and so on
    squared = sum(
        (step / max(spacing) * (a[i] * b[j] - a[j] * b[i])) ** 2
        for step, i, j in zip(spacing, (1, 2, 0), (2, 0, 1), strict=True)
    )
    product = xp.astype(first[chosen], xp.float64) * xp.astype(second[chosen], xp.float64)
    product = product * xp.astype(third[chosen], xp.float64)
    scale = 120.0 / (_DIGITAL_LENGTH * _FULL**3 * (_FULL / 2) ** 2) * _LENGTH_UNITS
    return xp.sum(xp.astype(xp.round(scale * product * xp.sqrt(squared)), xp.int64))


def _sum(values: Array, axis: int) -> Array:
    """Sum of each two neighbours along an axis."""
    before = (slice(None),) * axis
    return values[*before, :-1, ...] + values[*before, 1:, ...]


def _step(values: Array, axis: int) -> Array:
    """Difference of each two neighbours along an axis."""
    before = (slice(None),) * axis
    return values[*before, 1:, ...] - values[*before, :-1, ...]
