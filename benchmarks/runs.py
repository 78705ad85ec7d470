"""Fresh processes for single measurements, their peak memory, and the machine they ran on."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

MIB = 2**20
GIB = 2**30


def fresh(script: str, request: dict[str, Any], limit: float) -> dict[str, Any] | None:
    """Answer of ``python SCRIPT --one REQUEST``, a line of JSON; None if it takes too long."""
    command = [sys.executable, script, "--one", json.dumps(request)]
    # a group of its own, so that workers end with the process that started them
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            output, _ = process.communicate(timeout=limit)
        except (subprocess.TimeoutExpired, KeyboardInterrupt) as error:
            os.killpg(process.pid, signal.SIGKILL)
            if isinstance(error, KeyboardInterrupt):
                raise
            return None
    if process.returncode:
        raise SystemExit(f"{script} failed at {request}")
    answer: dict[str, Any] = json.loads(output.splitlines()[-1])
    return answer


class Peak:
    """Largest resident memory seen, in bytes.

    The sum over this process and its children of the peak of each (VmHWM of the kernel): no less
    than what they took together at any moment. Memory that they share counts several times.
    """

    def __init__(self) -> None:
        self._children: dict[int, int] = {}

    @property
    def bytes(self) -> int:
        """Sum of the peaks."""
        return high_water_mark() + sum(self._children.values())

    def look(self) -> None:
        """Note the peaks of the children that live now."""
        import psutil

        for child in psutil.Process().children(recursive=True):
            self._children[child.pid] = max(
                self._children.get(child.pid, 0), high_water_mark(child.pid)
            )


@contextmanager
def watched(interval: float = 0.25) -> Iterator[Peak]:
    """Watch the memory of this process and of its children."""
    peak, done = Peak(), threading.Event()

    def watch() -> None:
        while not done.wait(interval):
            peak.look()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        done.set()
        thread.join()


def high_water_mark(pid: int | str = "self") -> int:
    """Largest resident memory of a process so far, in bytes; 0 if it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)


def surroundings(*packages: str) -> str:
    """Date, command, machine and versions, for the head of a table."""
    command = " ".join(["python", *sys.argv])
    versions = [f"Python {platform.python_version()}"]
    versions += [f"{name} {_version(name)}" for name in packages]
    lines = (
        f"{time.strftime('%Y-%m-%d')}, `{command}`",
        f"{_processor()}, {len(os.sched_getaffinity(0))} cores, {_memory() / GIB:.0f} GiB memory",
        ", ".join(versions),
    )
    return "  \n".join(lines) + "\n"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
