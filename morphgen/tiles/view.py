"""A volume that is computed where it is looked at, read like a Zarr array."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from itertools import product
from types import ModuleType
from typing import Any, NoReturn

import array_api_extra as xpx
import numpy as np

from morphgen._array_api import Array, is_numpy, standard
from morphgen.errors import InputError
from morphgen.excursion.profile_files import profile_record
from morphgen.excursion.realization import Realization
from morphgen.fields.blocks import Index
from morphgen.phases import phase_colors
from morphgen.tiles.grid import volume_shape
from morphgen.tiles.metadata import model_hash
from morphgen.tiles.selection import Selection, select, voxel

LARGEST_READ = 2 * 2**30


@dataclass(frozen=True, repr=False)
class LazyVolume:
    """A box of a realization as a read-only array, of which nothing is computed in advance.

    It is read like a NumPy or Zarr array: integers, slices with any step, an Ellipsis, and among
    slices one list of integers or booleans. What is asked for is computed, block by block, and
    nothing is kept: ask for a part once, and hold on to it.

    Parameters
    ----------
    realization : Realization
        The microstructure.
    shape : sequence of 3 ints
        Voxels along (z, y, x).
    start : sequence of 3 ints
        First voxel, in the coordinates of the realization; may be negative.
    xp : module
        ``numpy``, ``torch``, ``cupy`` or ``jax.numpy``: the library that computes, and whose
        arrays a read returns.
    device : object, optional
        Device of that library; its current one by default.
    limit : int or None
        Largest read in bytes, so that a huge volume is not computed by mistake; None for any.

    Raises
    ------
    InputError
        If the shape or the start is invalid.

    Examples
    --------
    >>> view = LazyVolume(realization, (100_000, 100_000, 100_000))  # doctest: +SKIP
    >>> view[50_000, 1000:1256, :300].shape  # doctest: +SKIP
    (256, 300)
    """

    realization: Realization
    shape: Index
    start: Index = (0, 0, 0)
    xp: ModuleType = np
    device: Any = None
    limit: int | None = LARGEST_READ

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", volume_shape(self.shape))
        object.__setattr__(self, "start", voxel(self.start))

    @property
    def dtype(self) -> np.dtype[np.uint8]:
        """Type of a label, as NumPy names it."""
        return np.dtype(np.uint8)

    @property
    def ndim(self) -> int:
        """Number of axes: 3."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of voxels."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes that the whole volume would take in memory."""
        return self.size

    @property
    def chunks(self) -> Index:
        """Edges of a canonical block, the unit of computation.

        Blocks begin at multiples of their edge in the coordinates of the realization; in those of
        this volume they are shifted by ``start``.
        """
        return (self.realization.block_edge,) * 3

    @property
    def attrs(self) -> dict[str, Any]:
        """Voxel size, unit, phases and origin of the voxels, as plain values."""
        model, profile = self.realization.model, self.realization.profile
        colors = phase_colors(model.phases)
        return {
            "axes": ["z", "y", "x"],
            "voxel_size": list(model.voxel_size),
            "unit": model.unit,
            "phases": [
                {"label": phase.label, "name": phase.name, "color": color}
                for phase, color in zip(model.phases, colors, strict=True)
            ],
            "seed": self.realization.seed,
            "periods": list(self.realization.periods),
            "exact": self.realization.exact,
            "profile": None if profile is None else profile_record(profile),
            "start": list(self.start),
            "model_sha256": model_hash(model),
        }

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        start = "" if self.start == (0, 0, 0) else f", start={self.start}"
        sides = " x ".join(map(str, self.shape))
        return f"<LazyVolume {sides} uint8, seed={self.realization.seed}{start}, read-only>"

    def __getitem__(self, key: Any) -> Array:
        """Labels of a part, as an array of ``xp``.

        Raises
        ------
        IndexError
            If an index is out of bounds or of a kind that is not known.
        InputError
            If the part is larger than ``limit``.
        """
        selections = select(key, self.shape)
        self._check([one.asked for one in selections])
        labels = self._read(selections, tuple(one.count for one in selections))
        for axis, one in enumerate(selections):
            labels = one.ordered(labels, axis, standard(self.xp))
        return labels[tuple(0 if one.single else slice(None) for one in selections)]

    def __setitem__(self, key: Any, value: Any) -> NoReturn:
        raise TypeError(
            "a LazyVolume is read-only: its labels follow from the model and the seed; "
            "read a part and change that array"
        )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("a LazyVolume holds no array; it cannot be had without a copy")
        if not is_numpy(standard(self.xp)):
            raise InputError(
                f"these labels are arrays of {self.xp.__name__}; read a part and convert that"
            )
        return np.asarray(self[...], dtype=dtype)

    # modules are not pickled by the standard library, only named
    def __reduce__(self) -> tuple[Any, ...]:
        values = (self.realization, self.shape, self.start, self.device, self.limit)
        return _restored, (*values, self.xp.__name__)

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        sample = self.realization
        source = (version("morphgen"), model_hash(sample.model), sample.seed)
        profile = None if sample.profile is None else str(profile_record(sample.profile))
        box = (self.shape, self.start, self.xp.__name__, str(self.device))
        return (*source, sample.periods, sample.exact, profile, *box)

    def _check(self, shape: Sequence[int]) -> None:
        count = math.prod(shape)
        if self.limit is not None and count > self.limit:
            raise InputError(
                f"a part of {' x '.join(map(str, shape))} voxels takes {count / 2**30:.3g} GiB, "
                f"the limit is {self.limit / 2**30:.3g} GiB; read less at once, write it with "
                "generate, or set another limit"
            )

    def _read(self, selections: Sequence[Selection], shape: tuple[int, ...]) -> Array:
        space, sample = standard(self.xp), self.realization
        if min(shape) > 0 and all(one.contiguous for one in selections):
            start = [a + one.places[0] for a, one in zip(self.start, selections, strict=True)]
            return sample.window(start, shape, self.xp, self.device)
        labels = space.empty(shape, dtype=space.uint8, device=self.device)
        edge = sample.block_edge
        axes = [
            list(one.pieces(first, edge, period))
            for one, first, period in zip(selections, self.start, sample.periods, strict=True)
        ]
        for pieces in product(*axes):
            start, extent = [piece.start for piece in pieces], [piece.length for piece in pieces]
            part = sample.window(start, extent, self.xp, self.device)
            for axis, piece in enumerate(pieces):
                part = piece.picked(part, axis, space)
            labels = xpx.at(labels)[tuple(piece.outside for piece in pieces)].set(part)
        return labels


def _restored(
    realization: Realization,
    shape: Index,
    start: Index,
    device: Any,
    limit: int | None,
    library: str,
) -> LazyVolume:
    return LazyVolume(realization, shape, start, import_module(library), device, limit)
