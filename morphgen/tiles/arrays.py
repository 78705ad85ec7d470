"""The label array of a level: how it is created, opened, and known to be described rightly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import zarr
from zarr.codecs import Crc32cCodec, ZstdCodec
from zarr.storage import MemoryStore

from morphgen.phases import OUTSIDE
from morphgen.tiles.grid import BlockGrid
from morphgen.tiles.ome import AXES
from morphgen.tiles.remote import place_of


def create_array(group: zarr.Group, level: int, grid: BlockGrid, chunk: int) -> zarr.Array[Any]:
    """Create the array of a level, with inner chunks of a given edge; it holds nothing yet."""
    return group.create_array(
        str(level),
        shape=grid.shape,
        dtype="uint8",
        shards=(grid.edge,) * 3,
        chunks=(chunk,) * 3,
        compressors=[ZstdCodec(level=1), Crc32cCodec()],
        fill_value=OUTSIDE,
        dimension_names=AXES,
    )


def open_labels(location: str | Path, *, writable: bool = False, level: int = 0) -> zarr.Array[Any]:
    """Open the label array of a store.

    Returns
    -------
    zarr.Array of uint8, axes (z, y, x)
        255 marks what is not written.
    """
    found = zarr.open_array(
        store=place_of(location).store(writable=writable),
        path=str(level),
        mode="r+" if writable else "r",
        zarr_format=3,
    )
    assert isinstance(found, zarr.Array)
    # Otherwise Zarr's one thread compares every chunk with the fill value. The option is not kept
    # in the store, and `open_array` heeds it only where it creates.
    return found.with_config({"write_empty_chunks": True})


def rightly_described(array: zarr.Array[Any], grid: BlockGrid, chunk: int) -> bool:
    """Whether an array's metadata are those that it was created with, whatever its attributes."""
    wanted = create_array(zarr.create_group(MemoryStore(), zarr_format=3), 0, grid, chunk)
    return _description(array) == _description(wanted)


def _description(array: zarr.Array[Any]) -> dict[str, Any]:
    return {name: value for name, value in array.metadata.to_dict().items() if name != "attributes"}
