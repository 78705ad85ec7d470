"""Spherical contact distribution: how far a point outside of a phase is from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from morphgen._array_api import Array
from morphgen.descriptors._distances import ROUNDING, Squares, checked_radii, squared_distances
from morphgen.descriptors._labels import checked_spacing
from morphgen.descriptors._volume import checked_volume
from morphgen.descriptors.parts import Frame, Labels
from morphgen.descriptors.readings import Floats, Key, Reading
from morphgen.phases import OUTSIDE


def spherical_contact_distribution(
    labels: Array, phase: int, spacing: float | Sequence[float] = 1.0, radii: Array | None = None
) -> Floats:
    """Share of the points outside of a phase that are no farther from it than a radius.

    Parameters
    ----------
    labels
        Label volume, NumPy uint8 of three axes, 255 = outside.
    phase
        Label of the phase.
    spacing
        Voxel size, one number or one per axis, in any unit of length.
    radii
        Radii, rising, in the unit of the spacing; by default from a voxel of the finest axis to
        half the shortest side, beyond which nothing is known, in steps of half a voxel to 8 voxels,
        of one to 16, of two to 32 and so on.

    Returns
    -------
    array of float64, shape (K,)
        H(r), rising from 0 to 1; NaN beyond the largest distance that is seen, unless 1 is reached,
        and everywhere without a voxel outside of the phase. Without a voxel of the phase it is 0
        as far as is seen.

    Raises
    ------
    InputError
        If the volume, the phase, the spacing or the radii cannot be used.
    BackendError
        If edt is not installed.

    Notes
    -----
    What lies beyond the border, or in voxels outside, may be nearer than the phase that is seen.
    The distance is known only where it is not larger than that to the border; elsewhere the border
    censors it. The estimator is that of Kaplan and Meier: with d the distance to the phase and b
    that to the border, 1 - H(r) is the product of 1 - #(d = s, s <= b) / #(d >= s, b >= s) over s
    up to r, the s being the distances on the lattice.
    Distances are those of centres of voxels. So they are up to a voxel larger than those from the
    centre to the interface, half a voxel for a plane normal to an axis, and H(r) is low by about
    its slope times half a voxel.

    References
    ----------
    Baddeley and Gill, Ann. Stat. 25 (1997) 263; Chiu, Stoyan, Kendall and Mecke, Stochastic
    Geometry and its Applications (2013), section 6.5.
    """
    volume, (chosen,) = checked_volume(labels, (phase,))
    steps = checked_spacing(spacing, 3)
    lengths = checked_radii(radii, steps, _reach(volume.shape, steps))
    finest = min(steps)
    relative = tuple(step / finest for step in steps)
    points = (volume != chosen) & (volume != OUTSIDE)
    distances = squared_distances(volume != chosen, relative)[points]
    borders = squared_distances(volume != OUTSIDE, relative, border=True)[points]
    return _contact(distances, borders, (lengths / finest) ** 2 * (1.0 + ROUNDING))


@dataclass(frozen=True)
class SphericalContact:
    """Spherical contact distribution of each phase.

    Attributes
    ----------
    radii : tuple of float, optional
        Radii of the curves; those of `spherical_contact_distribution` if None.
    """

    radii: tuple[float, ...] | None = None

    def readings(self, labels: Labels, frame: Frame) -> tuple[Reading, ...]:
        """One curve per phase."""
        lengths = checked_radii(self.radii, frame.spacing, _reach(labels.shape, frame.spacing))
        return tuple(
            Reading(
                Key("spherical_contact", (phase,)),
                spherical_contact_distribution(labels, phase, frame.spacing, lengths),
                lengths,
            )
            for phase in frame.phases
        )


def _reach(shape: tuple[int, ...], spacing: tuple[float, ...]) -> float:
    """Half the shortest side: the largest distance to the border."""
    return min(side * step for side, step in zip(shape, spacing, strict=True)) / 2.0


def _contact(distances: Squares, borders: Squares, squares: Floats) -> Floats:
    """Kaplan-Meier estimate of the distribution of distances that the border censors."""
    if not distances.size:
        return np.full(squares.size, np.nan)
    known = distances <= borders * (1.0 + ROUNDING)
    levels, counts = np.unique(distances[known], return_counts=True)
    seen = np.sort(np.where(known, distances, borders))
    at_risk = seen.size - np.searchsorted(seen, levels, side="left")
    beyond = np.concatenate([[1.0], np.cumprod(1.0 - counts / at_risk)])
    left = beyond[np.searchsorted(levels, squares, side="right")]
    return np.where((squares > seen[-1]) & (left > 0.0), np.nan, 1.0 - left)
