"""Formats that are written by a library: TIFF stacks and HDF5."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

from morphgen.errors import BackendError
from morphgen.tiles.export.slabs import Header

Slabs = Iterable[NDArray[np.uint8]]

# names of units in OME-XML; it has none for voxels
_OME_UNITS = {"nm": "nm", "um": "µm", "mm": "mm", "cm": "cm", "m": "m"}

# bytes
_HDF5_CHUNK = 2**18


def write_tiff(paths: tuple[Path, ...], header: Header, planes: Slabs) -> None:
    """OME-TIFF in a BigTIFF: a page for each plane, compressed by zlib, with sizes and places."""
    metadata: dict[str, object] = {"axes": "ZYX", "Name": header.name}
    if header.unit in _OME_UNITS:
        unit, (depth, _, _) = _OME_UNITS[header.unit], header.shape
        z, y, x = header.origin
        places = {
            "Z": [z + number * header.voxel_size[0] for number in range(depth)],
            "Y": [y] * depth,
            "X": [x] * depth,
        }
        for axis, size in zip("ZYX", header.voxel_size, strict=True):
            metadata[f"PhysicalSize{axis}"] = size
            metadata[f"PhysicalSize{axis}Unit"] = unit
        metadata["Plane"] = {f"Position{axis}": values for axis, values in places.items()} | {
            f"Position{axis}Unit": [unit] * depth for axis in "ZYX"
        }
    with tifffile.TiffWriter(paths[0], bigtiff=True, ome=True) as writer:
        writer.write(
            _pages(planes),
            shape=header.shape,
            dtype=np.uint8,
            photometric="minisblack",
            compression="zlib",
            metadata=metadata,
        )


def write_hdf5(paths: tuple[Path, ...], header: Header, planes: Slabs) -> None:
    """HDF5 with one data set, ``labels``, in compressed chunks, and attributes that describe it."""
    try:
        import h5py  # noqa: PLC0415
    except ImportError as error:
        raise BackendError('h5py is not installed: pip install "morphgen[export]"') from error
    with h5py.File(paths[0], "w") as file:
        slabs = iter(planes)
        first = next(slabs)
        # whole chunks are written: the library would rewrite parts of them
        side = math.isqrt(_HDF5_CHUNK // len(first))
        chunks = (len(first), *(min(max(16, side), n) for n in header.shape[1:]))
        data = file.create_dataset(
            "labels", header.shape, np.uint8, chunks=chunks, compression="gzip", shuffle=True
        )
        start = 0
        for slab in chain([first], slabs):
            data[start : start + slab.shape[0]] = slab
            start += slab.shape[0]
        data.attrs["axes"] = "zyx"
        data.attrs["voxel_size"] = header.voxel_size
        data.attrs["origin"] = header.origin
        data.attrs["unit"] = header.unit
        for phase in header.phases:
            data.attrs[f"phase_{phase.label}"] = phase.name


def _pages(planes: Slabs) -> Iterator[NDArray[np.uint8]]:
    for slab in planes:
        yield from slab
