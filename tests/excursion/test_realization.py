"""Realizations: the same voxels through any window, on any backend."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from conftest import Backend
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from samples import PHASES, spline_kernel, three_phases, two_phases

from morphgen._array_api import standard
from morphgen.errors import InputError
from morphgen.excursion import ExcursionModel, Field, Realization
from morphgen.excursion.labels import first_match
from morphgen.fields import blocks
from morphgen.fields.laws import ChiSquare, Gaussian
from morphgen.fields.parametric import GaussianKernel
from morphgen.fields.sampling import COVARIANCE_ERROR

ORIGIN, SHAPE = (-12, 20, -30), (40, 30, 60)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let windows of a few thousand voxels straddle many blocks."""
    monkeypatch.setattr(blocks, "_EDGES", (32,))


@pytest.fixture
def reference(small_blocks: None) -> np.ndarray:
    """Labels of a window that straddles blocks on every axis, at negative coordinates too."""
    return Realization(three_phases(), seed=11).window(ORIGIN, SHAPE)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_window_shows_the_same_voxels(reference: np.ndarray, data: st.DataObject) -> None:
    whole = reference
    start = [data.draw(st.integers(0, side - 1)) for side in whole.shape]
    shape = [
        data.draw(st.integers(1, side - first))
        for first, side in zip(start, whole.shape, strict=True)
    ]
    origin = [first + base for first, base in zip(start, ORIGIN, strict=True)]
    found = Realization(three_phases(), seed=11).window(origin, shape)
    part = tuple(slice(a, a + n) for a, n in zip(start, shape, strict=True))
    np.testing.assert_array_equal(found, whole[part])


def test_window_on_every_backend(backend: Backend) -> None:
    # one block is enough to compare millions of voxels
    found = Realization(three_phases(), seed=2).block((0, 0, 0), backend.xp)
    expected = Realization(three_phases(), seed=2).block((0, 0, 0))
    labels = backend.to_numpy(found)
    assert labels.dtype == np.uint8
    assert np.mean(labels != expected) <= 1e-5


def test_window_is_assembled_on_every_backend(backend: Backend, reference: np.ndarray) -> None:
    found = Realization(three_phases(), seed=11).window(ORIGIN, SHAPE, backend.xp)
    # at most one of 72,000 voxels, at 1e-5 each
    assert np.count_nonzero(backend.to_numpy(found) != reference) <= 1


def test_seeds_differ(small_blocks: None) -> None:
    windows = [Realization(three_phases(), seed=s).window((0, 0, 0), (30, 30, 30)) for s in (1, 2)]
    assert np.mean(windows[0] != windows[1]) > 0.3


def test_periodic_windows_repeat_and_close(small_blocks: None) -> None:
    model = three_phases()
    period = 4 * max(model.halos) + 9
    sample = Realization(model, 3, (None, period, None))
    once = sample.window((0, 0, 0), (8, period, 8))
    again = sample.window((0, -3 * period, 0), (8, period, 8))
    np.testing.assert_array_equal(once, again)
    across = sample.window((0, period - 2, 0), (8, 4, 8))
    np.testing.assert_array_equal(across, np.concatenate([once[:, -2:], once[:, :2]], axis=1))
    # the border is no more visible than any plane inside
    change = [
        np.mean(np.roll(once, k, axis=1)[:, 0] != np.roll(once, k, axis=1)[:, -1])
        for k in range(period)
    ]
    assert change[0] <= max(change[1:])


def test_a_part_of_a_block_is_cut_from_it() -> None:
    sample = Realization(three_phases(), seed=2)
    whole = sample.block((0, 1, -1))
    open_ended = (slice(None), slice(-3, None), slice(5, 999))
    for part in [(slice(7, 8), slice(0, 256), slice(0, 256)), (slice(30, 70),) * 3, open_ended]:
        np.testing.assert_array_equal(sample.block((0, 1, -1), part=part), whole[part])


def test_threads_do_not_change_the_voxels(small_blocks: None, reference: np.ndarray) -> None:
    sample = Realization(three_phases(), seed=11)
    with ThreadPoolExecutor(4) as pool:
        windows = list(pool.map(lambda _: sample.window(ORIGIN, SHAPE), range(8)))
    assert all(np.array_equal(window, reference) for window in windows)


def test_exact_synthesis_differs_where_a_field_is_interpolated() -> None:
    field = Field(GaussianKernel(8.0), Gaussian(), 0.2)
    model = ExcursionModel(PHASES[:2], (1, 0), (field,))
    default, exact = Realization(model, 3), Realization(model, 3, exact=True)
    assert default.samplings[0].interpolated
    assert not exact.samplings[0].interpolated
    windows = [one.window((0, 0, 0), (160, 160, 160)) for one in (default, exact)]
    assert np.mean(windows[0] != windows[1]) > 0.2
    # variance of a fraction: (1/V) int (C(h) - p^2) dh, at most p (1 - p) (2 pi)^(3/2) l^3 / V
    deviation = np.sqrt(0.25 * (2.0 * np.pi) ** 1.5 * 8.0**3 / 160**3)
    for window in windows:
        assert abs(window.mean() - field.probability) < 4.0 * deviation


