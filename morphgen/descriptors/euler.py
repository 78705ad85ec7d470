"""Euler number of plane sections, from squares of four neighbouring pixels."""

from __future__ import annotations

from collections.abc import Sequence

from morphgen._array_api import Array, namespace
from morphgen.descriptors._labels import checked_phases, checked_spacing, pixels_inside
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
    inside = pixels_inside(labels, mask, ndims=(2,))
    (chosen,) = checked_phases([phase])
    height, width = checked_spacing(spacing, 2)
    xp = namespace(labels)
    whole = _corners(xp.astype(inside, xp.uint8)) == 4
    squares = int(xp.count_nonzero(whole))
    if not squares:
        raise InputError("no square of 2 by 2 pixels is wholly inside the specimen; expected some")
    held = _corners(xp.astype(labels == chosen, xp.uint8))
    ones = xp.count_nonzero(whole & (held == 1))
    threes = xp.count_nonzero(whole & (held == 3))
    return xp.astype(ones - threes, xp.float64) / (4.0 * squares * height * width)


def _corners(flags: Array) -> Array:
    """Sum over each square of 2 by 2 pixels."""
    rows = flags[:-1, :] + flags[1:, :]
    return rows[:, :-1] + rows[:, 1:]
