"""Pixels as a file holds them, before they become labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from morphgen.errors import ImageError

MAX_PIXELS = 2_000_000_000

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Scale:
    """Pixel size as a file states it.

    `slices` is None where the file does not state the distance between its pages.
    """

    rows: float
    columns: float
    unit: str
    origin: str
    slices: float | None = None


@dataclass(frozen=True, eq=False)
class Pixels:
    """Pixels of one or more pages of one size.

    Parameters
    ----------
    values : array, shape (pages, rows, columns)
        Numbers as they are stored, or colours as 0xrrggbb where `colored`.
    source : str
        What messages call the image.
    colored : bool
        The values are colours.
    bilevel : bool
        The file stores one bit a pixel, whose meaning differs between programs.
    palette : array of int, optional
        Colour 0xrrggbb of every index, where the file stores indices into a palette.
    transparent : array of bool, shape of `values`, optional
        Pixels that are fully transparent.
    scale : Scale, optional
        Pixel size that the file states.
    sha256 : str
        Hash of the file's bytes; empty for an array.
    """

    values: NDArray[Any]
    source: str
    colored: bool = False
    bilevel: bool = False
    palette: NDArray[np.int64] | None = None
    transparent: Mask | None = None
    scale: Scale | None = None
    sha256: str = ""

    def __post_init__(self) -> None:
        if self.values.dtype.kind not in "biuf":
            raise ImageError(
                f"{self.source}: pixels of type {self.values.dtype} are not labels; "
                "save the phases as integers"
            )
        check_size(self.values.shape, self.source)
        if self.values.dtype.kind == "b":
            object.__setattr__(self, "values", self.values.astype(np.uint8))


def check_size(shape: tuple[int, ...], source: str) -> None:
    """Refuse an image without pixels, or with more than `MAX_PIXELS`, from its header alone."""
    count = 1
    for side in shape[:3]:
        count *= int(side)
    if count < 1:
        raise ImageError(f"{source}: the image holds no pixels (its shape is {shape})")
    if count > MAX_PIXELS:
        raise ImageError(
            f"{source}: {count / 1e9:.1f} gigapixels are more than the "
            f"{MAX_PIXELS // 10**9} that are read at once; crop the image or split it"
        )


def from_channels(channels: NDArray[Any], source: str) -> tuple[NDArray[Any], bool, Mask | None]:
    """Turn channels into one value a pixel.

    Parameters
    ----------
    channels : array of uint8, shape (..., 1 to 4)
        Grey, grey and alpha, RGB or RGBA.
    source : str
        What messages call the image.

    Returns
    -------
    tuple
        The values, whether they are colours, and the transparent pixels or None. RGB pixels that
        are all grey give grey values.
    """
    count = channels.shape[-1]
    if channels.dtype != np.uint8 and count > 2:
        raise ImageError(
            f"{source}: colours of type {channels.dtype} are not read; save 8 bits a channel"
        )
    transparent = transparency(channels[..., -1], source) if count in (2, 4) else None
    if count < 3:
        return np.ascontiguousarray(channels[..., 0]), False, transparent
    red, green, blue = (channels[..., i] for i in range(3))
    if np.array_equal(red, green) and np.array_equal(red, blue):
        return np.ascontiguousarray(red), False, transparent
    packed = red.astype(np.uint32) << 16
    packed |= green.astype(np.uint32) << 8
    packed |= blue
    return packed, True, transparent


def transparency(alpha: NDArray[Any], source: str) -> Mask | None:
    """Find the fully transparent pixels, and refuse semi-transparent ones."""
    opaque = np.iinfo(alpha.dtype).max
    transparent: Mask = alpha == 0
    partial = int(alpha.size - np.count_nonzero(transparent) - np.count_nonzero(alpha == opaque))
    if partial:
        raise ImageError(
            f"{source}: {partial} semi-transparent pixels blend their phase with another; "
            "flatten the image, or make every pixel opaque or transparent"
        )
    return transparent if transparent.any() else None
