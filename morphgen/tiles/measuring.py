"""Measuring a volume: in parts what adds up, on sub-volumes what must be seen whole."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from morphgen.descriptors import Frame, Reading, Wanted
from morphgen.descriptors.connectivity import Connectivity
from morphgen.descriptors.contact import SphericalContact
from morphgen.descriptors.geodesic import GeodesicTortuosity
from morphgen.descriptors.measures import chosen, sum_measures, whole_measures
from morphgen.descriptors.parts import SumMeasure, WholeMeasure
from morphgen.descriptors.sizes import PhaseSizes
from morphgen.descriptors.subvolumes import (
    Box,
    Placement,
    Windowed,
    cheap_and_other,
    measure_box,
    pooled,
)
from morphgen.descriptors.transport import Conductivity, Transport
from morphgen.errors import InputError
from morphgen.images import LargeLabels
from morphgen.progress import Progress, silent
from morphgen.tiles.backends import Backend
from morphgen.tiles.chunkwise import checked_edge, summed_by_parts
from morphgen.tiles.cluster import Access, Cluster, check_store, connected
from morphgen.tiles.memory import INTERPRETER, available_memory, usable_cpus
from morphgen.tiles.spread import spread
from morphgen.tiles.windows import StoredLabels

# per voxel of a padded part, and per phase: two half-spectra of complex128
_BYTES = 16
# per voxel of a sub-volume: peaks measured on Linux, glibc, x86-64, rounded up
_WHOLE_BYTES: dict[type, int] = {
    Connectivity: 30,
    SphericalContact: 30,
    PhaseSizes: 50,
    GeodesicTortuosity: 150,
    # 268 in three quarters of the voxels, by conjugate gradients, which also follow where torch's
    # sweeps fail; and not all that other measures used before is given back
    Transport: 500,
    Conductivity: 500,
}
# per voxel of a volume that is measured whole, which is that of clusters
_CHEAP_BYTES = 16
_EVERYTHING = (slice(None),) * 3
_DEFAULT = Placement()
# voxels of an array that one process measures in the time that others take to start
_SMALL = 192**3


@dataclass(frozen=True)
class BoxTask:
    """A sub-volume to measure, by its number."""

    number: int
    image: Windowed
    box: Box
    frame: Frame
    measures: tuple[WholeMeasure, ...]


def measured_volume(
    image: Windowed,
    frame: Frame,
    wanted: Wanted,
    access: Access,
    *,
    chunk: int | None = None,
    placement: Placement = _DEFAULT,
    progress: Progress = silent,
) -> tuple[Reading, ...]:
    """Measure a volume, in processes or on a cluster, as far as memory goes.

    Parameters
    ----------
    image, frame, chunk, progress
        As for `summed_by_parts`.
    wanted : Wanted
        What to measure.
    access : Access
        Who measures; by default as many processes as there are CPUs and memory, and this process
        alone for a small array, which is measured before others have started.
    placement : Placement
        Size and number of the sub-volumes on which is measured what must be seen whole.

    Returns
    -------
    tuple of Reading

    Raises
    ------
    InputError
        If the chunk or the number of workers cannot be used, there is too little memory, or a
        cluster is to measure what is not in a store.
    StoreError
        If a part of a store cannot be read, or workers do not see the store.
    GenerationError
        If a worker or the cluster is lost.
    """
    sums, wholes = sum_measures(wanted, frame), whole_measures(wanted, frame)
    need = part_memory(frame, sums, checked_edge(chunk), wholes, placement)
    stored = image if isinstance(image, StoredLabels) else None
    if access.wanted and stored is None:
        raise InputError(
            "a cluster measures volumes in a store, which its workers can read; give workers "
            "(processes of this machine), or write the volume into a store"
        )
    with connected(access) as cluster:
        workers = 1
        if cluster is None:
            large = stored is not None or math.prod(frame.shape) > _SMALL
            workers = _workers(access.workers, usable_cpus() if large else 1, need)
        else:
            assert stored is not None
            cluster.check(Backend(), need)
            check_store(cluster.client, stored.location, stored.identity)
        found = summed_by_parts(
            image, frame, sums, chunk=chunk, workers=workers, cluster=cluster, progress=progress
        )
        cheap, others = cheap_and_other(frame.shape, wholes)
        if cheap:
            everything = tuple(slice(0, side) for side in frame.shape)
            found += measure_box(np.asarray(image[everything]), frame, cheap)
        if others:
            boxes = placement.boxes(frame.shape, frame.spacing)
            found += _on_subvolumes(image, frame, others, boxes, workers, cluster, progress)
    return chosen(found, wanted)


def measured_box(task: BoxTask) -> tuple[int, tuple[Reading, ...]]:
    """Read a sub-volume and measure it; with its number."""
    return task.number, measure_box(np.asarray(task.image[task.box]), task.frame, task.measures)


def _on_subvolumes(
    image: Windowed,
    frame: Frame,
    measures: tuple[WholeMeasure, ...],
    boxes: Sequence[Box],
    workers: int,
    cluster: Cluster | None,
    progress: Progress,
) -> tuple[Reading, ...]:
    """Measure the sub-volumes of `measure_subvolumes`, several at a time."""
    by_number: dict[int, tuple[Reading, ...]] = {}
    progress("sub-volumes", 0, len(boxes))
    # an array stays here, but for the sub-volume
    tasks = (
        BoxTask(number, np.asarray(image[box]), _EVERYTHING, frame, measures)
        if isinstance(image, np.ndarray | LargeLabels)
        else BoxTask(number, image, box, frame, measures)
        for number, box in enumerate(boxes)
    )
    with contextlib.closing(
        spread(measured_box, tasks, workers=min(workers, len(boxes)), cluster=cluster)
    ) as found:
        for number, readings in found:
            by_number[number] = readings
            progress("sub-volumes", len(by_number), len(boxes))
    # in their own order, on which rounding depends
    return pooled([by_number[number] for number in sorted(by_number) if by_number[number]])


def part_memory(
    frame: Frame,
    measures: Sequence[SumMeasure],
    chunk: int,
    wholes: Sequence[WholeMeasure] = (),
    placement: Placement = _DEFAULT,
) -> int:
    """Largest memory that a worker needs for a part or a sub-volume, in bytes.

    An estimate from above, interpreter included. Of what counts, two-point coverage takes most,
    which holds two half-spectra of the padded part for each phase.
    """
    box = placement.boxes(frame.shape, frame.spacing)[0]
    size = math.prod(int(side.stop - side.start) for side in box)
    cheap, others = cheap_and_other(frame.shape, wholes)
    seen = max((_WHOLE_BYTES[type(one)] for one in others), default=0) * size
    if cheap:
        seen = max(seen, _CHEAP_BYTES * math.prod(frame.shape))
    library = "torch" if any(isinstance(one, Transport) for one in wholes) else "numpy"
    voxels = 0
    for one in measures:
        sides = (
            side if axis == one.along else min(chunk, side) + 2 * one.margin
            for axis, side in enumerate(frame.shape)
        )
        voxels = max(voxels, math.prod(sides))
    return INTERPRETER[library] + max(_BYTES * (len(frame.phases) + 1) * voxels, seen)


def _workers(wanted: int | None, usual: int, need: int) -> int:
    if wanted is not None and wanted < 1:
        raise InputError(f"workers is {wanted}: expected at least 1")
    room = available_memory()
    fitting = room // need
    if fitting < (wanted or 1):
        raise InputError(
            f"{wanted or 1} workers need {(wanted or 1) * need / 2**30:.3g} GiB of memory, "
            f"{room / 2**30:.3g} GiB are available; give fewer workers, a smaller chunk or "
            "sub-volume edge, or a shorter largest lag"
        )
    return min(usual, fitting) if wanted is None else wanted
