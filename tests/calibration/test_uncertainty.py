"""Standard errors and intervals: the linear map, and what is made of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.special
from calibration.truths import TRUTHS

from morphgen.calibration.coverage import quantities_of
from morphgen.calibration.lags import Lags
from morphgen.calibration.minimize import solve
from morphgen.calibration.objective import FieldLaw
from morphgen.calibration.parametrization import Low
from morphgen.calibration.problem import Problem
from morphgen.calibration.targets import Target, measure_target
from morphgen.calibration.uncertainty import Spread, spread
from morphgen.excursion import section_sampler
from morphgen.fields.laws import Gaussian
from morphgen.fields.parametric import MaternKernel
from morphgen.images import read_section

ORDER = (2, 0, 1)


@pytest.fixture(scope="module")
def target() -> Target:
    return measure_target([read_section(section_sampler(TRUTHS["Matern"], (384, 384)).labels(1))])


def low_problem(target: Target, free: bool) -> Problem:
    fractions, rows = target.in_order(ORDER)
    law, member = FieldLaw(Gaussian()), Low(Lags.radial(target.lag), MaternKernel)
    return Problem(rows, fractions, (law, law), (member, member), free)


def solved(problem: Problem, start: np.ndarray) -> np.ndarray:
    return solve(problem, start, evaluations=100, tolerance=1e-13).parameters


@pytest.mark.parametrize("free", [False, True])
def test_effects_are_those_of_a_refit(target: Target, free: bool) -> None:
    problem = low_problem(target, free)
    parameters = problem.start([np.log([4.0, 2.0]), np.log([3.0, 2.5])])
    # data without noise: Gauss and Newton are exact to first order
    problem = replace(problem, rows=problem.model_rows(parameters))
    quantities = quantities_of(ORDER, target.lags)
    known = spread(problem, parameters, target, ORDER, quantities)
    shares, rows = target.influence_in_order(ORDER)
    step = 1e-3
    for tile in (0, 3):
        moved = replace(
            problem,
            fractions=problem.fractions + step * shares[tile],
            rows=problem.rows + step * rows[tile],
        )
        found = quantities(solved(moved, parameters), moved)
        for number, (name, value) in enumerate(known.values.items()):
            change = (found[name] - value) / step
            # second order: the step
            size = 5.0 * step * np.sqrt(np.sum(known.effects[:, number] ** 2))
            assert abs(known.effects[tile, number] - change) <= size + 1e-6, name


def test_intervals_are_those_of_the_t_distribution() -> None:
    tiles = 20
    effects = np.random.default_rng(3).normal(size=(tiles, 1)) * 0.01
    effects -= effects.mean(axis=0)
    known = Spread({"volume_fraction.1": 0.4}, effects)
    low, high = known.intervals(seed=1, draws=20_000)["volume_fraction.1"]
    error = known.standard_errors()["volume_fraction.1"]
    wanted = float(scipy.special.stdtrit(tiles - 1, 0.975)) * error
    # a quantile of 20,000 draws has a relative standard error of 1 %; the skewness of 20 tiles
    # moves both ends alike
    assert 0.5 * (high - low) == pytest.approx(wanted, rel=0.05)
    assert 0.5 * (high + low) == pytest.approx(0.4, abs=0.2 * error)


def test_intervals_are_keyed_and_positive() -> None:
    effects = np.random.default_rng(3).normal(size=(9, 2)) * [[0.01, 2.0]]
    known = Spread({"fields.0.threshold": -0.1, "fields.0.kernel.length": 3.0}, effects)
    first = known.intervals(seed=1)
    assert first == known.intervals(seed=1)
    assert first != known.intervals(seed=2)
    assert first["fields.0.threshold"][0] < -0.1 < first["fields.0.threshold"][1]
    assert 0.0 < first["fields.0.kernel.length"][0] < 3.0 < first["fields.0.kernel.length"][1]
