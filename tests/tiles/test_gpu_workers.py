"""What runs on a GPU, with everything pretended that needs one."""

from __future__ import annotations

import importlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiles.conftest import SEED, SHAPE, shards

from morphgen.devices import Device, Library
from morphgen.errors import GenerationError, InputError
from morphgen.excursion import ExcursionModel, Realization
from morphgen.fields import noise
from morphgen.tiles import Backend, BatchTask, execute, memory, open_volume, processes
from morphgen.tiles.memory import concurrent_writes, device_memory, worker_memory
from morphgen.tiles.metadata import VolumeRecord
from morphgen.tiles.plan import _check_device
from morphgen.tiles.processes import pool_of
from morphgen.tiles.store import create

GPU = Backend("cupy", "cuda:0")
WRITERS = 3
# the package has a function of that name
PLAN = importlib.import_module("morphgen.tiles.plan")


def batch(model: ExcursionModel, path: Path) -> BatchTask:
    record = VolumeRecord(model, SEED, SHAPE, (), 128, Backend())
    create(path, record)
    return BatchTask(str(path), record.identity(), tuple(range(open_volume(path).blocks)))


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Blocks whose labels arrive some time after they were asked for; what happened to them."""
    events: list[str] = []

    def fetch(self: Backend, array: np.ndarray) -> Callable[[], np.ndarray]:
        number = events.count("begun")
        events.append("begun")

        def wait() -> np.ndarray:
            time.sleep(0.05)
            events.append(f"arrived {number}")
            return array

        return wait

    monkeypatch.setattr(Backend, "fetch", fetch)
    monkeypatch.setattr(execute, "concurrent_writes", lambda backend: WRITERS)
    return events


def test_blocks_are_queued_ahead_of_their_labels_and_written_side_by_side(
    model: ExcursionModel,
    undisturbed: Path,
    tmp_path: Path,
    queued: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    task, write = batch(model, tmp_path / "v.zarr"), execute._write
    together = threading.Barrier(WRITERS, timeout=60)
    first = iter(range(WRITERS))

    def watched(*arguments: Any) -> None:
        if next(first, None) is not None:
            # broken, and the test with it, unless so many are written at a time
            together.wait()
        write(*arguments)

    monkeypatch.setattr(execute, "_write", watched)
    records = list(execute.compute_blocks(task))
    assert [record.numbers for record in records] == [(number,) for number in task.numbers]
    assert shards(tmp_path / "v.zarr") == shards(undisturbed)
    assert queued[:WRITERS] == ["begun"] * WRITERS
    # one more than there are writers, and no more: so much memory is planned for
    ahead = [
        queued[: place + 1].count("begun") - sum("arrived" in event for event in queued[:place])
        for place in range(len(queued))
    ]
    assert max(ahead) <= WRITERS + 1


def test_an_error_that_arrives_late_names_its_block(
    model: ExcursionModel, tmp_path: Path, queued: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    task, fetch = batch(model, tmp_path / "v.zarr"), Backend.fetch

    def failing(self: Backend, array: np.ndarray) -> Callable[[], np.ndarray]:
        number, wait = queued.count("begun"), fetch(self, array)

        def waited() -> np.ndarray:
            if number == 2:
                raise RuntimeError("an illegal memory access")
            return wait()

        return waited

    monkeypatch.setattr(Backend, "fetch", failing)
    with pytest.raises(GenerationError, match=r"block \(0, 0, 2\).*illegal memory access"):
        execute.compute_batch(task)
    missing = open_volume(tmp_path / "v.zarr").missing.tolist()
    assert 2 in missing
    assert not {0, 1} & set(missing)


def test_memory_of_a_gpu_worker_grows_with_the_blocks_under_way(
    model: ExcursionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = Realization(model, SEED)
    needs = []
    for cpus in (1, 4, 64):
        monkeypatch.setattr(memory, "usable_cpus", lambda cpus=cpus: cpus)
        needs.append((concurrent_writes(GPU), worker_memory(sample, GPU)))
    assert [writers for writers, _ in needs] == [2, 5, 8]
    block = memory._BLOCK_BYTES * 128**3
    assert needs[1][1] - needs[0][1] == 3 * block
    assert concurrent_writes(Backend()) == 1


def test_device_memory_covers_the_arrays_of_torch(
    model: ExcursionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    tensors = importlib.import_module("torch.utils._python_dispatch").TorchDispatchMode
    reference = importlib.import_module("torch.multiprocessing.reductions").StorageWeakRef
    # slabs as a GPU has them
    monkeypatch.setattr(noise, "_SLAB_VOXELS", noise._DEVICE_SLAB_VOXELS)
    alive: dict[Any, int] = {}
    held = []

    class Held(tensors):  # type: ignore[misc, valid-type]
        """Bytes of what is there after every operation."""

        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            result = func(*args, **(kwargs or {}))
            if isinstance(result, torch.Tensor):
                storage = result.untyped_storage()
                alive[reference(storage)] = storage.nbytes()
            for one in [one for one in alive if one.expired()]:
                del alive[one]
            held.append(sum(alive.values()))
            return result

    sample = Realization(model, SEED)
    with Held():
        sample.block((0, 0, 0), torch, "cpu")
    # at least one field of float32; workspaces of FFTs come on top
    assert 4 * 128**3 < max(held) < device_memory(sample) - memory._DEVICE_CONTEXT


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    devices = tuple(Device(f"cuda:{number}", "a GPU", 100, 60) for number in range(2))
    for finder in ("find", "find_apart"):
        monkeypatch.setattr(PLAN, finder, lambda name, only=None: Library(name, "1", devices))
    monkeypatch.setattr(processes, "visible_devices", lambda name: ("3", "5"))


@pytest.mark.usefixtures("two_gpus")
def test_what_fits_on_a_device() -> None:
    _check_device(GPU, 1, 60)
    _check_device(GPU, 2, 60)
    _check_device(Backend("cupy", "cuda:1"), 1, 60)
    _check_device(Backend(), 9, 10**12)
    with pytest.raises(InputError, match=r"cuda:0 \(a GPU\) has 60 B free, 1 worker .* 61 B"):
        _check_device(GPU, 1, 61)
    with pytest.raises(InputError, match=r"2 workers there would need 80 B"):
        _check_device(GPU, 3, 40)
    with pytest.raises(InputError, match="CUDA_VISIBLE_DEVICES"):
        _check_device(Backend("cupy", "cuda:1"), 2, 1)


@pytest.mark.usefixtures("two_gpus")
def test_every_worker_sees_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    own = processes.devices_of_workers(GPU)
    assert own == [{"CUDA_VISIBLE_DEVICES": "3"}, {"CUDA_VISIBLE_DEVICES": "5"}]
    assert processes.devices_of_workers(Backend()) == [{}]
    context = processes._Context(own)
    told = [context.Process(target=print).variables["CUDA_VISIBLE_DEVICES"] for _ in range(3)]
    assert told == ["3", "5", "3"]
    monkeypatch.setattr(processes, "devices_of_workers", lambda backend: own[1:])
    with pool_of(1, Backend()) as pool:
        assert pool.submit(os.getenv, "CUDA_VISIBLE_DEVICES").result() == "5"
    assert os.environ.get("CUDA_VISIBLE_DEVICES") != "5"
