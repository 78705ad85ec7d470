"""What is known of a Dask cluster before work is given to it.

distributed is loaded only where an address has to be connected to: a client brings it along.
"""

from __future__ import annotations

import importlib
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from morphgen.errors import GenerationError, InputError, MorphgenError, StoreError
from morphgen.tiles.backends import Backend, resolve
from morphgen.tiles.metadata import package_versions
from morphgen.tiles.store import open_volume

if TYPE_CHECKING:
    from distributed import Client

PATIENCE = 300.0
_CONNECT_SECONDS = 60.0
_ANSWER_SECONDS = 30.0
_ENDING_SECONDS = 2.0
# of its limit, a worker of Dask takes no more tasks (distributed.worker.memory.pause)
_PAUSE_SHARE = 0.8
# what a worker of Dask takes beyond the interpreter of a plain process
_WORKER_BYTES = 60 * 2**20
# these name their own level, below which they tell of every worker that is lost
_LOGGERS = ("distributed", "distributed.client", "tornado.application", "asyncio")


@dataclass(frozen=True)
class Access:
    """Who is to compute; at most one of the first four is given.

    Parameters
    ----------
    workers : int, optional
        Processes of this machine.
    client : distributed.Client, optional
        A client of the caller, who closes it.
    scheduler : str, optional
        Address of a scheduler, such as ``tcp://10.0.0.1:8786``.
    scheduler_file : str or Path, optional
        File in which a scheduler wrote its address.
    patience : float
        Seconds to wait while there is no worker.

    Raises
    ------
    InputError
        If more than one is given, or the patience is not positive.
    """

    workers: int | None = None
    client: Client | None = None
    scheduler: str | None = None
    scheduler_file: str | Path | None = None
    patience: float = PATIENCE

    def __post_init__(self) -> None:
        names = ("workers", "client", "scheduler", "scheduler_file")
        given = [name.replace("_", " ") for name in names if getattr(self, name) is not None]
        if len(given) > 1:
            raise InputError(f"{' and '.join(given)} exclude each other; give one of them")
        if not self.patience > 0.0:
            raise InputError(f"patience is {self.patience} s: expected a positive time")

    @property
    def wanted(self) -> bool:
        """Whether a cluster is asked for at all."""
        return any(x is not None for x in (self.client, self.scheduler, self.scheduler_file))


@dataclass(frozen=True)
class Population:
    """Number of workers of a cluster, and of threads that they have together."""

    workers: int
    threads: int


