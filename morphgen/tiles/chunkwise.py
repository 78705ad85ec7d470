"""Descriptors of images larger than memory: counted part by part, exactly as in memory.

The image is cut into cubic cores, which fill it without overlap. Every core is read with what lies
around it, as far as a measure looks; measures that follow whole lines get pencils, which reach from
border to border. Counts are integers: their sum does not depend on how the image was cut.
"""

from __future__ import annotations

import contextlib
import itertools
import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from morphgen.descriptors.parts import Counts, Frame, Part, SumMeasure
from morphgen.descriptors.readings import Reading
from morphgen.descriptors.subvolumes import Windowed
from morphgen.errors import InputError
from morphgen.images import LargeLabels
from morphgen.progress import Progress, silent
from morphgen.tiles.cluster import Cluster
from morphgen.tiles.spread import spread
from morphgen.tiles.windows import window

STAGE = "parts"
# in voxels: parts are then in the caches where most of the work is done
CHUNK = 128
_LARGEST_BATCH = 64
_BATCHES_PER_WORKER = 16

# first voxel of a box, and the one after its last
Core = tuple[tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True)
class CountTask:
    """Some cores to count on.

    Attributes
    ----------
    image : Windowed
        The image; for an array in memory, only what the task has to see of it.
    cores : tuple
        First voxel of each core in ``image``, and the one after its last.
    along : int, optional
        Axis along which the cores reach from border to border, if any.
    measures : tuple of SumMeasure
        What to count.
    frame : Frame
        Shape, voxel size and phases of the whole image.
    """

    image: Windowed
    cores: tuple[Core, ...]
    along: int | None
    measures: tuple[SumMeasure, ...]
    frame: Frame


@dataclass(frozen=True, eq=False)
class Counted:
    """What was counted on the cores of a task: their number, and the sum for each measure."""

    along: int | None
    cores: int
    sums: list[Counts]


def summed_by_parts(
    image: Windowed,
    frame: Frame,
    measures: Sequence[SumMeasure],
    *,
    chunk: int | None = None,
    workers: int = 1,
    cluster: Cluster | None = None,
    progress: Progress = silent,
) -> list[Reading]:
    """Readings of measures that count, of an image that is read part by part.

    The counts are those of the whole image in memory, whatever the chunk.

    Parameters
    ----------
    image : Windowed
        An array, a memory map, or the labels of a store; uint8, 255 outside the specimen.
    frame : Frame
        Shape, voxel size and phases of the image.
    measures : sequence of SumMeasure
        What to count.
    chunk : int, optional
        Edge of the cores in voxels, `CHUNK` by default.
    workers : int
        Processes of this machine; with 1, this process counts.
    cluster : Cluster, optional
        A cluster that counts instead.
    progress : callable
        Told about cores done.

    Returns
    -------
    list of Reading, in the order of the measures

    Raises
    ------
    InputError
        If the chunk is not positive, or the image is not of the frame's shape or not uint8.
    StoreError
        If a part of a store cannot be read.
    GenerationError
        If a worker or the cluster is lost.
    """
    edge = checked_edge(chunk)
    if tuple(image.shape) != frame.shape:
        raise InputError(f"image has shape {tuple(image.shape)}; expected {frame.shape}")
    groups = {axis: [one for one in measures if one.along == axis] for axis in _axes(measures)}
    total = sum(_number_of_cores(frame.shape, edge, along) for along in groups)
    # counts travel once for a batch; there are enough batches to keep all busy to the end
    at_once = workers if cluster is None else cluster.threads
    size = max(1, min(_LARGEST_BATCH, total // (_BATCHES_PER_WORKER * at_once)))
    sums: dict[int | None, list[Counts]] = {}
    done = 0
    progress(STAGE, done, total)
    tasks = _tasks(image, frame, groups, edge, size)
    # closed at once, whatever goes wrong: the workers end
    with contextlib.closing(spread(count_parts, tasks, workers=workers, cluster=cluster)) as found:
        for counted in found:
            before = sums.get(counted.along)
            sums[counted.along] = counted.sums if before is None else _added(before, counted.sums)
            done += counted.cores
            progress(STAGE, done, total)
    totals = {along: iter(counts) for along, counts in sums.items()}
    return [reading for one in measures for reading in one.readings(next(totals[one.along]), frame)]


def count_parts(task: CountTask) -> Counted:
    """Read every core of a task with its margin, and count by every measure."""
    margin = max(one.margin for one in task.measures)
    sums: list[Counts] = []
    for start, stop in task.cores:
        labels, counted = window(task.image, start, stop, margin), []
        for one in task.measures:
            spare = margin - one.margin
            seen = labels[(slice(spare, -spare),) * labels.ndim] if spare else labels
            counted.append(one.counts(Part(seen, one.margin), task.frame))
        sums = _added(sums, counted) if sums else counted
    return Counted(task.along, len(task.cores), sums)


def _added(first: Sequence[Counts], second: Sequence[Counts]) -> list[Counts]:
    return [one + other for one, other in zip(first, second, strict=True)]


def checked_edge(chunk: int | None) -> int:
    """Edge of the parts in voxels, `CHUNK` by default; InputError if it is not positive."""
    if chunk is None:
        return CHUNK
    try:
        edge = operator.index(chunk)
    except TypeError:
        edge = 0
    if edge < 1:
        raise InputError(f"chunk is {chunk!r}: expected a positive number of voxels")
    return edge


def _axes(measures: Sequence[SumMeasure]) -> list[int | None]:
    return list(dict.fromkeys(one.along for one in measures))


def _number_of_cores(shape: Sequence[int], edge: int, along: int | None) -> int:
    counts = (1 if axis == along else -(-side // edge) for axis, side in enumerate(shape))
    return int(np.prod(list(counts)))


def _tasks(
    image: Windowed,
    frame: Frame,
    groups: Mapping[int | None, Sequence[SumMeasure]],
    edge: int,
    size: int,
) -> Iterator[CountTask]:
    for along, measures in groups.items():
        cores = _cores(frame.shape, edge, along)
        if isinstance(image, np.ndarray | LargeLabels):
            margin = max(one.margin for one in measures)
            for core in cores:
                seen, within = _cut(image, core, margin)
                yield CountTask(seen, (within,), along, tuple(measures), frame)
        else:
            while batch := tuple(itertools.islice(cores, size)):
                yield CountTask(image, batch, along, tuple(measures), frame)


def _cut(array: Windowed, core: Core, margin: int) -> tuple[np.ndarray, Core]:
    """What is seen of an array from a core, and the core in it: no more goes to other processes."""
    begins = [max(a - margin, 0) for a in core[0]]
    ends = (min(b + margin, side) for b, side in zip(core[1], array.shape, strict=True))
    seen = array[tuple(map(slice, begins, ends))]
    start, stop = (tuple(a - b for a, b in zip(one, begins, strict=True)) for one in core)
    # a memory map would take its whole file along
    return np.asarray(seen), (start, stop)


def _cores(shape: Sequence[int], edge: int, along: int | None) -> Iterator[Core]:
    """Cores that fill an image without overlap."""
    lines = [
        [(0, side)]
        if axis == along
        else [(begin, min(begin + edge, side)) for begin in range(0, side, edge)]
        for axis, side in enumerate(shape)
    ]
    for core in itertools.product(*lines):
        start, stop = zip(*core, strict=True)
        yield start, stop
