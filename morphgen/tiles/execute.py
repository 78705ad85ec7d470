"""Computing and writing the blocks of a store.

A task names a store and a batch of its blocks; everything else is read from the store by whoever
runs it, once. `compute_batch` is a pure function of the task, so that any executor may call it, in
this process, in local ones, or on other machines that see the same store.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import numpy as np
import zarr

from morphgen.errors import GenerationError, MorphgenError, StoreError
from morphgen.fields.blocks import Index
from morphgen.fields.pieces import Workspace
from morphgen.progress import Progress, silent
from morphgen.tiles.arrays import open_labels
from morphgen.tiles.backends import Backend, lacks_device_memory
from morphgen.tiles.grid import BlockGrid
from morphgen.tiles.interrupts import deferred
from morphgen.tiles.memory import concurrent_writes
from morphgen.tiles.remote import place_of
from morphgen.tiles.source import begin_labels
from morphgen.tiles.store import open_volume, read_description
from morphgen.tiles.volume import VolumeInfo

STAGE = "blocks"

# Batches are worth seconds, so that a scheduler has time for them, and there are enough of them
# to keep every worker busy to the end.
_BATCH_VOXELS = 2**30
_BATCHES_PER_WORKER = 16
# A batch begins and ends with idle writers; where several write side by side, on a GPU, a batch of
# so many blocks for each of them loses a ninth of the time to that, and blocks cost little there.
_BLOCKS_PER_WRITER = 8


@dataclass(frozen=True)
class BatchTask:
    """Some blocks to compute and to write.

    Parameters
    ----------
    location : str
        Path or URL of the store, as the worker sees it.
    identity : str
        Hash of the store's description, so that no block goes to a store that was replaced.
    numbers : tuple of int
        The blocks, by their linear numbers in the grid of their level.
    level : int
        0 computes labels; a higher level is made from the one below it.
    device : str, optional
        Device that computes labels, of the kind that the store records; by default the first.
    """

    location: str
    identity: str
    numbers: tuple[int, ...]
    level: int = 0
    device: str | None = None


@dataclass(frozen=True)
class BatchRecord:
    """What is told of blocks that were written."""

    numbers: tuple[int, ...]
    seconds: float


class Executor(Protocol):
    """Something that runs tasks, in any order."""

    def run(self, tasks: Iterable[BatchTask]) -> Generator[BatchRecord, None, None]:
        """Run every task, taking only a few of them in advance.

        A task is answered by one record, or by several that share its blocks.

        Raises
        ------
        GenerationError
            If a block cannot be computed or written; its message names the block.
        """
        ...


class InProcess:
    """Runs one task after the other in this process, and tells of every block."""

    def run(self, tasks: Iterable[BatchTask]) -> Generator[BatchRecord, None, None]:
        """Run every task in order; an interrupt waits for the end of a block."""
        with deferred() as deliver:
            for task in tasks:
                for record in compute_blocks(task):
                    yield record
                    deliver()


def write_blocks(
    volume: VolumeInfo,
    numbers: Sequence[int] | np.ndarray,
    executor: Executor,
    progress: Progress = silent,
    *,
    workers: int = 1,
    level: int = 0,
    device: str | None = None,
) -> float:
    """Compute and write blocks of a store.

    Parameters
    ----------
    volume : VolumeInfo
        The store.
    numbers : sequence or array of int
        Blocks to write, in any order; their shards must be absent.
    executor : Executor
        Who computes them.
    progress : callable
        Told about blocks done, of all blocks of the level.
    workers : int
        Number of batches that the executor runs at a time.
    level : int
        Level that the blocks belong to; the one below must be whole.
    device : str, optional
        Device that computes labels, of the kind that the store records; by default the first.

    Returns
    -------
    float
        Seconds of work in all blocks together.

    Raises
    ------
    GenerationError
        If a block cannot be computed or written. What was written stays.
    """
    wanted = np.asarray(numbers, dtype=np.int64)
    total = len(volume.record.grid_of(level))
    done, stage = total - wanted.size, f"level {level}" if level else STAGE
    progress(stage, done, total)
    task = BatchTask(volume.location, volume.record.identity(), (), level, device)
    writers = 1 if level else concurrent_writes(volume.backend)
    size = batch_size(wanted.size, volume.grid.edge, workers, writers)
    seconds = 0.0
    # closed at once, whatever goes wrong: the workers end, and signals are answered as before
    with contextlib.closing(executor.run(_batches(task, wanted, size))) as records:
        for record in records:
            done += len(record.numbers)
            seconds += record.seconds
            progress(stage, done, total)
    return seconds


def batch_size(blocks: int, edge: int, workers: int, writers: int = 1) -> int:
    """Number of blocks in a batch, where so many are to be written, several of them at a time."""
    largest = max(1, _BATCH_VOXELS // edge**3)
    if writers > 1:
        # few batches, dealt out evenly: all workers end together
        largest = max(largest, _BLOCKS_PER_WRITER * writers)
        rounds = max(1, -(-blocks // (workers * largest)))
        return max(1, -(-blocks // (workers * rounds)))
    if workers == 1:
        # nobody waits for a batch, and none is repeated: it ends where writing need not be awaited
        return largest
    return min(largest, max(1, blocks // (_BATCHES_PER_WORKER * workers)))


def compute_batch(task: BatchTask) -> BatchRecord:
    """Compute blocks and write their shards, each of them whole or not at all.

    Raises
    ------
    StoreError
        If the store is gone or was replaced by another.
    GenerationError
        If a block cannot be computed or written; its message names the block.
    """
    records = list(compute_blocks(task))
    return BatchRecord(task.numbers, sum(record.seconds for record in records))


def sweep(task: BatchTask) -> None:
    """Delete the files of a task's level that a killed worker left unfinished."""
    grid = open_volume(task.location).record.grid_of(task.level)
    place_of(task.location).clean(str(task.level), grid, np.empty(0, dtype=np.int64))


