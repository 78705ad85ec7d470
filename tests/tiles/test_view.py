"""A lazy volume is read like a NumPy array, and computes only what it is asked for."""

from __future__ import annotations

import copy
import importlib
import pickle
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from conftest import Backend
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import basic_indices
from samples import three_phases
from tiles.conftest import SEED, build_model

from morphgen.errors import InputError
from morphgen.excursion import ExcursionModel, Realization
from morphgen.tiles.view import LazyVolume

START, SHAPE = (-70, 120, 0), (140, 19, 300)
# voxels after which the marks repeat, no divisor of any block edge
PERIOD = 97


@dataclass(frozen=True)
class Marked(Realization):
    """A realization whose labels are a cheap formula, and which notes what it was asked for."""

    asked: list[tuple[tuple[int, ...], tuple[int, ...]]] = field(default_factory=list)

    def window(
        self, start: Sequence[int], shape: Sequence[int], xp: ModuleType = np, device: Any = None
    ) -> Any:
        self.asked.append((tuple(start), tuple(shape)))
        return marks(start, shape)


def marks(start: Sequence[int], shape: Sequence[int]) -> np.ndarray:
    z, y, x = np.ogrid[tuple(slice(a, a + n) for a, n in zip(start, shape, strict=True))]
    return ((z * 3 + y * 17 + x * 31) % PERIOD).astype(np.uint8)


@pytest.fixture(scope="module")
def marked() -> LazyVolume:
    return LazyVolume(Marked(build_model()), SHAPE, START)


@pytest.fixture(scope="module")
def expected() -> np.ndarray:
    return marks(START, SHAPE)


