"""Which blocks of a store are whole, told from the files alone.

A shard ends with its index: offset and length of every inner chunk as little-endian uint64, and
four bytes of checksum (Zarr sharding codec 1.0). A file whose index does not describe its
content exactly was cut off, or is none of ours. Flipped bits inside a chunk are left to the
checksum that every chunk carries, which is verified whenever it is read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from morphgen.fields.blocks import Index
from morphgen.tiles.grid import BlockGrid

_CHECKSUM_BYTES = 4
_ENTRY_BYTES = 16
_ABSENT = np.iinfo(np.uint64).max


def shard_path(array: Path, index: Index) -> Path:
    """File of a block in an array's folder."""
    return array.joinpath("c", *(str(i) for i in index))


def missing_blocks(array: Path, grid: BlockGrid, chunk: int) -> np.ndarray:
    """Numbers of the blocks whose shard is absent or not whole, in C order, as int64."""
    whole = np.zeros(len(grid), dtype=bool)
    for index in found_blocks(array, grid):
        whole[grid.number(index)] = is_whole(shard_path(array, index), grid, index, chunk)
    return np.flatnonzero(~whole)


def found_blocks(array: Path, grid: BlockGrid) -> Iterator[Index]:
    """Blocks that have a shard, by a walk through the folders."""
    root = array / "c"
    for z in _numbers(root):
        for y in _numbers(root / z):
            for x in _numbers(root / z / y):
                index = (int(z), int(y), int(x))
                if index in grid:
                    yield index


def is_whole(path: Path, grid: BlockGrid, index: Index, chunk: int) -> bool:
    """Whether a shard's index agrees with its length and holds the chunks of its block."""
    per_axis = grid.edge // chunk
    index_bytes = _ENTRY_BYTES * per_axis**3 + _CHECKSUM_BYTES
    content = path.stat().st_size - index_bytes
    if content <= 0:
        return False
    with path.open("rb") as file:
        file.seek(content)
        entries = np.frombuffer(file.read(index_bytes - _CHECKSUM_BYTES), dtype="<u8")
    table = entries.reshape(per_axis, per_axis, per_axis, 2)
    return _describes(table, content, tuple(-(-side // chunk) for side in grid.size(index)))


def clean(array: Path, grid: BlockGrid, missing: np.ndarray) -> None:
    """Delete the remains of missing blocks, and files that were never finished.

    A shard must go before it is written again: its remains would be read first.
    """
    for folder, _, names in os.walk(array):
        for name in names:
            if name.endswith(".partial"):
                Path(folder, name).unlink(missing_ok=True)
    absent = np.zeros(len(grid), dtype=bool)
    absent[missing] = True
    for index in found_blocks(array, grid):
        if absent[grid.number(index)]:
            shard_path(array, index).unlink(missing_ok=True)


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


def _numbers(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    names = (entry.name for entry in os.scandir(folder))
    return sorted(name for name in names if name.isdecimal() and name.isascii())
