"""Local worker processes: one batch of blocks at a time each, one computing thread each."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
import threading
import types
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from multiprocessing import connection, parent_process
from multiprocessing.context import SpawnContext, SpawnProcess
from types import MappingProxyType

from morphgen.devices import VISIBLE, visible_devices
from morphgen.errors import GenerationError
from morphgen.tiles.backends import Backend
from morphgen.tiles.execute import BatchRecord, BatchTask, block_name, compute_batch, sweep
from morphgen.tiles.interrupts import deferred

_ATTEMPTS = 3
_WINDOW = 2
# how long an interrupt is held back, at most
_LOOK_SECONDS = 0.1
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

_Running = dict["Future[BatchRecord]", BatchTask]


class LocalProcesses:
    """Runs tasks in freshly started local processes.

    Every worker has one computing thread, so that the bits do not depend on the cores. A worker
    that is killed costs the batches it was working on, which are repeated block by block; a block
    that was lost `_ATTEMPTS` times is given up. On an interrupt the workers are ended at once: a
    block that was not finished leaves no shard.

    Parameters
    ----------
    workers : int
        Number of processes.
    backend : Backend
        Library that they compute with.
    """

    def __init__(self, workers: int, backend: Backend) -> None:
        self._workers = workers
        self._backend = backend

    def run(self, tasks: Iterable[BatchTask]) -> Generator[BatchRecord, None, None]:
        """Run every task, a few per worker being handed out in advance."""
        with deferred() as deliver:
            yield from self._run(iter(tasks), deliver)

    def _run(
        self, waiting: Iterator[BatchTask], deliver: Callable[[], None]
    ) -> Iterator[BatchRecord]:
        lost: Counter[int] = Counter()
        again: list[BatchTask] = []
        while True:
            running: _Running = {}
            try:
                with pool_of(self._workers, self._backend) as pool:
                    yield from self._drain(pool, running, again, waiting, lost, deliver)
                return
            except BrokenProcessPool:
                single = [one for task in running.values() for one in _single(task)]
                again[:0] = single
                if again:
                    # nobody of ours writes now: the pool has ended all its workers
                    sweep(again[0])
                lost.update(task.numbers[0] for task in single)
                _give_up(lost, again)

    def _drain(
        self,
        pool: ProcessPoolExecutor,
        running: _Running,
        again: list[BatchTask],
        waiting: Iterator[BatchTask],
        lost: Counter[int],
        deliver: Callable[[], None],
    ) -> Iterator[BatchRecord]:
        while True:
            deliver()
            while not self._full(running, again, lost):
                task = again[0] if again else next(waiting, None)
                if task is None:
                    break
                # a broken pool refuses the task: it must not be lost between the two lists
                if not again:
                    again.append(task)
                running[pool.submit(compute_batch, task)] = task
                again.pop(0)
            if not running:
                return
            done, _ = wait(running, _LOOK_SECONDS, FIRST_COMPLETED)
            for future in done:
                record = future.result()
                del running[future]
                yield record

    def _full(self, running: _Running, again: list[BatchTask], lost: Counter[int]) -> bool:
        # on its last attempt a block runs alone, so that no other is taken for the one that kills
        last = (lost[task.numbers[0]] == _ATTEMPTS - 1 for task in (*running.values(), *again[:1]))
        return len(running) >= (1 if any(last) else _WINDOW * self._workers)


def _single(task: BatchTask) -> Iterator[BatchTask]:
    """Tasks of one block each, to find the one that kills."""
    for number in task.numbers:
        yield replace(task, numbers=(number,))


def _give_up(lost: Counter[int], again: list[BatchTask]) -> None:
    for task in again:
        times = lost[task.numbers[0]]
        if times >= _ATTEMPTS:
            raise GenerationError(
                f"{block_name(task, task.numbers[0])}: its worker was killed {times} times, "
                "perhaps for want of memory; resume with fewer workers"
            )


def devices_of_workers(backend: Backend) -> list[dict[str, str]]:
    """Environment of each of as many workers as there are GPUs: it sees its own, as ``cuda:0``."""
    if not backend.on_gpu:
        return [{}]
    return [{VISIBLE: name} for name in visible_devices(backend.name)]


@contextlib.contextmanager
def pool_of(workers: int, backend: Backend) -> Iterator[ProcessPoolExecutor]:
    """Pool that leaves no process behind, however it is left."""
    context = _Context(devices_of_workers(backend))
    pool = ProcessPoolExecutor(workers, context, _initialize, (backend.name,))
    try:
        yield pool
    except BaseException:
        # a shard is written whole or not at all, so that a worker may be ended at any moment
        alive = [process for process in context.started if process.pid is not None]
        for process in alive:
            process.kill()
        pool.shutdown(wait=True, cancel_futures=True)
        for process in alive:
            process.join()
        raise
    pool.shutdown(wait=True)


class _Worker(SpawnProcess):
    variables: Mapping[str, str] = MappingProxyType({})

    def start(self) -> None:
        """Start with one thread per numerical library, and without the caller's main module.

        The libraries read their variables when they are loaded, hence the environment. A worker
        needs nothing of a script that calls `generate`; running it again, as is the rule for
        started processes, would start the work once more.
        """
        variables = {**dict.fromkeys(_THREAD_VARIABLES, "1"), **self.variables}
        with _environment(variables), _no_main_module(), _no_interrupts():
            super().start()


class _Context(SpawnContext):
    """Start method that remembers the processes it started.

    Parameters
    ----------
    variables : sequence of mappings
        Environment variables of their own, which processes take in turn.
    """

    def __init__(self, variables: Sequence[Mapping[str, str]]) -> None:
        self.started: list[SpawnProcess] = []
        self._variables = variables

    def Process(self, *arguments: object, **named: object) -> SpawnProcess:  # type: ignore[override]  # noqa: N802
        process = _Worker(*arguments, **named)  # type: ignore[arg-type]
        process.variables = dict(self._variables[len(self.started) % len(self._variables)])
        self.started.append(process)
        return process


@contextlib.contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _no_main_module() -> Iterator[None]:
    before = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = before


@contextlib.contextmanager
def _no_interrupts() -> Iterator[None]:
    """Hold interrupts back; a process that is started meanwhile never sees one.

    Ctrl-C reaches the whole process group, and the parent alone answers it.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _initialize(backend: str) -> None:
    """Prepare a worker process."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if backend == "torch":
        importlib.import_module(backend).set_num_threads(1)


def _end_with_parent() -> None:
    """End when the parent is gone: a worker of a killed run would wait for tasks for ever."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
