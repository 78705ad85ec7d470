"""Label arrays that are too large to be read whole: windows of them, with their phases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from morphgen.errors import ImageError, InputError
from morphgen.images.phase_map import OUTSIDE_NAME, PhaseSpec, parse_phases, phases_of, to_labels
from morphgen.images.pixels import Pixels
from morphgen.images.section import Labels
from morphgen.phases import Phase


@dataclass(frozen=True, eq=False)
class LargeLabels:
    """Labels of an array of three axes, of which nothing but windows is read.

    Parameters
    ----------
    array
        Anything with a shape and a dtype that gives integers for a tuple of slices.
    values : dict of int
        Phase of each value that the array may hold, None for the outside.
    phases : tuple of Phase
        The phases by rising label.
    source : str
        What messages call the array.
    """

    array: Any
    values: dict[int, Phase | None]
    phases: tuple[Phase, ...]
    source: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along (z, y, x)."""
        return tuple(int(side) for side in self.array.shape)

    def __getitem__(self, part: Any) -> Labels:
        read = Pixels(np.asarray(self.array[part]), self.source)
        odd = read.values[np.isin(read.values, list(self.values), invert=True)]
        if odd.size:
            raise ImageError(
                f"{self.source}: no phase is given for {odd[0]}; name it in phases, as "
                f"{odd[0]}=name, or as {odd[0]}={OUTSIDE_NAME} where it is not specimen"
            )
        return to_labels(read, self.values, None)


def large_labels(array: Any, phases: PhaseSpec, source: str = "array") -> LargeLabels:
    """Take an array that can be larger than memory as labels of phases.

    Parameters
    ----------
    array
        A memory map, an array of Zarr or h5py, or the like: with a shape of three axes and a
        dtype of integers, giving an array for a tuple of slices.
    phases : str or mapping
        Which value is which phase; see `parse_phases`. A phase that is named may be absent.
    source : str
        What messages call the array.

    Raises
    ------
    InputError
        If the array has other axes or another type, or phases are colours.
    """
    shape, dtype = tuple(array.shape), array.dtype
    if len(shape) != 3 or min(shape) < 2 or dtype.kind not in "biu":
        raise InputError(
            f"{source}: shape {shape} and type {dtype} are not those of a label volume; expected "
            "integers and three axes (z, y, x) of 2 voxels or more"
        )
    keys = parse_phases(phases)
    example = Pixels(np.zeros((1, 1, 1), dtype=dtype), source)
    chosen, found = phases_of(example, dict.fromkeys(keys.names, 1), keys, "allow")
    limits = np.iinfo(example.values.dtype)
    held = {key: one for key, one in chosen.items() if limits.min <= key <= limits.max}
    return LargeLabels(array, held, found, source)
