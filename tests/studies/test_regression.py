"""Power laws by least squares, and their errors on what they have not seen."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from morphgen.errors import InputError
from morphgen.studies.published import FRACTION, GAISELMANN, NECKS, PATHS, STENZEL, PowerLaw
from morphgen.studies.regression import Observations, accuracy, fit_power_law

TRUE = PowerLaw("true", 1.3, {FRACTION: 1.2, NECKS: 0.4, PATHS: -3.0})


def observed(
    rng: np.random.Generator, noise: float, points: int = 40, each: int = 1
) -> Observations:
    """Values of a law with noise, of which that of a point is common to its observations."""
    count = points * each
    predictors = {
        FRACTION: rng.uniform(0.2, 0.6, count),
        NECKS: rng.uniform(0.1, 0.6, count),
        PATHS: rng.uniform(1.05, 1.8, count),
    }
    groups = np.arange(count) % points
    errors = noise * rng.normal(size=points)[groups] if each > 1 else noise * rng.normal(size=count)
    return Observations(TRUE.predict(predictors) * np.exp(errors), predictors, groups)


def test_published_laws() -> None:
    one = {FRACTION: np.array([0.4]), NECKS: np.array([0.25]), PATHS: np.array([1.2])}
    assert STENZEL.predict(one) == pytest.approx(0.4**1.15 * 0.25**0.37 / 1.2**4.39)
    assert GAISELMANN.predict(one) == pytest.approx(2.03 * 0.4**1.57 * 0.25**0.72 / 1.2**2)
    assert STENZEL.text == "eps^1.15 beta^0.37 / tau^4.39"
    assert GAISELMANN.text == "2.03 eps^1.57 beta^0.72 / tau^2"
    assert PowerLaw("", 1.0, {PATHS: -2.0}).text == "1 / tau^2"
    assert PowerLaw("", 2.0, {NECKS: -0.5, "other": 1.0}).text == "2 beta^-0.5 other^1"


def test_a_law_without_noise_is_found() -> None:
    found = fit_power_law(observed(np.random.default_rng(0), 0.0))
    assert found.law.constant == pytest.approx(1.3)
    assert found.law.exponents == pytest.approx(dict(TRUE.exponents))
    assert found.held_out.r_squared == pytest.approx(1.0)
    assert found.held_out.percentage_error == pytest.approx(0.0, abs=1e-9)
    assert (found.folds, found.confidence) == (10, 0.95)


def test_intervals_are_those_of_a_straight_line() -> None:
    data = observed(np.random.default_rng(1), 0.2)
    data = Observations(data.response, {PATHS: data.predictors[PATHS]}, data.groups)
    found = fit_power_law(data, confidence=0.9)
    line = scipy.stats.linregress(np.log(data.predictors[PATHS]), np.log(data.response))
    half = scipy.stats.t.ppf(0.95, 38) * line.stderr
    assert found.intervals[PATHS] == pytest.approx((line.slope - half, line.slope + half))
    half = scipy.stats.t.ppf(0.95, 38) * line.intercept_stderr
    assert np.log(found.intervals["constant"]) == pytest.approx(
        [line.intercept - half, line.intercept + half]
    )


@pytest.mark.parametrize("each", [1, 3])
def test_intervals_cover(each: int) -> None:
    rng, trials, covered = np.random.default_rng(2), 400, 0
    for _ in range(trials):
        data = observed(rng, 0.2, points=60, each=each)
        low, high = fit_power_law(data, confidence=0.8, folds=2).intervals[PATHS]
        covered += low <= -3.0 <= high
    # 4 standard errors of a share of .8 are .08; those of clusters are known to be a little narrow
    assert 0.71 < covered / trials < 0.88


def test_what_is_held_out_is_not_seen() -> None:
    data = observed(np.random.default_rng(3), 0.1, points=12, each=3)
    before = fit_power_law(data, folds=4)
    changed = data.response.copy()
    changed[data.groups == 5] *= 7.0
    after = fit_power_law(Observations(changed, data.predictors, data.groups), folds=4)
    same = before.predictions == after.predictions
    # the part of that point, and it alone, is predicted as before
    assert set(data.groups[same]) >= {5}
    assert np.unique(data.groups[same]).size == 3
    assert np.count_nonzero(same) == 9
    again = accuracy(changed, after.predictions)
    assert after.held_out == again


def test_accuracy() -> None:
    found = accuracy(np.array([1.0, 2.0, 3.0]), np.array([1.1, 2.0, 2.4]))
    assert found.percentage_error == pytest.approx(10.0)
    assert found.r_squared == pytest.approx(1.0 - 0.37 / 2.0)


def test_what_determines_no_law() -> None:
    data = observed(np.random.default_rng(4), 0.1)
    with pytest.raises(InputError, match="5 points do not determine 4 coefficients; expected 6"):
        fit_power_law(data.part(data.groups < 5))
    with pytest.raises(InputError, match="1 folds"):
        fit_power_law(data, folds=1)
    with pytest.raises(InputError, match="confidence 1.0"):
        fit_power_law(data, confidence=1.0)
    same = dict.fromkeys((FRACTION, NECKS), data.predictors[FRACTION])
    with pytest.raises(InputError, match="do not vary independently"):
        fit_power_law(Observations(data.response, same, data.groups))
    fixed = {FRACTION: np.full(40, 0.3)}
    with pytest.raises(InputError, match="volume_fraction does not vary"):
        fit_power_law(Observations(data.response, fixed, data.groups))
