"""Which voxels an index asks for, and in which pieces they are computed."""

from __future__ import annotations

import operator
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from morphgen._array_api import Array, device_of
from morphgen.errors import InputError
from morphgen.fields.blocks import Index, block_end


@dataclass(frozen=True)
class Piece:
    """What one canonical block contributes to a selection along one axis.

    Attributes
    ----------
    start, length : int
        Smallest window that holds the voxels, in the coordinates of the realization.
    step : int
        Distance of the voxels inside the window, if they are evenly spaced.
    outside : slice
        Where they go in the result.
    chosen : tuple of int
        Places of the voxels inside the window, where a list was asked for.
    """

    start: int
    length: int
    step: int
    outside: slice
    chosen: tuple[int, ...] | None = None

    def picked(self, part: Array, axis: int, xp: ModuleType) -> Array:
        """Take the voxels that were asked for out of the window."""
        if self.chosen is not None:
            return _taken(part, self.chosen, axis, xp)
        if self.step == 1:
            return part
        return part[tuple(slice(None, None, self.step if i == axis else 1) for i in range(3))]


@dataclass(frozen=True)
class Selection:
    """The voxels that an index asks for along one axis.

    Attributes
    ----------
    places : range or tuple of int
        Positions on the axis, each once, in increasing order.
    single : bool
        Whether the index was an integer, so that the axis disappears.
    reverse : bool
        Whether the result is to be turned round, for a negative step.
    order : tuple of int, optional
        Where each voxel of the result lies among ``places``, for a list in another order.
    """

    places: range | tuple[int, ...]
    single: bool = False
    reverse: bool = False
    order: tuple[int, ...] | None = None

    @property
    def count(self) -> int:
        """Number of voxels along the axis that are computed."""
        return len(self.places)

    @property
    def asked(self) -> int:
        """Number of voxels along the axis of the result."""
        return self.count if self.order is None else len(self.order)

    def ordered(self, labels: Array, axis: int, xp: ModuleType) -> Array:
        """Put computed voxels into the order that was asked for."""
        if self.order is not None:
            return _taken(labels, self.order, axis, xp)
        return xp.flip(labels, axis=axis) if self.reverse else labels

    @property
    def contiguous(self) -> bool:
        """Whether the voxels are neighbours, in increasing order."""
        return isinstance(self.places, range) and self.places.step == 1

    def pieces(self, origin: int, edge: int, period: int | None) -> Iterator[Piece]:
        """Cut the selection at the borders of canonical blocks.

        Parameters
        ----------
        origin : int
            Coordinate of position 0.
        edge : int
            Edge of a block.
        period : int or None
            Period of the realization along this axis.
        """
        if isinstance(self.places, range):
            first, step = origin + self.places.start, self.places.step
            return evenly_spaced(first, step, self.count, edge, period)
        return _listed([origin + place for place in self.places], edge, period)


