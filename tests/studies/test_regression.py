"""Power laws by least squares, and their errors on what they have not seen."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from morphgen.errors import InputError
from morphgen.studies.published import FRACTION, GAISELMANN, NECKS, PATHS, STENZEL, PowerLaw
from morphgen.studies.regression import Observations, accuracy, fit_power_law

EXPONENTS = {FRACTION: 1.2, NECKS: 0.4, PATHS: -3.0}
TRUE = PowerLaw("true", 1.3, EXPONENTS)
TRUTH = {"constant": 1.3, **EXPONENTS}


def observed(
    rng: np.random.Generator, noise: float, points: int = 40, each: int = 1
) -> Observations:
    """Values of a law with noise, most of which the observations of a point have in common.

    The volume fraction is one for each point, the others change little within it.
    """
    count = points * each
    groups = np.arange(count) % points
    predictors = {
        FRACTION: rng.uniform(0.2, 0.6, points)[groups],
        NECKS: rng.uniform(0.1, 0.6, points)[groups] * np.exp(0.02 * rng.normal(size=count)),
        PATHS: rng.uniform(1.05, 1.8, points)[groups] * np.exp(0.05 * rng.normal(size=count)),
    }
    errors = 0.9 * rng.normal(size=points)[groups] + 0.45 * rng.normal(size=count)
    return Observations(TRUE.predict(predictors) * np.exp(noise * errors), predictors, groups)


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


@pytest.mark.parametrize("each", [1, 3])
def test_intervals_are_those_of_the_jackknife(each: int) -> None:
    data = observed(np.random.default_rng(1), 0.2, points=9, each=each)
    found = fit_power_law(data, confidence=0.9, folds=9)
    without = [fit_power_law(data.part(data.groups != one), folds=8).law for one in range(9)]
    for name, exponent in found.law.exponents.items():
        shifts = np.array([one.exponents[name] - exponent for one in without])
        half = scipy.stats.t.ppf(0.95, 8) * math.sqrt(8.0 / 9.0 * np.sum(shifts**2))
        assert found.intervals[name] == pytest.approx((exponent - half, exponent + half))
    shifts = np.log([one.constant / found.law.constant for one in without])
    factor = math.exp(scipy.stats.t.ppf(0.95, 8) * math.sqrt(8.0 / 9.0 * np.sum(shifts**2)))
    ends = (found.law.constant / factor, found.law.constant * factor)
    assert found.intervals["constant"] == pytest.approx(ends)


@pytest.mark.parametrize(("points", "each"), [(8, 1), (6, 3), (8, 3), (12, 3), (20, 3), (60, 3)])
def test_intervals_cover(points: int, each: int) -> None:
    rng, trials = np.random.default_rng(2), 300
    covered = dict.fromkeys(TRUTH, 0)
    for _ in range(trials):
        data = observed(rng, 0.1, points, each)
        found = fit_power_law(data, folds=6)
        for name, (low, high) in found.intervals.items():
            covered[name] += low <= TRUTH[name] <= high
    # 3.3 standard errors of a share of .95 are .042
    assert all(0.908 < one / trials < 0.992 for one in covered.values()), covered


def test_means_are_predicted_by_smearing() -> None:
    data = observed(np.random.default_rng(5), 0.5, points=400)
    found = fit_power_law(data)
    # exp(sigma^2 / 2) of a normal error; the standard error of a variance of .25 is .018
    assert math.log(found.smearing) == pytest.approx(0.5 * 0.25 * (0.9**2 + 0.45**2), abs=0.04)


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
    with pytest.raises(
        InputError, match="5 independent points do not determine 4 coeff.*6 or more"
    ):
        fit_power_law(data.part(data.groups < 5))
    with pytest.raises(InputError, match="1 folds"):
        fit_power_law(data, folds=1)
    with pytest.raises(InputError, match="2 folds leave 4 of 8 points to a fit of 4 coefficients"):
        fit_power_law(data.part(data.groups < 8), folds=2)
    with pytest.raises(InputError, match=r"confidence 1.0"):
        fit_power_law(data, confidence=1.0)
    with pytest.raises(InputError, match="seed -1 is outside"):
        fit_power_law(data, seed=-1)
    same = dict.fromkeys((FRACTION, NECKS), data.predictors[FRACTION])
    with pytest.raises(InputError, match="do not vary independently"):
        fit_power_law(Observations(data.response, same, data.groups))
    fixed = {FRACTION: np.full(40, 0.3)}
    with pytest.raises(InputError, match="volume_fraction varies by 0 %, expected more than 0.3 %"):
        fit_power_law(Observations(data.response, fixed, data.groups))
    sampled = {FRACTION: 0.3 + 3e-4 * np.linspace(-1.0, 1.0, 40)}
    with pytest.raises(InputError, match=r"volume_fraction varies by 0.059 %"):
        fit_power_law(Observations(data.response, sampled, data.groups))
    single = {FRACTION: np.where(data.groups == 7, 0.4, 0.3)}
    with pytest.raises(InputError, match="one point alone tells volume_fraction apart"):
        fit_power_law(Observations(data.response, single, data.groups))
