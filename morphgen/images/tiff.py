"""TIFF files, read with tifffile."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from morphgen.errors import ImageError
from morphgen.images.pixels import Pixels, check_size, from_channels
from morphgen.images.tiff_scale import stated_scale

_LOSSY = ("JPEG", "JP2", "WEBP")


def read_tiff(path: Path) -> Pixels:
    """Read all pages of a TIFF file, of one size; values are those stored, colour maps kept."""
    with _complaints(path.name), tifffile.TiffFile(path) as file:
        page = file.pages.first
        series = _check(file, path.name)
        array = _decoded(series, path.name)
        palette = _palette(page.colormap)
        scale = stated_scale(file)
        bilevel = page.bitspersample == 1
        alpha = bool(page.extrasamples)
    pages, channels = _arranged(array, series[0].axes, path.name)
    if not channels:
        return Pixels(pages, path.name, bilevel=bilevel, palette=palette, scale=scale)
    _check_channels(pages.shape[-1], alpha, path.name)
    values, colored, transparent = from_channels(pages, path.name)
    return Pixels(values, path.name, colored, transparent=transparent, scale=scale)


@contextmanager
def _complaints(source: str) -> Iterator[None]:
    """Turn what tifffile only logs into errors: it reads a truncated stack as its first page."""
    told = _Collector()
    logger = logging.getLogger("tifffile")
    logger.addHandler(told)
    try:
        yield
    finally:
        logger.removeHandler(told)
    if told.lines:
        raise ImageError(
            f"{source}: the file is truncated or inconsistent ({told.lines[0][:160]}); "
            "export or copy it again"
        )


class _Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.lines.append(" ".join(record.getMessage().split()))


def _check(file: tifffile.TiffFile, source: str) -> list[tifffile.TiffPageSeries]:
    series = file.series
    shapes = {one.shape for one in series}
    if len(shapes) != 1 or len({(one.dtype, one.axes) for one in series}) != 1:
        listed = ", ".join(str(shape) for shape in sorted(shapes))
        raise ImageError(
            f"{source}: holds images of different kinds (shapes {listed}); save one file for each"
        )
    if any(one.is_multifile for one in series):
        raise ImageError(f"{source}: is spread over several files; save it as one file")
    sides = zip(series[0].shape, series[0].axes, strict=True)
    check_size((len(series), math.prod(side for side, axis in sides if axis != "S")), source)
    compression = tifffile.COMPRESSION(file.pages.first.compression).name
    if any(name in compression for name in _LOSSY):
        raise ImageError(
            f"{source}: {compression} compression changes the values along every phase boundary; "
            "save the segmented image with deflate compression or none"
        )
    return list(series)


def _decoded(series: list[tifffile.TiffPageSeries], source: str) -> NDArray[Any]:
    try:
        arrays = [one.asarray() for one in series]
    except ValueError as reason:
        if "imagecodecs" not in str(reason):
            raise
        raise ImageError(
            f"{source}: {reason}; run `pip install imagecodecs`, or save the file with deflate "
            "compression or none"
        ) from reason
    return arrays[0][None] if len(arrays) == 1 else np.stack(arrays)


def _palette(colormap: NDArray[Any] | None) -> NDArray[np.int64] | None:
    if colormap is None:
        return None
    eight_bits = colormap.astype(np.int64) >> 8
    packed: NDArray[np.int64] = np.array([1 << 16, 1 << 8, 1]) @ eight_bits
    return packed


def _arranged(array: NDArray[Any], axes: str, source: str) -> tuple[NDArray[Any], bool]:
    """Bring (series, *axes) to (pages, rows, columns[, channels]); say whether it has channels."""
    names = "Q" + axes
    kept = [i for i, name in enumerate(names) if name in "YXS" or array.shape[i] > 1]
    array = array.reshape([array.shape[i] for i in kept])
    names = "".join(names[i] for i in kept)
    others = [name for name in names if name not in "YXS"]
    if len(others) > 1 or "C" in others:
        raise ImageError(
            f"{source}: axes {names} of lengths {array.shape} hold channels or several "
            "stacks; save one channel and one stack, with its pages as the axis Z"
        )
    order = [names.index(name) for name in (*others, "Y", "X", *("S" * names.count("S")))]
    array = array.transpose(order)
    return (array if others else array[None]), "S" in names


def _check_channels(count: int, alpha: bool, source: str) -> None:
    if count > 4 or (count in (2, 4) and not alpha):
        raise ImageError(
            f"{source}: {count} channels are not grey, RGB or RGBA; save one channel or RGB"
        )
