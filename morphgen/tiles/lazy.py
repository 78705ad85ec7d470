"""A realization as a lazy dask array."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from morphgen._array_api import is_cupy, is_numpy, standard
from morphgen.errors import InputError
from morphgen.excursion.realization import Realization
from morphgen.tiles.grid import volume_shape
from morphgen.tiles.selection import evenly_spaced, voxel
from morphgen.tiles.view import LazyVolume

if TYPE_CHECKING:
    from dask.array import Array as DaskArray


def to_dask(
    realization: Realization,
    shape: Sequence[int],
    *,
    start: Sequence[int] = (0, 0, 0),
    chunks: Any = None,
    xp: ModuleType = np,
    device: Any = None,
) -> DaskArray:
    """Show a box of a realization as a dask array; a chunk is computed when it is needed.

    The name of the array follows from the model, the seed, the periods, the profile and the box,
    so that dask knows equal arrays as equal. Slicing computes the voxels of the slice only.

    Parameters
    ----------
    realization : Realization
        The microstructure.
    shape : sequence of 3 ints
        Voxels along (z, y, x).
    start : sequence of 3 ints
        First voxel, in the coordinates of the realization; may be negative.
    chunks : int, tuple or str, optional
        Chunks in dask's words. By default whole canonical blocks, cut off at the faces of the box:
        other chunks give the same voxels, but may compute some blocks several times.
    xp : module
        ``numpy`` or ``cupy``: the library that computes, and whose arrays the chunks are.
    device : object, optional
        Device of that library; its current one by default.

    Returns
    -------
    dask.array.Array of uint8, axes (z, y, x)

    Raises
    ------
    InputError
        If the box or the chunks are invalid, or dask cannot join arrays of ``xp``.
    """
    space = standard(xp)
    # dask joins arrays of these libraries only
    if not (is_numpy(space) or is_cupy(space)):
        raise InputError(
            f"dask cannot join arrays of {xp.__name__}; give numpy or cupy, or ask "
            "Realization.window"
        )
    # dask.array takes most of a second to import
    import dask.array as da  # noqa: PLC0415
    from dask.base import tokenize  # noqa: PLC0415

    view = LazyVolume(realization, volume_shape(shape), voxel(start), xp, device, limit=None)
    try:
        sizes = da.core.normalize_chunks(  # type: ignore[no-untyped-call]
            block_chunks(view) if chunks is None else chunks,
            view.shape,
            dtype=view.dtype,
            previous_chunks=view.chunks,
        )
    except (TypeError, ValueError, ArithmeticError, NotImplementedError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"chunks {chunks!r} do not fit shape {view.shape}: {reason}") from error
    if min(map(min, sizes)) < 1:
        raise InputError(f"chunks {chunks!r}: expected positive numbers of voxels, or -1 for all")
    array: DaskArray = da.from_array(  # type: ignore[no-untyped-call]
        view,
        chunks=sizes,
        name=f"morphgen-{tokenize(view, sizes)}",
        asarray=False,
        meta=xp.empty((0, 0, 0), dtype=xp.uint8),
    )
    return array


def block_chunks(view: LazyVolume) -> tuple[tuple[int, ...], ...]:
    """Voxels of each chunk along each axis, where chunks are whole canonical blocks.

    They end where the lattice of blocks has its planes, also where a period begins anew.
    """
    edge = view.realization.block_edge
    return tuple(
        tuple(piece.length for piece in evenly_spaced(first, 1, side, edge, period))
        for first, side, period in zip(
            view.start, view.shape, view.realization.periods, strict=True
        )
    )
