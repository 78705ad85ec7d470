"""A realization: an endless microstructure, computed where one looks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from types import ModuleType
from typing import Any, NamedTuple

import array_api_extra as xpx
import numpy as np

from morphgen._array_api import Array, standard
from morphgen.errors import InputError
from morphgen.excursion.labels import decide, first_match
from morphgen.excursion.model import ExcursionModel
from morphgen.fields.blocks import Index, Periods, field_values, synthesis


@dataclass(frozen=True)
class Realization:
    """One realization of a model, of unlimited size.

    The label of a voxel depends on the model, the seed and the voxel alone, never on the window
    that it is seen through.

    Parameters
    ----------
    model : ExcursionModel
        The model.
    seed : int
        Seed of the noise, 0 to 2**64 - 1.
    periods : tuple of 3 ints or None
        Period along (z, y, x) in voxels; None where the structure does not repeat.

    Raises
    ------
    InputError
        If the seed is out of range, or a period is shorter than the correlations reach, so that a
        voxel would be correlated with its own copies.
    """

    model: ExcursionModel
    seed: int = 0
    periods: Periods = (None, None, None)

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**64:
            raise InputError(f"seed {self.seed} is outside 0 to 2**64 - 1")
        if len(self.periods) != 3:
            raise InputError(f"periods are {self.periods}: expected one per axis, or None")
        shortest = 4 * max(self.model.halos) + 1
        for period in self.periods:
            if period is not None and period < shortest:
                raise InputError(
                    f"a period of {period} voxels is shorter than the correlations reach; "
                    f"make that side at least {shortest} voxels, or not periodic"
                )

    def window(
        self,
        start: Sequence[int],
        shape: Sequence[int],
        xp: ModuleType = np,
        device: Any = None,
    ) -> Array:
        """Labels of a window.

        Parameters
        ----------
        start : sequence of 3 ints
            First voxel (z, y, x); may be negative.
        shape : sequence of 3 ints
            Number of voxels along (z, y, x).
        xp : module
            ``numpy``, ``torch``, ``cupy`` or ``jax.numpy``.
        device : object, optional
            Device of that module; its current one by default.

        Returns
        -------
        array of uint8, shape ``shape``
        """
        if len(start) != 3 or len(shape) != 3 or min(shape) < 1:
            raise InputError(
                f"window {tuple(start)} + {tuple(shape)}: expected three positive sides"
            )
        space = standard(xp)
        labels = space.empty(tuple(shape), dtype=space.uint8, device=device)
        axes = [
            list(_pieces(first, length, self.model.block_edge, period))
            for first, length, period in zip(start, shape, self.periods, strict=True)
        ]
        for pieces in product(*axes):
            block = self.block(_triple(piece.block for piece in pieces), xp, device)
            part = block[tuple(piece.inside for piece in pieces)]
            labels = xpx.at(labels)[tuple(piece.outside for piece in pieces)].set(part)
        return labels

    def block(self, index: Index, xp: ModuleType = np, device: Any = None) -> Array:
        """Labels of one canonical block, which begins at voxel ``index * model.block_edge``.

        Returns
        -------
        array of uint8, shape (edge, edge, edge)
        """
        space = standard(xp)
        decisions = (self._decision(number, index, space, device) for number in self._numbers())
        return first_match(self.model.order, decisions, space)

    def _numbers(self) -> range:
        return range(len(self.model.fields))

    def _decision(self, number: int, index: Index, xp: ModuleType, device: Any) -> Array:
        model = self.model
        field = model.fields[number]
        prepared = synthesis(field.kernel, model.voxel_size, model.block_edge, xp, device)
        values = field_values(field.law, prepared, self.seed, number, index, self.periods)
        return decide(field, values)


class _Piece(NamedTuple):
    """What one block contributes to a window along one axis."""

    block: int
    inside: slice
    outside: slice


def _pieces(start: int, length: int, edge: int, period: int | None) -> Iterator[_Piece]:
    done = 0
    while done < length:
        # a voxel and its periodic copies are computed at the same place, hence equal to the bit
        voxel = start + done if period is None else (start + done) % period
        block, offset = divmod(voxel, edge)
        room = edge - offset
        if period is not None:
            room = min(room, period - voxel)
        count = min(room, length - done)
        yield _Piece(block, slice(offset, offset + count), slice(done, done + count))
        done += count


def _triple(values: Iterator[int]) -> Index:
    z, y, x = values
    return z, y, x
