"""Formats that are a header in front of, or beside, the voxels as they lie in memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from morphgen.tiles.export.slabs import Header

Slabs = Iterable[NDArray[np.uint8]]

# the units that MetaImage has a word for
_META_UNITS = ("um", "mm", "cm")


def write_npy(paths: tuple[Path, ...], header: Header, planes: Slabs) -> None:
    """NumPy's format, version 1.0: an array of uint8 in C order, nothing else."""
    with paths[0].open("wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "|u1", "fortran_order": False, "shape": header.shape}
        )
        _copy(file, planes)


def write_nrrd(paths: tuple[Path, ...], header: Header, planes: Slabs) -> None:
    """NRRD, version 4 (teem.sourceforge.net/nrrd/format.html), header and data in one file."""
    z, y, x = header.voxel_size
    units = " ".join(3 * [f'"{header.unit}"'])
    unit = "" if header.unit == "voxel" else f"space units: {units}\n"
    depth, height, width = header.shape
    text = (
        "NRRD0004\n"
        f"# labels of {header.name}\n"
        "type: uint8\n"
        "dimension: 3\n"
        "space dimension: 3\n"
        f"sizes: {width} {height} {depth}\n"
        f"space directions: ({x!r},0,0) (0,{y!r},0) (0,0,{z!r})\n"
        "kinds: domain domain domain\n"
        "encoding: raw\n"
        f"space origin: ({','.join(repr(o) for o in reversed(header.origin))})\n"
        f"{unit}"
        f"phases:={_phases(header)}\n\n"
    )
    _attached(paths[0], text, planes)


def write_mhd(paths: tuple[Path, ...], header: Header, planes: Slabs) -> None:
    """MetaImage: a header and, in a file of its own, the voxels.

    ``Unit`` and ``Phases`` are fields of ours, which ITK keeps as metadata.
    """
    depth, height, width = header.shape
    known = f"DistanceUnits = {header.unit}\n" if header.unit in _META_UNITS else ""
    text = (
        "ObjectType = Image\n"
        "NDims = 3\n"
        "BinaryData = True\n"
        "BinaryDataByteOrderMSB = False\n"
        "CompressedData = False\n"
        "TransformMatrix = 1 0 0 0 1 0 0 0 1\n"
        f"Offset = {_xyz(header.origin)}\n"
        f"ElementSpacing = {_xyz(header.voxel_size)}\n"
        f"{known}"
        f"Unit = {header.unit}\n"
        f"Phases = {_phases(header)}\n"
        f"DimSize = {width} {height} {depth}\n"
        "ElementType = MET_UCHAR\n"
        # the last line: readers stop there
        f"ElementDataFile = {paths[1].name}\n"
    )
    _beside(paths, text, planes)


def write_raw(paths: tuple[Path, ...], header: Header, planes: Slabs) -> None:
    """Voxels alone, x fastest, and a text that says what a reader has to be told."""
    depth, height, width = header.shape
    text = (
        f"file: {paths[0].name}\n"
        f"voxels x y z: {width} {height} {depth}\n"
        f"voxel length x y z: {_xyz(header.voxel_size)}\n"
        f"unit: {header.unit}\n"
        f"centre of the first voxel x y z: {_xyz(header.origin)}\n"
        "data type: unsigned 8-bit integer\n"
        "order: x fastest, then y, then z\n"
        "bytes before the data: 0\n"
        f"phases: {_phases(header)}\n"
    )
    _beside((paths[1], paths[0]), text, planes)


def write_vti(paths: tuple[Path, ...], header: Header, planes: Slabs) -> None:
    """Image data of VTK, version 1.0, for ParaView: a label for every cell, appended as they are.

    The lower corner of the first cell lies half a voxel before its centre.
    """
    depth, height, width = header.shape
    extent = f"0 {width} 0 {height} 0 {depth}"
    corner = [o - size / 2.0 for o, size in zip(header.origin, header.voxel_size, strict=True)]
    head = (
        '<?xml version="1.0"?>\n'
        '<VTKFile type="ImageData" version="1.0" byte_order="LittleEndian" '
        'header_type="UInt64">\n'
        f'<ImageData WholeExtent="{extent}" Origin="{_xyz(corner)}" '
        f'Spacing="{_xyz(header.voxel_size)}">\n'
        f"<!-- phases {quoteattr(_phases(header)).replace('--', '- -')}, lengths in "
        f"{header.unit} -->\n"
        f'<Piece Extent="{extent}">\n'
        '<CellData Scalars="label">\n'
        '<DataArray type="UInt8" Name="label" format="appended" offset="0"/>\n'
        "</CellData>\n</Piece>\n</ImageData>\n"
        '<AppendedData encoding="raw">\n_'
    )
    with paths[0].open("wb") as file:
        file.write(head.encode())
        file.write(np.uint64(depth * height * width).astype("<u8").tobytes())
        _copy(file, planes)
        file.write(b"\n</AppendedData>\n</VTKFile>\n")


Writer = Callable[[tuple[Path, ...], Header, Slabs], None]


def _attached(path: Path, text: str, planes: Slabs) -> None:
    with path.open("wb") as file:
        file.write(text.encode())
        _copy(file, planes)


def _beside(paths: tuple[Path, ...], text: str, planes: Slabs) -> None:
    with paths[1].open("wb") as file:
        _copy(file, planes)
    paths[0].write_text(text, encoding="utf-8")


def _copy(file: BinaryIO, planes: Slabs) -> None:
    for slab in planes:
        file.write(np.ascontiguousarray(slab).data)


def _xyz(zyx: Iterable[float]) -> str:
    return " ".join(repr(float(value)) for value in reversed(list(zyx)))


def _phases(header: Header) -> str:
    return json.dumps({phase.label: phase.name for phase in header.phases}, ensure_ascii=True)
