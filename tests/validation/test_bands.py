"""The level that is stated is the level that is kept."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t as student

from morphgen.errors import InputError
from morphgen.validation.bands import FamilyLevel, family_level, left_out, simultaneous_bands


def correlated(rng: np.random.Generator, rows: int, points: int, reach: int) -> np.ndarray:
    """Rows of normal values, correlated along the row like the lags of a curve."""
    noise = rng.standard_normal((rows, points + reach - 1))
    until = np.cumsum(np.pad(noise, ((0, 0), (1, 0))), axis=1)
    return (until[:, reach:] - until[:, :-reach]) / np.sqrt(reach)


@pytest.mark.parametrize(("points", "reach"), [(1, 1), (40, 1), (300, 60)])
@pytest.mark.parametrize("n", [16, 32])
def test_level_is_kept(n: int, points: int, reach: int) -> None:
    rng = np.random.default_rng(5)
    outside = []
    for _ in range(400):
        values = correlated(rng, n + 1, points, reach)
        bands = simultaneous_bands(values[1:], values[0], 0.0)
        outside.append(np.abs(bands.z).max() > bands.family.critical(0.05))
    # three standard deviations of a rate of 5 % in 400 trials; the tails allowed for are heavier
    # than normal, so that a rate that is too low is no failure
    assert np.mean(outside) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)


def test_correlated_points_cost_less() -> None:
    rng = np.random.default_rng(0)
    tied = family_level(left_out(correlated(rng, 64, 300, 100)))
    free = family_level(left_out(correlated(rng, 64, 300, 1)))
    assert tied.effective_points < 0.3 * free.effective_points
    assert tied.critical(0.01) < free.critical(0.01)


def test_critical_and_p_value_agree() -> None:
    family = FamilyLevel(total=0.4, used=8, freedom=15.0)
    for level in (0.001, 0.01, 0.2):
        assert family.p_value(family.critical(level)) == pytest.approx(level, rel=1e-9)


def test_one_exact_point_is_a_student_quantile() -> None:
    # a family of exactly one point, known from very many simulations
    family = FamilyLevel(total=1e6, used=10**6, freedom=15.0)
    assert family.critical(0.01) == pytest.approx(student.isf(0.005, 15.0), rel=1e-5)


def test_deviation_counts_the_error_of_mean_and_model() -> None:
    rng = np.random.default_rng(1)
    values = rng.standard_normal((32, 5))
    plain = simultaneous_bands(values, np.ones(5), 0.0)
    wider = simultaneous_bands(values, np.ones(5), 2.0)
    assert plain.scale == pytest.approx(values.std(axis=0, ddof=1) * np.sqrt(1 + 1 / 32))
    assert wider.scale == pytest.approx(values.std(axis=0, ddof=1) * np.sqrt(3 + 1 / 32))
    assert np.all(np.abs(wider.z) < np.abs(plain.z))
    assert wider.family == plain.family


def test_points_that_do_not_vary_are_not_judged() -> None:
    values = np.random.default_rng(2).standard_normal((16, 4))
    values[:, 0] = 0.25
    values[:, 1] = np.nan
    values[:, 2] = 0.0
    values[3, 2] = 1.0  # only one differs: without it, nothing is known of the spread
    bands = simultaneous_bands(values, np.array([0.5, 0.0, 0.0, 0.0]), 0.0)
    assert bands.judged.tolist() == [False, False, False, True]
    assert np.isfinite(bands.family.critical(0.01))
    with pytest.raises(InputError, match="nothing can be judged"):
        simultaneous_bands(values[:, :3], np.zeros(3), 0.0)


def test_agreement_of_all_simulations_is_judged_with_a_resolution() -> None:
    values = np.random.default_rng(3).standard_normal((16, 2))
    values[:, 0] = 1.0
    floor = np.array([0.01, 0.0])
    near = simultaneous_bands(values, np.array([0.99, 0.0]), 0.0, floor)
    far = simultaneous_bands(values, np.array([0.5, 0.0]), 0.0, floor)
    assert near.judged.all()
    assert near.z[0] == pytest.approx(-1.0 / np.sqrt(1 + 1 / 16))
    assert abs(far.z[0]) > far.family.critical(0.01)


def test_levelled_curves_have_bands_of_one_width() -> None:
    values = np.random.default_rng(4).standard_normal((16, 6)) * [1.0, 2.0, 3.0, 1.0, 2.0, 3.0]
    bands = simultaneous_bands(values, np.zeros(6), 0.0, 0.0, [slice(0, 3)])
    assert bands.scale[:3] == pytest.approx(np.full(3, bands.sd[:3].max() * np.sqrt(1 + 1 / 16)))
    assert bands.scale[3:] == pytest.approx(bands.sd[3:] * np.sqrt(1 + 1 / 16))
    plain = left_out(values)
    levelled = left_out(values, 0.0, [slice(0, 3)])
    assert np.all(np.abs(levelled[:, :3]) <= np.abs(plain[:, :3]))
    assert levelled[:, 3:] == pytest.approx(plain[:, 3:])


def test_a_single_straying_simulation_cannot_hide_in_a_levelled_curve() -> None:
    values = np.random.default_rng(5).standard_normal((16, 4))
    values[7] += 100.0
    # its own spread is that of the others
    assert np.abs(left_out(values, 0.0, [slice(0, 4)])[7]).min() > 20.0


def test_each_point_may_have_an_error_of_the_model_of_its_own() -> None:
    values = np.random.default_rng(6).standard_normal((16, 2))
    bands = simultaneous_bands(values, np.zeros(2), np.array([0.0, 3.0]))
    assert bands.scale == pytest.approx(bands.sd * np.sqrt(np.array([1.0, 4.0]) + 1 / 16))
