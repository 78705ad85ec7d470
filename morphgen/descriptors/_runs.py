"""Runs of pixels along the rows of an image."""

from __future__ import annotations

from types import ModuleType

from morphgen._array_api import Array, device_of, namespace


def runs(flags: Array, inside: Array) -> tuple[Array, Array]:
    """Numbers of pixels of the runs along the last axis, and whether each is whole.

    Parameters
    ----------
    flags
        Bool array, true in the runs.
    inside
        Bool array of the same shape, true inside the specimen.

    Returns
    -------
    tuple of arrays
        Number of pixels, int64, and whether there are pixels inside at both ends, bool; both of
        shape (runs,).
    """
    xp = namespace(flags)
    flags, inside = _joined(xp, flags), _joined(xp, inside)
    (before,) = xp.nonzero(~flags[:-1] & flags[1:])
    (last,) = xp.nonzero(flags[:-1] & ~flags[1:])
    return last - before, xp.take(inside, before) & xp.take(inside, last + 1)


def _joined(xp: ModuleType, flags: Array) -> Array:
    """Rows padded and joined into one: a run cannot pass the padding between two rows."""
    side = xp.zeros((*flags.shape[:-1], 1), dtype=xp.bool, device=device_of(flags))
    return xp.reshape(xp.concat([side, flags, side], axis=-1), (-1,))
