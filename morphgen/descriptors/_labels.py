"""What every descriptor asks of a label image: its pixels inside, its phases, its pixel spacing."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from types import ModuleType

from morphgen._array_api import Array, is_dask, namespace, standard
from morphgen.errors import BackendError, InputError

OUTSIDE = 255


def labels_namespace(labels: Array, mask: Array | None = None) -> ModuleType:
    """Array namespace of a label image and its mask.

    Raises
    ------
    InputError
        If they are no arrays, arrays of two libraries, or dask arrays.
    BackendError
        If the library narrows 64-bit numbers, which would make the counts inexact.
    """
    try:
        xp = namespace(labels) if mask is None else namespace(labels, mask)
    except BackendError as error:
        raise InputError(f"labels and mask: {error}") from error
    if is_dask(xp):
        raise InputError(
            "labels are a dask array; give labels.compute(), or morphgen.describe, which reads a "
            "volume part by part"
        )
    return standard(xp)


def pixels_inside(labels: Array, mask: Array | None = None, *, ndims: Sequence[int]) -> Array:
    """Pixels that belong to the specimen: label not 255 and mask true.

    Parameters
    ----------
    labels
        Label image, uint8.
    mask
        Bool array of the same shape, true inside the specimen.
    ndims
        Numbers of axes that the caller can deal with.

    Returns
    -------
    Array
        Bool array of the shape of ``labels``, true at one pixel at least.

    Raises
    ------
    InputError
        If dtype, number of axes or mask do not fit, or no pixel is inside.
    """
    xp = labels_namespace(labels, mask)
    if labels.dtype != xp.uint8:
        raise InputError(f"labels have dtype {labels.dtype}; expected uint8; cast them first")
    if labels.ndim not in ndims:
        expected = " or ".join(str(ndim) for ndim in ndims)
        raise InputError(f"labels have {labels.ndim} axes; expected {expected}")
    inside = labels != OUTSIDE
    if mask is not None:
        if mask.dtype != xp.bool or mask.shape != labels.shape:
            raise InputError(
                f"mask has dtype {mask.dtype} and shape {tuple(mask.shape)}; "
                f"expected bool and the labels' shape {tuple(labels.shape)}"
            )
        inside = inside & mask
    if not bool(xp.any(inside)):
        raise InputError("no pixel is inside the specimen (label not 255, mask true); expected one")
    return inside


def checked_phases(phases: Sequence[int]) -> tuple[int, ...]:
    """Labels of the phases as Python integers.

    Raises
    ------
    InputError
        If none is given, one is given twice, or one is no integer from 0 to 254.
    """
    found = tuple(_integer(phase, "phase") for phase in phases)
    if not found or len(set(found)) != len(found):
        raise InputError(f"phases are {found}; expected one or more labels, each given once")
    for phase in found:
        if not 0 <= phase < OUTSIDE:
            raise InputError(f"phase {phase} is no label; expected 0 to 254 (255 is outside)")
    return found


def checked_max_lag(max_lag: int, shape: Sequence[int]) -> int:
    """Largest lag in voxels, as a Python integer.

    Raises
    ------
    InputError
        If it is negative or not smaller than the shortest side of the image.
    """
    found = _integer(max_lag, "max_lag")
    if not 0 <= found < min(shape):
        raise InputError(
            f"max_lag is {found} voxels; expected 0 to {min(shape) - 1} "
            f"for an image of shape {tuple(shape)}"
        )
    return found


def checked_axis(axis: int, ndim: int) -> int:
    """Axis counted from the front.

    Raises
    ------
    InputError
        If the image has no such axis.
    """
    found = _integer(axis, "axis")
    if not -ndim <= found < ndim:
        raise InputError(f"axis is {found}; expected {-ndim} to {ndim - 1}")
    return found % ndim


def checked_spacing(spacing: float | Sequence[float], ndim: int) -> tuple[float, ...]:
    """Pixel spacing of every axis, from one number or one number per axis.

    Raises
    ------
    InputError
        If there are not ``ndim`` of them, or one is not positive and finite.
    """
    try:
        given = list(spacing) if isinstance(spacing, Iterable) else [spacing] * ndim
        found = tuple(float(step) for step in given)
    except (TypeError, ValueError):
        found = ()
    if len(found) != ndim or not all(math.isfinite(step) and step > 0.0 for step in found):
        raise InputError(
            f"spacing is {spacing!r}; expected one positive number or {ndim} of them, one per axis"
        )
    return found


def _integer(value: int, name: str) -> int:
    try:
        return operator.index(value)
    except TypeError as error:
        raise InputError(f"{name} is {value!r}; expected an integer") from error
