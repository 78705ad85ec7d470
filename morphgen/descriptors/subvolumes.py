"""Descriptors that must see a volume as a whole, on sub-volumes of a large one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Protocol

import numpy as np

from morphgen.descriptors._volume import check_on_host
from morphgen.descriptors.parts import CheapMeasure, Frame, Labels, WholeMeasure
from morphgen.descriptors.readings import Key, Reading
from morphgen.errors import InputError
from morphgen.phases import OUTSIDE

Box = tuple[slice, ...]


class Windowed(Protocol):
    """A label image of which boxes can be read: an array, a memory map, a store."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along each axis."""

    def __getitem__(self, box: Any, /) -> Any:
        """Labels of a box, a tuple of one slice per axis; an array of uint8, 255 outside."""


@dataclass(frozen=True)
class Placement:
    """Where sub-volumes lie.

    Parameters
    ----------
    edge : int
        Edge of the cubes, in voxels of the finest axis.
    most : int
        Largest number of cubes.

    Raises
    ------
    InputError
        If one of them is not positive.
    """

    edge: int = 96
    most: int = 8

    def __post_init__(self) -> None:
        if self.edge < 1 or self.most < 1:
            raise InputError(
                f"sub-volumes have the edge {self.edge} and number {self.most}; expected 1 or more"
            )

    def boxes(self, shape: Sequence[int], spacing: Sequence[float]) -> tuple[Box, ...]:
        """Boxes of one shape that are spread evenly and do not overlap.

        A volume of less than 4/3 of the edge is taken whole along an axis, one of less than twice
        the edge is halved, a larger one holds cubes of the edge.

        Parameters
        ----------
        shape
            Voxels of the volume along each axis.
        spacing
            Voxel size of each axis; the cubes have one physical edge.

        Returns
        -------
        tuple of tuple of slice
            At least one; one alone is the whole volume unless ``most`` is 1.
        """
        wanted = [max(1, round(self.edge * min(spacing) / step)) for step in spacing]
        counts = [
            max(n // edge, 2 if 3 * n >= 4 * edge else 1)
            for n, edge in zip(shape, wanted, strict=True)
        ]
        sides = [
            n if count == 1 else min(edge, n // count)
            for n, edge, count in zip(shape, wanted, counts, strict=True)
        ]
        while math.prod(counts) > self.most:
            counts[counts.index(max(counts))] -= 1
        starts = [
            [((2 * i + 1) * n - count * side) // (2 * count) for i in range(count)]
            for n, count, side in zip(shape, counts, sides, strict=True)
        ]
        return tuple(
            tuple(slice(start, start + side) for start, side in zip(corner, sides, strict=True))
            for corner in product(*starts)
        )


@dataclass(frozen=True)
class Subvolumes:
    """Sub-volumes that were measured.

    Attributes
    ----------
    shape : tuple of int
        Voxels of each along each axis.
    starts : tuple of tuple of int
        First voxel of each along each axis.
    """

    shape: tuple[int, ...]
    starts: tuple[tuple[int, ...], ...]

    @classmethod
    def of_boxes(cls, boxes: Sequence[Box]) -> Subvolumes:
        """Take the shape and the starts of boxes of one shape, one box or more."""
        return cls(
            tuple(side.stop - side.start for side in boxes[0]),
            tuple(tuple(side.start for side in box) for box in boxes),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "number": len(self.starts),
            "shape": list(self.shape),
            "starts": [list(start) for start in self.starts],
        }


_DEFAULT = Placement()


def cheap_and_other(
    shape: Sequence[int], measures: Sequence[WholeMeasure]
) -> tuple[tuple[WholeMeasure, ...], tuple[WholeMeasure, ...]]:
    """Part measures into those that take an image of a shape whole, and those on sub-volumes."""
    voxels = math.prod(shape)
    cheap = [isinstance(one, CheapMeasure) and voxels <= one.largest for one in measures]
    both = tuple(zip(measures, cheap, strict=True))
    return tuple(one for one, yes in both if yes), tuple(one for one, yes in both if not yes)


def measure_subvolumes(
    image: Windowed,
    frame: Frame,
    measures: Sequence[WholeMeasure],
    placement: Placement = _DEFAULT,
) -> tuple[Reading, ...]:
    """Measure sub-volumes of an image, one after the other: means and standard errors.

    Parameters
    ----------
    image
        What boxes are read of.
    frame
        Shape, voxel size, axes and phases of the whole image.
    measures
        What to measure.
    placement
        Size and number of the sub-volumes.

    Returns
    -------
    tuple of Reading
        As of `pooled`; of the whole image, without standard error, if that is one sub-volume.

    Raises
    ------
    InputError
        If the image is an array of another library than NumPy.
    """
    # what is read from a file has no __dlpack__; an array library's own arrays have
    if hasattr(image, "__dlpack__"):
        check_on_host(image)
    if not measures:
        return ()
    found = []
    for box in placement.boxes(frame.shape, frame.spacing):
        readings = measure_box(np.asarray(image[box]), frame, measures)
        if readings:
            found.append(readings)
    return pooled(found)


def measure_box(
    labels: Labels, frame: Frame, measures: Sequence[WholeMeasure]
) -> tuple[Reading, ...]:
    """Measure one sub-volume; nothing if all of it is outside."""
    if (labels == OUTSIDE).all():
        return ()
    own = replace(frame, shape=labels.shape)
    return tuple(reading for one in measures for reading in one.readings(labels, own))


def pooled(found: Sequence[Sequence[Reading]]) -> tuple[Reading, ...]:
    """Means over sub-volumes, and standard errors: their scatter over the root of their number.

    Parameters
    ----------
    found
        Readings of each sub-volume, with the same keys.

    Returns
    -------
    tuple of Reading
        Sub-volumes without any value, as where a phase is absent, do not count for a number or a
        curve, and it says how many do; it is NaN if none does. A curve that only some of them know
        to its end is NaN from there on, for those that know it are not like the others. A number
        that is a ratio is that of the means of numerator and denominator. No standard error if
        there is one sub-volume; NaN for what only one determines, or what is infinite.

    Raises
    ------
    InputError
        If there is no sub-volume.

    Notes
    -----
    The standard error is that of the mean over the volume if the sub-volumes are independent: if
    what they hold is smaller than they are. It does not cover the bias of their borders, which is
    that of a volume of their size.
    """
    if not found:
        raise InputError("no sub-volume has a voxel inside (label not 255); expected some")
    if len(found) == 1:
        return tuple(
            replace(one, subvolumes=int(not np.isnan(one.values).all())) for one in found[0]
        )
    by_key: dict[Key, list[Reading]] = {}
    for readings in found:
        for reading in readings:
            by_key.setdefault(reading.key, []).append(reading)
    return tuple(_mean(by_key[reading.key]) for reading in found[0])


def _mean(readings: Sequence[Reading]) -> Reading:
    if all(one.ratio is not None for one in readings):
        return _ratio_of_means(readings)
    values = np.stack([one.values for one in readings])
    values = values[~np.isnan(values).all(axis=1)]
    count = len(values)
    # an infinite value, such as the radius of a phase without walls, has no scatter
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = values.sum(axis=0) / count
        error = np.sqrt(((values - mean) ** 2).sum(axis=0) / (count - 1) / count)
    if count < 2:
        error = np.full(mean.shape, np.nan)
    return replace(readings[0], values=mean, standard_error=error, subvolumes=count)


def _ratio_of_means(readings: Sequence[Reading]) -> Reading:
    """Ratio of the means, and its standard error by propagation to first order."""
    pairs = np.array([one.ratio for one in readings], dtype=np.float64)
    above, below = pairs[~np.isnan(pairs).any(axis=1)].T
    count, ratio, error = above.size, math.nan, math.nan
    if above.sum() > 0.0:
        ratio = math.inf
    if below.sum() > 0.0:
        ratio = above.sum() / below.sum()
        squares = ((above - ratio * below) ** 2).sum()
        if count > 1:
            error = math.sqrt(squares * count / (count - 1)) / below.sum()
    return replace(
        readings[0],
        values=np.array([ratio]),
        standard_error=np.array([error]),
        subvolumes=count,
        ratio=(float(above.sum()), float(below.sum())),
    )
