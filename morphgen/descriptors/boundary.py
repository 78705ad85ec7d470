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

# What the sum below gives for windows of 4 and of 6 voxels where two planes of independent, random
# orientation cross and one of them ends, for a line of length 1: 1.0950 and 1.0478, each with a
# standard error of 0.0007, from 900 lines; benchmarks/bias.py shows what is left.
_NARROW, _WIDE = 1.095, 1.048

# lengths are added up as integers of this part of a voxel, so that the order does not matter
_LENGTH_UNITS = 2**20


def triple_phase_boundary_densities(
    labels: Array,
    phases: Sequence[int],
    spacing: float | Sequence[float] = 1.0,
    mask: Array | None = None,
) -> dict[Triple, Array]:
    """Length per volume of the lines where three phases meet.

    With f_i, f_j, f_k the indicators of three phases, smoothed with binomial weights over windows
    of 4 voxels along each axis, the lines on which (f_i, f_j, f_k) has a given value run along the
    boundary of the three phases, one for each value. Their mean length, with the weight
    120 f_i f_j f_k (which integrates to 1 over all values), is by the coarea formula
    120 sum f_i f_j f_k |grad f_i x grad f_j| dV. The result is 7/4 of this less 3/4 of the same
    for windows of 6 voxels: of what smoothing takes away, which grows with the square of the
    window, half is left, about as much as the curvature of the interfaces adds.

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
        6 by 6 by 6 voxels is wholly inside.

    Notes
    -----
    The voxel edges that touch three labels are no measure of the length, even at the finest
    resolution: where two interfaces meet at a small angle, the wedge between them falls into
    separate voxels, each with ends of its own, and squares in which two of the voxels meet at a
    corner only count as well. Independent isotropic fields come out 16 % too long (11 % from such
    squares, 5 % from the wedges), nearly parallel interfaces several times too long.

    Both sums are divided by what they give for two planes of independent, random orientation of
    which one ends at the other, which removes the bias of digital lines for such structures. What
    is left is measured in ``benchmarks/bias.py``, with tables on the reference page: straight
    lines scatter by 2 to 3 % over directions, their mean is right to 1 % where no sector is
    thinner than 30°; smooth excursion sets read -5 to +6 % where interfaces are 6 to 8 voxels apart
    or more, and low beyond. Free of an edge effect for a stationary structure.

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
    counts = _lengths(with_margin(labels, 3, mask), chosen, steps)
    windows = int(counts[-1])
    if not windows:
        raise InputError(
            "no window of 6 by 6 by 6 voxels is wholly inside the specimen; expected some"
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

    margin: int = 3
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
    """Length by three phases, then windows, of an image with a margin of three; int64."""
    xp = namespace(labels)
    triples = list(itertools.combinations(range(len(phases)), 3))
    total = xp.zeros(len(triples) + 1, dtype=xp.int64, device=device_of(labels))
    for slab in slabs(labels, 3):
        # a window of 6 belongs to the third of its voxels along each axis
        near = slab[1:, 1:, 1:]
        whole = _all_in_window(near != OUTSIDE)
        both = [_smoothings(near == phase) for phase in phases]
        found = [_length(whole, [both[place] for place in three], spacing) for three in triples]
        total += xp.stack([*found, xp.astype(xp.count_nonzero(whole), xp.int64)])
    return total


@dataclass(frozen=True, eq=False)
class _Smooth:
    """Smoothed indicator in the middle of each window, and its slopes, as integers.

    Attributes
    ----------
    values
        Indicator times ``full``.
    slopes
        Difference of neighbours along each axis times half of ``full``.
    full
        Sum of the weights of a window.
    """

    values: Array
    slopes: tuple[Array, Array, Array]
    full: int

    def length(
        self, other: _Smooth, third: _Smooth, chosen: Array, spacing: Sequence[float]
    ) -> Array:
        """Length in chosen windows, in units of the largest spacing; float64, shape (windows,).

        The windows are chosen by their flat indices: JAX copies a boolean index to the host.
        """
        xp = namespace(chosen)

        def of_chosen(values: Array) -> Array:
            return xp.astype(xp.take(xp.reshape(values, (-1,)), chosen), xp.float64)

        a, b = ([of_chosen(slope) for slope in one.slopes] for one in (self, other))
        # |grad f_i x grad f_j| dV: a step along z times the area normal to it, and so on
        squared = sum(
            (step / max(spacing) * (a[i] * b[j] - a[j] * b[i])) ** 2
            for step, i, j in zip(spacing, (1, 2, 0), (2, 0, 1), strict=True)
        )
        found = xp.sqrt(squared) * (120.0 / (self.full**3 * (self.full / 2) ** 2))
        for one in (self, other, third):
            found = found * of_chosen(one.values)
        return found


def _smoothings(flags: Array) -> tuple[_Smooth, _Smooth]:
    """Smooth with the weights 1, 3, 3, 1 and 1, 5, 10, 10, 5, 1 along each axis, same middles."""
    xp = namespace(flags)
    # with 1, 2, 1, then again
    narrow = _twice(xp.astype(flags, xp.int16))
    wide = _twice(xp.astype(narrow, xp.int32))
    return _smooth(narrow[1:-1, 1:-1, 1:-1], 8**3), _smooth(wide, 32**3)


def _smooth(sums: Array, full: int) -> _Smooth:
    """One more step of smoothing, to the middles between voxels, and the slopes there."""
    along_z = _sum(sums, 0)
    in_plane = _sum(along_z, 1)
    slopes = (
        _sum(_sum(_step(sums, 0), 1), 2),
        _sum(_step(along_z, 1), 2),
        _step(in_plane, 2),
    )
    return _Smooth(_sum(in_plane, 2), slopes, full)


def _length(
    whole: Array, three: Sequence[tuple[_Smooth, _Smooth]], spacing: Sequence[float]
) -> Array:
    """Length of the boundary of three phases, in `_LENGTH_UNITS`; int64, no axis."""
    xp = namespace(whole)
    narrow, wide = zip(*three, strict=True)
    chosen = whole
    for one in wide:
        chosen = chosen & (one.values > 0)
    (places,) = xp.nonzero(xp.reshape(chosen, (-1,)))
    fine = narrow[0].length(*narrow[1:], places, spacing) / _NARROW
    coarse = wide[0].length(*wide[1:], places, spacing) / _WIDE
    return xp.sum(xp.astype(xp.round(_LENGTH_UNITS * (1.75 * fine - 0.75 * coarse)), xp.int64))


def _all_in_window(flags: Array) -> Array:
    """Whether flags hold in all of a window of 6 voxels along each axis."""
    for axis in range(3):
        before = (slice(None),) * axis
        for step in (1, 2, 2):
            flags = flags[*before, :-step, ...] & flags[*before, step:, ...]
    return flags


def _twice(values: Array) -> Array:
    """Sums with the weights 1, 2, 1 along each axis."""
    for axis in (0, 1, 2, 0, 1, 2):
        values = _sum(values, axis)
    return values


def _sum(values: Array, axis: int) -> Array:
    """Sum of each two neighbours along an axis."""
    before = (slice(None),) * axis
    return values[*before, :-1, ...] + values[*before, 1:, ...]


def _step(values: Array, axis: int) -> Array:
    """Difference of each two neighbours along an axis."""
    before = (slice(None),) * axis
    return values[*before, 1:, ...] - values[*before, :-1, ...]
