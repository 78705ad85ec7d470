"""A volume in a store, opened for reading."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from morphgen.errors import StoreError
from morphgen.excursion.model import ExcursionModel
from morphgen.excursion.realization import Realization
from morphgen.fields.blocks import Index
from morphgen.tiles.backends import Backend
from morphgen.tiles.grid import BlockGrid, Slices
from morphgen.tiles.metadata import VolumeRecord
from morphgen.tiles.place import LocalPlace
from morphgen.tiles.remote import place_of
from morphgen.tiles.shards import shard_key

# Zarr tells of damaged chunks and of absent metadata in many ways
_UNREADABLE = (ValueError, RuntimeError, OSError)


@dataclass(frozen=True)
class VolumeInfo:
    """A volume on a disk or at a URL.

    Attributes
    ----------
    location : str
        Folder or URL of the store.
    record : VolumeRecord
        What determines its voxels.
    """

    location: str
    record: VolumeRecord

    @property
    def path(self) -> Path:
        """Folder of the store; `StoreError` if it is a URL."""
        place = place_of(self.location)
        if not isinstance(place, LocalPlace):
            raise StoreError(f"{self.location} is no folder; use `location`")
        return place.path

    @property
    def model(self) -> ExcursionModel:
        """Model that the volume was drawn from."""
        return self.record.model

    @property
    def seed(self) -> int:
        """Seed of the noise."""
        return self.record.seed

    @property
    def shape(self) -> Index:
        """Voxels along (z, y, x)."""
        return self.record.shape

    @property
    def voxel_size(self) -> tuple[float, float, float]:
        """Voxel size along (z, y, x), in ``unit``."""
        return self.model.voxel_size

    @property
    def unit(self) -> str:
        """Unit of lengths."""
        return self.model.unit

    @property
    def backend(self) -> Backend:
        """Library and device that the blocks are computed with."""
        return self.record.backend

    @property
    def versions(self) -> dict[str, str]:
        """Versions of the packages that created the store."""
        return self.record.versions

    @property
    def levels(self) -> int:
        """Number of coarser levels, each of half the resolution of the one before."""
        return self.record.levels

    @property
    def grid(self) -> BlockGrid:
        """Blocks of the volume."""
        return self.record.grid

    @property
    def missing(self) -> np.ndarray:
        """Numbers of the blocks that are absent or not whole, when first asked, as int64."""
        return self.missing_by_level[0]

    @cached_property
    def missing_by_level(self) -> tuple[np.ndarray, ...]:
        """The same for level 0, which is the volume, and every coarser level."""
        place, record = place_of(self.location), self.record
        return tuple(
            place.missing(str(level), record.grid_of(level), record.chunk)
            for level in range(self.levels + 1)
        )

    @property
    def blocks(self) -> int:
        """Number of blocks."""
        return len(self.grid)

    @cached_property
    def described(self) -> bool:
        """Whether the arrays' own metadata are there and right, when first asked."""
        return all(self.has_array(level) for level in range(self.levels + 1))

    def has_array(self, level: int) -> bool:
        """Whether the metadata of a level's array are there and right."""
        try:
            array = open_labels(self.location, level=level)
        # Zarr fails in many ways at damaged metadata
        except Exception:  # noqa: BLE001
            return False
        found = (array.shape, array.shards, array.chunks, str(array.dtype))
        grid = self.record.grid_of(level)
        return found == (grid.shape, (grid.edge,) * 3, (self.record.chunk,) * 3, "uint8")

    @property
    def written(self) -> int:
        """Number of blocks that are whole."""
        return self.blocks - self.missing.size

    @property
    def complete(self) -> bool:
        """Whether every block of every level is whole, and the arrays can be opened."""
        return self.described and not any(missing.size for missing in self.missing_by_level)

    def realization(self) -> Realization:
        """Realization whose window at (0, 0, 0) is the volume."""
        return self.record.realization()

    def labels(self, level: int = 0) -> zarr.Array[Any]:
        """Labels of a level as a Zarr array, read-only; 255 marks what is not written."""
        return open_labels(self.location, level=level)

    def read(self, part: Slices, level: int = 0) -> np.ndarray:
        """Labels of a part of the volume.

        Parameters
        ----------
        part : tuple of 3 slices
            Voxels along (z, y, x).
        level : int
            0 is the volume itself, a higher one is coarser.

        Raises
        ------
        StoreError
            If they are damaged, with the file that has to go.
        """
        try:
            return np.asarray(self.labels(level)[part])
        except _UNREADABLE as error:
            reason = " ".join(str(error).split())[:200]
            where = place_of(self.location).where(self._damaged(part, level))
            raise StoreError(
                f"{self.location}: {where} cannot be read ({reason}); "
                "delete that file and run generate with resume"
            ) from error

    def _damaged(self, part: Slices, level: int) -> str:
        """First file of a part that cannot be read."""
        grid, array = self.record.grid_of(level), self.labels(level)
        for index in grid.touched(part):
            try:
                array[grid.slices(index)]
            except _UNREADABLE:
                return shard_key(str(level), index)
        return f"{level}/zarr.json"


def open_labels(location: str | Path, *, writable: bool = False, level: int = 0) -> zarr.Array[Any]:
    """Open the label array of a store.

    Returns
    -------
    zarr.Array of uint8, axes (z, y, x)
        255 marks what is not written.
    """
    # the option is not kept in the store; without it every chunk is compared with the fill value
    found = zarr.open_array(
        store=place_of(location).store(writable=writable),
        path=str(level),
        mode="r+" if writable else "r",
        zarr_format=3,
        config={"write_empty_chunks": True},
    )
    assert isinstance(found, zarr.Array)
    return found
