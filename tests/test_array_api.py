"""The seam to array backends."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from morphgen._array_api import one_thread, standard


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
