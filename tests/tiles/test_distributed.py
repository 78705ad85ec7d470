"""Generation on Dask clusters of real processes, and what becomes of it when they are killed."""

from __future__ import annotations

import gc
import logging
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dask
import pytest
from distributed import Client
from loopback import Loopback, loopback
from tiles.conftest import LONG, SEED, SHAPE, shards

from morphgen.errors import BackendError, GenerationError, InputError, StoreError
from morphgen.excursion import ExcursionModel
from morphgen.tiles import Backend, cluster, distributed, generate, open_volume, plan
from morphgen.tiles.cluster import Access, check_store, connected

REQUEST: dict[str, Any] = {"shape": SHAPE, "seed": SEED, "backend": "numpy"}
LONGER: dict[str, Any] = REQUEST | {"shape": LONG}
POISON = ["--preload", str(Path(__file__).with_name("poison.py"))]


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loopback]:
    """Cluster that nobody kills."""
    with loopback(tmp_path_factory.mktemp("calm")) as running:
        yield running


@pytest.fixture
def frail(tmp_path: Path) -> Iterator[Loopback]:
    """Cluster of a scheduler; tests start its workers."""
    (tmp_path / "cluster").mkdir()
    with loopback(tmp_path / "cluster", workers=0) as running:
        yield running


