"""A function of many tasks, spread over processes or over a cluster, a few tasks at a time."""

from __future__ import annotations

import concurrent.futures
import contextlib
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from morphgen.errors import GenerationError, MorphgenError, WorkerError
from morphgen.tiles.backends import Backend
from morphgen.tiles.cluster import Cluster
from morphgen.tiles.interrupts import deferred
from morphgen.tiles.presence import Presence
from morphgen.tiles.processes import pool_of

if TYPE_CHECKING:
    import distributed

_WINDOW = 2
# how long an interrupt is held back, at most
_LOOK_SECONDS = 0.1
_POLL_SECONDS = 0.02
_RESULT_SECONDS = 60.0
AGAIN = "measure again"

Task = TypeVar("Task")
Result = TypeVar("Result")


def spread(
    function: Callable[[Task], Result],
    tasks: Iterable[Task],
    *,
    workers: int = 1,
    cluster: Cluster | None = None,
    apart: bool = False,
    again: str = AGAIN,
) -> Generator[Result, None, None]:
    """Apply a function to every task; yield the results in any order.

    Two tasks for each worker are under way at a time: there is never a list of all of them.

    Parameters
    ----------
    function : callable
        A pure function, by its name in a module: other processes import it.
    tasks : iterable
        Small things that can be pickled. They are taken only as they are needed.
    workers : int
        Processes of this machine; with 1, this process computes.
    cluster : Cluster, optional
        A cluster that computes instead.
    apart : bool
        Whether a process of its own computes even with one worker: it has one thread, and this
        process outlives it.
    again : str
        What is to be done once what failed is mended, for messages.

    Raises
    ------
    MorphgenError
        If the function raises one.
    WorkerError
        If a worker is killed.
    GenerationError
        If the function fails in a way that was not foreseen, or the cluster is lost.
    """
    if cluster is not None:
        return _on_cluster(function, tasks, cluster, again)
    if workers > 1 or apart:
        return _in_processes(function, tasks, workers, again)
    return (function(task) for task in tasks)


def _in_processes(
    function: Callable[[Task], Result], tasks: Iterable[Task], workers: int, again: str
) -> Generator[Result, None, None]:
    waiting: Iterator[Task] = iter(tasks)
    running: set[Future[Result]] = set()
    try:
        with deferred() as deliver, pool_of(workers, Backend()) as pool:
            while True:
                deliver()
                for task in islice(waiting, _WINDOW * workers - len(running)):
                    running.add(pool.submit(function, task))
                if not running:
                    return
                done, running = wait(running, _LOOK_SECONDS, FIRST_COMPLETED)
                for future in done:
                    yield future.result()
    except BrokenProcessPool as error:
        raise WorkerError(
            "a worker was killed, perhaps for want of memory; "
            f"{again} with fewer workers or a smaller chunk"
        ) from error


def _on_cluster(
    function: Callable[[Task], Result], tasks: Iterable[Task], cluster: Cluster, again: str
) -> Generator[Result, None, None]:
    client, waiting = cluster.client, iter(tasks)
    presence = Presence(client, cluster.patience, again)
    running: set[distributed.Future[Result]] = set()
    try:
        while True:
            presence.look()
            wanted = max(0, _WINDOW * presence.threads - len(running))
            for task in islice(waiting, wanted):
                try:
                    running.add(client.submit(function, task, pure=False))
                # a client that was closed says so in several ways
                except Exception as error:
                    raise presence.gone() from error
            if not running:
                return
            # polled: waiting for one of them never ends when the scheduler dies
            done = [one for one in running if one.status in ("finished", "error", "cancelled")]
            for future in done:
                with contextlib.suppress(TimeoutError):
                    found = _settled(future, presence, again)
                    running.discard(future)
                    yield found
            if not done:
                time.sleep(_POLL_SECONDS)
    finally:
        # a scheduler that is gone needs not to be told
        with contextlib.suppress(Exception):
            client.cancel(list(running), force=True)


def _settled(future: distributed.Future[Result], presence: Presence, again: str) -> Result:
    """Result of a future that is done; TimeoutError if it was lost with its worker meanwhile."""
    if future.status == "error":
        error = future.exception(timeout=_RESULT_SECONDS)
        if isinstance(error, MorphgenError):
            raise error
        reason = " ".join(str(error).split())[:200]
        # loaded by name: without a cluster, nobody loads Dask
        kind = WorkerError if type(error).__name__ == "KilledWorker" else GenerationError
        raise kind(
            f"a worker failed: {type(error).__name__}: {reason}; {again}, with more memory for "
            "each worker or a smaller chunk if it was killed"
        ) from error
    try:
        return future.result(timeout=_RESULT_SECONDS)
    except (concurrent.futures.CancelledError, ConnectionError) as error:
        raise presence.gone() from error
