"""A volume as slabs: a few planes at a time, so that memory does not depend on its size."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from morphgen.errors import InputError, StoreError
from morphgen.fields.blocks import Index
from morphgen.phases import OUTSIDE, Phase
from morphgen.progress import Progress
from morphgen.tiles.grid import Slices
from morphgen.tiles.volume import VolumeInfo

_STAGE = "writing planes"
# bytes; two slabs live while one is read
_LARGEST_SLAB = 2**27


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
    volume: VolumeInfo, level: int, progress: Progress, folder: Path
) -> Iterator[NDArray[np.uint8]]:
    """Planes of a volume from the first to the last, several at a time; every chunk is read once.

    All slabs have the same height but the last one.

    Parameters
    ----------
    volume : VolumeInfo
        The volume.
    level : int
        Which level.
    progress : Progress
        Told how many planes are read.
    folder : Path
        Where a layer of chunks is put down if memory does not hold it.
    """
    shape, chunk = volume.record.grid_of(level).shape, volume.record.chunk
    fitting = max(1, _LARGEST_SLAB // (shape[1] * shape[2]))
    for start in range(0, shape[0], chunk):
        progress(_STAGE, start, shape[0])
        layer = slice(start, min(start + chunk, shape[0]))
        if fitting >= chunk:
            yield _written(volume, level, (layer, slice(0, shape[1]), slice(0, shape[2])))
        else:
            height = next(n for n in range(fitting, 0, -1) if chunk % n == 0)
            yield from _put_down(volume, level, layer, height, folder)
    progress(_STAGE, shape[0], shape[0])


def _put_down(
    volume: VolumeInfo, level: int, layer: slice, height: int, folder: Path
) -> Iterator[NDArray[np.uint8]]:
    """Planes of a layer of chunks, by way of a file that has no name."""
    _, rows, columns = volume.record.grid_of(level).shape
    with tempfile.TemporaryFile(dir=folder) as file:
        chunk = volume.record.chunk
        step = chunk * max(1, _LARGEST_SLAB // (chunk**2 * columns))
        for row in range(0, rows, step):
            strips = slice(row, min(row + step, rows))
            part = _written(volume, level, (layer, strips, slice(0, columns)))
            for number, strip in enumerate(part):
                file.seek((number * rows + row) * columns)
                file.write(np.ascontiguousarray(strip).data)
            del part, strip
        file.seek(0)
        for first in range(layer.start, layer.stop, height):
            count = min(height, layer.stop - first) * rows * columns
            yield np.frombuffer(file.read(count), np.uint8).reshape(-1, rows, columns)


def _written(volume: VolumeInfo, level: int, part: Slices) -> NDArray[np.uint8]:
    """Labels of a part; StoreError if a chunk has gone since the volume was found complete."""
    labels = volume.read(part, level)
    if labels.max() == OUTSIDE:
        raise StoreError(
            f"{volume.location} has lost a chunk of level {level} in planes {part[0].start} to "
            f"{part[0].stop - 1}; complete it with generate --resume"
        )
    return labels
