"""The values of an image, counted, and what they give away about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from morphgen.errors import ImageError
from morphgen.images.pixels import Mask, Pixels

# A segmented image has few values, and where it has more than a handful, one of them (matrix or
# pore) is common; a grey-level image, even reduced to 16 levels, has neither.
MAX_VALUES = 16
FEW_VALUES = 8
COMMON_SHARE = 0.4

_MOST_COUNTED = 1 << 16
_SLAB = 1 << 22

Counts = Mapping[int, int]


def count_values(pixels: Pixels, inside: Mask | None) -> Counts:
    """Count the values of the pixels inside the specimen, in rising order.

    Raises
    ------
    ImageError
        A value is not finite or not an integer, or there are more than 65,536 values.
    """
    counts: Counter[int] = Counter()
    for part in _slabs(pixels.values, inside):
        if part.dtype.kind == "f":
            _check_integers(part, pixels.source)
        found, repeats = _unique(part)
        counts.update(dict(zip(map(int, found.tolist()), repeats.tolist(), strict=True)))
        if len(counts) > _MOST_COUNTED:
            raise ImageError(_grey(pixels, f"more than {_MOST_COUNTED} {_word(pixels)}"))
    return dict(sorted(counts.items()))


def check_segmented(pixels: Pixels, counts: Counts, named: int) -> None:
    """Refuse an image that was never segmented, or was blurred afterwards.

    Parameters
    ----------
    pixels : Pixels
        The image.
    counts : mapping of int to int
        Its values and how often they occur.
    named : int
        How many of the values the user has named; nothing is refused where all are.
    """
    if not counts or named == len(counts):
        return
    total = sum(counts.values())
    common = [count for count in counts.values() if count >= 0.05 * total]
    many = len(counts) - named > MAX_VALUES
    if many and sum(common) >= 0.5 * total:
        raise ImageError(
            f"{pixels.source}: {len(counts)} {_word(pixels)}, of which {len(common)} hold "
            f"{100 * sum(common) / total:.1f} % of the pixels: the others come from anti-aliasing, "
            "resampling or JPEG; export the segmented image without interpolation"
        )
    flat = not named and len(counts) > FEW_VALUES and max(counts.values()) < COMMON_SHARE * total
    if many or flat:
        raise ImageError(_grey(pixels, f"{len(counts)} {_word(pixels)}, none of them common"))


def listed(pixels: Pixels, counts: Counts, most: int = 8) -> str:
    """Write values with their shares, as `0 (40.1 %), 255 (59.9 %)`."""
    total = sum(counts.values())
    texts = [
        f"{shown(pixels, value)} ({100 * count / total:.1f} %)" for value, count in counts.items()
    ]
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return ", ".join(texts[:most]) + more


def shown(pixels: Pixels, value: int) -> str:
    """Write one value as `--phases` takes it."""
    return f"#{value:06x}" if pixels.colored else str(value)


def _slabs(values: NDArray[Any], inside: Mask | None) -> Iterator[NDArray[Any]]:
    rows = max(1, _SLAB // values.shape[2])
    for page in range(values.shape[0]):
        for start in range(0, values.shape[1], rows):
            part = values[page, start : start + rows]
            yield part.ravel() if inside is None else part[inside[page, start : start + rows]]


def _unique(part: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    if part.dtype not in (np.uint8, np.uint16):
        return np.unique(part, return_counts=True)
    repeats = np.bincount(part).astype(np.int64)
    found = np.flatnonzero(repeats)
    return found, repeats[found]


def _check_integers(part: NDArray[Any], source: str) -> None:
    odd = int(part.size - np.count_nonzero(np.isfinite(part)))
    if odd:
        raise ImageError(
            f"{source}: {odd} or more pixels are NaN or infinite; give them a label, "
            "or mark them as outside with a mask"
        )
    broken = part[part != np.rint(part)]
    if broken.size:
        raise ImageError(
            f"{source}: holds the value {broken[0]:.6g}, which is not an integer: a grey-level "
            "image or a field; segment it, and save one integer for each phase"
        )


def _grey(pixels: Pixels, found: str) -> str:
    return (
        f"{pixels.source}: {found}: a grey-level image or a photograph, not a segmented one; "
        "segment it and save one integer for each phase, or name every value in phases"
    )


def _word(pixels: Pixels) -> str:
    return "colours" if pixels.colored else "values"
