"""A volume in a store, opened for reading."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from morphgen.errors import MorphgenError, StoreError
from morphgen.excursion.model import ExcursionModel
from morphgen.excursion.realization import Realization
from morphgen.fields.blocks import Index
from morphgen.tiles.arrays import open_labels, rightly_described
from morphgen.tiles.backends import Backend
from morphgen.tiles.grid import BlockGrid, Slices
from morphgen.tiles.metadata import VolumeRecord
from morphgen.tiles.place import LocalPlace
from morphgen.tiles.remote import place_of
from morphgen.tiles.shards import shard_key

# Zarr tells of damaged chunks in many ways
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
        """Library and kind of device that the blocks are computed with."""
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
            array = self.labels(level)
        # Zarr fails in many ways at damaged metadata
        except Exception:  # noqa: BLE001
            return False
        return rightly_described(array, self.record.grid_of(level), self.record.chunk)

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
        array = self._opened(level)
        try:
            return np.asarray(array[part])
        except _UNREADABLE as error:
            raise self._unreadable(self._damaged(array, part, level), error) from error

    def _opened(self, level: int) -> zarr.Array[Any]:
        """Array of a level; `StoreError` if its metadata are lost or tell of another shape."""
        metadata, shape = f"{level}/zarr.json", self.record.grid_of(level).shape
        try:
            array = self.labels(level)
        except MorphgenError:
            raise
        # Zarr fails in many ways at damaged metadata
        except Exception as error:
            raise self._unreadable(metadata, error) from error
        if array.shape != shape:
            raise self._unreadable(metadata, f"shape {array.shape}, expected {shape}")
        return array

    def _unreadable(self, key: str, error: Exception | str) -> StoreError:
        reason = " ".join(str(error).split())[:200]
        return StoreError(
            f"{self.location}: {place_of(self.location).where(key)} cannot be read ({reason}); "
            "delete that file and run generate with resume"
        )

    def _damaged(self, array: zarr.Array[Any], part: Slices, level: int) -> str:
        """First file of a part that cannot be read."""
        grid = self.record.grid_of(level)
        for index in grid.touched(part):
            try:
                array[grid.slices(index)]
            except _UNREADABLE:
                return shard_key(str(level), index)
        return f"{level}/zarr.json"
