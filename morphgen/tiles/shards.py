"""Which shards are whole, told without reading their chunks.

A shard ends with its index: offset and length of every inner chunk as little-endian uint64, and
four bytes of checksum (Zarr sharding codec 1.0). A file whose index does not describe its
content exactly was cut off, or is none of ours. Flipped bits inside a chunk are left to the
checksum that every chunk carries, which is verified whenever it is read.
"""

from __future__ import annotations

import re

import numpy as np

from morphgen.fields.blocks import Index
from morphgen.tiles.grid import BlockGrid

_CHECKSUM_BYTES = 4
_ENTRY_BYTES = 16
_ABSENT = np.iinfo(np.uint64).max
_COORDINATE = re.compile(r"0|[1-9][0-9]*")


def shard_key(array: str, index: Index) -> str:
    """Key of a block's shard, below the store."""
    return "/".join((array, "c", *map(str, index)))


def block_of(names: list[str], grid: BlockGrid) -> Index | None:
    """Block whose shard has these names below ``c``; None if there is no such block."""
    if len(names) != 3 or not all(map(is_coordinate, names)):
        return None
    z, y, x = map(int, names)
    return (z, y, x) if (z, y, x) in grid else None


def is_coordinate(name: str) -> bool:
    """Whether a name is a number as Zarr writes it."""
    return _COORDINATE.fullmatch(name) is not None


def index_length(grid: BlockGrid, chunk: int) -> int:
    """Bytes of the index at the end of a shard."""
    return _ENTRY_BYTES * int(grid.edge // chunk) ** 3 + _CHECKSUM_BYTES


def is_whole(end: bytes, size: int, grid: BlockGrid, index: Index, chunk: int) -> bool:
    """Whether a shard's index agrees with its length and holds the chunks of its block.

    Parameters
    ----------
    end : bytes
        The last `index_length` bytes of the shard.
    size : int
        Length of the whole shard in bytes.
    grid, index, chunk
        The blocks of the array, the block of the shard, and the edge of the inner chunks.
    """
    content = size - index_length(grid, chunk)
    if content <= 0 or len(end) != index_length(grid, chunk):
        return False
    per_axis = grid.edge // chunk
    entries = np.frombuffer(end[:-_CHECKSUM_BYTES], dtype="<u8")
    table = entries.reshape(per_axis, per_axis, per_axis, 2)
    return _describes(table, content, tuple(-(-side // chunk) for side in grid.size(index)))


def _describes(table: np.ndarray, content: int, used: tuple[int, ...]) -> bool:
    inside = np.zeros(table.shape[:3], dtype=bool)
    inside[tuple(slice(0, count) for count in used)] = True
    if not np.array_equal(np.all(table == _ABSENT, axis=-1), ~inside):
        return False
    # Python integers: sums of damaged entries would wrap around
    chunks = sorted((int(start), int(length)) for start, length in table[inside])
    ends = [start + length for start, length in chunks]
    disjoint = all(end <= start for end, (start, _) in zip(ends, chunks[1:], strict=False))
    return disjoint and ends[-1] == content and all(length > 0 for _, length in chunks)
