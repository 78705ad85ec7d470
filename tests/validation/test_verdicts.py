"""Two questions, four answers: whether a difference was found, and whether it is small."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t as student

from morphgen.validation.bands import simultaneous_bands
from morphgen.validation.verdicts import (
    difference_interval,
    one_sided,
    smallest_margin,
    unshown,
    verdict_of,
)


@pytest.mark.parametrize(
    ("within", "shown", "verdict"),
    [
        (True, 0.05, "equivalent"),
        (True, 0.1, "equivalent"),
        (True, 0.2, "not told apart"),
        (False, 0.05, "differs, within the margin"),
        (False, 0.2, "differs"),
        (True, float("inf"), "not told apart"),
        (True, float("nan"), "not judged"),
    ],
)
def test_verdicts(within: bool, shown: float, verdict: str) -> None:
    assert verdict_of(within, shown, 0.1) == verdict


def test_interval_is_a_student_interval() -> None:
    values = np.random.default_rng(0).standard_normal((16, 3))
    observed = np.array([1.0, 2.0, np.nan])
    # the model's own error belongs to the difference, not to the interval
    bands = simultaneous_bands(values, observed, 5.0)
    interval = difference_interval(bands, observed, np.array([np.nan, 0.0, 0.0]), 16)
    half = student.isf(0.025, 15) * values.std(axis=0, ddof=1) * np.sqrt(1 + 1 / 16)
    middle = observed - values.mean(axis=0)
    assert interval.low[:2] == pytest.approx((middle - half)[:2])
    assert interval.high[:2] == pytest.approx((middle + half)[:2])
    assert np.isnan(interval.low[2])
    assert smallest_margin(interval, 2.0) == pytest.approx(np.max((np.abs(middle) + half)[:2]) / 2)


def test_scatter_within_the_specimen_widens_the_interval() -> None:
    values = np.random.default_rng(1).standard_normal((32, 1))
    bands = simultaneous_bands(values, np.zeros(1), 0.0)
    plain, wide = (
        difference_interval(bands, np.zeros(1), np.array([own]), 32) for own in (0.1, 10.0)
    )
    sd = bands.sd[0]
    ratio = (wide.high - wide.low)[0] / (plain.high - plain.low)[0]
    assert ratio == pytest.approx(np.sqrt(100.0 + sd**2 / 32) / (sd * np.sqrt(1 + 1 / 32)))


def test_interval_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(2)
    held = []
    for _ in range(2000):
        values = rng.standard_normal((17, 1))
        bands = simultaneous_bands(values[1:], values[0], 0.0)
        interval = difference_interval(bands, values[0], np.array([np.nan]), 16)
        held.append(interval.low[0] <= 0.0 <= interval.high[0])
    # four standard errors of a rate of 95 % in 2000 trials
    assert np.mean(held) == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / 2000))


def test_no_margin_without_points_or_scale() -> None:
    values = np.random.default_rng(3).standard_normal((16, 2))
    observed = np.array([0.0, np.nan])
    bands = simultaneous_bands(values, observed, 0.0)
    known, unknown = (
        difference_interval(bands.part(part), observed[part], np.full(1, np.nan), 16)
        for part in (slice(0, 1), slice(1, 2))
    )
    assert smallest_margin(known, 0.0) == np.inf
    assert np.isnan(smallest_margin(unknown, 1.0))


def test_what_is_infinite_is_not_judged() -> None:
    values = np.random.default_rng(4).standard_normal((16, 2))
    values[:, 1] = np.inf
    observed = np.array([0.0, np.inf])
    bands = simultaneous_bands(values, observed, 0.0)
    interval = difference_interval(bands, observed, np.full(2, np.nan), 16)
    assert bands.judged.tolist() == [True, False]
    assert np.isfinite(interval.low).tolist() == [True, False]


@pytest.mark.parametrize("missing", [np.nan, np.inf])
def test_a_value_on_one_side_alone_is_a_difference(missing: float) -> None:
    values = np.random.default_rng(5).standard_normal((16, 2))
    single = values.copy()
    single[3] = missing
    nothing = np.full((16, 2), missing)
    known, unknown = np.zeros(2), np.full(2, missing)
    assert one_sided(values, unknown)
    assert one_sided(nothing, known)
    assert not one_sided(values, known)
    assert not one_sided(nothing, unknown)
    # one simulation without a value: a true model may have such specimens
    assert not one_sided(single, known)
    assert not one_sided(single, unknown)


def test_what_is_not_judged_may_hide_a_difference() -> None:
    values = np.random.default_rng(6).standard_normal((16, 5))
    values[3, 1] = np.inf
    values[:, 2] = np.nan
    values[:, 3:] = 0.25
    observed = np.array([0.0, 0.0, np.nan, 0.25, 0.5])
    bands = simultaneous_bands(values, observed, 0.0)
    assert bands.judged.tolist() == [True, False, False, False, False]
    hidden = [
        unshown(bands.part(slice(k, k + 1)), values[:, k : k + 1], observed[k : k + 1])
        for k in range(5)
    ]
    assert hidden == [False, True, False, False, True]


def test_an_interval_without_end_is_not_forgotten() -> None:
    values = np.random.default_rng(7).standard_normal((16, 2))
    bands = simultaneous_bands(values, np.zeros(2), 0.0)
    interval = difference_interval(bands, np.zeros(2), np.array([0.1, np.inf]), 16)
    assert smallest_margin(interval, 1.0) == np.inf