def test_the_volume_straddles_blocks(marked: LazyVolume) -> None:
    edge = marked.realization.block_edge
    first = [a // edge for a in START]
    last = [(a + n - 1) // edge for a, n in zip(START, SHAPE, strict=True)]
    assert all(a < b for a, b in zip(first, last, strict=True)), "or the tests below say little"


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_basic_indexing_is_that_of_numpy(
    marked: LazyVolume, expected: np.ndarray, data: st.DataObject
) -> None:
    key = data.draw(basic_indices(SHAPE, allow_ellipsis=True, allow_newaxis=False))
    found = marked[key]
    assert np.shape(found) == np.shape(expected[key])
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, expected[key])


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_one_list_is_read_as_numpy_does(
    marked: LazyVolume, expected: np.ndarray, data: st.DataObject
) -> None:
    axis = data.draw(st.integers(0, 2))
    side = SHAPE[axis]
    chosen = data.draw(st.lists(st.integers(-side, side - 1), max_size=8))
    step = data.draw(st.integers(1, 9))
    key: list[Any] = [slice(None, None, step), slice(3, None), slice(5, 200, -step)]
    key[axis] = chosen
    np.testing.assert_array_equal(marked[tuple(key)], expected[tuple(key)])
    mask = np.isin(np.arange(side), chosen)
    key[axis] = mask
    np.testing.assert_array_equal(marked[tuple(key)], expected[tuple(key)])


@pytest.mark.parametrize("kind", [*np.typecodes["AllInteger"]])
def test_lists_of_small_integers(marked: LazyVolume, expected: np.ndarray, kind: str) -> None:
    # the axis is longer than int8 and uint8 reach
    chosen = np.asarray([7, 2, 120, 2], dtype=kind)
    found = marked[3:5, :2, chosen]
    np.testing.assert_array_equal(found, expected[3:5, :2, chosen])
    if chosen.dtype.kind == "i":
        np.testing.assert_array_equal(marked[..., -chosen], expected[..., -chosen])


def test_a_list_beyond_the_end_of_the_coordinates_is_refused(model: ExcursionModel) -> None:
    for start in (2**63, 2**62, -(2**63)):
        view = LazyVolume(Realization(model), (2, 2, 2), (start, 0, 0))
        for key in ([0, 1], slice(None)):
            with pytest.raises(InputError):
                view[key]


def test_a_list_in_any_order_computes_every_block_once() -> None:
    sample = Marked(build_model())
    edge = sample.block_edge
    view = LazyVolume(sample, (4 * edge, 10, 10), START)
    chosen = [0, 3 * edge, 1, 3 * edge + 1, 2, 0, 0]
    labels = view[chosen, :4, ::2]
    np.testing.assert_array_equal(labels, marks(START, view.shape)[chosen, :4, ::2])
    assert [shape[0] for _, shape in sample.asked] == [3, 2]
    # the limit is one on what is handed out
    small = LazyVolume(sample, (10, 10, 10), limit=200)
    assert small[[1, 0]].shape == (2, 10, 10)
    with pytest.raises(InputError, match="3 x 10 x 10 voxels"):
        small[[1, 1, 1]]


def test_steps_and_lists_are_read_block_by_block() -> None:
    period = 3 * Realization(build_model()).block_edge + 17
    sample = Marked(build_model(), periods=(None, None, period))
    edge = sample.block_edge
    view = LazyVolume(sample, (300, 300, 10 * period), (-200, 5, -period // 2))
    for key in [np.s_[::7, 4, ::-3], np.s_[9:10, :, [5, 400, 401, 3]], np.s_[10:12, 3, 7::1000]]:
        sample.asked.clear()
        labels = view[key]
        for start, shape in sample.asked:
            for place, length, repeat in zip(start, shape, sample.periods, strict=True):
                first = place if repeat is None else place % repeat
                assert repeat is None or first + length <= repeat
                assert first // edge == (first + length - 1) // edge
        # steps and integers ask for no more than the box between the outermost voxels
        assert sum(np.prod(shape) for _, shape in sample.asked) <= labels.size * 7 * 3
    sample.asked.clear()
    assert view[5, 9:9, :].shape == (0, 10 * period)
    assert not sample.asked


def test_a_voxel_of_a_huge_volume_asks_for_one_voxel() -> None:
    sample = Marked(build_model())
    view = LazyVolume(sample, (10**5,) * 3)
    assert view[50_000, -1, 99_999] == marks((50_000, 99_999, 99_999), (1, 1, 1))
    assert sample.asked == [((50_000, 99_999, 99_999), (1, 1, 1))]


def test_a_huge_volume_shows_its_realization() -> None:
    sample = Realization(three_phases(), SEED)
    view = LazyVolume(sample, (10**5,) * 3)
    edge = view.chunks[0]
    line = 200 * edge
    found = view[50_000, 1000:1010, line - 9 : line + 9 : 3]
    whole = sample.window((50_000, 1000, line - 9), (1, 10, 18))
    np.testing.assert_array_equal(found, whole[0, :, ::3])


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_part_is_that_of_the_volume(
    model: ExcursionModel, whole: np.ndarray, data: st.DataObject
) -> None:
    # `whole` is a window of its own
    view = LazyVolume(Realization(model, SEED), whole.shape)
    corner = [data.draw(st.integers(0, side - 1)) for side in whole.shape]
    key = tuple(slice(a, a + data.draw(st.integers(0, 150))) for a in corner)
    np.testing.assert_array_equal(view[key], whole[key])


def test_periodic_volumes_repeat(model: ExcursionModel) -> None:
    period = 4 * max(model.halos) + 9
    sample = Realization(model, SEED, (None, period, None))
    labels = LazyVolume(sample, (2, 3 * period, 8), (-1, 5, 9))[...]
    np.testing.assert_array_equal(labels[:, :period], labels[:, period : 2 * period])
    np.testing.assert_array_equal(labels, sample.window((-1, 5, 9), (2, 3 * period, 8)))


def test_on_every_backend(backend: Backend, model: ExcursionModel) -> None:
    edge = Realization(model).block_edge
    key = np.s_[3::-2, edge - 2 : edge + 2, [5, 2, 3]]
    labels = LazyVolume(Realization(model, SEED), (4, 200, 9), xp=backend.xp)[key]
    expected = LazyVolume(Realization(model, SEED), (4, 200, 9))[key]
    assert labels.shape == expected.shape == (2, 4, 3)
    # 24 voxels, at 1e-5 each
    np.testing.assert_array_equal(backend.to_numpy(labels), expected)


def test_it_describes_itself_as_a_zarr_array_does(marked: LazyVolume) -> None:
    assert (marked.shape, marked.ndim, marked.dtype) == (SHAPE, 3, np.dtype("uint8"))
    assert (marked.size, marked.nbytes, len(marked)) == (140 * 19 * 300, 140 * 19 * 300, 140)
    assert marked.chunks == (marked.realization.block_edge,) * 3
    attrs = marked.attrs
    assert (attrs["voxel_size"], attrs["unit"], attrs["axes"]) == ([1.0] * 3, "um", ["z", "y", "x"])
    assert attrs["phases"][1] == {"label": 1, "name": "grain", "color": "#aa3300"}
    assert (attrs["seed"], attrs["start"], attrs["periods"]) == (0, [-70, 120, 0], [None] * 3)
    assert len(attrs["model_sha256"]) == 64
    attrs.clear()
    assert marked.attrs, "a dictionary that was handed out is the reader's own"
    assert repr(marked) == (
        "<LazyVolume 140 x 19 x 300 uint8, seed=0, start=(-70, 120, 0), read-only>"
    )


def test_it_is_read_only(marked: LazyVolume) -> None:
    with pytest.raises(TypeError, match="read-only"):
        marked[0, 0, 0] = 1
    labels = marked[0]
    labels[:] = 7
    assert not (marked[0] == 7).all()


def test_small_volumes_become_arrays(marked: LazyVolume, expected: np.ndarray) -> None:
    np.testing.assert_array_equal(np.asarray(marked), expected)
    assert np.asarray(marked, dtype=np.int32).dtype == np.int32
    np.testing.assert_array_equal(np.stack(list(marked)), expected)
    with pytest.raises(ValueError, match="without a copy"):
        np.asarray(marked, copy=False)


def test_huge_volumes_are_not_computed_by_mistake() -> None:
    view = LazyVolume(Marked(build_model()), (10**5,) * 3)
    for read in (np.asarray, lambda v: v[:], lambda v: v[5], lambda v: v[..., ::2]):
        with pytest.raises(InputError, match=r"the limit is 2 GiB; read less at once"):
            read(view)
    small = LazyVolume(view.realization, (10, 10, 11), limit=1000)
    with pytest.raises(InputError, match="10 x 10 x 11 voxels"):
        small[...]
    assert small[..., :10].size == 1000
    assert LazyVolume(view.realization, (10, 10, 11), limit=None)[...].size == 1100
    assert not [shape for _, shape in view.realization.asked if np.prod(shape) > 1100]


def test_arrays_on_a_device_are_not_copied_silently(model: ExcursionModel) -> None:
    torch = pytest.importorskip("torch")
    view = LazyVolume(Realization(model), (3, 3, 3), xp=torch)
    with pytest.raises(InputError, match="arrays of torch"):
        np.asarray(view)
    assert isinstance(view[0], torch.Tensor)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (140, "index 140 is out of bounds for axis 0 of 140"),
        ((0, -20), "index -20 is out of bounds for axis 1"),
        ((0, 0, [1, 300]), "index 300 is out of bounds for axis 2"),
        (10**30, f"index {10**30} is out of bounds for axis 0"),
        ([0, -(10**30)], f"index -{10**30} is out of bounds for axis 0"),
        (np.array([1, 2**64 - 1], np.uint64), f"index {2**64 - 1} is out of bounds for axis 0"),
        ((0, np.array([-20], np.int8)), "index -20 is out of bounds for axis 1"),
        ((0, 0, 0, 0), "up to three indices"),
        ((..., 0, ...), "at most one Ellipsis"),
        (None, "expected integers, slices or an Ellipsis"),
        (True, "expected integers, slices or an Ellipsis"),
        (1.0, "expected integers, slices or an Ellipsis"),
        ("a", "expected integers, slices or an Ellipsis"),
        ([1.5], "expected integers"),
        (np.ones(3, dtype=bool), "3 booleans for axis 0 of 140"),
        (np.zeros((2, 2), dtype=int), "expected integers, slices or an Ellipsis"),
        (([0], [0]), "a list goes with slices only"),
        ((0, slice(None), [0]), "a list goes with slices only"),
    ],
)
def test_what_is_no_index_is_refused(marked: LazyVolume, key: Any, words: str) -> None:
    with pytest.raises(IndexError, match=words):
        marked[key]


def test_a_step_of_zero_is_refused_as_by_numpy(marked: LazyVolume) -> None:
    with pytest.raises(ValueError, match="step cannot be zero"):
        marked[::0]


@pytest.mark.parametrize(
    ("shape", "start"), [((1, 2), (0, 0, 0)), ((1, 2, 0), (0, 0, 0)), ((1, 2, 3), (0, 0.5, 0))]
)
def test_boxes_are_checked(shape: Any, start: Any) -> None:
    with pytest.raises(InputError, match="expected three"):
        LazyVolume(Realization(build_model()), shape, start)


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_it_can_be_sent_to_another_process(model: ExcursionModel, library: str) -> None:
    pytest.importorskip(library)
    xp = importlib.import_module(library)
    view = LazyVolume(Realization(model, SEED), (5, 6, 7), (1, 2, 3), xp, limit=100)
    for other in (pickle.loads(pickle.dumps(view)), copy.deepcopy(view)):
        assert other == view
        assert other.limit == 100
