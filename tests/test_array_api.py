"""The seam to array backends."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from conftest import Backend
from threadpoolctl import threadpool_info, threadpool_limits

from morphgen._array_api import bring, entries, is_accelerator, one_thread, sixteen_bits, standard


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