def block_name(task: BatchTask, number: int) -> str:
    """Block of a task, for messages."""
    return _where(task, open_volume(task.location).record.grid_of(task.level).index(number))


def _where(task: BatchTask, index: Index) -> str:
    level = f"level {task.level} of " if task.level else ""
    return f"block {index} of {level}{task.location}"


def _batches(task: BatchTask, numbers: np.ndarray, size: int) -> Iterator[BatchTask]:
    for begin in range(0, numbers.size, size):
        yield replace(task, numbers=tuple(numbers[begin : begin + size].tolist()))


def compute_blocks(task: BatchTask) -> Iterator[BatchRecord]:
    """Compute the blocks of a task; yield each once its shard is there.

    A block is compressed and written by a thread of its own while the next one is computed. On a
    CPU there are never more than these two; a GPU, which is faster than one thread that
    compresses, has several written at a time. Whoever stops asking for the next record gets no
    more blocks.
    """
    began = time.perf_counter()
    description = read_description(task.location)
    work, workspace = _prepared(replace(task, numbers=()), description), Workspace()
    writers = concurrent_writes(work.backend)
    writing: deque[tuple[int, Future[None]]] = deque()

    def written() -> BatchRecord:
        nonlocal began
        number, future = writing.popleft()
        future.result()
        before, began = began, time.perf_counter()
        return BatchRecord((number,), began - before)

    # left only when nothing is being written any more
    with ThreadPoolExecutor(writers, "write") as pool:
        for number in task.numbers:
            index = work.grid.index(number)
            with _naming(task, index, work.backend):
                labels = begin_labels(work.volume, task.level, index, work.backend, workspace)
            earlier = written() if len(writing) == writers else None
            writing.append((number, pool.submit(_write, task, work, description, number, labels)))
            del labels
            if earlier is not None:
                yield earlier
        while writing:
            yield written()


def _write(
    task: BatchTask,
    work: _Work,
    description: bytes,
    number: int,
    labels: Callable[[], np.ndarray],
) -> None:
    index = work.grid.index(number)
    with _naming(task, index, work.backend):
        if read_description(task.location) != description:
            raise _replaced(task.location)
        work.array[work.grid.slices(index)] = labels()


@contextmanager
def _naming(task: BatchTask, index: Index, backend: Backend) -> Iterator[None]:
    """Name the block in whatever goes wrong."""
    where = _where(task, index)
    try:
        yield
    except MorphgenError:
        raise
    except OSError as error:
        raise GenerationError(
            f"{where} cannot be written: {error.strerror or error}; mend that and resume"
        ) from error
    except Exception as error:
        if backend.on_gpu and lacks_device_memory(error):
            problem = (
                f"found too little memory on {backend.device}; end what else uses that GPU, or "
                "resume with fewer workers"
            )
        elif isinstance(error, MemoryError):
            problem = "found too little memory; resume with fewer workers"
        else:
            # a device reports what went wrong at some later call
            where += ", or one queued before it," if backend.on_gpu else ""
            reason = " ".join(str(error).split())[:200]
            problem = f"failed: {type(error).__name__}: {reason}"
        raise GenerationError(f"{where} {problem}") from error


class _Work(NamedTuple):
    """What the tasks of one level of a store share in a process."""

    volume: VolumeInfo
    backend: Backend
    grid: BlockGrid
    array: zarr.Array[Any]


@lru_cache(maxsize=1)
def _prepared(task: BatchTask, description: bytes) -> _Work:
    """Open the store of a task; its description is a key, so that a change of it is seen."""
    volume = open_volume(task.location)
    if volume.record.identity() != task.identity:
        raise _replaced(task.location)
    backend = volume.backend if task.level == 0 else Backend()
    if task.level == 0 and task.device is not None:
        backend = replace(backend, device=task.device)
    array = open_labels(task.location, writable=True, level=task.level)
    return _Work(volume, backend, volume.record.grid_of(task.level), array)


def _replaced(location: str) -> StoreError:
    return StoreError(f"{location} was replaced by another volume while it was written")
