"""Euler numbers of sections and volumes, from squares or cubes of neighbouring voxels."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from morphgen._array_api import Array, device_of, namespace
from morphgen.descriptors._cells import at_offset, counts_of, slabs, with_margin
from morphgen.descriptors._labels import OUTSIDE, checked_phases, checked_spacing, pixels_inside
from morphgen.descriptors.parts import Counts, Frame, Part
from morphgen.descriptors.readings import Reading, number
from morphgen.errors import InputError


def section_euler_density(
    labels: Array,
    phase: int,
    spacing: float | Sequence[float] = 1.0,
    mask: Array | None = None,
) -> Array:
    """Euler number per area of a phase in a plane section: its parts less its holes.

    Each square of four neighbouring pixels stands for the point between them. With Q1 and Q3 the
    numbers of squares that hold one and three pixels of the phase, the Euler number is
    (Q1 - Q3) / 4: the mean of the values for 4- and 8-connected pixels, so that a phase and its
    complement have opposite values.

    Parameters
    ----------
    labels
        Label image of two axes, uint8, 255 = outside.
    phase
        Label of the phase.
    spacing
        Pixel spacing, one number or one per axis, in any unit of length.
    mask
        Bool array of the shape of ``labels``, false outside.

    Returns
    -------
    Array
        Euler number per area of the squares wholly inside the specimen, in units of 1/length²;
        float64, no axis.

    Raises
    ------
    InputError
        If the image, the mask, the phase or the spacing cannot be used, or no square is wholly
        inside.

    Notes
    -----
    Free of an edge effect for a stationary structure, because squares are taken as they come and
    nothing is assumed beyond the border. Digitisation biases it: features of about a pixel merge,
    part or vanish, and a pair of pixels that meet at a corner counts as half joined.

    References
    ----------
    Gray, IEEE Trans. Comput. C-20 (1971) 551.
    """
    return _density(labels, phase, spacing, mask, 2)


def euler_density(
    labels: Array,
    phase: int,
    spacing: float | Sequence[float] = 1.0,
    mask: Array | None = None,
) -> Array:
    """Euler number per volume of a phase: its parts less its tunnels, plus its cavities.

    The mean of the values for 6- and for 26-connected voxels, from the configurations of cubes of
    2 by 2 by 2 voxels: a phase and its complement have the same value, as two sides of one surface
    should.

    Parameters
    ----------
    labels
        Label image of three axes, uint8, 255 = outside.
    phase
        Label of the phase.
    spacing
        Voxel spacing, one number or one per axis, in any unit of length.
    mask
        Bool array of the shape of ``labels``, false outside.

    Returns
    -------
    Array
        Euler number per volume of the cubes wholly inside the specimen, in units of 1/length³;
        float64, no axis.

    Raises
    ------
    InputError
        If the image, the mask, the phase or the spacing cannot be used, or no cube is wholly
        inside.

    Notes
    -----
    The value for 6-connected voxels is the number of voxels of the phase, less that of pairs of
    neighbours along the axes, plus that of squares of four, less that of cubes of eight; the value
    for 26-connected voxels is that of the complement for 6-connected ones. Free of an edge effect
    for a stationary structure. Bodies, shells and tori some voxels thick are counted exactly;
    features of about a voxel merge, part or vanish.

    References
    ----------
    Ohser, Nagel and Schladitz, "The Euler number of discretized sets - on the choice of adjacency
    in homogeneous lattices", in *Morphology of Condensed Matter* (2002) 275.
    """
    return _density(labels, phase, spacing, mask, 3)


@dataclass(frozen=True)
class EulerNumbers:
    """Euler number of each phase of a section or a volume, as a measure of parts.

    The same numbers as `section_euler_density` and `euler_density`; NaN where no square or cube is
    wholly inside the specimen.
    """

    margin: int = 1
    along: int | None = None

    def counts(self, part: Part, frame: Frame) -> Counts:
        """Euler number of each phase times 2^(axes + 1), then the number of whole cells."""
        return np.asarray(_counts(part.labels, frame.phases))

    def readings(self, counts: Counts, frame: Frame) -> tuple[Reading, ...]:
        """Euler number of each phase per area or per volume."""
        kind = "section_euler_number" if len(frame.spacing) == 2 else "euler_number"
        size = _units(frame.spacing) * float(counts[-1])
        return tuple(
            number(kind, (phase,), count / size if size else np.nan)
            for phase, count in zip(frame.phases, counts[:-1].tolist(), strict=True)
        )


def _density(
    labels: Array,
    phase: int,
    spacing: float | Sequence[float],
    mask: Array | None,
    ndim: int,
) -> Array:
    pixels_inside(labels, mask, ndims=(ndim,))
    chosen = checked_phases([phase])
    steps = checked_spacing(spacing, ndim)
    xp = namespace(labels)
    counts = _counts(with_margin(labels, 1, mask), chosen)
    cells = int(counts[1])
    if not cells:
        name = "square of 2 by 2 pixels" if ndim == 2 else "cube of 2 by 2 by 2 voxels"
        raise InputError(f"no {name} is wholly inside the specimen; expected some")
    return xp.astype(counts[0], xp.float64) / (_units(steps) * cells)


def _units(spacing: Sequence[float]) -> float:
    """Count of an Euler number of one, times the volume of a voxel."""
    return float(2 ** (len(spacing) + 1) * np.prod(spacing))


def _counts(labels: Array, phases: Sequence[int]) -> Array:
    """Count for each phase, then whole cells, in an image with a margin of one; int64."""
    xp = namespace(labels)
    ndim = labels.ndim
    table = _cell_values(ndim)
    worth = np.nonzero(table)[0].tolist()
    values = xp.asarray(table[worth], device=device_of(labels))
    total = xp.zeros(len(phases) + 1, dtype=xp.int64, device=device_of(labels))
    for slab in slabs(labels, 1):
        whole = _cell_codes(xp.astype(slab != OUTSIDE, xp.uint8)) == table.size - 1
        # a cell that is not whole counts as empty, hence as nothing
        kept = xp.astype(whole, xp.uint8) * (table.size - 1)
        found = [
            xp.sum(values * counts_of(xp, kept & codes, worth, table.size))
            for codes in (_cell_codes(xp.astype(slab == phase, xp.uint8)) for phase in phases)
        ]
        total += xp.stack([*found, xp.astype(xp.count_nonzero(whole), xp.int64)])
    return total


def _cell_codes(flags: Array) -> Array:
    """Configuration of the cell whose first corner is each voxel of the core: a bit per corner."""
    codes = None
    for bit, corner in enumerate(itertools.product((0, 1), repeat=flags.ndim)):
        there = at_offset(flags, corner, 1) * (1 << bit)
        codes = there if codes is None else codes + there
    return codes


@lru_cache(maxsize=2)
def _cell_values(ndim: int) -> np.ndarray:
    """2^(ndim + 1) times the Euler number that each configuration of a cell stands for.

    Mean of the smallest adjacency (4, 6) and of the largest (8, 26). The second is the first of
    the complement, with the opposite sign in the plane.
    """
    corners = list(itertools.product((0, 1), repeat=ndim))
    small = np.zeros(1 << len(corners), dtype=np.int64)
    # 2 stands for both ends of an axis
    for face in itertools.product((0, 1, 2), repeat=ndim):
        held = [
            all(along in (2, place) for along, place in zip(face, corner, strict=True))
            for corner in corners
        ]
        mask = sum(1 << bit for bit, one in enumerate(held) if one)
        # 2^(ndim - dimension) cells share the face
        value = (-2) ** face.count(2)
        small[[code for code in range(small.size) if code & mask == mask]] += value
    return np.asarray(small + (-1) ** (ndim + 1) * small[::-1])
