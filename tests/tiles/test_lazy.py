"""A realization as a dask array: the voxels of the store, from a graph that stays small."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
from samples import two_phases
from tiles.conftest import SEED, SHAPE, build_model
from tiles.test_view import START, Marked, marks

from morphgen.errors import InputError
from morphgen.excursion import ExcursionModel, Realization
from morphgen.tiles import LazyVolume, open_labels, to_dask


@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
def test_it_is_the_volume_that_generate_writes(
    model: ExcursionModel, undisturbed: Path, scheduler: str
) -> None:
    lazy = to_dask(Realization(model, SEED), SHAPE)
    assert lazy.dtype == np.uint8
    assert lazy.numblocks == (2, 2, 3)
    labels = lazy.compute(scheduler=scheduler)
    assert labels.tobytes() == open_labels(undisturbed)[...].tobytes()


def test_chunks_are_whole_blocks_of_the_lattice(model: ExcursionModel) -> None:
    sample = Realization(model, SEED)
    edge = sample.block_edge
    lazy = to_dask(sample, (2 * edge, 10, edge), start=(-1, 5, 40))
    assert lazy.chunks == ((1, edge, edge - 1), (10,), (edge - 40, 40))


def test_chunks_of_a_periodic_volume_end_with_the_period(model: ExcursionModel) -> None:
    period = Realization(model).block_edge + 9
    sample = Realization(model, SEED, (None, None, period))
    edge = sample.block_edge
    lazy = to_dask(sample, (2, 2, 2 * period), start=(0, 0, -3))
    assert lazy.chunks[2] == (3, edge, 9, edge, 6)
    labels = lazy.compute(scheduler="synchronous")
    np.testing.assert_array_equal(labels, sample.window((0, 0, -3), (2, 2, 2 * period)))


@pytest.mark.parametrize("chunks", [100, (50, -1, (90, 110)), "auto", {0: 40}])
def test_other_chunks_show_the_same_voxels(chunks: Any) -> None:
    shape = (140, 19, 200)
    lazy = to_dask(Marked(build_model()), shape, start=START, chunks=chunks)
    expected = marks(START, shape)
    np.testing.assert_array_equal(lazy.compute(scheduler="synchronous"), expected)


def test_a_slice_computes_its_voxels_only() -> None:
    sample = Marked(build_model())
    lazy = to_dask(sample, (10**4,) * 3)
    part = lazy[5000, 1000:1256, :300]
    labels = part.compute(scheduler="synchronous")
    np.testing.assert_array_equal(labels, marks((5000, 1000, 0), (1, 256, 300))[0])
    assert sum(np.prod(shape) for _, shape in sample.asked) == labels.size
    picked = lazy[5000:5010, [7, 5, 1], :10].compute(scheduler="synchronous")
    np.testing.assert_array_equal(picked, marks((5000, 0, 0), (10, 8, 10))[:, [7, 5, 1]])


def test_a_hundred_thousand_chunks_share_one_description() -> None:
    sample = Realization(two_phases(), SEED)
    side = 47 * sample.block_edge
    lazy = to_dask(sample, (side,) * 3)
    assert lazy.npartitions == 47**3
    # one layer for the realization, one for all chunks, none of them written out yet
    assert len(lazy.dask.layers) <= 2
    assert len(pickle.dumps(lazy)) < 20_000
    corner = lazy[:4, :4, -4:]
    (culled,) = dask.optimize(corner)
    assert len(dict(culled.__dask_graph__())) < 10


def test_equal_arrays_have_equal_names(model: ExcursionModel) -> None:
    def name(seed: int = SEED, period: int | None = None, exact: bool = False, **box: Any) -> str:
        sample = Realization(model, seed, (None, None, period), exact)
        return str(to_dask(sample, **({"shape": SHAPE} | box)).name)

    assert name().startswith("morphgen-")
    assert name() == name(seed=SEED, start=(0, 0, 0))
    others = {
        name(seed=SEED + 1),
        name(period=500),
        name(exact=True),
        name(start=(0, 0, 1)),
        name(shape=(200, 150, 261)),
        name(chunks=100),
        str(to_dask(Realization(build_model(9.0), SEED), SHAPE).name),
    }
    assert len(others | {name()}) == 8


def test_dask_reads_a_lazy_volume_too() -> None:
    view = LazyVolume(Marked(build_model()), (140, 19, 300), START)
    lazy = da.from_array(view, chunks=(100, 19, 128))
    labels = lazy[::-3, 2, 5:].compute(scheduler="synchronous")
    np.testing.assert_array_equal(labels, marks(START, view.shape)[::-3, 2, 5:])


@pytest.mark.parametrize(
    ("box", "words"),
    [
        ({"shape": (1, 2)}, "three positive sides"),
        ({"shape": (9, 9, 9), "start": (0, 0)}, "expected three integers"),
        ({"shape": (9, 9, 9), "chunks": (1, 1)}, "chunks"),
        ({"shape": (9, 9, 9), "chunks": ((1,), (9,), (9,))}, "chunks"),
        ({"shape": (9, 9, 9), "chunks": 0}, "chunks 0"),
        ({"shape": (9, 9, 9), "chunks": (3, 0, 3)}, "chunks"),
        ({"shape": (9, 9, 9), "chunks": -2}, "chunks -2"),
        ({"shape": (9, 9, 9), "chunks": 2.5}, "chunks 2.5"),
        ({"shape": (9, 9, 9), "chunks": ((0, 9), (9,), (9,))}, "chunks"),
        ({"shape": (9, 9, 9), "chunks": ((-1, 10), (9,), (9,))}, "chunks"),
    ],
)
def test_boxes_and_chunks_are_checked(
    model: ExcursionModel, box: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        to_dask(Realization(model), **box)


def test_libraries_that_dask_cannot_join_are_refused(model: ExcursionModel) -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(InputError, match=r"arrays of torch.*give numpy or cupy"):
        to_dask(Realization(model), (9, 9, 9), xp=torch)
