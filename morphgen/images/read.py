"""Reading sections and volumes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from morphgen.errors import ImageError, InputError
from morphgen.images.files import read_file
from morphgen.images.phase_map import (
    Absent,
    PhaseSpec,
    paint_palette,
    parse_phases,
    phases_of,
    to_labels,
)
from morphgen.images.pixels import Mask, Pixels
from morphgen.images.scale import resolve
from morphgen.images.section import Labels, Section, Volume, check_plane, in_plane
from morphgen.images.stacks import from_array
from morphgen.images.values import count_values, shown
from morphgen.phases import Phase

MIN_SIDE = 32
ARRAY = "array"

ImageLike = str | os.PathLike[str] | NDArray[Any]
MaskLike = str | os.PathLike[str] | NDArray[np.bool_]


def read_section(
    image: ImageLike,
    *,
    plane: str = "xy",
    voxel_size: float | tuple[float, ...] | None = None,
    unit: str | None = None,
    phases: PhaseSpec | None = None,
    mask: MaskLike | None = None,
    absent: Absent = "refuse",
) -> Section:
    """Read one segmented section.

    Parameters
    ----------
    image : path or array
        A TIFF, PNG, BMP or NPY file of one page, or an array of shape (rows, columns), with a
        further axis of 3 or 4 entries of uint8 for colours.
    plane : {"xy", "xz", "yz"}
        What rows and columns are: xy (y, x), xz (z, x), yz (z, y).
    voxel_size : float or tuple of two or three floats, optional
        Distance between pixels, or between rows and between columns, in `unit`; of three, along
        z, y and x, those of the plane count. Without it the size that the file states is taken,
        and 1 voxel where it states none.
    unit : str, optional
        nm, um, mm, cm, m or voxel (the default for `voxel_size`).
    phases : str or mapping, optional
        Which value or ``#rrggbb`` is which phase, such as ``"0=pore,1=solid"``; see
        `parse_phases`. Without it the values 0 to 254 of the image are the phases. Values within
        0 to 254 stay the labels; others, and colours, are numbered in the order given.
    mask : path or array of bool, optional
        True (in a file, not 0) where a pixel belongs to the specimen, shape (rows, columns).
    absent : {"refuse", "allow"}
        Whether the image may lack phases that `phases` names, all but one of them if need be.

    Returns
    -------
    Section
        The labels, 255 outside the specimen, with their phases and units.

    Raises
    ------
    ImageError
        The image cannot be read, or is not a segmented section as described.
    InputError
        Another argument is not valid.
    """
    check_plane(plane)
    pixels = _pixels(image)
    pages = pixels.values.shape[0]
    if pages > 1:
        raise ImageError(
            f"{pixels.source}: {pages} pages where one section is expected; read_sections takes "
            "every page as a section (so does `morphgen calibrate`), read_volume takes a volume"
        )
    return _sections(pixels, plane, voxel_size, unit, _Spec(phases, mask, absent))[0]


def read_sections(
    image: ImageLike,
    *,
    plane: str = "xy",
    voxel_size: float | tuple[float, ...] | None = None,
    unit: str | None = None,
    phases: PhaseSpec | None = None,
    mask: MaskLike | None = None,
    absent: Absent = "refuse",
) -> list[Section]:
    """Read every page of a stack as a section of its own.

    The phases are those of the whole stack: a section may lack one of them.

    Parameters
    ----------
    image : path or array
        As for `read_section`, with any number of pages or shape (pages, rows, columns).
    plane : {"xy", "xz", "yz"}
        The plane of all pages.
    voxel_size, unit, phases
        As for `read_section`.
    mask : path or array of bool, optional
        As for `read_section`; one for all pages, or as many as there are pages.
    absent : {"refuse", "allow"}
        As for `read_section`.

    Returns
    -------
    list of Section
        One for each page, in order.

    Raises
    ------
    ImageError, InputError
        As for `read_section`.
    """
    check_plane(plane)
    return _sections(_pixels(image), plane, voxel_size, unit, _Spec(phases, mask, absent))


def read_volume(
    image: ImageLike,
    *,
    voxel_size: float | tuple[float, ...] | None = None,
    unit: str | None = None,
    phases: PhaseSpec | None = None,
    mask: MaskLike | None = None,
    absent: Absent = "refuse",
) -> Volume:
    """Read a segmented volume.

    Parameters
    ----------
    image : path or array
        A TIFF stack or an NPY file, or an array of shape (z, y, x), with a further axis of 3 or 4
        entries of uint8 for colours.
    voxel_size : float or tuple of three floats, optional
        Distance between voxels along z, y and x, in `unit`. Without it the size that the file
        states is taken, and 1 voxel where it states none.
    unit, phases
        As for `read_section`.
    mask : path or array of bool, optional
        True (in a file, not 0) where a voxel belongs to the specimen, shape (z, y, x) or (y, x).
    absent : {"refuse", "allow"}
        As for `read_section`.

    Returns
    -------
    Volume
        The labels, 255 outside the specimen, with their phases and units.

    Raises
    ------
    ImageError, InputError
        As for `read_section`.
    """
    return _volume(_pixels(image), voxel_size, unit, _Spec(phases, mask, absent))


def read_image(
    image: ImageLike,
    *,
    plane: str = "xy",
    voxel_size: float | tuple[float, ...] | None = None,
    unit: str | None = None,
    phases: PhaseSpec | None = None,
    absent: Absent = "refuse",
) -> Section | Volume:
    """Read an image as what it is: one page as a section, more pages as a volume.

    Parameters
    ----------
    image : path or array
        As for `read_sections`.
    plane : {"xy", "xz", "yz"}
        The plane of a section.
    voxel_size, unit, phases
        As for `read_section`, or for `read_volume`.
    absent : {"refuse", "allow"}
        As for `read_section`.

    Returns
    -------
    Section or Volume

    Raises
    ------
    ImageError, InputError
        As for `read_section`.
    """
    check_plane(plane)
    pixels, spec = _pixels(image), _Spec(phases, None, absent)
    if len(pixels.values) == 1:
        return _sections(pixels, plane, voxel_size, unit, spec)[0]
    return _volume(pixels, voxel_size, unit, spec)


@dataclass(frozen=True, eq=False)
class _Spec:
    """What the user says about the values of an image."""

    phases: PhaseSpec | None
    mask: MaskLike | None
    absent: Absent


@dataclass(frozen=True, eq=False)
class _Labelled:
    labels: Labels
    phases: tuple[Phase, ...]


def _pixels(image: object) -> Pixels:
    if isinstance(image, str | os.PathLike):
        return read_file(image)
    if not isinstance(image, np.ndarray):
        raise InputError(f"an image is a path or a NumPy array, not {type(image).__name__}")
    return from_array(image, ARRAY)


def _sections(
    pixels: Pixels,
    plane: str,
    voxel_size: float | Sequence[float] | None,
    unit: str | None,
    spec: _Spec,
) -> list[Section]:
    _check_sides(pixels)
    size = in_plane(voxel_size, plane)
    (rows, columns), unit = resolve(pixels.scale, size, unit, pixels.source)
    read = _labelled(pixels, spec)
    return [
        Section(
            labels=page,
            plane=plane,
            pixel_size=(rows, columns),
            unit=unit,
            phases=read.phases,
            sha256=pixels.sha256 or _sha256(page),
            source=pixels.source,
        )
        for page in read.labels
    ]


def _volume(
    pixels: Pixels,
    voxel_size: float | Sequence[float] | None,
    unit: str | None,
    spec: _Spec,
) -> Volume:
    if min(pixels.values.shape) < 2:
        raise ImageError(
            f"{pixels.source}: an image of shape {pixels.values.shape} is no volume; every side "
            "must be 2 voxels or more (read_section reads a section)"
        )
    sizes, unit = resolve(pixels.scale, voxel_size, unit, pixels.source, axes=3)
    read = _labelled(pixels, spec)
    sha256 = pixels.sha256 or _sha256(read.labels)
    planes, rows, columns = sizes
    return Volume(read.labels, (planes, rows, columns), unit, read.phases, sha256, pixels.source)


def _check_sides(pixels: Pixels) -> None:
    rows, columns = pixels.values.shape[1:]
    if min(rows, columns) < MIN_SIDE:
        raise ImageError(
            f"{pixels.source}: {rows} x {columns} pixels; a section needs {MIN_SIDE} or more along "
            "both sides: give a larger part of the image"
        )


def _labelled(pixels: Pixels, spec: _Spec) -> _Labelled:
    keys = None if spec.phases is None else parse_phases(spec.phases)
    pixels = paint_palette(pixels, keys)
    inside = _inside(pixels, spec.mask)
    counts = count_values(pixels, inside)
    # what is named may be absent: the image is a part of something
    partial = spec.absent == "allow"
    if len(counts) < (1 if partial and keys is not None else 2):
        held = "no pixel" if not counts else f"the single value {shown(pixels, next(iter(counts)))}"
        where = "" if inside is None else " inside the specimen (mask or transparency)"
        remedy = "; name the phases of the whole if this part lacks one" if partial else ""
        raise ImageError(
            f"{pixels.source}: holds {held}{where}; a microstructure has two phases or more{remedy}"
        )
    chosen, phases = phases_of(pixels, counts, keys, spec.absent)
    return _Labelled(to_labels(pixels, chosen, inside), phases)


def _inside(pixels: Pixels, mask: MaskLike | None) -> Mask | None:
    opaque = None if pixels.transparent is None else ~pixels.transparent
    if mask is None:
        return opaque
    inside = _read_mask(mask)
    shape = pixels.values.shape
    if inside.shape not in (shape, shape[1:], (1, *shape[1:])):
        raise ImageError(
            f"mask: its shape {inside.shape} does not fit {pixels.source} with {shape[1:]} pixels "
            f"on {shape[0]} page(s)"
        )
    inside = np.broadcast_to(inside, shape)
    return inside if opaque is None else inside & opaque


def _read_mask(mask: object) -> Mask:
    if isinstance(mask, str | os.PathLike):
        pixels = read_file(mask)
        held = count_values(pixels, None)
        if pixels.colored or len(held) > 2 or (len(held) == 2 and 0 not in held):
            raise ImageError(
                f"{Path(mask).name}: a mask holds 0 outside the specimen and one other value "
                f"inside, not {len(held)} values; save it in black and white"
            )
        return np.asarray(pixels.values != 0)
    if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_:
        kind = getattr(mask, "dtype", type(mask).__name__)
        raise InputError(f"a mask is a path or an array of bool, not {kind}; use mask > 0")
    return mask


def _sha256(labels: Labels) -> str:
    return hashlib.sha256(labels.data).hexdigest()
