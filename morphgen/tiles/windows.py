"""Large label images that are read window by window, in this process or in others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from morphgen.descriptors.subvolumes import Windowed
from morphgen.errors import InputError, StoreError
from morphgen.phases import OUTSIDE
from morphgen.tiles.remote import is_url
from morphgen.tiles.store import open_volume
from morphgen.tiles.volume import VolumeInfo

Labels = NDArray[np.uint8]


@dataclass(frozen=True)
class StoredLabels:
    """The labels of a volume store, as a few words that any process can read them by.

    Parameters
    ----------
    location : str
        Path or URL of the store.
    identity : str
        Hash of its description, so that a store that was replaced meanwhile is not read.
    shape : tuple of int
        Voxels along (z, y, x).
    """

    location: str
    identity: str
    shape: tuple[int, ...]

    def __getitem__(self, part: Any) -> Labels:
        return _opened(self.location, self.identity).read(part)


def stored_labels(volume: VolumeInfo) -> StoredLabels:
    """Labels of a volume all of whose blocks are written.

    Raises
    ------
    StoreError
        If blocks are missing.
    """
    absent = volume.missing.size
    if absent:
        raise StoreError(
            f"{volume.location}: {absent} of {volume.blocks} blocks are not written; "
            "run generate with --resume first"
        )
    # workers of a cluster may have another current folder
    place = volume.location if is_url(volume.location) else str(Path(volume.location).absolute())
    return StoredLabels(place, volume.record.identity(), volume.shape)


def window(image: Windowed, start: Sequence[int], stop: Sequence[int], margin: int = 0) -> Labels:
    """Read a box of an image and what lies around it; 255 beyond the border of the image.

    Parameters
    ----------
    image : Windowed
        The image.
    start, stop : sequence of int
        First voxel of the box along each axis, and the one after the last.
    margin : int
        Width of what is read around the box.

    Returns
    -------
    array of uint8, of the shape of the box with the margin on every side

    Raises
    ------
    InputError
        If the image does not hold uint8.
    """
    begins = [a - margin for a in start]
    part = tuple(
        slice(max(begin, 0), min(b + margin, side))
        for begin, b, side in zip(begins, stop, image.shape, strict=True)
    )
    found = np.asarray(image[part])
    if found.dtype != np.uint8:
        raise InputError(f"labels have dtype {found.dtype}; expected uint8; cast them first")
    shape = tuple(b - a + 2 * margin for a, b in zip(start, stop, strict=True))
    if found.shape == shape:
        return found
    labels = np.full(shape, OUTSIDE, dtype=np.uint8)
    place = (slice(s.start - a, s.stop - a) for s, a in zip(part, begins, strict=True))
    labels[tuple(place)] = found
    return labels


@lru_cache(maxsize=1)
def _opened(location: str, identity: str) -> VolumeInfo:
    volume = open_volume(location)
    if volume.record.identity() != identity:
        raise StoreError(f"{location} was replaced by another volume while it was measured")
    return volume
