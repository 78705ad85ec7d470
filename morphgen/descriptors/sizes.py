"""Sizes of a phase by balls that fit into it and balls that can enter it, and constrictivity."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from morphgen._array_api import Array
from morphgen.descriptors._distances import checked_radii, diagonal
from morphgen.descriptors._labels import checked_spacing
from morphgen.descriptors._openings import openings
from morphgen.descriptors._volume import checked_faces, checked_volume, has_faces
from morphgen.descriptors.parts import Counts, Frame, Labels
from morphgen.descriptors.readings import Floats, Key, Reading, number

_FACES = tuple((axis, side) for axis in range(3) for side in (0, 1))


@dataclass(frozen=True, eq=False)
class SizeDistribution:
    """Share of a phase that balls of growing radius cover.

    Attributes
    ----------
    radii : array of float64, shape (K,)
        Radii of the balls, rising, in the unit of the spacing.
    shares : array of float64, shape (K,)
        Share of the phase that they cover; NaN where the phase is absent.
    """

    radii: Floats
    shares: Floats

    def median(self) -> float:
        """Largest radius whose balls cover half of the phase, linear between the radii.

        0 if even the smallest cover less than half, infinite if the largest cover half or more, NaN
        if the phase is absent.
        """
        if np.isnan(self.shares).any():
            return math.nan
        if self.shares[-1] >= 0.5:
            return math.inf
        if self.shares[0] < 0.5:
            return 0.0
        above = int(np.flatnonzero(self.shares >= 0.5)[-1])
        high, low = self.shares[above], self.shares[above + 1]
        weight = (high - 0.5) / (high - low)
        return float(self.radii[above] + weight * (self.radii[above + 1] - self.radii[above]))


def continuous_phase_size_distribution(
    labels: Array, phase: int, spacing: float | Sequence[float] = 1.0, radii: Array | None = None
) -> SizeDistribution:
    """Share of a phase that is covered by balls of a radius, or of larger ones, that fit into it.

    Parameters
    ----------
    labels
        Label volume, NumPy uint8 of three axes, 255 = outside.
    phase
        Label of the phase.
    spacing
        Voxel size, one number or one per axis, in any unit of length.
    radii
        Radii of the balls, rising; by default from a voxel of the finest axis to the diagonal of
        the volume, in steps of half a voxel to 8 voxels, of one to 16, of two to 32 and so on.

    Returns
    -------
    SizeDistribution
        The median is the radius r_max of constrictivity. With the default radii it is infinite only
        where the phase has no wall.

    Raises
    ------
    InputError
        If the volume, the phase, the spacing or the radii cannot be used.
    BackendError
        If edt is not installed.

    Notes
    -----
    A ball fits at a voxel of the phase if no voxel of another phase has its centre nearer than the
    radius, and covers the voxels whose centres are nearer than the radius. Border and voxels
    outside are no walls: a ball may reach beyond them. So sizes near the border are overestimated.
    Distances are those of centres: a slab of thickness t has the radius t/2, or half a voxel more
    where its thickness is an odd number of voxels; centres of balls between voxels are not tried,
    which lowers the radii of compact pores by about half a voxel.

    References
    ----------
    Muench and Holzer, J. Am. Ceram. Soc. 91 (2008) 4059.
    """
    volume, chosen = checked_volume(labels, (phase,))
    steps = checked_spacing(spacing, 3)
    lengths = checked_radii(radii, steps, diagonal(volume.shape, steps))
    counts = openings(volume, chosen, steps, lengths)
    return _distribution(counts[0, 0], lengths, volume, chosen[0])


def simulated_intrusion(
    labels: Array,
    phase: int,
    axis: int,
    spacing: float | Sequence[float] = 1.0,
    radii: Array | None = None,
) -> SizeDistribution:
    """Share of a phase that is covered by balls that enter from a face, as mercury would.

    Parameters
    ----------
    labels, phase, spacing, radii
        As in `continuous_phase_size_distribution`.
    axis
        Axis along which the balls enter, once from either face; the shares are the means of both.

    Returns
    -------
    SizeDistribution
        The median is the radius r_min of constrictivity: that of the necks on the way to half of
        the phase.

    Raises
    ------
    InputError
        If the volume, the phase, the axis, the spacing or the radii cannot be used, or a face has
        no voxel inside.
    BackendError
        If edt or connected-components-3d is not installed.

    Notes
    -----
    A ball enters at a voxel of the face where it fits, and moves within the voxels where it fits,
    by faces, edges and corners (balls of the finest voxel by faces alone). Nothing enters at the
    other borders. The notes on sizes of balls hold here too.

    References
    ----------
    Muench and Holzer, J. Am. Ceram. Soc. 91 (2008) 4059.
    """
    volume, chosen = checked_volume(labels, (phase,))
    steps = checked_spacing(spacing, 3)
    lengths = checked_radii(radii, steps, diagonal(volume.shape, steps))
    along = checked_faces(volume, axis)
    counts = openings(volume, chosen, steps, lengths, ((along, 0), (along, 1)))
    return _distribution(counts[1:, 0].mean(axis=0), lengths, volume, chosen[0])


def constrictivity(sizes: SizeDistribution, intrusion: SizeDistribution) -> float:
    """Constrictivity (r_min / r_max)² of a phase in one direction: 1 without necks, 0 if shut.

    Parameters
    ----------
    sizes
        Continuous phase size distribution, whose median is r_max.
    intrusion
        Simulated intrusion along the direction, whose median is r_min.

    Returns
    -------
    float
        0 where less than half of the phase can be entered; NaN where r_max is not a positive,
        finite number, or r_min is not known.

    References
    ----------
    Holzer et al., J. Mater. Sci. 48 (2013) 2934.
    """
    narrow, wide = intrusion.median(), sizes.median()
    return (narrow / wide) ** 2 if 0.0 < wide < math.inf else math.nan


@dataclass(frozen=True)
class PhaseSizes:
    """Phase size distribution, intrusion and constrictivity of each phase.

    Attributes
    ----------
    radii : tuple of float, optional
        Radii of the balls; those of `continuous_phase_size_distribution` if None.
    """

    radii: tuple[float, ...] | None = None

    def readings(self, labels: Labels, frame: Frame) -> tuple[Reading, ...]:
        """Curves, median radii and constrictivities; NaN where a face has no voxel inside.

        A phase that fills the volume has infinite radii and the constrictivity 1, having no necks.
        """
        volume, phases = checked_volume(labels, frame.phases)
        longest = diagonal(volume.shape, frame.spacing)
        lengths = checked_radii(self.radii, frame.spacing, longest)
        counts = openings(volume, phases, frame.spacing, lengths, _FACES)
        passable = [has_faces(volume, axis) for axis in range(3)]
        found: list[Reading] = []
        for index, phase in enumerate(phases):
            sizes = _distribution(counts[0, index], lengths, volume, phase)
            found.append(_curve("phase_size_distribution", phase, sizes))
            found.append(number("phase_size_radius", (phase,), sizes.median()))
            for axis, name in enumerate(frame.axes):
                pair = counts[1 + 2 * axis : 3 + 2 * axis, index].mean(axis=0)
                pair = pair if passable[axis] else np.full(lengths.size, np.nan)
                entered = _distribution(pair, lengths, volume, phase)
                free = math.isinf(sizes.median()) and math.isinf(entered.median())
                ratio = 1.0 if free else constrictivity(sizes, entered)
                found.append(_curve("intrusion_distribution", phase, entered, name))
                found.append(number("intrusion_radius", (phase,), entered.median(), name))
                found.append(number("constrictivity", (phase,), ratio, name))
        return tuple(found)


def _distribution(
    counts: Counts | Floats, radii: Floats, volume: Labels, phase: int
) -> SizeDistribution:
    total = np.count_nonzero(volume == phase)
    return SizeDistribution(radii, counts / total if total else np.full(radii.size, np.nan))


def _curve(kind: str, phase: int, sizes: SizeDistribution, direction: str = "") -> Reading:
    return Reading(Key(kind, (phase,), direction), sizes.shares, sizes.radii)
