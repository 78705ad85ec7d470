"""NPY files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from morphgen.errors import ImageError
from morphgen.images.pixels import Pixels, check_size
from morphgen.images.stacks import from_array


def read_npy(path: Path) -> Pixels:
    """Read an array of numbers; pickled objects are refused, not loaded.

    The file is mapped, so a header that claims more than the file holds is refused by its size.
    """
    with path.open("rb") as file:
        if file.read(6) != b"\x93NUMPY":
            raise ImageError(f"{path.name}: is not an NPY file; save the array with numpy.save")
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    check_size(array.shape, path.name)
    held = path.stat().st_size
    if array.offset + array.nbytes != held:
        raise ImageError(
            f"{path.name}: the header describes {array.offset + array.nbytes} bytes, "
            f"the file holds {held}; save the array again"
        )
    return from_array(np.asarray(array), path.name)
