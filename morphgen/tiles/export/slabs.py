"""A volume as slabs: a few planes at a time, so that memory does not depend on its size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from morphgen.errors import InputError, StoreError
from morphgen.fields.blocks import Index
from morphgen.phases import Phase
from morphgen.progress import Progress
from morphgen.tiles.volume import VolumeInfo

_STAGE = "writing planes"
# memory of a slab that is worth the reading of whole chunks
_LARGEST_SLAB = 2**28


@dataclass(frozen=True)
class Header:
    """What a file says of a volume beside its voxels.

    Attributes
    ----------
    shape : tuple of three ints
        Voxels along (z, y, x).
    voxel_size : tuple of three floats
        Voxel size along (z, y, x), in ``unit``.
    origin : tuple of three floats
        Centre of the first voxel, in ``unit``: 0 for the volume itself.
    unit : str
        nm, um, mm, cm, m, or voxel.
    phases : tuple of Phase
        The phases by rising label.
    name : str
        What the volume is called.
    """

    shape: Index
    voxel_size: tuple[float, float, float]
    origin: tuple[float, float, float]
    unit: str
    phases: tuple[Phase, ...]
    name: str


def header_of(volume: VolumeInfo, level: int) -> Header:
    """Header of a level of a volume.

    Raises
    ------
    InputError
        If there is no such level.
    StoreError
        If it is not complete.
    """
    if not 0 <= level <= volume.levels:
        raise InputError(f"level is {level}; {volume.location} has levels 0 to {volume.levels}")
    if not volume.complete:
        raise StoreError(
            f"{volume.location} holds {volume.written} of {volume.blocks} blocks; complete it "
            "with generate --resume"
        )
    z, y, x = (size * 2.0**level for size in volume.voxel_size)
    # as its OME-Zarr metadata say
    before = [size * (2.0**level - 1.0) / 2.0 for size in volume.voxel_size]
    return Header(
        shape=volume.record.grid_of(level).shape,
        voxel_size=(z, y, x),
        origin=(before[0], before[1], before[2]),
        unit=volume.unit,
        phases=volume.model.phases,
        name=volume.location.rstrip("/").rsplit("/", 1)[-1],
    )


def slabs(
    volume: VolumeInfo, level: int, progress: Progress, overlap: int = 0
) -> Iterator[NDArray[np.uint8]]:
    """Planes of a volume from the first to the last, several at a time.

    Parameters
    ----------
    volume : VolumeInfo
        The volume.
    level : int
        Which level.
    progress : Progress
        Told how many planes are read.
    overlap : int
        Planes of the slab before that every slab but the first begins with.
    """
    shape = volume.record.grid_of(level).shape
    chunk = volume.record.chunk
    fitting = _LARGEST_SLAB // max(1, shape[1] * shape[2])
    height = chunk if fitting >= chunk else max(1, fitting)
    for start in range(0, shape[0], height):
        progress(_STAGE, start, shape[0])
        stop = min(start + height, shape[0])
        first = max(0, start - overlap)
        yield volume.read((slice(first, stop), slice(0, shape[1]), slice(0, shape[2])), level)
    progress(_STAGE, shape[0], shape[0])
