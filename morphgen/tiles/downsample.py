"""Labels at half the resolution."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np

from morphgen.errors import InputError
from morphgen.phases import OUTSIDE

METHODS = ("majority", "nearest")

_CORNERS = tuple(product((0, 1), repeat=3))
# places that are worked out at a time, so that buffers stay in the cache
_CELLS = 2**15


def downsample(labels: np.ndarray, method: str = "majority") -> np.ndarray:
    """Halve the resolution of a label image; the last layer of an odd side is a pair of one.

    Parameters
    ----------
    labels : array of uint8, shape (z, y, x)
        255 marks voxels without a label.
    method : {"majority", "nearest"}
        ``majority`` takes the label that most of the 2 x 2 x 2 voxels have; among labels that as
        many have, the one that comes first in the order z, y, x, so that no phase is preferred.
        Voxels without a label have no say: 255 is left only where all have none. ``nearest``
        takes the first of the voxels.

    Returns
    -------
    array of uint8, half the shape, rounded up
    """
    if method not in METHODS:
        raise InputError(f"downsample is {method!r}: expected one of {', '.join(METHODS)}")
    if method == "nearest":
        return np.ascontiguousarray(labels[::2, ::2, ::2])
    odd = [(0, side % 2) for side in labels.shape]
    even = np.pad(labels, odd, constant_values=OUTSIDE) if any(end for _, end in odd) else labels
    found = np.empty([side // 2 for side in even.shape], dtype=np.uint8)
    layers = max(1, _CELLS // max(1, found[0].size))
    for begin in range(0, found.shape[0], layers):
        slab = even[2 * begin : 2 * (begin + layers)]
        # each of the eight is copied to lie in one piece
        corners = [slab[z::2, y::2, x::2].copy() for z, y, x in _CORNERS]
        found[begin : begin + layers] = _majority(corners)
    return found


def _majority(voxels: list[np.ndarray]) -> np.ndarray:
    """Most frequent label at each place, the first of them among equals; 255 has no say.

    Arithmetic on bytes, in buffers that stay in the cache: `numpy.where` on whole blocks is slower.
    """
    equal = np.empty(voxels[0].shape, dtype=bool)
    # how often a voxel's label occurs from itself on: for its first voxel, the label's count
    counts = [np.ones(voxels[0].shape, dtype=np.uint8) for _ in voxels]
    for first, second in combinations(range(len(voxels)), 2):
        np.equal(voxels[first], voxels[second], out=equal)
        counts[first] += equal
    for voxel, count in zip(voxels, counts, strict=True):
        np.multiply(count, np.not_equal(voxel, OUTSIDE, out=equal), out=count)
    label, most = voxels[0], counts[0]
    for voxel, count in zip(voxels[1:], counts[1:], strict=True):
        better = np.greater(count, most, out=equal).view(np.uint8)
        np.maximum(most, count, out=most)
        # the label becomes the voxel's where that is better: -1 is all ones
        np.bitwise_xor(voxel, label, out=voxel)
        np.bitwise_and(voxel, -better, out=voxel)
        np.bitwise_xor(label, voxel, out=label)
    return label
