"""The Zarr 3 store of a volume: created first, then filled block by block.

The group is marked as begun before its array exists, and as ready by the last write of its
metadata; each write is an atomic rename (zarr >= 3.1.3). A store that was killed while it was
created is therefore recognised, and holds nothing yet.
"""

from __future__ import annotations

import enum
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.codecs import Crc32cCodec, ZstdCodec

from morphgen.errors import StoreError
from morphgen.excursion.model import ExcursionModel
from morphgen.excursion.realization import Realization
from morphgen.fields.blocks import Index
from morphgen.phases import OUTSIDE
from morphgen.tiles.backends import Backend
from morphgen.tiles.grid import BlockGrid
from morphgen.tiles.metadata import AXES, FORMAT, VolumeRecord, parse_attributes
from morphgen.tiles.shards import missing_blocks, shard_path

ARRAY = "0"


class State(enum.Enum):
    """What lies at the place of a store."""

    ABSENT = "absent"
    BEGUN = "begun"
    READY = "ready"


@dataclass(frozen=True)
class VolumeInfo:
    """A volume on disk.

    Attributes
    ----------
    path : Path
        Folder of the store.
    record : VolumeRecord
        What determines its voxels.
    """

    path: Path
    record: VolumeRecord

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
    def grid(self) -> BlockGrid:
        """Blocks of the volume."""
        return self.record.grid

    @cached_property
    def missing(self) -> np.ndarray:
        """Numbers of the blocks that are absent or not whole, when first asked, as int64."""
        return missing_blocks(self.path / ARRAY, self.grid, self.record.chunk)

    @property
    def blocks(self) -> int:
        """Number of blocks."""
        return len(self.grid)

    @cached_property
    def described(self) -> bool:
        """Whether the array's own metadata are there and right, when first asked."""
        try:
            array = open_labels(self.path)
        # Zarr fails in many ways at damaged metadata
        except Exception:  # noqa: BLE001
            return False
        found = (array.shape, array.shards, array.chunks, str(array.dtype))
        edges = ((self.grid.edge,) * 3, (self.record.chunk,) * 3)
        return found == (self.shape, *edges, "uint8")

    @property
    def written(self) -> int:
        """Number of blocks that are whole."""
        return self.blocks - self.missing.size

    @property
    def complete(self) -> bool:
        """Whether every block is whole, and the array can be opened."""
        return self.described and self.missing.size == 0

    def realization(self) -> Realization:
        """Realization whose window at (0, 0, 0) is the volume."""
        return self.record.realization()

    def labels(self) -> zarr.Array[Any]:
        """Labels as a Zarr array, read-only; 255 marks what is not written."""
        return open_labels(self.path)

    def read(self, part: tuple[slice, slice, slice]) -> np.ndarray:
        """Labels of a part of the volume.

        Parameters
        ----------
        part : tuple of 3 slices
            Voxels along (z, y, x).

        Raises
        ------
        StoreError
            If they are damaged, with the file that has to go.
        """
        try:
            return np.asarray(self.labels()[part])
        except (ValueError, RuntimeError, OSError) as error:
            reason = " ".join(str(error).split())[:200]
            raise StoreError(
                f"{self.path}: {self._damaged(part)} cannot be read ({reason}); "
                "delete that file and run generate with resume"
            ) from error

    def _damaged(self, part: tuple[slice, slice, slice]) -> Path:
        """First file of a part that cannot be read."""
        asked = [s.indices(side)[:2] for s, side in zip(part, self.shape, strict=True)]
        for index in self.grid:
            own = self.grid.slices(index)
            touched = zip(own, asked, strict=True)
            if all(s.start < stop and start < s.stop for s, (start, stop) in touched):
                try:
                    self.labels()[own]
                except (ValueError, RuntimeError, OSError):
                    return shard_path(self.path / ARRAY, index)
        return self.path / ARRAY / "zarr.json"


def open_volume(path: str | Path) -> VolumeInfo:
    """Open a volume store for reading.

    Parameters
    ----------
    path : str or Path
        Folder of the store.

    Raises
    ------
    StoreError
        If there is no volume, or its description is damaged.
    """
    place = Path(path)
    state = state_of(place)
    if state is State.ABSENT:
        raise StoreError(f"{place} is no volume; generate it first, or check the path")
    if state is State.BEGUN:
        raise StoreError(f"{place} was begun but holds nothing yet; generate it with resume")
    try:
        return VolumeInfo(place, parse_attributes(_attributes(place)))
    except StoreError as error:
        raise StoreError(f"{place}: {error}") from error


