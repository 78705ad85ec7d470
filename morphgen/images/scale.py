"""Pixel size: what the user gives against what the file states."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from morphgen.errors import ImageError, InputError
from morphgen.images.lengths import MICROMETRES, UNITS, VOXEL, convert, parse_unit, positive
from morphgen.images.pixels import Scale

# Resolution fields describe print: 72 to 1200 dots per inch, written by drawing programs without
# a thought. No pixel of 10 µm or more (2540 dpi and coarser) is believed from them.
PRINT_LIMIT_UM = 10.0
CONFLICT = 0.01

Sizes = tuple[float, ...]


def from_print_resolution(rows_um: float, columns_um: float, origin: str) -> Scale | None:
    """Take a resolution field as pixel size (µm), unless it describes print."""
    if not 0 < max(rows_um, columns_um) < PRINT_LIMIT_UM:
        return None
    return Scale(rows_um, columns_um, "um", origin)


def resolve(
    stated: Scale | None,
    voxel_size: float | Sequence[float] | None,
    unit: str | None,
    source: str,
    axes: int = 2,
) -> tuple[Sizes, str]:
    """Settle the pixel size along each axis, and its unit.

    Parameters
    ----------
    stated : Scale, optional
        What the file states.
    voxel_size : float or sequence of `axes` floats, optional
        What the user gives, in `unit`; in voxels where no unit is given.
    unit : str, optional
        Unit of `voxel_size`, or of the result where only the file states a size. ``"voxel"``
        alone, or one voxel, sets the file's size aside.
    source : str
        What messages call the image.
    axes : int
        2 for rows and columns, 3 for slices, rows and columns.

    Raises
    ------
    InputError
        The size or the unit is not valid, or a unit is given without any size.
    ImageError
        User and file differ by more than 1 %, or the file's unit is not known.
    """
    unit = None if unit is None else parse_unit(unit)
    if voxel_size is None:
        return _from_file(stated, unit, source, axes)
    given = _given(voxel_size, axes)
    if unit in (None, VOXEL):
        if stated is not None and set(given) != {1.0}:
            raise ImageError(
                f"{source}: voxel size {voxel_size} has no unit, but the {stated.origin} says "
                f"{_shown(stated, axes)}; give the unit, or 1 voxel to work in voxels"
            )
        return given, VOXEL
    if stated is not None and stated.unit in MICROMETRES:
        _compare(given, unit or VOXEL, stated, source)
    return given, unit or VOXEL


def _given(voxel_size: float | Sequence[float], axes: int) -> Sizes:
    sizes = np.atleast_1d(np.asarray(voxel_size, dtype=float)).tolist()
    if len(sizes) not in (1, axes):
        names = "rows, columns" if axes == 2 else "z, y, x"
        raise InputError(f"voxel size {voxel_size!r} must be one length or {axes}, along {names}")
    sizes = sizes * axes if len(sizes) == 1 else sizes
    return tuple(positive(size, voxel_size) for size in sizes)


def _from_file(stated: Scale | None, unit: str | None, source: str, axes: int) -> tuple[Sizes, str]:
    if unit == VOXEL or (stated is None and unit is None):
        return (1.0,) * axes, VOXEL
    if stated is None:
        raise InputError(
            f"{source}: unit {unit!r} is given without a voxel size, and the file states none; "
            "give the voxel size"
        )
    if stated.unit not in MICROMETRES:
        raise ImageError(
            f"{source}: the {stated.origin} has the unknown unit {stated.unit!r}; give the voxel "
            f"size in one of {', '.join(UNITS)}"
        )
    if axes == 3 and stated.slices is None:
        raise ImageError(
            f"{source}: the {stated.origin} says {_shown(stated, 2)}, but not how far the slices "
            "are apart; give the voxel size along z, y and x"
        )
    to = unit or stated.unit
    sizes = (convert(_sound(size, stated, source), stated.unit, to) for size in _all(stated, axes))
    return tuple(sizes), to


def _sound(size: float, stated: Scale, source: str) -> float:
    if not 0 < size < float("inf"):
        raise ImageError(
            f"{source}: the {stated.origin} says {size} {stated.unit}, which is no size; "
            "give the voxel size"
        )
    return size


def _all(stated: Scale, axes: int) -> Sizes:
    sizes = (stated.slices or 0.0, stated.rows, stated.columns)
    return sizes[3 - axes :]


def _compare(given: Sizes, unit: str, stated: Scale, source: str) -> None:
    for mine, theirs in zip(given, _all(stated, len(given)), strict=True):
        if not theirs:
            continue
        other = convert(theirs, stated.unit, unit)
        if not abs(mine - other) <= CONFLICT * mine:
            raise ImageError(
                f"{source}: voxel size {mine:.6g} {unit} contradicts the {stated.origin}, which "
                f"says {other:.6g} {unit}; leave one of them out, or correct the file"
            )


def _shown(stated: Scale, axes: int) -> str:
    sizes = [f"{size:.6g}" for size in _all(stated, axes) if size]
    return f"{' x '.join(dict.fromkeys(sizes))} {stated.unit}"
