from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from pathlib import Path

import pytest
from tiles.conftest import SEED, SHAPE, shards

from morphgen.excursion import ExcursionModel
from morphgen.tiles import generate, open_volume
from morphgen.tiles.interrupts import deferred


@pytest.fixture(autouse=True)
def usual_interrupts(monkeypatch: pytest.MonkeyPatch) -> object:
    # a test run in the background of a shell inherits a SIGINT that is ignored
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupt_waits_until_it_is_asked_for() -> None:
    reached: list[str] = []
    with deferred() as deliver:
        deliver()
        interrupt()
        reached.append("after the signal")
        with pytest.raises(KeyboardInterrupt):
            deliver()
        deliver()
    assert reached
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_is_not_lost_at_the_end() -> None:
    with pytest.raises(KeyboardInterrupt), deferred():
        interrupt()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_signals_that_end_the_process_are_left_alone() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        with deferred():
            assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)


def test_other_threads_change_no_handlers() -> None:
    seen: list[object] = []

    def compute() -> None:
        with deferred() as deliver:
            deliver()
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=compute)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_is_interrupted_between_its_steps(
    model: ExcursionModel, undisturbed: Path, tmp_path: Path, workers: int
) -> None:
    path, told = tmp_path / "v.zarr", []

    def progress(stage: str, done: int, total: int) -> None:
        if done == 3:
            interrupt()
        told.append(done)

    request = {"shape": SHAPE, "seed": SEED, "backend": "numpy", "workers": workers}
    with pytest.raises(KeyboardInterrupt):
        generate(model, path, progress=progress, **request)
    assert 3 in told, "the signal came in the middle of the caller's function, which ended"
    assert max(told) < 12
    assert multiprocessing.active_children() == []
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert 3 <= open_volume(path).written < 12
    generate(model, path, resume=True, **request)
    assert shards(path) == shards(undisturbed)
