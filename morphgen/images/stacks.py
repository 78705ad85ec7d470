"""Arrays as one or more pages."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from morphgen.errors import ImageError
from morphgen.images.pixels import Pixels, from_channels


def from_array(array: NDArray[Any], source: str) -> Pixels:
    """Take an array as pages of numbers or of colours.

    Parameters
    ----------
    array : array, shape (rows, columns), (pages, rows, columns), or one axis more for colours
        A last axis of 3 or 4 entries of uint8 after at least two others holds RGB or RGBA.
    source : str
        What messages call the image.

    Returns
    -------
    Pixels
        A view of the array where it can be one.
    """
    array = np.asarray(array)
    colored = array.ndim in (3, 4) and array.shape[-1] in (3, 4) and array.dtype == np.uint8
    if array.ndim - colored not in (2, 3):
        raise ImageError(
            f"{source}: an array of shape {array.shape} is no image; expected (rows, columns) "
            "or (pages, rows, columns)"
        )
    if not colored:
        return Pixels(_paged(array), source)
    values, still_colored, transparent = from_channels(array, source)
    outside = None if transparent is None else _paged(transparent)
    return Pixels(_paged(values), source, colored=still_colored, transparent=outside)


def _paged(array: NDArray[Any]) -> NDArray[Any]:
    return array if array.ndim == 3 else array[None]
