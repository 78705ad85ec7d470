"""Lineal path function: how likely a segment of a line lies wholly within a phase."""

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
class LinealPath:
    """Lineal path function of a phase along an axis.

    Attributes
    ----------
    lengths
        Lengths of 0 to n - 1 pixel spacings, in the unit of the spacing; float64, shape (n,).
    within
        Number of positions at which a segment lies within the phase; int64, shape (n,).
    positions
        Number of positions at which it lies inside the specimen; int64, shape (n,).
    """

    lengths: Array
    within: Array
    positions: Array

    def values(self) -> Array:
        """Share of the positions within the phase; float64, shape (n,), NaN without a position."""
        xp = namespace(self.positions)
        positions = xp.astype(self.positions, xp.float64)
        nan = xp.full_like(positions, float("nan"))
        return xp.astype(self.within, xp.float64) / xp.where(positions > 0.0, positions, nan)


def lineal_path(
    labels: Array,
    phase: int,
    axis: int,
    *,
    spacing: float | Sequence[float] = 1.0,
    mask: Array | None = None,
) -> LinealPath:
    """Probability that a segment along an axis lies wholly within a phase, by its length.

    A segment of k pixel spacings joins the centres of k + 1 pixels of a row. Of all its positions
    inside the specimen, the share at which all these pixels belong to the phase.

    Parameters
    ----------
    labels
        Label image of two or three axes, uint8, 255 = outside.
    phase
        Label of the phase.
    axis
        Axis along which the segments lie.
    spacing
        Pixel spacing, one number or one per axis, in any unit of length.
    mask
        Bool array of the shape of ``labels``, false outside.

    Returns
    -------
    LinealPath
        Numbers of positions for 0 to n - 1 pixel spacings, n the side of the image along the axis.
        The value at length 0 is the volume fraction.

    Raises
    ------
    InputError
        If the image, the mask, the phase, the axis or the spacing cannot be used.

    Notes
    -----
    Free of bias from the border for a stationary structure: runs that touch it count, too, with
    the positions that they hold. A row that leaves the phase between two pixels and is back at the
    next is not seen to do so, so that values come out high by a share of the order of
    (pixel / feature size)² for smooth interfaces.

    References
    ----------
    Lu and Torquato, Phys. Rev. A 45 (1992) 922.
    """
    inside = pixels_inside(labels, mask, ndims=(2, 3))
    (chosen,) = checked_phases([phase])
    along = checked_axis(axis, labels.ndim)
    step = checked_spacing(spacing, labels.ndim)[along]
    xp = namespace(labels)
    side = labels.shape[along]
    inside = xp.moveaxis(inside, along, -1)
    within, _ = runs(xp.moveaxis(labels == chosen, along, -1) & inside, inside)
    every, _ = runs(inside, inside)
    lengths = xp.arange(0, side, dtype=xp.float64, device=device_of(labels))
    return LinealPath(
        lengths * step,
        segment_positions(histogram(xp, within, side + 1)[1:]),
        segment_positions(histogram(xp, every, side + 1)[1:]),
    )


def segment_positions(run_counts: Array) -> Array:
    """Number of positions of 1 to n pixels in a row, from the numbers of runs of 1 to n pixels.

    A run of m pixels holds m - k + 1 positions of k pixels: the sum over m >= k, twice.
    """
    xp = namespace(run_counts)
    at_least = xp.flip(xp.cumulative_sum(xp.flip(run_counts)))
    return xp.flip(xp.cumulative_sum(xp.flip(at_least)))
