"""Workers of a Dask cluster: batches of blocks as futures, a few for each thread at a time.

There is no graph: the scheduler never knows more than the futures that are under way. Their states
are looked at many times a second; to wait until one of them is done, as ``as_completed`` does,
never ends when the scheduler dies.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from distributed import Client, Future, KilledWorker, Reschedule, get_worker

from morphgen.errors import GenerationError, MorphgenError
from morphgen.tiles.backends import Backend
from morphgen.tiles.batches import Pace, Regrouped
from morphgen.tiles.cluster import check_store, versions_here
from morphgen.tiles.execute import BatchRecord, BatchTask, block_name, compute_blocks
from morphgen.tiles.presence import Presence

if TYPE_CHECKING:
    from distributed.worker import Worker

_WINDOW = 2
_ATTEMPTS = 3
# a cluster that grows on demand is asked for more by what is waiting
_SMALLEST_WINDOW = 16
_POLL_SECONDS = 0.02
_RESULT_SECONDS = 10.0
_DONE = ("finished", "error", "cancelled")
_NO_WORKERS = ("NoValidWorkerError", "NoWorkerError")
# states of a worker that will not deliver any more
_ENDING = ("closing", "closed", "stopping", "failed")


@dataclass(frozen=True)
class _Batch:
    """A task and what became of it so far."""

    task: BatchTask
    failures: int = 0
    suspect: bool = False


class Distributed:
    """Runs tasks on the workers of a Dask cluster.

    A worker that dies costs its batches, which are computed anew. A batch that lost as many
    workers as the scheduler allows is taken apart; a block that does the same is run once more
    with nothing beside it, and named if its worker dies again.

    Parameters
    ----------
    client : distributed.Client
        Client of the cluster, not an asynchronous one.
    backend : Backend
        Library that the workers compute with; its version must be the one here.
    patience : float
        Seconds to wait while there is no worker at all.
    """

    def __init__(self, client: Client, backend: Backend, patience: float = 300.0) -> None:
        self._client = client
        self._backend = backend
        self._patience = patience

    def run(self, tasks: Iterable[BatchTask]) -> Generator[BatchRecord, None, None]:
        """Run every task, two batches for each thread being handed out at a time.

        Raises
        ------
        GenerationError
            If a block fails or kills its worker, if the scheduler is gone, or if there was no
            worker for too long.
        StoreError
            If a worker does not see the store.
        """
        blocks = Regrouped(replace(task, location=_shared(task.location)) for task in tasks)
        if blocks.first is None:
            return
        check_store(self._client, blocks.first.location, blocks.first.identity)
        work = _Run(self._client, self._backend, self._patience, blocks)
        try:
            yield from work.records()
        finally:
            work.cancel()


class _Run:
    """The futures of one run."""

    def __init__(
        self, client: Client, backend: Backend, patience: float, blocks: Regrouped
    ) -> None:
        self._client = client
        self._versions = tuple(versions_here(backend).items())
        self._backend = backend
        self._blocks = blocks
        self._pace = Pace()
        self._running: dict[Future[BatchRecord], _Batch] = {}
        self._again: deque[_Batch] = deque()
        self._suspects: deque[_Batch] = deque()
        self._presence = Presence(client, patience, "resume")

    def records(self) -> Iterator[BatchRecord]:
        while True:
            self._presence.look()
            self._hand_out()
            if not self._running:
                return
            done = [future for future in self._running if future.status in _DONE]
            for future in done:
                record = self._settled(future)
                if record is not None:
                    yield record
            if not done:
                time.sleep(_POLL_SECONDS)

    def cancel(self) -> None:
        """Give up whatever is under way; a worker ends with the block it is at."""
        # a scheduler that is gone needs not to be told
        with contextlib.suppress(Exception):
            self._client.cancel(list(self._running), force=True)
        self._running.clear()

    def _hand_out(self) -> None:
        window = max(_WINDOW * self._presence.threads, _SMALLEST_WINDOW)
        while len(self._running) < (1 if self._suspects else window):
            batch = self._next()
            if batch is None:
                return
            try:
                future = self._client.submit(
                    run_batch, batch.task, self._backend, self._versions, pure=False
                )
            # a client that was closed says so in several ways
            except Exception as error:
                raise self._presence.gone() from error
            self._running[future] = batch

    def _next(self) -> _Batch | None:
        if self._suspects:
            return self._suspects.popleft()
        if self._again:
            return self._again.popleft()
        task = self._blocks.take(self._pace.size, _WINDOW * self._presence.threads)
        return None if task is None else _Batch(task)

    def _settled(self, future: Future[BatchRecord]) -> BatchRecord | None:
        """Record of a future that is done; None if its batch is to be run again."""
        batch = self._running[future]
        if future.status == "cancelled":
            raise self._presence.gone()
        if future.status == "error":
            error = future.exception(timeout=_RESULT_SECONDS)
            # what we foresaw would happen again
            if isinstance(error, MorphgenError):
                raise error
            self._failed(batch, error)
            del self._running[future]
            return None
        try:
            record: BatchRecord = future.result(timeout=_RESULT_SECONDS)
        except TimeoutError:
            # lost with its worker meanwhile, and now computed anew
            return None
        except (concurrent.futures.CancelledError, OSError) as error:
            raise self._presence.gone() from error
        del self._running[future]
        self._pace.learn(record)
        return record

    def _failed(self, batch: _Batch, error: Exception) -> None:
        """Decide how a batch is run again, or give up."""
        name = block_name(batch.task, batch.task.numbers[0])
        if type(error).__name__ in _NO_WORKERS:
            raise self._presence.deserted() from error
        killed = isinstance(error, KilledWorker)
        if len(batch.task.numbers) > 1:
            # to find the block at fault
            failures = batch.failures + (not killed)
            single = (replace(batch.task, numbers=(number,)) for number in batch.task.numbers)
            self._again.extend(_Batch(task, failures) for task in single)
        elif isinstance(error, KilledWorker):
            if batch.suspect:
                raise GenerationError(
                    f"{name}: it killed {error.allowed_failures + 1} workers, perhaps for want of "
                    "memory; start workers with more memory or fewer threads, and resume"
                ) from error
            self._suspects.append(replace(batch, suspect=True))
        elif batch.failures + 1 < _ATTEMPTS:
            self._again.append(replace(batch, failures=batch.failures + 1))
        else:
            reason = " ".join(str(error).split())[:200]
            raise GenerationError(
                f"{name} failed {_ATTEMPTS} times: {type(error).__name__}: {reason}"
            ) from error


def run_batch(
    task: BatchTask, backend: Backend, versions: tuple[tuple[str, str], ...]
) -> BatchRecord:
    """Compute the blocks of a task on a worker of a cluster, as long as they are wanted.

    Raises
    ------
    GenerationError
        If this worker has other versions than the run, or as for `compute_batch`.
    """
    _check_versions(backend, versions)
    wanted, seconds = _wanted(), 0.0
    for record in compute_blocks(task):
        seconds += record.seconds
        if not wanted():
            # dropped if the run was given up; another worker takes it if this one is closing
            raise Reschedule
    return BatchRecord(task.numbers, seconds)


@lru_cache(maxsize=8)
def _check_versions(backend: Backend, versions: tuple[tuple[str, str], ...]) -> None:
    here = versions_here(backend)
    for name, wanted in versions:
        if here.get(name) != wanted:
            raise GenerationError(
                f"the worker {get_worker().address} has {name} {here.get(name)}, the run {wanted}; "
                "start workers in the environment of the run, and resume"
            )


def _wanted() -> Callable[[], bool]:
    """Whether the task that runs in this thread is still to be finished."""
    worker: Worker = get_worker()
    key = worker.get_current_task()

    def wanted() -> bool:
        task = worker.state.tasks.get(key)
        executing = task is not None and task.state == "executing"
        return executing and worker.status.name not in _ENDING

    return wanted


def _shared(location: str) -> str:
    """Location as workers in other folders see it."""
    return location if "://" in location else str(Path(location).absolute())