@pytest.fixture(scope="module")
def longer(model: ExcursionModel, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Shards of an undisturbed run of 60 blocks."""
    path = tmp_path_factory.mktemp("longer") / "volume.zarr"
    generate(model, path, workers=1, **LONGER)
    return shards(path)


def nothing_is_left(client: Client) -> bool:
    """Whether a client soon holds no futures: they are released by its thread, once collected."""
    deadline = time.monotonic() + 20.0
    while client.futures and time.monotonic() < deadline:
        gc.collect()
        time.sleep(0.05)
    return not client.futures


def once(done: int, action: Callable[[], object]) -> Callable[[str, int, int], None]:
    """Do something when so many blocks are done."""
    acted: list[int] = []

    def progress(stage: str, count: int, total: int) -> None:
        if count >= done and not acted:
            acted.append(count)
            assert count < total - 10, "it came too late"
            action()

    return progress


def test_a_cluster_gives_the_same_bytes(
    model: ExcursionModel,
    undisturbed: Path,
    calm: Loopback,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    told: list[int] = []
    before = dask.config.config.copy(), logging.getLogger("distributed").level
    with Client(calm.address, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=60)
        # the workers have another current folder
        made = generate(
            model, "v.zarr", client=client, progress=lambda s, done, t: told.append(done), **REQUEST
        )
        assert client.status == "running"
        assert nothing_is_left(client)
    assert shards(tmp_path / "v.zarr") == shards(undisturbed)
    assert (made.workers, made.written) == (2, 12)
    assert told[0] == 0
    assert told == sorted(told)
    assert told[-1] == 12
    assert (dask.config.config, logging.getLogger("distributed").level) == before


@pytest.mark.parametrize("how", ["scheduler", "scheduler_file"])
def test_a_cluster_is_found_by_its_address_or_its_file(
    model: ExcursionModel, undisturbed: Path, calm: Loopback, tmp_path: Path, how: str
) -> None:
    where = {"scheduler": calm.address} if how == "scheduler" else {"scheduler_file": calm.file}
    path = tmp_path / "v.zarr"
    generate(model, path, **REQUEST, **where)
    assert shards(path) == shards(undisturbed)
    shutil.rmtree(path / "0" / "c" / "0")
    assert generate(model, path, resume=True, **REQUEST, **where).written == 6
    assert shards(path) == shards(undisturbed)


def test_coarser_levels_on_a_cluster(model: ExcursionModel, calm: Loopback, tmp_path: Path) -> None:
    for name, where in {"a": {"workers": 1}, "b": {"scheduler": calm.address}}.items():
        generate(model, tmp_path / name, levels=1, **REQUEST, **where)
    assert shards(tmp_path / "a" / "1" / "..") == shards(tmp_path / "b" / "1" / "..")
    assert open_volume(tmp_path / "b").complete


def test_the_plan_tells_of_the_workers(model: ExcursionModel, calm: Loopback) -> None:
    found = plan(model, (512, 512, 512), scheduler=calm.address)
    assert found.cluster == calm.address
    assert found.workers == 2
    assert found.seconds is not None
    assert found.seconds > 0.0
    assert f"2 of {calm.address}, numpy on cpu" in "\n".join(found.lines())


def test_contradictions_are_refused(model: ExcursionModel, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="workers and scheduler exclude each other"):
        generate(model, tmp_path / "v", workers=2, scheduler="tcp://127.0.0.1:1", **REQUEST)
    with pytest.raises(InputError, match="scheduler and scheduler file exclude"):
        plan(model, SHAPE, scheduler="tcp://127.0.0.1:1", scheduler_file="s.json")
    with pytest.raises(InputError, match="patience is -1"):
        Access(patience=-1)
    assert not list(tmp_path.iterdir())


def test_what_no_cluster_can_do_is_refused(
    model: ExcursionModel, calm: Loopback, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="cannot be seen by the workers"):
        generate(model, "memory://v.zarr", scheduler=calm.address, **REQUEST)
    with pytest.raises(BackendError, match="cuda:99"):
        plan(model, SHAPE, scheduler=calm.address, backend="torch", device="cuda:99")
    with Client(calm.address, set_as_default=False) as client:
        with pytest.raises(StoreError, match=r"worker tcp://.* does not see /nowhere .*share"):
            check_store(client, "/nowhere", "0" * 64)
        made = generate(model, tmp_path / "v.zarr", client=client, **REQUEST)
        with pytest.raises(StoreError, match="another volume"):
            check_store(client, str(made.path), "0" * 64)


def test_other_versions_are_refused(
    model: ExcursionModel, calm: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = cluster.versions_here(Backend())
    monkeypatch.setattr(cluster, "versions_here", versions_there := cluster.versions_here)
    monkeypatch.setattr(
        cluster, "package_versions", lambda b: real | {"python": "3", "scipy": "0.1"}
    )
    assert versions_there(Backend())["scipy"] == "0.1"
    with pytest.raises(InputError, match=r"worker tcp://\S+ has scipy [\d.]+, this process 0\.1"):
        generate(model, tmp_path / "v.zarr", scheduler=calm.address, **REQUEST)
    assert not (tmp_path / "v.zarr").exists()


def test_a_worker_of_other_versions_that_joins_later_is_refused(
    model: ExcursionModel, calm: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = cluster.versions_here(Backend())
    # the executor alone, as if all workers had been fit at the start
    monkeypatch.setattr(distributed, "versions_here", lambda backend: real | {"numpy": "9.9"})
    with pytest.raises(GenerationError, match=r"worker tcp://\S+ has numpy [\d.]+, the run 9\.9"):
        generate(model, tmp_path / "v.zarr", scheduler=calm.address, **REQUEST)
    assert open_volume(tmp_path / "v.zarr").written == 0


def test_two_threads_of_one_worker_do_not_disturb_each_other(
    model: ExcursionModel, longer: dict[str, bytes], frail: Loopback, tmp_path: Path
) -> None:
    frail.start_worker("--nthreads", "2")
    made = generate(model, tmp_path / "v.zarr", scheduler_file=frail.file, **LONGER)
    assert made.workers == 2
    assert shards(made.path) == longer


@pytest.mark.slow
def test_workers_drop_their_batches_when_the_run_is_interrupted(
    model: ExcursionModel, tmp_path: Path
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    folder, path = tmp_path / "cluster", tmp_path / "v.zarr"
    folder.mkdir()
    with loopback(folder, workers=0, environment={"POISON": "slow:0"}) as running:
        running.start_worker(*POISON)
        with pytest.raises(KeyboardInterrupt):
            # by then, batches of several blocks take seconds
            generate(
                model, path, scheduler_file=running.file, progress=once(17, interrupt), **LONGER
            )
        time.sleep(1.5)
        soon = len(shards(path))
        time.sleep(3.0)
        assert 17 <= len(shards(path)) == soon < 60


def test_no_scheduler_is_one_error(model: ExcursionModel, tmp_path: Path) -> None:
    path = tmp_path / "v.zarr"
    # nothing listens at the discard port
    with pytest.raises(GenerationError, match=r"no scheduler answers at tcp://127.0.0.1:9 within"):
        generate(model, path, scheduler="tcp://127.0.0.1:9", patience=0.5, **REQUEST)
    with pytest.raises(InputError, match=r"scheduler 'nonsense://x'"):
        generate(model, path, scheduler="nonsense://x", **REQUEST)
    with pytest.raises(InputError, match="s.json cannot be read .*dask scheduler"):
        generate(model, path, scheduler_file=tmp_path / "s.json", patience=0.2, **REQUEST)
    assert not path.exists()


def test_no_worker_is_one_error(model: ExcursionModel, frail: Loopback, tmp_path: Path) -> None:
    with pytest.raises(GenerationError, match="had no worker for 1 s; start workers"):
        generate(model, tmp_path / "v", scheduler=frail.address, patience=1.0, **REQUEST)
    frail.start_worker("--memory-limit", "150MiB")
    with pytest.raises(InputError, match=r"may use 0.146 GiB for 1 thread, .* --memory-limit 0.\d"):
        generate(model, tmp_path / "v", scheduler_file=frail.file, **REQUEST)
    assert not (tmp_path / "v").exists()


@pytest.mark.parametrize("nanny", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_killed_worker_costs_nothing_but_time(
    model: ExcursionModel, longer: dict[str, bytes], frail: Loopback, tmp_path: Path, nanny: bool
) -> None:
    for _ in range(2):
        frail.start_worker(nanny=nanny)
    path = tmp_path / "v.zarr"
    with connected(Access(scheduler_file=frail.file)) as found:
        assert found is not None
        found.client.wait_for_workers(2, timeout=60)
        kill = once(12, lambda: os.kill(frail.computing(1), signal.SIGKILL))
        generate(model, path, client=found.client, progress=kill, **LONGER)
    assert shards(path) == longer
    assert (frail.workers[1].poll() is None) == nanny


@pytest.mark.slow
def test_new_workers_continue_when_all_were_killed(
    model: ExcursionModel, longer: dict[str, bytes], frail: Loopback, tmp_path: Path
) -> None:
    def replace_all() -> None:
        frail.send(signal.SIGKILL)
        frail.start_worker()

    frail.start_worker()
    frail.start_worker()
    path = tmp_path / "v.zarr"
    generate(model, path, scheduler_file=frail.file, progress=once(12, replace_all), **LONGER)
    assert shards(path) == longer


def test_a_cluster_without_workers_is_given_up(
    model: ExcursionModel, longer: dict[str, bytes], frail: Loopback, tmp_path: Path
) -> None:
    frail.start_worker()
    with Client(frail.address, set_as_default=False) as client:
        client.wait_for_workers(1, timeout=60)
    path = tmp_path / "v.zarr"
    with pytest.raises(GenerationError, match=r"had no worker for 2 s; start workers and resume"):
        generate(
            model, path, scheduler_file=frail.file, patience=2.0,
            progress=once(12, lambda: frail.send(signal.SIGKILL)), **LONGER,
        )  # fmt: skip
    frail.start_worker()
    generate(model, path, scheduler_file=frail.file, resume=True, **LONGER)
    assert shards(path) == longer


def test_a_killed_scheduler_is_one_error(
    model: ExcursionModel, longer: dict[str, bytes], frail: Loopback, tmp_path: Path
) -> None:
    frail.start_worker()
    path = tmp_path / "v.zarr"
    scheduler = frail.scheduler
    assert scheduler is not None
    with pytest.raises(GenerationError, match=r"^the scheduler tcp://127\S+ is gone[^\n]* resume$"):
        generate(
            model, path, scheduler_file=frail.file, progress=once(12, scheduler.kill), **LONGER
        )
    assert 12 <= open_volume(path).written < 60
    frail.send(signal.SIGKILL)
    generate(model, path, workers=1, resume=True, **LONGER)
    assert shards(path) == longer


def test_a_scheduler_killed_between_two_batches_is_one_error(
    model: ExcursionModel, frail: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With nothing under way, nothing is cancelled that would tell of the loss."""
    monkeypatch.setattr(distributed, "_WINDOW", 1)
    monkeypatch.setattr(distributed, "_SMALLEST_WINDOW", 1)
    frail.start_worker()
    scheduler = frail.scheduler
    assert scheduler is not None
    with Client(frail.address, set_as_default=False) as client:

        def kill() -> None:
            scheduler.kill()
            while client.status == "running":
                time.sleep(0.001)

        with pytest.raises(GenerationError, match="is gone"):
            generate(model, tmp_path / "v.zarr", client=client, progress=once(1, kill), **LONGER)
        assert client.status == "connecting", "it did not wait until the client gave up"


@pytest.mark.parametrize(
    ("poison", "words"),
    [
        pytest.param(
            "kill:31",
            r"block \(1, 2, 1\) of \S+: it killed 3 workers, .*resume$",
            marks=pytest.mark.slow,
        ),
        ("raise:31", r"block \(1, 2, 1\) of .* failed 3 times: TimeoutError: no answer from the"),
    ],
)
def test_a_block_that_always_fails_is_named(
    model: ExcursionModel, tmp_path: Path, poison: str, words: str
) -> None:
    environment = {"POISON": poison, "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "2"}
    folder = tmp_path / "cluster"
    folder.mkdir()
    with loopback(folder, workers=0, environment=environment) as running:
        for _ in range(2):
            running.start_worker(*POISON)
        with pytest.raises(GenerationError, match=words):
            generate(model, tmp_path / "v.zarr", scheduler_file=running.file, **LONGER)
    assert open_volume(tmp_path / "v.zarr").written >= 16


def test_a_refusal_is_not_repeated(model: ExcursionModel, calm: Loopback, tmp_path: Path) -> None:
    path = tmp_path / "v.zarr"
    with Client(calm.address, set_as_default=False) as client:
        began = time.monotonic()
        with pytest.raises(StoreError, match="gone"):
            generate(
                model, path, client=client,
                progress=once(5, lambda: path.rename(tmp_path / "w.zarr")), **LONGER,
            )  # fmt: skip
        assert time.monotonic() - began < 30.0
        assert nothing_is_left(client)


@pytest.mark.slow
def test_a_worker_that_is_killed_for_its_memory(model: ExcursionModel, tmp_path: Path) -> None:
    environment = {"POISON": "memory:31", "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}
    folder = tmp_path / "cluster"
    folder.mkdir()
    with loopback(folder, workers=0, environment=environment) as running:
        running.start_worker(*POISON, "--memory-limit", "600MiB")
        with pytest.raises(GenerationError, match=r"block \(1, 2, 1\) of \S+: it killed 2 workers"):
            generate(model, tmp_path / "v.zarr", scheduler_file=running.file, **LONGER)
