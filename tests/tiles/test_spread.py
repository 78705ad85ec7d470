"""Functions of many tasks, on real processes and clusters, and what becomes of them."""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback import loopback

from morphgen.errors import GenerationError, StoreError
from morphgen.tiles import open_volume
from morphgen.tiles.cluster import Access, Cluster, connected
from morphgen.tiles.spread import spread

ROOTS = [math.sqrt(n) for n in range(30)]


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with (
        loopback(tmp_path_factory.mktemp("calm"), workers=1) as running,
        connected(Access(scheduler=running.address)) as found,
    ):
        assert found is not None
        yield found


def test_tasks_are_taken_as_they_are_needed() -> None:
    taken: list[int] = []
    results = spread(math.sqrt, (taken.append(n) or n for n in range(30)))  # type: ignore[func-returns-value]
    assert [next(results), next(results)] == ROOTS[:2]
    assert taken == [0, 1]
    assert list(results) == ROOTS[2:]


def test_processes() -> None:
    taken: list[int] = []
    results = spread(math.sqrt, (taken.append(n) or n for n in range(30)), workers=2)  # type: ignore[func-returns-value]
    found = [next(results)]
    assert len(taken) <= 8
    assert sorted([*found, *results]) == ROOTS
    with pytest.raises(StoreError, match="nowhere is no volume"):
        list(spread(open_volume, ["nowhere"], workers=2))


def test_a_killed_process_is_one_error() -> None:
    with pytest.raises(GenerationError, match="a worker was killed, perhaps for want of memory"):
        list(spread(os._exit, [9], workers=2))


def test_a_cluster(calm: Cluster) -> None:
    assert sorted(spread(math.sqrt, range(30), cluster=calm)) == ROOTS
    with pytest.raises(StoreError, match="nowhere is no volume"):
        list(spread(open_volume, ["nowhere"], cluster=calm))
    with pytest.raises(GenerationError, match="a worker failed: ValueError: math domain error"):
        list(spread(math.sqrt, [1, -1, 1], cluster=calm))


def test_a_killed_scheduler_is_one_error(tmp_path: Path) -> None:
    with (
        loopback(tmp_path, workers=1) as running,
        connected(Access(scheduler=running.address)) as found,
    ):
        results = spread(time.sleep, [0.1] * 100, cluster=found)
        next(results)
        assert running.scheduler is not None
        os.killpg(running.scheduler.pid, signal.SIGKILL)
        with pytest.raises(GenerationError, match=r"the scheduler .* is gone, .* measure again"):
            list(results)
