"""morphgen generate on a Dask cluster."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from loopback import Loopback, loopback

from morphgen.tiles import open_volume

# a command in the background of a shell inherits a SIGINT that is ignored
START = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from morphgen.cli.app import main; main()"
)
Call = Callable[..., Any]


@pytest.fixture
def model(files: Path) -> Path:
    return files / "truth.json"


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Loopback]:
    (tmp_path / "cluster").mkdir()
    with loopback(tmp_path / "cluster", workers=1) as running:
        yield running


def begin(*words: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", START, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_shards(run: subprocess.Popen[str], store: Path) -> None:
    deadline = time.monotonic() + 100.0
    while not list(store.glob("0/c/*/*/*")) and time.monotonic() < deadline:
        assert run.poll() is None, run.communicate()
        time.sleep(0.02)


def test_wrong_requests(model: Path, tmp_path: Path, call: Call) -> None:
    ask = ("generate", model, tmp_path / "v.zarr", "--shape", 64, 48, 40)
    call(*ask, "--workers", 2, "--scheduler", "tcp://127.0.0.1:9").refused("exclude each other")
    file = tmp_path / "s.json"
    call(*ask, "--scheduler-file", file, "--patience", 0.2).refused("dask scheduler")
    call(*ask, "--scheduler", "abacus://x").refused("abacus")
    call(*ask, "--patience", 0).refused("patience is 0")
    failed = call(*ask, "--scheduler", "tcp://127.0.0.1:9", "--patience", 0.5)
    assert failed.code == 1
    assert failed.err.startswith("error: no scheduler answers at tcp://127.0.0.1:9")
    assert len(failed.err.splitlines()) == 1
    assert not (tmp_path / "v.zarr").exists()


def test_interrupt_and_loss_of_the_scheduler(
    model: Path, tmp_path: Path, cluster: Loopback, call: Call
) -> None:
    store = tmp_path / "a volume.zarr"
    ask = ["generate", model, store, "--shape", 384, 512, 640, "--seed", 5, "--patience", 60]
    with begin(*ask, "--scheduler-file", cluster.file) as run:
        wait_for_shards(run, store)
        run.send_signal(signal.SIGINT)
        printed, told = run.communicate(timeout=150)
    assert (run.returncode, printed) == (75, ""), told
    first, command = told.strip().splitlines()[-2:]
    assert first == "interrupted; continue with"
    assert command.endswith(f"--scheduler-file {cluster.file} --patience 60.0 --resume")
    assert len(told.splitlines()) == 3, "besides the plan, these two lines only"
    assert not open_volume(store).complete

    written = open_volume(store).written
    with begin(*shlex.split(command)[1:]) as run:
        while open_volume(store).written <= written:
            assert run.poll() is None, run.communicate()
            time.sleep(0.05)
        assert cluster.scheduler is not None
        os.kill(cluster.scheduler.pid, signal.SIGKILL)
        printed, told = run.communicate(timeout=150)
    assert (run.returncode, printed) == (1, ""), told
    assert "Traceback" not in told
    last = told.splitlines()[-1]
    assert last.startswith("error: the scheduler tcp://127.0.0.1:")
    assert last.endswith("is gone, or was told to drop the work; start it again and resume")
    assert len(told.splitlines()) == 2, "besides the plan, this line only"

    shown = call(*ask[:-2], "--resume", "--workers", 1, "--json")
    assert shown.code == 0, shown.err
    assert 0 < shown.json["blocks_written"] < shown.json["blocks"]
    assert open_volume(store).complete
