"""PNG and BMP files, read with Pillow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.PngImagePlugin import PngImageFile

from morphgen.errors import ImageError
from morphgen.images.pixels import Pixels, Scale, check_size, from_channels, transparency
from morphgen.images.scale import from_print_resolution

_CHANNELS = {"LA", "RGB", "RGBA"}


# The classes are opened directly: Image.open refuses images over 179 megapixels, a limit that can
# only be moved for the whole process.
def read_png(path: Path) -> Pixels:
    """Read a PNG file; a palette image gives its indices."""
    with PngImageFile(path) as image:
        if getattr(image, "n_frames", 1) > 1:
            raise ImageError(f"{path.name}: is an animation; save one picture")
        return _pixels(image, path.name)


def read_bmp(path: Path) -> Pixels:
    """Read a BMP file; a palette image gives its indices."""
    with BmpImageFile(path) as image:
        return _pixels(image, path.name)


def _pixels(image: ImageFile.ImageFile, source: str) -> Pixels:
    check_size((image.height, image.width), source)
    scale = _scale(image)
    array = np.asarray(image)
    if image.mode in _CHANNELS:
        values, colored, transparent = from_channels(array, source)
        if "transparency" in image.info:
            transparent = _is_colour(array, image.info["transparency"])
        outside = None if transparent is None else transparent[None]
        return Pixels(values[None], source, colored, transparent=outside, scale=scale)
    if array.ndim != 2:
        raise ImageError(f"{source}: colour mode {image.mode} is not read; save RGB")
    outside = _keyed(image, array, source)
    return Pixels(
        array[None],
        source,
        bilevel=image.mode == "1",
        palette=_palette(image),
        transparent=None if outside is None else outside[None],
        scale=scale,
    )


def _palette(image: ImageFile.ImageFile) -> NDArray[np.int64] | None:
    if image.mode != "P":
        return None
    channels = np.asarray(image.getpalette("RGB"), dtype=np.int64).reshape(-1, 3)
    packed: NDArray[np.int64] = channels @ np.array([1 << 16, 1 << 8, 1])
    return packed


def _keyed(
    image: ImageFile.ImageFile, array: NDArray[Any], source: str
) -> NDArray[np.bool_] | None:
    """Pixels that the transparency entry of a PNG marks, for grey and palette images."""
    key = image.info.get("transparency")
    if key is None:
        return None
    if isinstance(key, bytes):
        alpha = np.full(256, 255, dtype=np.uint8)
        alpha[: len(key)] = np.frombuffer(key, dtype=np.uint8)
        return transparency(alpha[array], source)
    # a 1-bit image is stored as 0 and 1 and keyed as 0 and 255
    return np.asarray(array == (key > 0 if image.mode == "1" else key))


def _is_colour(array: NDArray[Any], key: tuple[int, int, int]) -> NDArray[np.bool_]:
    return np.asarray((array[..., :3] == np.asarray(key)).all(axis=-1))


def _scale(image: ImageFile.ImageFile) -> Scale | None:
    across, down = image.info.get("dpi", (0, 0))
    if not (across > 0 and down > 0):
        return None
    return from_print_resolution(25400 / down, 25400 / across, f"{image.format} resolution")
