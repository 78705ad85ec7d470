"""Chord lengths: how far a straight line stays within a phase."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from morphgen._array_api import Array, device_of, namespace
from morphgen.descriptors._cells import histogram
from morphgen.descriptors._labels import (
    checked_axis,
    checked_phases,
    checked_spacing,
    pixels_inside,
)
from morphgen.descriptors._runs import runs


@dataclass(frozen=True, eq=False)
class ChordLengths:
    """Numbers of chords by length.

    Attributes
    ----------
    lengths
        Lengths of 1 to n voxels along the axis, in the unit of the spacing; float64, shape (n,).
    counts
        Number of whole chords of each length; int64, shape (n,).
    """

    lengths: Array
    counts: Array

    def mean(self) -> Array:
        """Mean length of a chord, every chord counted once; float64, no axis, NaN without one."""
        xp = namespace(self.counts)
        return xp.sum(self.lengths * self.distribution())

    def distribution(self) -> Array:
        """Share of the chords that have each length; float64, shape (n,), NaN without a chord."""
        xp = namespace(self.counts)
        counts = xp.astype(self.counts, xp.float64)
        total = xp.sum(counts)
        nan = xp.full_like(total, float("nan"))
        return counts / xp.where(total > 0.0, total, nan)

    def cumulative(self) -> Array:
        """Share of the chords up to each length; float64, shape (n,), NaN without a chord."""
        return namespace(self.counts).cumulative_sum(self.distribution())


def chord_lengths(
    labels: Array,
    phase: int,
    axis: int,
    *,
    spacing: float | Sequence[float] = 1.0,
    mask: Array | None = None,
) -> ChordLengths:
    """Lengths of the runs of a phase along the pixel rows of one axis.

    A chord is a run of pixels of the phase with a pixel of another label, inside the specimen, at
    both ends; its length is its number of pixels times the spacing.

    Parameters
    ----------
    labels
        Label image of two or three axes, uint8, 255 = outside.
    phase
        Label of the phase.
    axis
        Axis along which the chords run.
    spacing
        Pixel spacing, one number or one per axis, in any unit of length.
    mask
        Bool array of the shape of ``labels``, false outside.

    Returns
    -------
    ChordLengths
        Numbers of chords of 1 to n voxels, n the side of the image along the axis.

    Raises
    ------
    InputError
        If the image, the mask, the phase, the axis or the spacing cannot be used.

    Notes
    -----
    Runs that touch the border of the image or of the specimen are left out, as their length is
    not known. Long chords touch it more often: a chord of k voxels stays whole at
    n - k - 1 of the n + k - 1 positions at which it is seen, so that mean and tail come out low
    unless the side is many times the mean chord.

    References
    ----------
    Torquato and Lu, Phys. Rev. E 47 (1993) 2950.
    """
    inside = pixels_inside(labels, mask, ndims=(2, 3))
    (chosen,) = checked_phases([phase])
    along = checked_axis(axis, labels.ndim)
    step = checked_spacing(spacing, labels.ndim)[along]
    xp = namespace(labels)
    voxels, whole = runs(
        xp.moveaxis((labels == chosen) & inside, along, -1), xp.moveaxis(inside, along, -1)
    )
    longest = labels.shape[along]
    lengths = xp.arange(1, longest + 1, dtype=xp.float64, device=device_of(labels))
    # JAX copies a boolean index to the host
    kept = xp.take(voxels, xp.nonzero(whole)[0])
    return ChordLengths(lengths * step, histogram(xp, kept, longest + 1)[1:])
