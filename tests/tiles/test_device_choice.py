"""Which of two devices computes a store; a pretended torch finds both, NumPy computes."""

from __future__ import annotations

import importlib
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tiles.conftest import SEED

from morphgen.devices import Device, Library
from morphgen.errors import BackendError
from morphgen.excursion import ExcursionModel, Realization
from morphgen.tiles import Backend, backends, generate, metadata, open_volume, verify
from morphgen.tiles.metadata import VolumeRecord
from morphgen.tiles.request import Request

# the package has a function of that name
PLAN = importlib.import_module("morphgen.tiles.plan")
SHAPE = (256, 32, 32)


def two_devices(name: str, only: str | None = None) -> Library:
    if name != "torch":
        return Library(name, None, trouble="is not installed")
    return Library(name, "2", tuple(Device(f"cuda:{n}", "a GPU", 2**37, 2**37) for n in range(2)))


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> set[str | None]:
    """Devices that blocks were asked of."""
    pytest.importorskip("torch")
    seen: set[str | None] = set()
    block = Realization.block

    def watched(
        self: Realization, index: Any, xp: Any, device: str | None, **options: Any
    ) -> np.ndarray:
        seen.add(device)
        return np.asarray(block(self, index, part=options["part"]))

    def fetch(self: Backend, array: np.ndarray) -> Callable[[], np.ndarray]:
        return lambda: array

    monkeypatch.setattr(backends, "find", two_devices)
    monkeypatch.setattr(PLAN, "find", two_devices)
    monkeypatch.setattr(metadata, "find", two_devices)
    monkeypatch.setattr(Realization, "block", watched)
    monkeypatch.setattr(Backend, "fetch", fetch)
    return seen


@pytest.fixture
def begun(model: ExcursionModel, tmp_path: Path, used: set[str | None]) -> Path:
    path = tmp_path / "v.zarr"
    generate(model, path, shape=SHAPE, seed=SEED, backend="torch", device="cuda:1", workers=1)
    assert used == {"cuda:1"}
    used.clear()
    return path


def test_a_store_keeps_the_kind_of_device_alone(begun: Path) -> None:
    own = json.loads((begun / "zarr.json").read_text())["attributes"]["morphgen"]
    assert own["backend"] == {"name": "torch", "device": "cuda"}
    assert open_volume(begun).backend == Backend("torch", "cuda")


def test_a_store_is_resumed_on_the_device_that_was_chosen(
    begun: Path, model: ExcursionModel, used: set[str | None]
) -> None:
    shutil.rmtree(begun / "0" / "c" / "1")
    done = generate(model, begun, shape=SHAPE, seed=SEED, device="cuda:0", workers=1, resume=True)
    assert (done.written, done.backend) == (1, Backend("torch", "cuda:0"))
    assert used == {"cuda:0"}


def test_a_store_is_verified_on_a_device_that_is_there(
    begun: Path, used: set[str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert verify(begun, "all").passed
    assert used == {"cuda:0"}
    monkeypatch.setattr(
        backends, "find", lambda name, only=None: Library(name, "2", trouble="no driver")
    )
    with pytest.raises(BackendError, match=r"finds 0 CUDA devices \(no driver\)"):
        verify(begun, "all")


def test_bytes_of_another_gpu_may_differ_by_rounding(
    begun: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu = open_volume(begun).record.origin["gpu"]
    assert gpu.startswith("a GPU, CUDA ")
    assert verify(begun, "all").identical_expected
    other = tuple(Device(f"cuda:{n}", "another GPU", 2**37, 2**37) for n in range(2))
    monkeypatch.setattr(metadata, "find", lambda name, only=None: Library(name, "2", other))
    assert not verify(begun, "all").identical_expected
    # where nobody saw the GPU that computed, it may be any
    monkeypatch.setattr(metadata, "find", two_devices)
    content = json.loads((begun / "zarr.json").read_text())
    del content["attributes"]["morphgen"]["origin"]["gpu"]
    (begun / "zarr.json").write_text(json.dumps(content))
    assert not verify(begun, "all").identical_expected


@pytest.mark.usefixtures("used")
def test_the_gpu_of_a_cluster_is_not_the_one_seen_here(model: ExcursionModel) -> None:
    request = Request(model, None, SHAPE, backend="torch")
    assert "gpu" in request.checked().record.origin
    elsewhere = replace(
        request, resolver=lambda name, device: Backend("torch", "cuda:0"), elsewhere=True
    )
    assert "gpu" not in elsewhere.checked().record.origin


def test_the_cuda_of_cupy_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = SimpleNamespace(runtimeGetVersion=lambda: 12060)
    cupy = SimpleNamespace(cuda=SimpleNamespace(runtime=runtime))
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    device = Device("cuda:0", "a GPU", 1, 1)
    monkeypatch.setattr(metadata, "find", lambda name, only=None: Library(name, "13", (device,)))
    found = metadata.hardware(Backend("cupy", "cuda:0"))
    assert found["gpu"] == "a GPU, CUDA 12.6"
    assert set(metadata.hardware(Backend())) == {"cpu"}


def test_stores_that_name_a_numbered_device_are_the_same_volume(
    begun: Path, model: ExcursionModel
) -> None:
    content = json.loads((begun / "zarr.json").read_text())
    content["attributes"]["morphgen"]["backend"]["device"] = "cuda:7"
    before = open_volume(begun).record
    (begun / "zarr.json").write_text(json.dumps(content))
    assert open_volume(begun).record == before
    one, other = (
        VolumeRecord(model, SEED, SHAPE, (), 128, Backend("torch", device)).identity()
        for device in ("cuda:0", "cuda:1")
    )
    assert one == other
