"""Voxels with their neighbours: parts of an image with a margin, taken slab by slab."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from types import ModuleType

import numpy as np

from morphgen._array_api import Array, device_of, namespace
from morphgen.descriptors._labels import OUTSIDE

# a slab and what is made of it stay in the cache of a core
_SLAB_VOXELS = 2**18

# so many passes of comparing and counting take less time than a histogram
_FEW_VALUES = 16


def with_margin(labels: Array, margin: int, mask: Array | None = None) -> Array:
    """Put a margin of 255 around an image, and 255 where the mask is false."""
    xp = namespace(labels)
    if mask is not None:
        labels = xp.where(mask, labels, xp.full_like(labels, OUTSIDE))
    for axis in range(labels.ndim):
        shape = [*labels.shape]
        shape[axis] = margin
        beyond = xp.full(tuple(shape), OUTSIDE, dtype=labels.dtype, device=device_of(labels))
        labels = xp.concat([beyond, labels, beyond], axis=axis)
    return labels


def slabs(labels: Array, margin: int) -> Iterator[Array]:
    """Parts of an image with a margin, whose cores fill that of the image.

    A few layers of the first axis; in a volume, a few rows of these. Rows along the last axis stay
    whole.
    """
    *across, last = (side - 2 * margin for side in labels.shape)
    steps = list(across)
    for axis, _ in enumerate(across):
        others = last
        for step in (*steps[:axis], *across[axis + 1 :]):
            others *= step
        # the margin of a part is computed again in the next
        steps[axis] = max(1, 4 * margin, _SLAB_VOXELS // max(1, others))
    starts = (range(0, side, step) for side, step in zip(across, steps, strict=True))
    for start in itertools.product(*starts):
        ends = (
            min(first + step, side) + 2 * margin
            for first, step, side in zip(start, steps, across, strict=True)
        )
        yield labels[*map(slice, start, ends), ...]


def at_offset(values: Array, offset: Sequence[int], margin: int) -> Array:
    """Values at the core shifted by an offset of at most ``margin`` voxels along each axis."""
    return values[
        *(
            slice(margin + step, side - margin + step)
            for step, side in zip(offset, values.shape, strict=True)
        )
    ]


def phase_numbers(labels: Array, phases: Sequence[int]) -> Array:
    """Turn labels into 0 to n - 1 for the phases, n for other labels and n + 1 outside.

    The dtype holds the squares of these numbers: uint8 for up to 14 phases, else int32.
    """
    xp = namespace(labels)
    n = len(phases)
    table = np.full(OUTSIDE + 1, n, dtype=np.uint8 if n <= 14 else np.int32)
    table[list(phases)] = np.arange(n)
    table[OUTSIDE] = n + 1
    there = xp.asarray(table, device=device_of(labels))
    flat = xp.astype(xp.reshape(labels, (-1,)), xp.int64)
    return xp.reshape(xp.take(there, flat), labels.shape)


def histogram(xp: ModuleType, values: Array, size: int) -> Array:
    """Number of values equal to each of 0 to ``size`` - 1; int64, shape (size,)."""
    flat = xp.reshape(values, (-1,))
    if hasattr(xp, "bincount"):
        return xp.astype(xp.bincount(flat, minlength=size), xp.int64)
    edges = xp.arange(0, size + 1, dtype=xp.int64, device=device_of(values))
    below = xp.searchsorted(xp.sort(xp.astype(flat, xp.int64)), edges)
    return xp.astype(below[1:] - below[:-1], xp.int64)


def counts_of(xp: ModuleType, codes: Array, values: Sequence[int], size: int) -> Array:
    """Number of codes equal to each of some values below ``size``; int64, shape (values,)."""
    if len(values) > _FEW_VALUES:
        return xp.take(
            histogram(xp, codes, size), xp.asarray(values, device=device_of(codes)), axis=0
        )
    found = [xp.astype(xp.count_nonzero(codes == value), xp.int64) for value in values]
    return xp.stack(found) if found else xp.zeros(0, dtype=xp.int64, device=device_of(codes))
