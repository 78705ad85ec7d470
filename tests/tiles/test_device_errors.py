"""What goes wrong on a device, told about a store that NumPy computes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiles.conftest import SEED

from morphgen.errors import GenerationError
from morphgen.excursion import ExcursionModel, Realization
from morphgen.tiles import Backend, BatchTask, execute
from morphgen.tiles.metadata import VolumeRecord
from morphgen.tiles.store import create

# as in cupy.cuda.memory, where it is a MemoryError
CUPY_FULL = type("OutOfMemoryError", (MemoryError,), {})("Out of memory allocating 8 bytes")
HOST_FULL = MemoryError("Unable to allocate 8. GiB")


def torch_full() -> Exception:
    torch = pytest.importorskip("torch")
    return torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")  # type: ignore[no-any-return]


def failing(
    model: ExcursionModel,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    device: str,
    error: Exception,
) -> str:
    """Message where the first block of a store of that device fails."""
    chosen = Backend("torch", device)
    record = VolumeRecord(model, SEED, (20, 20, 20), (), 128, chosen)
    create(path, record)

    def fetch(self: Backend, array: np.ndarray) -> Callable[[], np.ndarray]:
        def wait() -> np.ndarray:
            raise error

        return wait

    def block(self: Realization, *arguments: Any, **options: Any) -> np.ndarray:
        return np.zeros((20, 20, 20), np.uint8)

    monkeypatch.setattr(Backend, "fetch", fetch)
    monkeypatch.setattr(Realization, "block", block)
    task = BatchTask(str(path), record.identity(), (0,), device=device)
    with pytest.raises(GenerationError) as caught:
        execute.compute_batch(task)
    return str(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        torch_full,
        CUPY_FULL,
        RuntimeError("cuFFT error: CUFFT_ALLOC_FAILED"),
        RuntimeError("cudaErrorMemoryAllocation: out of memory"),
    ],
)
def test_a_full_device_is_told_from_a_full_host(
    model: ExcursionModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Any
) -> None:
    error = error() if error is torch_full else error
    told = failing(model, tmp_path / "v.zarr", monkeypatch, "cuda:1", error)
    assert "too little memory on cuda:1; end what else uses that GPU" in told


@pytest.mark.parametrize("device", ["cpu", "cuda:0"])
def test_a_full_host_is_told(
    model: ExcursionModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: str
) -> None:
    pytest.importorskip("torch")
    told = failing(model, tmp_path / "v.zarr", monkeypatch, device, HOST_FULL)
    assert "found too little memory; resume with fewer workers" in told


@pytest.mark.parametrize(("device", "late"), [("cpu", False), ("cuda:0", True)])
def test_a_device_may_tell_of_an_earlier_block(
    model: ExcursionModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    device: str,
    late: bool,
) -> None:
    pytest.importorskip("torch")
    error = RuntimeError("an illegal memory access")
    told = failing(model, tmp_path / "v.zarr", monkeypatch, device, error)
    assert ("or one queued before it, failed: RuntimeError: an illegal" in told) == late
    assert "failed: RuntimeError: an illegal memory access" in told