def test_short_periods_are_refused() -> None:
    with pytest.raises(InputError, match="at least"):
        Realization(three_phases(), 3, (10, None, None))


def test_the_shortest_period_follows_the_synthesis() -> None:
    field = Field(GaussianKernel(17.0), Gaussian(), 0.2)
    model = ExcursionModel(PHASES[:2], (1, 0), (field,))
    # the kernel reaches 47 voxels, or 5 points of a lattice of every eighth voxel
    assert Realization(model, periods=(189, None, None), exact=True).periods[0] == 189
    with pytest.raises(InputError, match="at least 189"):
        Realization(model, periods=(188, None, None), exact=True)
    with pytest.raises(InputError, match="at least 161"):
        Realization(model, periods=(None, None, 160))


def test_an_error_of_the_kernel_is_told() -> None:
    errors = [
        Realization(two_phases(length), exact=exact).synthesis_errors()[0]
        for length, exact in ((8.0, False), (8.0, True))
    ]
    assert 0.0 < errors[1] < errors[0] <= COVARIANCE_ERROR
    narrow = Field(spline_kernel(3.0, 3), Gaussian(), 0.0)
    model = ExcursionModel(PHASES[:2], (1, 0), (narrow,))
    assert Realization(model).synthesis_errors()[0] > 0.05


def test_numpy_integers_are_integers(small_blocks: None, reference: np.ndarray) -> None:
    sample = Realization(three_phases(), np.uint8(11))
    for kind in (np.int32, np.int64):
        window = sample.window(np.array(ORIGIN, kind), np.array(SHAPE, kind))
        np.testing.assert_array_equal(window, reference)
    far = 2**31 - 5
    windows = [sample.window((start, 0, 0), (10, 4, 4)) for start in (far, np.int32(far))]
    np.testing.assert_array_equal(*windows)
    small = sample.window(np.array([250, 0, 0], np.uint8), (10, 4, 4))
    np.testing.assert_array_equal(small, sample.window((250, 0, 0), (10, 4, 4)))
    index = np.array([2**24, 0, 0], np.int32)
    np.testing.assert_array_equal(sample.block(tuple(index)), sample.block((2**24, 0, 0)))


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda model: Realization(model, "3"), "seed '3' is not an integer"),
        (lambda model: Realization(model, -1), "seed -1"),
        (lambda model: Realization(model, 3, [200, None]), "one per axis"),
        (lambda model: Realization(model, 3, (200.0, None, None)), "period 200.0"),
        (lambda model: Realization(model).window((0.5, 0, 0), (1, 1, 1)), "start 0.5"),
        (lambda model: Realization(model).window((2**63, 0, 0), (1, 1, 1)), "start"),
        (lambda model: Realization(model).block((0, 0)), "three integers"),
        (lambda model: Realization(model).block((0,) * 3, part=(slice(3, 3),) * 3), "voxels in"),
        (lambda model: Realization(model).block((0,) * 3, part=(slice(0, 9, 2),) * 3), "step 1"),
    ],
)
def test_bad_requests_are_one_line(ask: Callable[[ExcursionModel], object], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        ask(three_phases())
    assert "\n" not in str(caught.value)


def test_periods_given_as_a_list() -> None:
    assert Realization(three_phases(), 3, [200, None, None]).periods == (200, None, None)


@pytest.mark.parametrize(("start", "shape"), [((0, 0), (1, 1)), ((0, 0, 0), (1, 0, 1))])
def test_windows_need_three_positive_sides(start: tuple[int, ...], shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"three positive sides|three integers"):
        Realization(three_phases()).window(start, shape)


def test_fractions_of_a_volume() -> None:
    model = three_phases()
    labels = Realization(model, seed=4).block((0, 0, 0))
    # THEORY 8 in 3D: variance of a fraction = (1/V) int (C_ii(h) - p_i^2) dh
    lag = np.linspace(0.0, 40.0, 400)
    table = model.two_point_coverage(lag)
    for place, (label, fraction) in enumerate(model.volume_fractions().items()):
        excess = table[place, place] - fraction**2
        integral = float(np.sum(4.0 * np.pi * lag**2 * excess) * (lag[1] - lag[0]))
        deviation = np.sqrt(max(integral, 1.0) / labels.size)
        assert abs(np.mean(labels == label) - fraction) < 4.0 * deviation


def test_first_match(backend: Backend) -> None:
    rng = np.random.default_rng(0)
    decisions = rng.random((3, 50)) < 0.4
    arrays = [backend.asarray(d) for d in decisions]
    found = first_match((7, 2, 254, 0), arrays, standard(backend.xp))
    expected = np.select(list(decisions), [7, 2, 254], 0)
    np.testing.assert_array_equal(backend.to_numpy(found), expected)


def test_lower_and_upper_sets_complement_each_other(small_blocks: None) -> None:
    kernel = spline_kernel(6.0, 5)
    upper, lower = (
        ExcursionModel(PHASES[:2], (1, 0), (Field(kernel, ChiSquare(2), 1.5, side),))
        for side in ("above", "below")
    )
    one = Realization(upper, 5).window((0, 0, 0), (20, 20, 20))
    two = Realization(lower, 5).window((0, 0, 0), (20, 20, 20))
    np.testing.assert_array_equal(one, 1 - two)
