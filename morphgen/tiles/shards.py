"""Which shards are whole, told without reading their chunks.

A shard ends with its index: offset and length of every inner chunk as little-endian uint64, and
four bytes of checksum, the CRC32C of the rest (Zarr sharding codec 1.0). A file whose index is
damaged, or does not describe its content exactly, was cut off, or is none of ours. Flipped bits
inside a chunk are left to the checksum that every chunk carries, which is verified whenever it is
read.
"""

from __future__ import annotations

import re
import struct
from functools import lru_cache
from itertools import product

import google_crc32c

from morphgen.fields.blocks import Index
from morphgen.tiles.grid import BlockGrid

_CHECKSUM_BYTES = 4
_ENTRY_BYTES = 16
_NO_ENTRY = (2**64 - 1, 2**64 - 1)
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


def index_checksum(entries: bytes) -> bytes:
    """Checksum that follows the entries of an index."""
    checksum: int = google_crc32c.value(entries)
    return checksum.to_bytes(_CHECKSUM_BYTES, "little")


def is_whole(end: bytes, size: int, grid: BlockGrid, index: Index, chunk: int) -> bool:
    """Whether a shard's index is sound, agrees with its length and holds the block's chunks.

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
    if index_checksum(end[:-_CHECKSUM_BYTES]) != end[-_CHECKSUM_BYTES:]:
        return False
    per_axis = grid.edge // chunk
    used = tuple(-(-side // chunk) for side in grid.size(index))
    # Python integers: sums of damaged entries would wrap around
    numbers = struct.unpack(f"<{2 * per_axis**3}Q", end[:-_CHECKSUM_BYTES])
    entries = list(zip(numbers[::2], numbers[1::2], strict=True))
    inside = _inside(per_axis, used)
    if any((entry == _NO_ENTRY) == within for entry, within in zip(entries, inside, strict=True)):
        return False
    return _fills(sorted(entry for entry in entries if entry != _NO_ENTRY), content)


def _fills(chunks: list[tuple[int, int]], content: int) -> bool:
    """Whether chunks, by offset and length, follow each other without overlap up to the end."""
    end = 0
    for start, length in chunks:
        if start < end or length == 0:
            return False
        end = start + length
    return end == content


@lru_cache(maxsize=64)
def _inside(per_axis: int, used: tuple[int, ...]) -> tuple[bool, ...]:
    """Which chunks of a shard lie in the volume, in C order."""
    chunks = product(range(per_axis), repeat=3)
    return tuple(all(i < n for i, n in zip(chunk, used, strict=True)) for chunk in chunks)
