"""The canonical blocks of a volume."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from morphgen.errors import InputError
from morphgen.fields.blocks import Index

Slices = tuple[slice, slice, slice]

# coordinates of the noise end at 2^62; a volume of 2^40 voxels a side is no volume any more
_LONGEST_SIDE = 2**40


@dataclass(frozen=True)
class BlockGrid:
    """The canonical blocks that a volume is made of, in C order.

    Voxel (0, 0, 0) of the volume is voxel (0, 0, 0) of the model's block lattice, so that block
    (i, j, k) of the volume is canonical block (i, j, k) and shard (i, j, k) of the store.

    Parameters
    ----------
    shape : tuple of 3 ints
        Voxels of the volume along (z, y, x).
    edge : int
        Edge of the cubic block, in voxels.

    Raises
    ------
    InputError
        If a side is not positive.
    """

    shape: Index
    edge: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", volume_shape(self.shape))
        if self.edge < 1:
            raise InputError(f"block edge is {self.edge}: expected at least 1 voxel")

    @property
    def counts(self) -> Index:
        """Number of blocks along (z, y, x)."""
        z, y, x = (-(-side // self.edge) for side in self.shape)
        return z, y, x

    @property
    def voxels(self) -> int:
        """Number of voxels of the volume."""
        return math.prod(self.shape)

    def __len__(self) -> int:
        return math.prod(self.counts)

    def __iter__(self) -> Iterator[Index]:
        return map(self.index, range(len(self)))

    def __contains__(self, index: object) -> bool:
        return isinstance(index, tuple) and len(index) == 3 and self._inside(index)

    def index(self, number: int) -> Index:
        """Block (i, j, k) of a linear number."""
        if not 0 <= number < len(self):
            raise IndexError(f"block number {number} is outside 0 to {len(self) - 1}")
        _, rows, columns = self.counts
        plane, column = divmod(number, columns)
        return plane // rows, plane % rows, column

    def number(self, index: Index) -> int:
        """Linear number of block (i, j, k)."""
        self._check(index)
        _, rows, columns = self.counts
        return (index[0] * rows + index[1]) * columns + index[2]

    def size(self, index: Index) -> Index:
        """Voxels of a block that lie in the volume, along (z, y, x)."""
        self._check(index)
        z, y, x = (
            min(self.edge, side - i * self.edge) for i, side in zip(index, self.shape, strict=True)
        )
        return z, y, x

    def voxels_in(self, numbers: np.ndarray) -> int:
        """Voxels of the volume that lie in some blocks, given by their numbers."""
        inside = np.ones(len(numbers), dtype=np.int64)
        for i, side in zip(np.unravel_index(numbers, self.counts), self.shape, strict=True):
            inside *= np.minimum(self.edge, side - i * self.edge)
        return int(inside.sum())

    def slices(self, index: Index) -> Slices:
        """Where a block lies in the volume, cut off at its end."""
        z, y, x = (
            slice(i * self.edge, i * self.edge + length)
            for i, length in zip(index, self.size(index), strict=True)
        )
        return z, y, x

    def touched(self, part: Slices) -> Iterator[Index]:
        """Blocks that a part of the volume lies in, in C order."""
        asked = (s.indices(side)[:2] for s, side in zip(part, self.shape, strict=True))
        z, y, x = (
            range(start // self.edge, -(-max(start, stop) // self.edge)) for start, stop in asked
        )
        return product(z, y, x)

    def halved(self) -> BlockGrid:
        """Blocks of the same edge in a volume of half the resolution, rounded up."""
        z, y, x = (-(-side // 2) for side in self.shape)
        return BlockGrid((z, y, x), self.edge)

    def part(self, index: Index) -> Slices:
        """Which part of the whole canonical block lies in the volume."""
        z, y, x = (slice(0, length) for length in self.size(index))
        return z, y, x

    def _inside(self, index: tuple[int, ...]) -> bool:
        return all(0 <= i < count for i, count in zip(index, self.counts, strict=True))

    def _check(self, index: Index) -> None:
        if not self._inside(index):
            raise IndexError(f"block {index} is outside a volume of {self.counts} blocks")


def volume_shape(shape: Sequence[int]) -> Index:
    """Shape of a volume as three Python integers.

    Raises
    ------
    InputError
        If it has not three sides, or a side is no positive integer.
    """
    try:
        sides = [operator.index(side) for side in shape]
    except TypeError as error:
        raise InputError(f"shape {shape!r}: expected three integers (z, y, x)") from error
    if len(sides) != 3 or not all(1 <= side <= _LONGEST_SIDE for side in sides):
        raise InputError(f"shape {tuple(sides)}: expected three positive sides (z, y, x) in voxels")
    z, y, x = sides
    return z, y, x
