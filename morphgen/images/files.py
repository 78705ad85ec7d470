"""From a file to pixels: which reader takes it, and what is refused before reading."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from morphgen.errors import ImageError
from morphgen.images.npy import read_npy
from morphgen.images.pixels import Pixels
from morphgen.images.raster import read_bmp, read_png
from morphgen.images.tiff import read_tiff

READERS: dict[str, Callable[[Path], Pixels]] = {
    ".tif": read_tiff,
    ".tiff": read_tiff,
    ".png": read_png,
    ".bmp": read_bmp,
    ".npy": read_npy,
}
_JPEG = {".jpg", ".jpeg", ".jpe", ".jfif", ".jp2", ".webp"}


def read_file(path: str | os.PathLike[str]) -> Pixels:
    """Read the pixels, the stated scale and the hash of an image file; ImageError if it cannot."""
    path = Path(path)
    _check(path)
    reader = READERS[path.suffix.lower()]
    try:
        pixels = reader(path)
        digest = _sha256(path)
    except ImageError:
        raise
    # a damaged file makes the decoders raise almost anything
    except Exception as reason:
        raise ImageError(
            f"{path.name}: cannot be read ({_line(reason)}); "
            "the file is damaged or not what its ending says: export it again"
        ) from reason
    return replace(pixels, sha256=digest)


def _check(path: Path) -> None:
    if path.is_dir():
        raise ImageError(f"{path}: is a folder; give an image file")
    if not path.exists():
        raise ImageError(f"{path}: no such file")
    suffix = path.suffix.lower()
    if suffix in _JPEG:
        raise ImageError(
            f"{path.name}: JPEG and WebP change the values along every phase boundary; "
            "save the segmented image as TIFF or PNG"
        )
    if suffix not in READERS:
        raise ImageError(
            f"{path.name}: {suffix or 'a name without ending'} is not read; "
            f"expected one of {', '.join(READERS)}"
        )
    if path.stat().st_size == 0:
        raise ImageError(f"{path.name}: the file is empty (0 bytes); export or copy it again")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _line(reason: Exception) -> str:
    return " ".join(str(reason).split())[:160] or type(reason).__name__
