"""What the descriptors that see a volume as a whole ask of it, and the libraries they stand on."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from morphgen._array_api import Array
from morphgen.descriptors._labels import checked_axis, checked_phases, pixels_inside
from morphgen.descriptors.parts import Labels
from morphgen.errors import BackendError, InputError
from morphgen.phases import OUTSIDE


def library(name: str) -> ModuleType:
    """Import a module of the extra `analysis`, only where it is used.

    Raises
    ------
    BackendError
        With what to install.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise BackendError(
            f'{package} is not installed; run: pip install "morphgen[analysis]"'
        ) from error


def check_on_host(labels: Array) -> None:
    """Refuse arrays of other libraries: they would be copied to the host silently.

    Raises
    ------
    InputError
        If the labels are no NumPy array.
    """
    if not isinstance(labels, np.ndarray):
        raise InputError(
            f"labels are a {type(labels).__module__}.{type(labels).__name__}; expected a NumPy "
            "array: bring them to the host yourself, by numpy.from_dlpack or the library's own way"
        )


def checked_volume(labels: Array, phases: Sequence[int] = (0,)) -> tuple[Labels, tuple[int, ...]]:
    """Label volume in one piece of memory, and the phases as Python integers.

    Raises
    ------
    InputError
        If it is no NumPy array of uint8 and three axes with a voxel inside, or a phase is no label.
    """
    check_on_host(labels)
    pixels_inside(labels, ndims=(3,))
    return np.ascontiguousarray(labels), checked_phases(phases)


def has_faces(labels: Labels, axis: int) -> bool:
    """Whether the first and the last plane along an axis each have a voxel inside."""
    return all((labels.take(index, axis=axis) != OUTSIDE).any() for index in (0, -1))


def checked_faces(labels: Labels, axis: int) -> int:
    """Axis counted from the front, along which something can enter and leave.

    Raises
    ------
    InputError
        If there is no such axis, or a face normal to it has no voxel inside.
    """
    found = checked_axis(axis, 3)
    if not has_faces(labels, found):
        raise InputError(
            f"a face normal to axis {found} has no voxel inside (label not 255); "
            "expected some on both faces; cut the volume to the specimen"
        )
    return found


def numbered_clusters(
    image: NDArray[Any], adjacency: int
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Number the clusters of equal labels other than 0, and find the faces that they reach.

    Returns
    -------
    numbered : array of unsigned integers
        Number of the cluster of each voxel, 0 where there is none.
    touches : array of bool, shape (K + 1, 3, 2)
        Whether a cluster reaches the first and the last plane along each axis; row 0 is false.
    """
    numbered, count = library("cc3d").connected_components(
        image, connectivity=adjacency, return_N=True
    )
    touches = np.zeros((count + 1, 3, 2), dtype=np.bool_)
    for axis in range(3):
        for side, index in enumerate((0, -1)):
            touches[np.unique(numbered.take(index, axis=axis)), axis, side] = True
    touches[0] = False
    return numbered, touches
