"""The seam to array backends."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from conftest import Backend
from threadpoolctl import threadpool_info, threadpool_limits

from morphgen._array_api import (
    bring,
    entered,
    entries,
    full_precision,
    is_accelerator,
    one_thread,
    settled,
    sixteen_bits,
    standard,
)
from morphgen.errors import BackendError
from morphgen.excursion import ExcursionModel, Field, Realization
from morphgen.fields.laws import Gaussian
from morphgen.fields.parametric import GaussianKernel
from morphgen.phases import Phase


def blas_threads() -> set[int]:
    return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}


def test_blas_keeps_to_one_thread_while_anybody_computes() -> None:
    space = standard(np)
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        with one_thread(space):
            with one_thread(space):
                assert blas_threads() == {1}
            assert blas_threads() == {1}
        assert blas_threads() == before


def test_the_last_thread_puts_the_limit_back() -> None:
    space, entered, leave = standard(np), threading.Event(), threading.Event()

    def compute() -> None:
        with one_thread(space):
            entered.set()
            leave.wait(30.0)

    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        other = threading.Thread(target=compute)
        with one_thread(space):
            other.start()
            assert entered.wait(30.0)
        assert blas_threads() == {1}
        leave.set()
        other.join()
        assert blas_threads() == before


def test_a_limit_of_another_thread_does_not_stand_in_the_way() -> None:
    found: list[set[int]] = []

    def compute() -> None:
        with one_thread(standard(np)):
            found.append(blas_threads())

    with threadpool_limits(2, user_api="blas"):
        other = threading.Thread(target=compute)
        other.start()
        other.join()
        assert blas_threads() == {2}
    assert found == [{1}]


def test_torch_keeps_to_one_thread() -> None:
    torch = pytest.importorskip("torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with one_thread(standard(torch)):
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


def test_sixteen_bits_of_words_lowest_first(backend: Backend) -> None:
    words = backend.asarray([[0x4444333322221111, -1], [-(2**63), 0xFFFF]], dtype="int64")
    found = backend.to_numpy(sixteen_bits(words))
    assert found.tolist() == [
        [0x1111, 0x2222, 0x3333, 0x4444, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF],
        [0, 0, 0, 0x8000, 0xFFFF, 0, 0, 0],
    ]


def test_entries_of_a_table(backend: Backend) -> None:
    table = backend.asarray([0.5, 1.5, 2.5], dtype="float32")
    found = backend.to_numpy(entries(table, backend.asarray([[2, 0], [1, 2]], dtype="int64")))
    assert found.dtype == np.float32
    assert found.tolist() == [[2.5, 0.5], [1.5, 2.5]]


def test_what_is_brought_keeps_its_dtype_and_needs_no_writable_memory(backend: Backend) -> None:
    host = np.arange(3, dtype=np.int64)
    host.flags.writeable = False
    brought = bring(host, standard(backend.xp))
    assert not is_accelerator(brought) or backend.name == "cupy"
    found = backend.to_numpy(brought)
    assert found.dtype == np.int64
    assert found.tolist() == [0, 1, 2]


def precision() -> list[str]:
    torch = pytest.importorskip("torch")
    try:
        older = torch.get_float32_matmul_precision()
    except RuntimeError:
        older = "mixed"
    parts = (torch.backends.cuda.matmul, torch.backends.mkldnn.matmul)
    return [older, *(part.fp32_precision for part in parts)]


@pytest.fixture
def torch_precision() -> Iterator[ModuleType]:
    """Torch, whose precision is put back afterwards."""
    torch = pytest.importorskip("torch")
    yield torch
    torch.set_float32_matmul_precision("highest")


@pytest.mark.parametrize("chosen", ["highest", "high", "newer"])
def test_products_are_exact_whatever_the_caller_chose(
    torch_precision: ModuleType, chosen: str
) -> None:
    torch = torch_precision
    if chosen == "newer":
        torch.backends.cuda.matmul.fp32_precision = "tf32"
    else:
        torch.set_float32_matmul_precision(chosen)
    before, space = precision(), standard(torch)
    with full_precision(space):
        with full_precision(space):
            assert precision() == ["highest", "ieee", "ieee"]
        assert precision() == ["highest", "ieee", "ieee"]
    assert precision()[1:] == before[1:]
    assert precision()[0] == before[0]


def test_interpolation_multiplies_in_full_precision(
    torch_precision: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = torch_precision
    torch.set_float32_matmul_precision("medium")
    seen, matmul = [], standard(torch).matmul

    def watched(*arguments: Any) -> Any:
        seen.append(torch.get_float32_matmul_precision())
        return matmul(*arguments)

    monkeypatch.setattr(standard(torch), "matmul", watched)
    field = Field(GaussianKernel(6.0), Gaussian(), 0.0)
    model = ExcursionModel((Phase(0, "pore"), Phase(1, "solid")), (1, 0), (field,))
    Realization(model, 1).block((0, 0, 0), torch)
    assert seen == ["highest"] * 3
    assert torch.get_float32_matmul_precision() == "medium"


def test_what_is_kept_for_a_device_is_kept_under_something_that_can_be_hashed(
    backend: Backend,
) -> None:
    place = settled(standard(backend.xp))
    assert hash(place) == hash(settled(standard(backend.xp), place))


def test_devices_of_cupy_become_their_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    class Device:
        """As CuPy's: without a hash, the current one by default."""

        __hash__ = None  # type: ignore[assignment]

        def __init__(self, device: Any = None) -> None:
            self.id = 3 if device is None else getattr(device, "id", device)

    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(cuda=SimpleNamespace(Device=Device)))
    cupy = ModuleType("cupy")
    assert [settled(cupy, device) for device in (None, 1, Device(2))] == [3, 1, 2]
    assert isinstance(entered(cupy, 1), Device)


def test_a_default_device_of_the_caller_takes_no_part() -> None:
    torch = pytest.importorskip("torch")
    with torch.device("meta"):
        found = bring(np.arange(3.0), standard(torch), "cpu")
    assert found.tolist() == [0.0, 1.0, 2.0]


def test_a_library_without_a_device_is_one_line() -> None:
    class Broken(ModuleType):
        int64 = "int64"

        def asarray(self, *rest: Any, **options: Any) -> Any:
            raise RuntimeError("no CUDA-capable device is detected\nmore")

    with pytest.raises(BackendError, match=r"^cupy has no usable device: no CUDA.* detected$"):
        standard(Broken("cupy"))
