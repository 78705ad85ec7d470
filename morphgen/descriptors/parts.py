"""Measuring an image part by part: what a measure asks for, and what it gives back.

A measure that is a ratio of sums over voxels counts on each part, and its counts add up to those
of the whole image, exactly. An image in memory is one part; a store is many.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from morphgen.descriptors.readings import Reading
from morphgen.phases import OUTSIDE

Labels = NDArray[np.uint8]
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Frame:
    """What all parts of an image share.

    Attributes
    ----------
    shape : tuple of int
        Voxels of the whole image along each axis.
    spacing : tuple of float
        Voxel size along each axis, in ``unit``.
    axes : str
        Name of each axis: "zyx" for a volume, "yx" for a section in the plane xy.
    phases : tuple of int
        Labels of the phases that are measured.
    unit : str
        Unit of lengths.
    """

    shape: tuple[int, ...]
    spacing: tuple[float, ...]
    axes: str
    phases: tuple[int, ...]
    unit: str = "voxel"


@dataclass(frozen=True, eq=False)
class Part:
    """Voxels of an image with their neighbours.

    Attributes
    ----------
    labels : array of uint8
        Labels of the core and of ``margin`` voxels around it on every side; 255 beyond the border
        of the image, as outside the specimen.
    margin : int
        Width of what is around the core.
    """

    labels: Labels
    margin: int = 0

    @property
    def core(self) -> Labels:
        """Labels of the core alone, a view."""
        if not self.margin:
            return self.labels
        return self.labels[(slice(self.margin, -self.margin),) * self.labels.ndim]


class SumMeasure(Protocol):
    """A descriptor, or several with the same counts, that is a ratio of sums over voxels."""

    @property
    def margin(self) -> int:
        """Number of voxels around a part that must be seen."""

    @property
    def along(self) -> int | None:
        """Axis along which a part must reach from border to border of the image, if any."""

    def counts(self, part: Part, frame: Frame) -> Counts:
        """Count on a part; of the same shape for all parts, so that the counts add up."""

    def readings(self, counts: Counts, frame: Frame) -> tuple[Reading, ...]:
        """Numbers and curves that follow from the counts of all parts together."""


class WholeMeasure(Protocol):
    """A descriptor, or several, that must see an image as a whole."""

    def readings(self, labels: Labels, frame: Frame) -> tuple[Reading, ...]:
        """Numbers and curves of an image in memory."""


@runtime_checkable
class CheapMeasure(WholeMeasure, Protocol):
    """One that is so cheap that an image need not be cut into sub-volumes for it."""

    @property
    def largest(self) -> int:
        """Number of voxels of the largest image that it takes whole."""


def whole(labels: Labels, margin: int) -> Part:
    """Make an image one part, with 255 around it."""
    if not margin:
        return Part(labels)
    return Part(np.pad(labels, margin, constant_values=OUTSIDE), margin)
