"""Computing and writing the blocks of a store.

A task names a store and a block; everything else is read from the store by whoever runs it, once.
`compute_block` is a pure function of the task, so that any executor may call it, in this process,
in local ones, or on other machines that see the same folder.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import zarr

from morphgen.errors import GenerationError, MorphgenError, StoreError
from morphgen.excursion.realization import Realization
from morphgen.fields.blocks import Index
from morphgen.progress import Progress, silent
from morphgen.tiles.backends import Backend
from morphgen.tiles.grid import BlockGrid
from morphgen.tiles.store import VolumeInfo, open_labels, open_volume, read_description

STAGE = "blocks"


@dataclass(frozen=True)
class BlockTask:
    """One block to compute and to write.

    Parameters
    ----------
    path : str
        Folder of the store, as the worker sees it.
    identity : str
        Hash of the store's description, so that no block goes to a store that was replaced.
    index : tuple of 3 ints
        The block.
    """

    path: str
    identity: str
    index: Index


@dataclass(frozen=True)
class BlockRecord:
    """What is told of a block that was written."""

    index: Index
    seconds: float


class Executor(Protocol):
    """Something that runs tasks, in any order."""

    def run(self, tasks: Iterable[BlockTask]) -> Iterator[BlockRecord]:
        """Run every task once it may, taking only a few of them in advance.

        Raises
        ------
        GenerationError
            If a block cannot be computed or written; its message names the block.
        """
        ...


class InProcess:
    """Runs one task after the other in this process."""

    def run(self, tasks: Iterable[BlockTask]) -> Iterator[BlockRecord]:
        """Run every task in order."""
        for task in tasks:
            yield outcome(task, partial(compute_block, task))


def write_blocks(
    volume: VolumeInfo,
    indices: Sequence[Index],
    executor: Executor,
    progress: Progress = silent,
) -> float:
    """Compute and write blocks of a store.

    Parameters
    ----------
    volume : VolumeInfo
        The store.
    indices : sequence of tuples
        Blocks to write, in any order; their shards must be absent.
    executor : Executor
        Who computes them.
    progress : callable
        Told about blocks done, of all blocks of the volume.

    Returns
    -------
    float
        Seconds of work in all blocks together.

    Raises
    ------
    GenerationError
        If a block cannot be computed or written. What was written stays.
    """
    identity = volume.record.identity()
    done, total = volume.blocks - len(indices), volume.blocks
    progress(STAGE, done, total)
    tasks = (BlockTask(str(volume.path), identity, index) for index in indices)
    seconds = 0.0
    for record in executor.run(tasks):
        done += 1
        seconds += record.seconds
        progress(STAGE, done, total)
    return seconds


def compute_block(task: BlockTask) -> BlockRecord:
    """Compute one block and write its shard, whole or not at all.

    Raises
    ------
    StoreError
        If the store is gone or was replaced by another.
    OSError
        If the shard cannot be written.
    """
    began = time.perf_counter()
    description = read_description(task.path)
    work = _prepared(task.path, task.identity, description)
    with work.backend.current():
        labels = work.realization.block(task.index, work.backend.module(), work.backend.argument)
        host = work.backend.to_host(labels[work.grid.part(task.index)])
    if read_description(task.path) != description:
        raise _replaced(task.path)
    work.array[work.grid.slices(task.index)] = host
    return BlockRecord(task.index, time.perf_counter() - began)


def outcome(task: BlockTask, result: Callable[[], BlockRecord]) -> BlockRecord:
    """Result of a task, with its block named in whatever goes wrong.

    Parameters
    ----------
    task : BlockTask
        The task.
    result : callable
        Returns its record, or raises.

    Raises
    ------
    GenerationError
        In place of any error but the loss of the executor itself.
    """
    where = f"block {task.index} of {task.path}"
    try:
        return result()
    except (MorphgenError, BrokenExecutor):
        raise
    except OSError as error:
        raise GenerationError(
            f"{where} cannot be written: {error.strerror or error}; mend that and resume"
        ) from error
    except MemoryError as error:
        raise GenerationError(
            f"{where} found too little memory; resume with fewer workers"
        ) from error
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise GenerationError(f"{where} failed: {type(error).__name__}: {reason}") from error


class _Work(NamedTuple):
    """What the tasks of one store share in a process."""

    realization: Realization
    grid: BlockGrid
    backend: Backend
    array: zarr.Array[Any]


@lru_cache(maxsize=1)
def _prepared(path: str, identity: str, description: bytes) -> _Work:
    """Open a store; its description is a key, so that a change of it is seen."""
    volume = open_volume(path)
    if volume.record.identity() != identity:
        raise _replaced(path)
    array = open_labels(Path(path), writable=True)
    return _Work(volume.realization(), volume.grid, volume.backend, array)


def _replaced(path: str) -> StoreError:
    return StoreError(f"{path} was replaced by another volume while it was written")
