"""The Zarr 3 store of a volume: created first, then filled block by block.

The group is marked as begun before its array exists, and as ready by the last write of its
metadata; each write is an atomic rename (zarr >= 3.1.3). A store that was killed while it was
created is therefore recognised, and holds nothing yet.
"""

from __future__ import annotations

import enum
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

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
from morphgen.tiles.shards import missing_blocks

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
    def missing(self) -> tuple[Index, ...]:
        """Blocks that are absent or not whole, when first asked."""
        return tuple(missing_blocks(self.path / ARRAY, self.grid, self.record.chunk))

    @property
    def blocks(self) -> int:
        """Number of blocks."""
        return len(self.grid)

    @property
    def written(self) -> int:
        """Number of blocks that are whole."""
        return self.blocks - len(self.missing)

    @property
    def complete(self) -> bool:
        """Whether every block is whole."""
        return not self.missing

    def realization(self) -> Realization:
        """Realization whose window at (0, 0, 0) is the volume."""
        return self.record.realization()

    def labels(self) -> zarr.Array[Any]:
        """Labels as a Zarr array, read-only; 255 marks what is not written."""
        return open_labels(self.path)


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

    Only what belongs to a volume store is deleted.

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
