"""Triangles as files: STL and PLY, of all phases in one pass over the volume."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from morphgen.errors import InputError
from morphgen.tiles.export.slabs import Header
from morphgen.tiles.export.surfaces import Slabs, Triangles, blocks

Add = Callable[[Triangles], None]

_STL_RECORD = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_PLY_FACE = np.dtype([("count", "u1"), ("corners", "<i4", 3)])
# triangles of STL, which take 300 bytes while they are made
_AT_A_TIME = 2**17
# STL counts triangles in 32 bits; PLY numbers vertices by signed ones
_MOST_TRIANGLES = 2**32 - 1
_MOST_VERTICES = 2**31
# digits of the numbers in a PLY header, which are known last
_DIGITS = 12


def write_surfaces(paths: Mapping[int, Path], header: Header, planes: Slabs) -> None:
    """Write the surface of each phase; the ending of its path, .stl or .ply, is the format.

    Raises
    ------
    InputError
        If the format cannot number what a surface has.
    """
    with ExitStack() as stack:
        files = {
            phase: stack.enter_context(SURFACES[path.suffix.lower()](path, header, phase))
            for phase, path in paths.items()
        }
        for block in blocks(planes):
            for phase, add in files.items():
                add(block.surface(phase))


@contextmanager
def _stl(path: Path, header: Header, phase: int) -> Iterator[Add]:
    """Binary STL: triangles one by one, in the volume's unit, x first."""
    number = 0
    with path.open("wb") as file:
        file.write(f"morphgen phase {phase} lengths in {header.unit}".encode().ljust(80)[:80])
        file.write(np.uint32(0).tobytes())

        def add(part: Triangles) -> None:
            nonlocal number
            number += len(part.faces)
            if number > _MOST_TRIANGLES:
                raise _too_many(path, f"more than {_MOST_TRIANGLES:,} triangles")
            places = _places(part.vertices, header)
            for start in range(0, len(part.faces), _AT_A_TIME):
                corners = places[part.faces[start : start + _AT_A_TIME]]
                records = np.zeros(len(corners), dtype=_STL_RECORD)
                records["corners"] = corners
                records["normal"] = _normals(corners)
                file.write(records.tobytes())

        yield add
        file.seek(80)
        file.write(np.uint32(number).astype("<u4").tobytes())


@contextmanager
def _ply(path: Path, header: Header, phase: int) -> Iterator[Add]:
    """Binary PLY: every vertex once, and triangles by the numbers of their corners."""
    known, faces = _Numbering(), 0
    with path.open("wb") as file, tempfile.TemporaryFile(dir=path.parent) as late:
        file.write(_ply_header(0, 0, header, phase))

        def add(part: Triangles) -> None:
            nonlocal faces
            numbers, fresh = known.numbered(part)
            if known.count > _MOST_VERTICES:
                raise _too_many(path, f"more than {_MOST_VERTICES:,} vertices")
            file.write(_places(part.vertices[fresh], header).astype("<f4").tobytes())
            records = np.zeros(len(part.faces), dtype=_PLY_FACE)
            records["count"], records["corners"] = 3, numbers[part.faces]
            late.write(records.tobytes())
            faces += len(records)

        yield add
        late.seek(0)
        shutil.copyfileobj(late, file)
        file.seek(0)
        file.write(_ply_header(known.count, faces, header, phase))


SURFACES: dict[str, Callable[[Path, Header, int], AbstractContextManager[Add]]] = {
    ".stl": _stl,
    ".ply": _ply,
}


class _Numbering:
    """Numbers of vertices, also of those that a block shares with the ones before it."""

    def __init__(self) -> None:
        self.count = 0
        self._plane: int | None = None
        # of the planes before, of the block before, and for the planes that follow
        self._below, self._beside = _seam([], []), _seam([], [])
        self._keys: list[NDArray[np.int64]] = []
        self._numbers: list[NDArray[np.int64]] = []

    def numbered(self, part: Triangles) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Number of each vertex of the next block, and which of them were not known."""
        if part.first[0] != self._plane:
            self._plane = part.first[0]
            self._below, self._beside = _seam(self._keys, self._numbers), _seam([], [])
            self._keys, self._numbers = [], []
        numbers = np.full(len(part.vertices), -1, dtype=np.int64)
        for axis, (keys, known) in enumerate((self._below, self._beside)):
            on, wanted = _on_face(part, axis, part.first[axis])
            numbers[on] = known[np.searchsorted(keys, wanted)]
        fresh = numbers < 0
        numbers[fresh] = self.count + np.arange(np.count_nonzero(fresh))
        self.count += int(np.count_nonzero(fresh))
        on, ahead = _on_face(part, 0, part.last[0])
        self._keys.append(ahead)
        self._numbers.append(numbers[on])
        on, ahead = _on_face(part, 1, part.last[1])
        self._beside = _seam([ahead], [numbers[on]])
        return numbers, fresh


def _on_face(part: Triangles, axis: int, place: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Vertices of a block on a plane (axis 0) or row (1), and keys by their two other indices."""
    on = np.flatnonzero(part.vertices[:, axis] == place)
    return on, part.vertices[on, 1 - axis] * 2**32 + part.vertices[on, 2]


def _seam(
    keys: list[NDArray[np.int64]], numbers: list[NDArray[np.int64]]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Keys of shared vertices, sorted, and their numbers."""
    nothing = np.empty(0, np.int64)
    all_keys = np.concatenate([nothing, *keys])
    order = np.argsort(all_keys)
    return all_keys[order], np.concatenate([nothing, *numbers])[order]


def _too_many(path: Path, what: str) -> InputError:
    return InputError(
        f"{path.name}: the surface has {what}, which {path.suffix} cannot number; export a "
        "coarser level"
    )


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
