"""Surfaces of a phase as triangles, block by block without cracks.

Marching cubes on the indicator of a phase put every vertex halfway between two voxel centres, so
that blocks which share voxels agree about all vertices between these, exactly. Of the tables of
cases only the original ones (Lorensen and Cline, SIGGRAPH 1987) close the surface of an indicator:
those that tell ambiguous faces apart by their values (Lewiner) meet ties.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from morphgen.errors import BackendError
from morphgen.phases import OUTSIDE

Slabs = Iterable[NDArray[np.uint8]]

# voxels; a rough phase has a triangle for every second of them, of about 200 bytes
_LARGEST_BLOCK = 2**20


@dataclass(frozen=True, eq=False)
class Triangles:
    """Triangles of a block.

    Attributes
    ----------
    vertices : array of int64, shape (V, 3)
        Twice the voxel indices (z, y, x) of each vertex in the whole volume; each vertex once.
    faces : array of int64, shape (F, 3)
        Numbers of the corners, counterclockwise as seen from outside the phase.
    first, last : tuple of 2 ints
        Twice the index of the plane and the row that the block begins and ends with; the next ones
        begin there.
    """

    vertices: NDArray[np.int64]
    faces: NDArray[np.int64]
    first: tuple[int, int]
    last: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Block:
    """Some planes and rows of voxels, with the border of the volume; neighbours share voxels.

    Attributes
    ----------
    labels : array of uint8
        Labels; 255 outside the volume.
    start : tuple of 2 ints
        Index of the first plane and row; the first column has the index -1.
    """

    labels: NDArray[np.uint8]
    start: tuple[int, int]

    def surface(self, phase: int) -> Triangles:
        """Triangles between the voxels of a phase and all others."""
        inside = self.labels == phase
        (z, y), (depth, height) = self.start, inside.shape[:2]
        first, last = (2 * z, 2 * y), (2 * (z + depth - 1), 2 * (y + height - 1))
        if inside.all() or not inside.any():
            nothing = np.empty((0, 3), np.int64)
            return Triangles(nothing, nothing, first, last)
        try:
            from skimage.measure import marching_cubes  # noqa: PLC0415
        except ImportError as error:
            raise BackendError(
                'scikit-image is not installed: pip install "morphgen[analysis]"'
            ) from error
        places, faces, _, _ = marching_cubes(inside.view(np.uint8), 0.5, method="lorensen")
        doubled = np.rint(2.0 * places).astype(np.int64) + 2 * np.array([z, y, -1])
        return Triangles(doubled, faces.astype(np.int64), first, last)


def triangulated(planes: Slabs, phase: int) -> Iterator[Triangles]:
    """Surface of a phase, block by block; the border of the volume closes it.

    Parameters
    ----------
    planes : iterable of arrays of uint8
        Slabs of a volume, without overlap.
    phase : int
        Label of the phase.
    """
    for block in blocks(planes):
        yield block.surface(phase)


def blocks(planes: Slabs) -> Iterator[Block]:
    """Blocks whose triangles take some hundred megabytes at most: planes first, then rows."""
    start, before = -1, None
    for slab in _thin(planes):
        padded = np.pad(slab, ((0, 0), (1, 1), (1, 1)), constant_values=OUTSIDE)
        if before is None:
            before = np.full_like(padded[:1], OUTSIDE)
        yield from _strips(np.concatenate([before, padded]), start)
        start += len(slab)
        before = padded[-1:]
    if before is not None:
        yield from _strips(np.concatenate([before, np.full_like(before, OUTSIDE)]), start)


def _thin(planes: Slabs) -> Iterator[NDArray[np.uint8]]:
    for slab in planes:
        height = max(1, _LARGEST_BLOCK // slab[0].size)
        for start in range(0, len(slab), height):
            yield slab[start : start + height]


def _strips(labels: NDArray[np.uint8], start: int) -> Iterator[Block]:
    rows = labels.shape[1] - 1
    number = max(1, round((len(labels) - 1) * labels[0].size / _LARGEST_BLOCK))
    height = -(-rows // number)
    for row in range(0, rows, height):
        yield Block(labels[:, row : row + height + 1], (start, row - 1))
