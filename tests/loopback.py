"""A Dask cluster of real processes on the loopback interface, ended with its test."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

_DASK = [sys.executable, "-m", "dask"]
_DASHBOARD = ["--no-dashboard", "--dashboard-address", "127.0.0.1:0"]


class Loopback:
    """A scheduler and its workers, every one in a process group of its own.

    Parameters
    ----------
    folder : Path
        For the scheduler's file, the workers' scratch and what they print.
    environment : mapping of str
        Variables for all of them, beside those of this process.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.file = folder / "scheduler.json"
        self.scheduler: subprocess.Popen[bytes] | None = None
        self.workers: list[subprocess.Popen[bytes]] = []
        self._environment = os.environ | dict(environment or {})

    @property
    def address(self) -> str:
        return str(json.loads(self.file.read_text())["address"])

    def start_scheduler(self, port: int = 0) -> None:
        self.file.unlink(missing_ok=True)
        self.scheduler = self._start(
            ["scheduler", "--host", "127.0.0.1", "--port", str(port), *_DASHBOARD]
        )
        deadline = time.monotonic() + 60
        while not (self.file.exists() and self.file.read_text().endswith("}")):
            assert time.monotonic() < deadline, self.printed()
            assert self.scheduler.poll() is None, self.printed()
            time.sleep(0.02)

    def start_worker(self, *options: str, host: str = "127.0.0.1", nanny: bool = True) -> None:
        """Start a worker of one thread."""
        named = ["--host", host, "--local-directory", str(self.folder), *_DASHBOARD]
        kind = "--nanny" if nanny else "--no-nanny"
        self.workers.append(
            self._start(["worker", "--nthreads", "1", "--nworkers", "1", kind, *named, *options])
        )

    def computing(self, worker: int = 0) -> int:
        """Process of a worker that computes: the nanny's child, or the worker itself."""
        top = self.workers[worker].pid
        # beside the worker, multiprocessing starts a tracker of resources
        own = [pid for pid in children(top) if "resource_tracker" not in command(pid)]
        return own[0] if own else top

    def send(self, number: signal.Signals, workers: Sequence[int] | None = None) -> None:
        """Send a signal to whole workers, nannies included."""
        chosen = range(len(self.workers)) if workers is None else workers
        for worker in chosen:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.workers[worker].pid, number)

    def printed(self) -> str:
        return "".join(
            file.read_text(errors="replace") for file in sorted(self.folder.glob("*.log"))
        )

    def end(self) -> None:
        """End every process, whatever state it is in."""
        for process in [*self.workers, *([self.scheduler] if self.scheduler else [])]:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=20)

    def _start(self, words: Sequence[str]) -> subprocess.Popen[bytes]:
        number = len(list(self.folder.glob("*.log")))
        with (self.folder / f"{number}.log").open("wb") as log:
            return subprocess.Popen(
                [*_DASK, words[0], "--scheduler-file", str(self.file), *words[1:]],
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment,
                cwd=self.folder,
                start_new_session=True,
            )


@contextlib.contextmanager
def loopback(
    folder: Path, workers: int = 2, *, nanny: bool = True, environment: Mapping[str, str] = {}
) -> Iterator[Loopback]:
    """Cluster with some workers."""
    cluster = Loopback(folder, environment)
    try:
        cluster.start_scheduler()
        for _ in range(workers):
            cluster.start_worker(nanny=nanny)
        yield cluster
    finally:
        cluster.end()


def children(pid: int) -> list[int]:
    """Processes that any thread of a process started and that live."""
    found: list[int] = []
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += [int(x) for x in thread.read_text().split()]
    return found


def command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""
