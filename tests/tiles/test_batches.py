from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morphgen.tiles import BatchRecord, BatchTask
from morphgen.tiles.batches import Pace, Regrouped


def record(blocks: int, seconds: float) -> BatchRecord:
    return BatchRecord(tuple(range(blocks)), seconds)


def test_a_batch_grows_from_one_block_to_its_time() -> None:
    pace, sizes = Pace(), []
    for _ in range(8):
        sizes.append(pace.size)
        pace.learn(record(pace.size, 0.1 * pace.size))
    assert sizes == [1, 8, 64, *[200] * 5]


@pytest.mark.parametrize(("seconds", "size"), [(100.0, 1), (0.0, 1000)])
def test_a_batch_has_at_least_one_block_and_at_most_a_thousand(seconds: float, size: int) -> None:
    pace = Pace()
    for _ in range(6):
        pace.learn(record(pace.size, seconds * pace.size))
    assert pace.size == size


def test_slow_first_blocks_are_forgotten() -> None:
    pace = Pace()
    pace.learn(record(1, 60.0))
    assert pace.size == 1
    for _ in range(12):
        pace.learn(record(pace.size, 0.5 * pace.size))
    assert pace.size == pytest.approx(40, abs=4)


@given(
    lengths=st.lists(st.integers(1, 50), max_size=12),
    size=st.integers(1, 30),
    shares=st.integers(1, 9),
)
def test_every_block_is_dealt_out_once_and_in_order(
    lengths: list[int], size: int, shares: int
) -> None:
    ends = [sum(lengths[:i]) for i in range(len(lengths) + 1)]
    tasks = [
        BatchTask("v", "i", tuple(range(begin, end))) for begin, end in itertools.pairwise(ends)
    ]
    blocks, found = Regrouped(tasks), []
    while (task := blocks.take(size, shares)) is not None:
        assert 1 <= len(task.numbers) <= size
        found += task.numbers
    assert found == list(range(ends[-1]))
    assert blocks.first is None


def test_the_last_blocks_are_shared() -> None:
    blocks = Regrouped([BatchTask("v", "i", tuple(range(100)))])
    sizes = []
    while (task := blocks.take(20, 4)) is not None:
        sizes.append(len(task.numbers))
    assert sizes[0] == 20
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-4:] == [1] * 4


def test_levels_are_not_mixed() -> None:
    fine, coarse = BatchTask("v", "i", (1, 2, 3)), BatchTask("v", "i", (0, 1), level=1)
    blocks = Regrouped(iter([fine, coarse]))
    assert blocks.take(10, 1) == fine
    assert blocks.first == coarse
    assert blocks.take(10, 1) == coarse
    assert blocks.take(10, 1) is None
