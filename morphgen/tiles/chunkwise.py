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
from dataclasses import dataclass, replace

import numpy as np

from morphgen.descriptors.parts import Counts, Frame, Part, SumMeasure
from morphgen.descriptors.readings import Reading
from morphgen.errors import InputError
from morphgen.progress import Progress, silent
from morphgen.tiles.cluster import Cluster
from morphgen.tiles.spread import spread
from morphgen.tiles.windows import Windowed, window

STAGE = "parts"
# in voxels: parts are then in the caches where most of the work is done
CHUNK = 128


@dataclass(frozen=True)
class CountTask:
    """A core to count on.

    Attributes
    ----------
    image : Windowed
        The image; for an array in memory, only what the task has to see of it.
    start, stop : tuple of int
        First voxel of the core in ``image``, and the one after the last.
    along : int, optional
        Axis along which the core reaches from border to border, if any.
    measures : tuple of SumMeasure
        What to count.
    frame : Frame
        Shape, voxel size and phases of the whole image.
    """

    image: Windowed
    start: tuple[int, ...]
    stop: tuple[int, ...]
    along: int | None
    measures: tuple[SumMeasure, ...]
    frame: Frame


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
    edge = _checked_edge(CHUNK if chunk is None else chunk)
    if tuple(image.shape) != frame.shape:
        raise InputError(f"image has shape {tuple(image.shape)}; expected {frame.shape}")
    groups = {axis: [one for one in measures if one.along == axis] for axis in _axes(measures)}
    total = sum(_number_of_cores(frame.shape, edge, along) for along in groups)
    sums: dict[int | None, list[Counts]] = {}
    progress(STAGE, 0, total)
    tasks = _tasks(image, frame, groups, edge)
    # closed at once, whatever goes wrong: the workers end
    with contextlib.closing(spread(count_part, tasks, workers=workers, cluster=cluster)) as found:
        for done, (along, counts) in enumerate(found, 1):
            # what comes from another process may be write-protected
            so_far = sums.setdefault(along, [np.zeros_like(one) for one in counts])
            for total_of_one, one in zip(so_far, counts, strict=True):
                np.add(total_of_one, one, out=total_of_one)
            progress(STAGE, done, total)
    totals = {along: iter(counts) for along, counts in sums.items()}
    return [reading for one in measures for reading in one.readings(next(totals[one.along]), frame)]


def count_part(task: CountTask) -> tuple[int | None, list[Counts]]:
    """Read a core with its margin, and count by every measure; with the axis of the task."""
    margin = max(one.margin for one in task.measures)
    labels = window(task.image, task.start, task.stop, margin)
    counted = []
    for one in task.measures:
        spare = margin - one.margin
        seen = labels[(slice(spare, -spare),) * labels.ndim] if spare else labels
        counted.append(one.counts(Part(seen, one.margin), task.frame))
    return task.along, counted


def _checked_edge(chunk: int) -> int:
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
    image: Windowed, frame: Frame, groups: Mapping[int | None, Sequence[SumMeasure]], edge: int
) -> Iterator[CountTask]:
    for along, measures in groups.items():
        for start, stop in _cores(frame.shape, edge, along):
            task = CountTask(image, start, stop, along, tuple(measures), frame)
            yield _cut(task, image) if isinstance(image, np.ndarray) else task


def _cut(task: CountTask, array: np.ndarray) -> CountTask:
    """The task with what it sees of an array alone, so that no more goes to another process."""
    margin = max(one.margin for one in task.measures)
    begins = tuple(max(a - margin, 0) for a in task.start)
    seen = array[tuple(slice(a, b + margin) for a, b in zip(begins, task.stop, strict=True))]
    return replace(
        task,
        # a memory map would take its whole file along
        image=np.asarray(seen),
        start=tuple(a - begin for a, begin in zip(task.start, begins, strict=True)),
        stop=tuple(b - begin for b, begin in zip(task.stop, begins, strict=True)),
    )


def _cores(
    shape: Sequence[int], edge: int, along: int | None
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """First voxel of each core, and the one after its last."""
    lines = [
        [(0, side)]
        if axis == along
        else [(begin, min(begin + edge, side)) for begin in range(0, side, edge)]
        for axis, side in enumerate(shape)
    ]
    for core in itertools.product(*lines):
        start, stop = zip(*core, strict=True)
        yield start, stop
