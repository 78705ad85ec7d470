"""What is measured on a reference volume, and on simulated volumes of its shape.

Descriptors that are sums over voxels are taken of the whole volume. Those that must see it as a
whole (clusters, paths, transport) cost too much for repeated simulation: they are the means over
cubes within it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from morphgen.descriptors.catalogue import KINDS
from morphgen.descriptors.measures import Wanted, chosen, possible_kinds, seen_whole, summed
from morphgen.descriptors.parts import Frame
from morphgen.descriptors.readings import Key, Reading
from morphgen.images import Volume
from morphgen.phases import OUTSIDE
from morphgen.validation.measure import Floats, Labels, Readings, values_at

LARGEST_SIDE = 192
CUBE_SIDE = 64
LARGEST_LAG = 40
# an octant or a cube with less of the specimen in it says nothing of the whole
_LEAST_INSIDE = 0.5
_SMALLEST_OCTANT = 24

Box = tuple[slice, slice, slice]


@dataclass(frozen=True, eq=False)
class VolumeView:
    """How a volume is looked at: all that a simulation shares with it.

    Attributes
    ----------
    frame : Frame
        Shape, voxel size and phases.
    mask : array of bool or None
        True inside the specimen.
    wanted : Wanted
        What is measured.
    cubes : tuple of boxes
        Where the descriptors are measured that must see a volume as a whole.
    """

    frame: Frame
    mask: NDArray[np.bool_] | None
    wanted: Wanted
    cubes: tuple[Box, ...]

    @property
    def voxels(self) -> int:
        """Number of voxels inside the specimen."""
        if self.mask is None:
            return int(np.prod(self.frame.shape))
        return int(np.count_nonzero(self.mask))

    @property
    def cube_side(self) -> int:
        """Edge of the cubes in voxels."""
        return min(CUBE_SIDE, *self.frame.shape)

    def hide(self, labels: Labels) -> Labels:
        """Labels with 255 where the reference has no specimen."""
        if self.mask is None:
            return labels
        return np.where(self.mask, labels, np.uint8(OUTSIDE))


def central_box(shape: Sequence[int], side: int = LARGEST_SIDE) -> Box:
    """Middle of a volume, of at most ``side`` voxels along each axis."""
    z, y, x = (_centred(0, length, min(side, length)) for length in shape)
    return z, y, x


def volume_view(volume: Volume, max_lag: float, kinds: Sequence[str] | None = None) -> VolumeView:
    """Look at a volume with lags up to ``max_lag``, in its unit.

    Lags end at 40 voxels and at half the shortest side.

    Parameters
    ----------
    volume : Volume
        The volume.
    max_lag : float
        Largest lag wanted.
    kinds : sequence of str, optional
        What is measured; by default all that volumes have and that is installed.
    """
    shape = volume.labels.shape
    finest = min(volume.voxel_size)
    lag = min(int(max_lag / finest + 1e-9), LARGEST_LAG, min(shape) // 2)
    phases = tuple(phase.label for phase in volume.phases)
    frame = Frame(shape, volume.voxel_size, "zyx", phases, volume.unit)
    wanted = Wanted(possible_kinds(3) if kinds is None else tuple(kinds), max(1, lag))
    return VolumeView(frame, volume.mask, wanted, _inside(cubes(shape), volume.mask))


def cubes(shape: Sequence[int]) -> tuple[Box, ...]:
    """Cubes of at most 64 voxels a side, in the middle of half the octants.

    No two of these octants share a face. Along an axis that is shorter than two cubes all lie in
    the middle.
    """
    edge = min(CUBE_SIDE, *shape)
    found = {}
    for place in np.ndindex(2, 2, 2):
        if sum(place) % 2 == 0:
            z, y, x = (
                _centred(0, length, edge)
                if length < 2 * edge
                else _centred(half * (length // 2), (half + 1) * (length // 2), edge)
                for half, length in zip(place, shape, strict=True)
            )
            found[z.start, y.start, x.start] = (z, y, x)
    return tuple(found.values())


def octants(shape: Sequence[int]) -> tuple[Box, ...]:
    """The eight halves of the halves of the halves; none of a volume that is too thin for them."""
    if min(shape) < 2 * _SMALLEST_OCTANT:
        return ()
    axes = [(slice(0, length // 2), slice(length // 2, length)) for length in shape]
    return tuple((z, y, x) for z, y, x in product(*axes))


def measure_volume(labels: Labels, view: VolumeView) -> Readings:
    """Measure everything that is compared, on one volume.

    Parameters
    ----------
    labels : array of uint8
        Labels of the shape of the view, 255 outside the specimen.
    view : VolumeView
        What is measured, and where.

    Returns
    -------
    dict
        Readings by their keys. Means over cubes have the standard error of such a mean.
    """
    found = {one.key: one for one in chosen(summed([labels], view.frame, view.wanted), view.wanted)}
    seen = [_seen(labels[cube], view) for cube in view.cubes]
    for key, reading in _first_of_each(seen).items():
        values = [values_at(one[key], reading.x) for one in seen if key in one]
        found[key] = _mean(reading, values)
    return found


def standard_errors(labels: Labels, view: VolumeView, readings: Readings) -> Readings:
    """The same readings, with standard errors of the sums from the scatter between octants."""
    boxes = _inside(octants(view.frame.shape), view.mask)
    if len(boxes) < 2:
        return readings
    parts = [_octant(labels[box], view) for box in boxes]
    found = dict(readings)
    for key, reading in readings.items():
        if KINDS[key.kind].sums:
            values = [values_at(one[key], reading.x) for one in parts]
            found[key] = replace(reading, standard_error=_mean(reading, values).standard_error)
    return found


def _octant(labels: Labels, view: VolumeView) -> Readings:
    frame = replace(view.frame, shape=labels.shape)
    wanted = replace(view.wanted, max_lag=min(view.wanted.max_lag, min(labels.shape) - 1))
    return {one.key: one for one in chosen(summed([labels], frame, wanted), wanted)}


def _seen(labels: Labels, view: VolumeView) -> Readings:
    frame = replace(view.frame, shape=labels.shape)
    return {one.key: one for one in chosen(seen_whole(labels, frame, view.wanted), view.wanted)}


def _first_of_each(seen: Sequence[Readings]) -> Mapping[Key, Reading]:
    return {key: reading for one in reversed(seen) for key, reading in one.items()}


def _mean(reading: Reading, values: Sequence[Floats]) -> Reading:
    """Mean of several values, and its standard error; of what is a number among them."""
    table = np.array(values)
    known = np.isfinite(table)
    count = known.sum(axis=0)
    several = np.maximum(count, 1)
    mean = np.where(known, table, 0.0).sum(axis=0) / several
    squares = np.where(known, (table - mean) ** 2, 0.0).sum(axis=0)
    error = np.sqrt(squares / np.maximum(count - 1, 1) / several)
    return replace(
        reading,
        values=np.where(count > 0, mean, np.nan),
        standard_error=np.where(count > 1, error, np.nan),
    )


def _inside(boxes: Sequence[Box], mask: NDArray[np.bool_] | None) -> tuple[Box, ...]:
    """Boxes of which at least half lies in the specimen."""
    if mask is None:
        return tuple(boxes)
    return tuple(box for box in boxes if mask[box].mean() >= _LEAST_INSIDE)


def _centred(start: int, stop: int, length: int) -> slice:
    first = start + (stop - start - length) // 2
    return slice(first, first + length)
