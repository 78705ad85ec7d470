"""Labels at half the resolution."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from morphgen.errors import InputError
from morphgen.phases import OUTSIDE

METHODS = ("majority", "nearest")


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
    corners = [
        np.ascontiguousarray(even[z::2, y::2, x::2]) for z in (0, 1) for y in (0, 1) for x in (0, 1)
    ]
    return _majority(corners)


def _majority(voxels: list[np.ndarray]) -> np.ndarray:
    """Most frequent label at each place, the first of them among equals; 255 has no say."""
    # how often a voxel's label occurs from itself on: for its first voxel, the label's count
    counts = [(voxel != OUTSIDE).view(np.uint8) for voxel in voxels]
    for first, second in combinations(range(len(voxels)), 2):
        counts[first] += (voxels[first] == voxels[second]) & (voxels[first] != OUTSIDE)
    label, most = voxels[0], counts[0]
    for voxel, count in zip(voxels[1:], counts[1:], strict=True):
        better = count > most
        label = np.where(better, voxel, label)
        most = np.maximum(most, count)
    return label