@dataclass(frozen=True)
class Cluster:
    """A cluster with at least one worker.

    Attributes
    ----------
    client : distributed.Client
        Its client.
    workers : dict
        What the scheduler knows of every worker, by address.
    patience : float
        Seconds to wait while there is no worker.
    """

    client: Client
    workers: dict[str, dict[str, Any]]
    patience: float

    @property
    def threads(self) -> int:
        """Number of batches that run at a time."""
        return sum(int(one["nthreads"]) for one in self.workers.values())

    @property
    def address(self) -> str:
        """Address of the scheduler."""
        assert self.client.scheduler is not None
        return str(self.client.scheduler.address)

    @property
    def memory(self) -> int:
        """Memory that all workers may use together, in bytes."""
        return sum(int(one["memory_limit"] or 0) for one in self.workers.values())

    def resolve(self, name: str = "auto", device: str | None = None) -> Backend:
        """Choose library and device on a worker, as `morphgen.tiles.resolve` does here."""
        found: Backend = self.on_worker(resolve, name, device)
        return found

    def on_worker(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Result of a function on one of the workers."""
        future = self.client.submit(function, *arguments, pure=False)
        try:
            # patience is for a cluster without workers; one that is there may be loading libraries
            return future.result(timeout=max(self.patience, _ANSWER_SECONDS))
        except MorphgenError:
            raise
        except Exception as error:
            raise GenerationError(
                f"no worker of {self.address} could run {function.__name__}: "
                f"{type(error).__name__}: {_one_line(error)}"
            ) from error

    def check(self, backend: Backend, need: int) -> None:
        """Refuse a cluster whose workers would write other bytes, or have too little memory.

        Parameters
        ----------
        backend : Backend
            Library that is computed with.
        need : int
            Memory for one block at a time, interpreter included, in bytes.

        Raises
        ------
        InputError
            If a worker is unfit; the message names it.
        """
        self._check_memory(need)
        here = versions_here(backend)
        answers = self.client.run(versions_here, backend, on_error="return")
        for address, found in answers.items():
            if isinstance(found, Exception):
                reason = f"{type(found).__name__}: {_one_line(found)}"
                raise InputError(
                    f"worker {address} cannot compute ({reason}); "
                    "start it in the environment of this process"
                )
            for name, version in here.items():
                if found.get(name) != version:
                    raise InputError(
                        f"worker {address} has {name} {found.get(name)}, this process {version}: "
                        "the bytes could differ; start workers in the environment of this process"
                    )

    def _check_memory(self, need: int) -> None:
        for address, one in self.workers.items():
            limit, threads = int(one["memory_limit"] or 0), int(one["nthreads"])
            wanted = (threads * need + _WORKER_BYTES) / _PAUSE_SHARE
            if limit and limit < wanted:
                raise InputError(
                    f"worker {address} may use {limit / 2**30:.3g} GiB for {threads} "
                    f"thread{'' if threads == 1 else 's'}, {wanted / 2**30:.3g} GiB are needed; "
                    "start workers with --nthreads 1 and --memory-limit "
                    f"{(need + _WORKER_BYTES) / _PAUSE_SHARE / 2**30 + 0.05:.1f}GiB or more"
                )


@contextmanager
def connected(access: Access) -> Iterator[Cluster | None]:
    """Connect to a cluster and wait for its first worker; None where none is asked for.

    Raises
    ------
    InputError
        If the client is asynchronous, or there is no scheduler file.
    GenerationError
        If no scheduler answers, or no worker comes in time.
    """
    if not access.wanted:
        yield None
    elif access.client is not None:
        if access.client.asynchronous:
            raise InputError("the client is asynchronous; give one made with asynchronous=False")
        yield _surveyed(access.client, access.patience)
    else:
        with _silent_logs():
            before = set(threading.enumerate())
            client = _connect(access)
            started = set(threading.enumerate()) - before
            try:
                yield _surveyed(client, access.patience)
            finally:
                client.close(timeout=5)
                # a client that lost its scheduler still says so while its thread ends
                for thread in started:
                    thread.join(_ENDING_SECONDS)


def population(client: Client, patience: float = _ANSWER_SECONDS) -> Population:
    """Ask the scheduler how many workers there are.

    Raises
    ------
    TimeoutError or OSError
        If it does not answer.
    """
    found = _identity(client, 0, min(patience, _ANSWER_SECONDS))
    return Population(int(found["n_workers"]), int(found["total_threads"]))


def check_store(client: Client, location: str, identity: str) -> None:
    """Refuse a cluster that does not see the store.

    Raises
    ------
    StoreError
        If a worker finds no store at the same place, or another one.
    """
    answers = client.run(_store_seen, location, identity, on_error="return")
    for address, problem in answers.items():
        if problem is not None:
            raise StoreError(
                f"worker {address} does not see {location} ({_one_line(problem)}); the store must "
                "lie on a file system that this process and all workers share, under one path"
            )


def versions_here(backend: Backend) -> dict[str, str]:
    """Versions, in this process, of the packages that determine the bytes of a store."""
    found = package_versions(backend)
    # Dask itself warns of another Python; it does not change the bytes
    del found["python"]
    return found


def _surveyed(client: Client, patience: float) -> Cluster:
    address = getattr(client.scheduler, "address", "of the client")
    began = time.monotonic()
    try:
        while True:
            workers = dict(_identity(client, -1, _ANSWER_SECONDS)["workers"])
            if workers:
                return Cluster(client, workers, patience)
            if time.monotonic() - began > patience:
                break
            time.sleep(0.1)
    except (OSError, TimeoutError, RuntimeError) as error:
        raise GenerationError(
            f"the scheduler {address} does not answer ({_one_line(error)}); start it again"
        ) from error
    raise GenerationError(
        f"{address} had no worker for {patience:.0f} s; start workers, or have more patience "
        "if they wait in a queue"
    )


def _identity(client: Client, workers: int, seconds: float) -> dict[str, Any]:
    if client.scheduler is None:
        raise OSError("the client is closed")
    found: dict[str, Any] = client.sync(
        client.scheduler.identity, n_workers=workers, callback_timeout=seconds
    )
    return found


def _connect(access: Access) -> Client:
    # half a second that runs without a cluster do not pay
    from distributed import Client  # noqa: PLC0415

    seconds = min(_CONNECT_SECONDS, access.patience)
    address = access.scheduler
    if access.scheduler_file is not None:
        address = _address_in(Path(access.scheduler_file), seconds)
    try:
        return Client(address, timeout=seconds, set_as_default=False, name="morphgen")
    except ValueError as error:
        raise InputError(
            f"scheduler {address!r}: {_one_line(error)}; expected an address like tcp://HOST:PORT"
        ) from error
    # on a busy machine a client that gives up fails in an assertion of its own, seen once
    except (OSError, TimeoutError, AssertionError) as error:
        raise GenerationError(
            f"no scheduler answers at {address} within {seconds:.0f} s; "
            "check the address, or start the scheduler again"
        ) from error


def _address_in(file: Path, seconds: float) -> str:
    """Address in a scheduler's file, which may have been started a moment ago."""
    began = time.monotonic()
    while True:
        try:
            return str(json.loads(file.read_text(encoding="utf-8"))["address"])
        except FileNotFoundError as error:
            problem: Exception = error
        except (OSError, ValueError, KeyError, TypeError) as error:
            # it is not written in one go
            problem = error
        if time.monotonic() - began > min(seconds, 10.0):
            reason = getattr(problem, "strerror", None) or _one_line(problem)
            raise InputError(
                f"scheduler file {file} cannot be read ({reason}); "
                f"start `dask scheduler --scheduler-file {file}` first"
            ) from problem
        time.sleep(0.1)


def _store_seen(location: str, identity: str) -> str | None:
    """What keeps this worker from writing to a store."""
    try:
        found = open_volume(location).record.identity()
    except MorphgenError as error:
        return str(error)
    return None if found == identity else "there is another volume"


@contextmanager
def _silent_logs() -> Iterator[None]:
    """Keep Dask from telling at length what our own errors say in a line."""
    # loading it sets the levels anew
    importlib.import_module("distributed")
    before = {name: logging.getLogger(name).level for name in _LOGGERS}
    for name in before:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


def _one_line(error: object) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