def open_labels(path: str | Path, *, writable: bool = False) -> zarr.Array[Any]:
    """Open the label array of a store.

    Returns
    -------
    zarr.Array of uint8, axes (z, y, x)
        255 marks what is not written.
    """
    # the option is not kept in the store; without it every chunk is compared with the fill value
    found = zarr.open_array(
        store=str(Path(path) / ARRAY),
        mode="r+" if writable else "r",
        zarr_format=3,
        config={"write_empty_chunks": True},
    )
    assert isinstance(found, zarr.Array)
    return found


def state_of(path: Path) -> State:
    """Tell whether a store can be created at a path, was begun there, or is ready.

    Raises
    ------
    StoreError
        If something lies there that is no volume store.
    """
    if not path.exists():
        return State.ABSENT
    if path.is_dir() and all(entry.name.endswith(".partial") for entry in path.iterdir()):
        return State.ABSENT
    own = _attributes(path).get("morphgen") if path.is_dir() else None
    if not isinstance(own, dict) or own.get("format") != FORMAT:
        raise StoreError(f"{path} exists and is no morphgen volume; choose another path")
    return State.READY if own.get("state") == "ready" else State.BEGUN


def create(path: Path, record: VolumeRecord) -> None:
    """Create an empty store, in place of the begun or ready one that lies there.

    The array and whatever else lies in its folder are deleted; what lies beside it stays.

    Raises
    ------
    StoreError
        If something else lies there, or the folder cannot be written.
    """
    existing = state_of(path) is not State.ABSENT
    with _writing(path):
        path.mkdir(parents=True, exist_ok=True)
        _drop_partial_files(path)
        begun: dict[str, Any] = {"morphgen": {"format": FORMAT, "state": "begun"}}
        if existing:
            # the group stays recognisable at every moment
            group = zarr.open_group(str(path), mode="r+", zarr_format=3)
            group.attrs.put(begun)
            if (path / ARRAY).exists():
                shutil.rmtree(path / ARRAY)
        else:
            group = zarr.create_group(str(path), zarr_format=3, attributes=begun)
        _create_array(group, record)
        group.attrs.put(record.attributes())


def restore_array(volume: VolumeInfo) -> None:
    """Write the array's metadata anew where they are lost or damaged; shards stay.

    Raises
    ------
    StoreError
        If the folder cannot be written.
    """
    if volume.described:
        return
    with _writing(volume.path):
        (volume.path / ARRAY / "zarr.json").unlink(missing_ok=True)
        group = zarr.open_group(str(volume.path), mode="r+", zarr_format=3)
        _create_array(group, volume.record)


def read_description(path: str | Path) -> bytes:
    """Metadata of a store's group, as they are on the disk.

    Raises
    ------
    StoreError
        If they are gone.
    """
    try:
        return Path(path, "zarr.json").read_bytes()
    except OSError as error:
        raise StoreError(f"{path} is gone: {error.strerror or error}") from error


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold a store, or the folder that becomes one, against any other run.

    The lock is one on the folder itself: nothing is written, and it ends with the process.
    Network file systems may not honour it.

    Raises
    ------
    StoreError
        If another run holds it, or the folder cannot be created.
    """
    with _writing(path):
        path.mkdir(parents=True, exist_ok=True)
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreError(f"{path}: another run is writing it; wait until it ends") from error
        except OSError:
            # a file system without locks; every block still checks whose store it is in
            pass
        yield
    finally:
        os.close(folder)


def _create_array(group: zarr.Group, record: VolumeRecord) -> None:
    group.create_array(
        ARRAY,
        shape=record.shape,
        dtype="uint8",
        shards=(record.grid.edge,) * 3,
        chunks=(record.chunk,) * 3,
        compressors=[ZstdCodec(level=1), Crc32cCodec()],
        fill_value=OUTSIDE,
        dimension_names=AXES,
    )


def _drop_partial_files(path: Path) -> None:
    for entry in path.glob("*.partial"):
        entry.unlink(missing_ok=True)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"{path} cannot be written: {error.strerror or error}; choose another path"
        ) from error


def _attributes(path: Path) -> dict[str, Any]:
    """Attributes of the Zarr group in a folder; empty if there is none."""
    try:
        content = json.loads((path / "zarr.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        raise StoreError(f"{path}/zarr.json cannot be read: {error}") from error
    found = content.get("attributes") if isinstance(content, dict) else None
    return found if isinstance(found, dict) else {}
