"""What is measured on a reference volume, and on simulated volumes of its shape.

Descriptors that are sums over voxels are taken of the whole volume. Those that must see it as a
whole (clusters, sizes, paths) cost too much for repeated simulation: they are means over cubes
within it. Transport costs more than all the rest, and is solved in the first of these cubes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from morphgen.descriptors.catalogue import KINDS
from morphgen.descriptors.measures import Wanted, chosen, possible_kinds, summed, whole_measures
from morphgen.descriptors.parts import Frame
from morphgen.descriptors.subvolumes import measure_box, pooled
from morphgen.images import Volume
from morphgen.phases import OUTSIDE
from morphgen.validation.measure import Labels, Readings, values_at

LARGEST_SIDE = 192
CUBE_SIDE = 64
LARGEST_LAG = 40
TRANSPORT = (
    "effective_diffusivity",
    "tortuosity_factor",
    "effective_ionic_conductivity",
    "effective_electronic_conductivity",
)
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
        """Edge of the cubes in voxels, along each axis; axes that are shorter are taken whole."""
        return min(CUBE_SIDE, max(self.frame.shape))

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
    found = {}
    for place in np.ndindex(2, 2, 2):
        if sum(place) % 2 == 0:
            z, y, x = (
                _centred(0, length, min(CUBE_SIDE, length))
                if length < 2 * CUBE_SIDE
                else _centred(half * (length // 2), (half + 1) * (length // 2), CUBE_SIDE)
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
    found = list(summed([labels], view.frame, view.wanted))
    slow = [kind for kind in view.wanted.kinds if kind in TRANSPORT]
    quick = [kind for kind in view.wanted.kinds if kind not in TRANSPORT]
    for kinds, boxes in ((quick, view.cubes), (slow, view.cubes[:1])):
        measures = whole_measures(replace(view.wanted, kinds=tuple(kinds)), view.frame)
        seen = [measure_box(labels[box], view.frame, measures) for box in boxes]
        if any(seen):
            found += pooled([one for one in seen if one])
    return {one.key: one for one in chosen(found, view.wanted)}


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
            error = np.std(values, axis=0, ddof=1) / len(parts) ** 0.5
            found[key] = replace(reading, standard_error=error)
    return found


def _octant(labels: Labels, view: VolumeView) -> Readings:
    frame = replace(view.frame, shape=labels.shape)
    wanted = replace(view.wanted, max_lag=min(view.wanted.max_lag, min(labels.shape) - 1))
    return {one.key: one for one in chosen(summed([labels], frame, wanted), wanted)}


def _inside(boxes: Sequence[Box], mask: NDArray[np.bool_] | None) -> tuple[Box, ...]:
    """Boxes of which at least half lies in the specimen."""
    if mask is None:
        return tuple(boxes)
    return tuple(box for box in boxes if mask[box].mean() >= _LEAST_INSIDE)


def _centred(start: int, stop: int, length: int) -> slice:
    first = start + (stop - start - length) // 2
    return slice(first, first + length)
