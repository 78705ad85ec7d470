from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from morphgen.errors import InputError
from morphgen.tiles import BlockGrid

sides = st.integers(1, 20)
grids = st.builds(BlockGrid, st.tuples(sides, sides, sides), st.integers(4, 16))
# the machine may be busy
patient = settings(deadline=None)


@patient
@given(grids)
def test_blocks_cover_the_volume_once(grid: BlockGrid) -> None:
    seen = np.zeros(grid.shape, dtype=int)
    for index in grid:
        seen[grid.slices(index)] += 1
    assert np.all(seen == 1)


@patient
@given(grids)
def test_index_and_number_are_inverse(grid: BlockGrid) -> None:
    indices = list(grid)
    assert indices == sorted(indices)
    assert [grid.number(index) for index in indices] == list(range(len(grid)))
    assert [grid.index(number) for number in range(len(grid))] == indices
    assert indices == list(np.ndindex(grid.counts))


@patient
@given(grids)
def test_part_of_a_block_has_the_size_of_its_slices(grid: BlockGrid) -> None:
    block = np.empty((grid.edge,) * 3, dtype=np.uint8)
    volume = np.empty(grid.shape, dtype=np.uint8)
    for index in grid:
        assert block[grid.part(index)].shape == grid.size(index)
        assert volume[grid.slices(index)].shape == grid.size(index)


def test_a_block_begins_at_its_index_times_the_edge() -> None:
    grid = BlockGrid((200, 150, 260), 128)
    assert grid.counts == (2, 2, 3)
    assert grid.slices((1, 0, 2)) == (slice(128, 200), slice(0, 128), slice(256, 260))
    assert (1, 1, 2) in grid
    assert (0, 0, 3) not in grid
    assert (0, 0) not in grid


def test_a_million_blocks_cost_nothing() -> None:
    grid = BlockGrid((2**40, 2**20, 2**20), 256)
    assert grid.index(grid.number((7, 5, 3))) == (7, 5, 3)
    assert grid.voxels == 2**80


@pytest.mark.parametrize("shape", [(0, 1, 1), (1, 1), (1, -1, 1), (1.5, 1, 1), 7, (2**41, 1, 1)])
def test_bad_shapes_are_refused(shape: object) -> None:
    with pytest.raises(InputError, match="shape"):
        BlockGrid(shape, 64)  # type: ignore[arg-type]


def test_blocks_outside_are_refused() -> None:
    grid = BlockGrid((10, 10, 10), 8)
    for wrong in [(2, 0, 0), (0, -1, 0)]:
        with pytest.raises(IndexError, match="outside"):
            grid.slices(wrong)
    with pytest.raises(IndexError, match="outside"):
        grid.index(8)
    with pytest.raises(InputError, match="edge"):
        BlockGrid((1, 1, 1), 0)
