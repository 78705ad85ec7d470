"""Surfaces of a phase as triangles, slab by slab without cracks: STL and PLY.

Marching cubes on the indicator of a phase put every vertex halfway between two voxel centres, so
that slabs which share a plane of voxels agree about all vertices on it, exactly. Of the tables of
cases only the original ones (Lorensen and Cline, SIGGRAPH 1987) close the surface of an indicator:
those that tell ambiguous faces apart by their values (Lewiner) meet ties.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from morphgen.errors import BackendError
from morphgen.tiles.export.slabs import Header

Slabs = Iterable[NDArray[np.uint8]]

_STL_RECORD = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_PLY_FACE = np.dtype([("count", "u1"), ("corners", "<i4", 3)])
# voxels; a rough phase has a triangle for every second of them
_LARGEST_SLAB = 2**21
# digits of the numbers in a PLY header, which are known last
_DIGITS = 12


@dataclass(frozen=True, eq=False)
class Triangles:
    """Triangles of a slab.

    Attributes
    ----------
    vertices : array of int64, shape (V, 3)
        Twice the voxel indices (z, y, x) of each vertex in the whole volume; each vertex once.
    faces : array of int64, shape (F, 3)
        Numbers of the corners, counterclockwise as seen from outside the phase.
    last : int
        Twice the index of the plane that the next slab begins with.
    """

    vertices: NDArray[np.int64]
    faces: NDArray[np.int64]
    last: int


def triangulated(planes: Slabs, phase: int) -> Iterator[Triangles]:
    """Surface of a phase, slab by slab; the border of the volume closes it.

    Parameters
    ----------
    planes : iterable of arrays of uint8
        Slabs of a volume, without overlap.
    phase : int
        Label of the phase.
    """
    start, before = -1, None
    for slab in _thin(planes):
        inside = np.pad(slab == phase, ((0, 0), (1, 1), (1, 1)))
        if before is None:
            before = np.zeros_like(inside[:1])
        block = np.concatenate([before, inside])
        yield _surface(block, start)
        start += slab.shape[0]
        before = block[-1:]
    if before is not None:
        yield _surface(np.concatenate([before, np.zeros_like(before)]), start)


def _thin(planes: Slabs) -> Iterator[NDArray[np.uint8]]:
    """The same planes in slabs whose triangles take some hundred megabytes at most."""
    for slab in planes:
        height = max(1, _LARGEST_SLAB // slab[0].size)
        for start in range(0, len(slab), height):
            yield slab[start : start + height]


def write_stl(path: Path, header: Header, planes: Slabs, phase: int) -> None:
    """Binary STL: triangles one by one, in the volume's unit, x first."""
    with path.open("wb") as file:
        file.write(f"morphgen phase {phase} lengths in {header.unit}".encode().ljust(80)[:80])
        file.write(np.uint32(0).tobytes())
        number = 0
        for part in triangulated(planes, phase):
            corners = _places(part.vertices, header)[part.faces]
            records = np.zeros(len(corners), dtype=_STL_RECORD)
            records["corners"] = corners
            records["normal"] = _normals(corners)
            file.write(records.tobytes())
            number += len(records)
        file.seek(80)
        file.write(np.uint32(number).astype("<u4").tobytes())


def write_ply(path: Path, header: Header, planes: Slabs, phase: int) -> None:
    """Binary PLY: every vertex once, and triangles by the numbers of their corners."""
    beside = path.with_name(path.name + ".faces")
    vertices = faces = 0
    known = _Seam(np.empty((0, 2), dtype=np.int64), np.empty(0, dtype=np.int64))
    try:
        with path.open("wb") as file, beside.open("wb") as late:
            file.write(_ply_header(0, 0, header, phase))
            for part in triangulated(planes, phase):
                numbers, fresh = known.numbered(part, vertices)
                file.write(_places(part.vertices[fresh], header).astype("<f4").tobytes())
                records = np.zeros(len(part.faces), dtype=_PLY_FACE)
                records["count"], records["corners"] = 3, numbers[part.faces]
                late.write(records.tobytes())
                vertices += int(np.count_nonzero(fresh))
                faces += len(records)
                known = _Seam.of(part, numbers)
        with path.open("r+b") as file, beside.open("rb") as late:
            file.write(_ply_header(vertices, faces, header, phase))
            file.seek(0, 2)
            shutil.copyfileobj(late, file)
    finally:
        beside.unlink(missing_ok=True)


@dataclass(frozen=True, eq=False)
class _Seam:
    """Vertices on the plane that two slabs share, and their numbers."""

    places: NDArray[np.int64]
    numbers: NDArray[np.int64]

    @classmethod
    def of(cls, part: Triangles, numbers: NDArray[np.int64]) -> _Seam:
        """Seam behind a slab, its vertices sorted."""
        on = np.flatnonzero(part.vertices[:, 0] == part.last)
        places = part.vertices[on, 1:]
        order = np.lexsort((places[:, 1], places[:, 0]))
        return cls(places[order], numbers[on][order])

    def numbered(self, part: Triangles, first: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Number of each vertex of the next slab, and which of them were not known."""
        fresh = np.ones(len(part.vertices), dtype=np.bool_)
        numbers = np.empty(len(part.vertices), dtype=np.int64)
        if len(self.numbers):
            begin = part.vertices[:, 0].min()
            on = np.flatnonzero(part.vertices[:, 0] == begin)
            places = part.vertices[on, 1:]
            order = np.lexsort((places[:, 1], places[:, 0]))
            fresh[on] = False
            numbers[on[order]] = self.numbers
        numbers[fresh] = first + np.arange(np.count_nonzero(fresh))
        return numbers, fresh


def _surface(block: NDArray[np.bool_], start: int) -> Triangles:
    """Triangles of a block whose first plane has the index ``start``; y and x are padded by 1."""
    last = 2 * (start + block.shape[0] - 1)
    if block.all() or not block.any():
        return Triangles(np.empty((0, 3), np.int64), np.empty((0, 3), np.int64), last)
    try:
        from skimage.measure import marching_cubes  # noqa: PLC0415
    except ImportError as error:
        raise BackendError(
            'scikit-image is not installed: pip install "morphgen[analysis]"'
        ) from error
    places, faces, _, _ = marching_cubes(block.view(np.uint8), 0.5, method="lorensen")
    doubled = np.rint(2.0 * places).astype(np.int64) + 2 * np.array([start, -1, -1])
    return Triangles(doubled, faces.astype(np.int64), last)


def _places(doubled: NDArray[np.int64], header: Header) -> NDArray[np.float64]:
    """Places (x, y, z) in the volume's unit."""
    zyx = 0.5 * doubled * np.array(header.voxel_size) + np.array(header.origin)
    found: NDArray[np.float64] = zyx[:, ::-1]
    return found


def _normals(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(across, axis=1, keepdims=True)
    normals: NDArray[np.float64] = across / np.where(length > 0.0, length, 1.0)
    return normals


def _ply_header(vertices: int, faces: int, header: Header, phase: int) -> bytes:
    return (
        "ply\nformat binary_little_endian 1.0\n"
        f"comment morphgen phase {phase} lengths in {header.unit}\n"
        f"element vertex {vertices:0{_DIGITS}d}\n"
        "property float x\nproperty float y\nproperty float z\n"
        f"element face {faces:0{_DIGITS}d}\n"
        "property list uchar int vertex_indices\nend_header\n"
    ).encode()