def evenly_spaced(
    first: int, step: int, count: int, edge: int, period: int | None
) -> Iterator[Piece]:
    """Pieces of ``count`` voxels at distances of ``step``, each inside one canonical block."""
    done = 0
    while done < count:
        start = first + done * step
        here = min((block_end(start, edge, period) - start - 1) // step + 1, count - done)
        yield Piece(start, (here - 1) * step + 1, step, slice(done, done + here))
        done += here


def select(key: Any, shape: Index) -> tuple[Selection, ...]:
    """Read an index as NumPy does: integers, slices, an Ellipsis, and at most one list.

    Raises
    ------
    IndexError
        If it is out of bounds, or of another kind.
    """
    selections = tuple(
        _selection(one, axis, side)
        for axis, (one, side) in enumerate(zip(_completed(key), shape, strict=True))
    )
    lists = sum(isinstance(one.places, tuple) for one in selections)
    # NumPy moves axes where a list meets integers or another list: nobody expects that
    if lists > 1 or (lists and any(one.single for one in selections)):
        raise IndexError(
            f"index {key!r}: a list goes with slices only; give one, then index the result"
        )
    return selections


def voxel(place: Sequence[int]) -> Index:
    """Coordinates of a voxel as three Python integers; InputError if they are none."""
    try:
        z, y, x = (operator.index(value) for value in place)
    except (TypeError, ValueError) as error:
        raise InputError(f"start {place!r}: expected three integers (z, y, x)") from error
    return z, y, x


def _taken(labels: Array, places: tuple[int, ...], axis: int, xp: ModuleType) -> Array:
    where = xp.asarray(places, dtype=xp.int64, device=device_of(labels))
    return xp.take(labels, where, axis=axis)


def _listed(wanted: list[int], edge: int, period: int | None) -> Iterator[Piece]:
    """Pieces of voxels in increasing order, as few as there are blocks."""
    done = 0
    while done < len(wanted):
        start = wanted[done]
        stop = bisect_left(wanted, block_end(start, edge, period), lo=done)
        chosen = tuple(place - start for place in wanted[done:stop])
        yield Piece(start, chosen[-1] + 1, 1, slice(done, stop), chosen)
        done = stop


def _completed(key: Any) -> tuple[Any, ...]:
    """One index for each of the three axes."""
    parts = key if isinstance(key, tuple) else (key,)
    dots = [place for place, part in enumerate(parts) if part is Ellipsis]
    given = len(parts) - len(dots)
    if len(dots) > 1 or given > 3:
        raise IndexError(f"index {key!r}: expected up to three indices and at most one Ellipsis")
    place = dots[0] if dots else given
    return (*parts[:place], *[slice(None)] * (3 - given), *parts[place + len(dots) :])


def _selection(part: Any, axis: int, side: int) -> Selection:
    if isinstance(part, slice):
        places = range(*part.indices(side))
        return Selection(places if places.step > 0 else places[::-1], reverse=places.step < 0)
    if isinstance(part, list) or (isinstance(part, np.ndarray) and part.ndim == 1):
        return _list_selection(_positions(np.asarray(part), axis, side))
    if isinstance(part, bool | np.bool_):
        raise IndexError(f"index {part!r}: expected integers, slices or an Ellipsis")
    try:
        place = operator.index(part)
    except TypeError as error:
        raise IndexError(f"index {part!r}: expected integers, slices or an Ellipsis") from error
    if not -side <= place < side:
        raise _outside(place, axis, side)
    place %= side
    return Selection(range(place, place + 1), single=True)


def _list_selection(positions: np.ndarray) -> Selection:
    """Every voxel once and in order, so that no block is computed twice for a list."""
    places, order = np.unique(positions, return_inverse=True)
    sorted_already = np.array_equal(places, positions)
    return Selection(
        tuple(places.tolist()), order=None if sorted_already else tuple(order.tolist())
    )


def _outside(place: int, axis: int, side: int) -> IndexError:
    return IndexError(f"index {place} is out of bounds for axis {axis} of {side} voxels")


def _positions(wanted: np.ndarray, axis: int, side: int) -> np.ndarray:
    """Positions counted from the front; IndexError if one is outside."""
    if wanted.dtype == bool:
        if wanted.size != side:
            raise IndexError(f"{wanted.size} booleans for axis {axis} of {side} voxels")
        return np.flatnonzero(wanted)
    if wanted.size == 0:
        return np.zeros(0, dtype=np.int64)
    places = _integers(wanted, axis)
    outside = [place for place in places if not -side <= place < side]
    if outside:
        raise _outside(outside[0], axis, side)
    return np.asarray([place % side for place in places], dtype=np.int64)


def _integers(wanted: np.ndarray, axis: int) -> list[int]:
    """Python's integers, which neither overflow nor wrap round; IndexError for anything else."""
    try:
        return [operator.index(place) for place in wanted.tolist()]
    except TypeError as error:
        raise IndexError(f"a list of {wanted.dtype} on axis {axis}: expected integers") from error
