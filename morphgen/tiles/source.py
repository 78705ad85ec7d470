"""What a block of a volume holds: computed for the volume itself, downsampled for its levels."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np

from morphgen.errors import StoreError
from morphgen.fields.blocks import Index
from morphgen.fields.pieces import Workspace
from morphgen.phases import OUTSIDE
from morphgen.tiles.backends import Backend
from morphgen.tiles.downsample import downsample
from morphgen.tiles.volume import VolumeInfo


def block_labels(
    volume: VolumeInfo,
    level: int,
    index: Index,
    backend: Backend,
    workspace: Workspace | None = None,
) -> np.ndarray:
    """Labels of the part of a block that lies in the volume.

    Parameters
    ----------
    volume : VolumeInfo
        The volume.
    level : int
        0 is computed; a higher level is made from the stored one below it.
    index : tuple of 3 ints
        The block, in the grid of its level.
    backend : Backend
        Library that the volume records, and a device of the recorded kind.
    workspace : Workspace, optional
        Buffers that were used for another block before, by the same thread.

    Returns
    -------
    array of uint8, on the host

    Raises
    ------
    StoreError
        If the level below is damaged, or not written there.
    """
    return begin_labels(volume, level, index, backend, workspace)()


def begin_labels(
    volume: VolumeInfo,
    level: int,
    index: Index,
    backend: Backend,
    workspace: Workspace | None = None,
) -> Callable[[], np.ndarray]:
    """Begin what `block_labels` does; the result waits for its end, from any thread.

    On a GPU the block is then queued, and the caller may queue the next one. Elsewhere it is done.
    """
    if level > 0:
        coarse = _coarse(volume, level, index)
        return lambda: coarse
    with backend.current():
        labels = volume.realization().block(
            index,
            backend.module(),
            backend.argument,
            part=volume.grid.part(index),
            workspace=workspace,
        )
        return backend.fetch(labels)


def _coarse(volume: VolumeInfo, level: int, index: Index) -> np.ndarray:
    grid = volume.record.grid_of(level)
    labels = np.empty(grid.size(index), dtype=np.uint8)
    # one shard of the level below at a time; its edge is even
    halves = [_halves(side, grid.edge // 2) for side in labels.shape]
    for part in product(*halves):
        below = tuple(
            slice(2 * (i * grid.edge + s.start), min(2 * (i * grid.edge + s.stop), side))
            for i, s, side in zip(index, part, volume.record.grid_of(level - 1).shape, strict=True)
        )
        z, y, x = below
        found = volume.read((z, y, x), level - 1)
        if (found == OUTSIDE).any():
            raise StoreError(
                f"{volume.location}: level {level - 1} is not written yet where level {level} is "
                "made from it; generate with resume"
            )
        labels[part] = downsample(found, volume.record.downsample)
    return labels


def _halves(side: int, half: int) -> list[slice]:
    return [slice(begin, min(begin + half, side)) for begin in range(0, side, half)]
