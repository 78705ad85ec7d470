"""Standard errors and intervals: the linear map, and what is made of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import scipy.special
from calibration.truths import TRUTHS

from morphgen.calibration.coverage import coverage_result, fit_coverage, quantities_of
from morphgen.calibration.lags import Lags
from morphgen.calibration.minimize import solve
from morphgen.calibration.objective import FieldLaw
from morphgen.calibration.parametrization import Low, correlation_length
from morphgen.calibration.problem import Problem
from morphgen.calibration.request import CalibrationRequest
from morphgen.calibration.targets import Target, measure_target
from morphgen.calibration.uncertainty import Spread, spread
from morphgen.descriptors.coverage import coverage_counts, pool
from morphgen.excursion import section_sampler
from morphgen.excursion.provenance import TrainingRecord
from morphgen.fields.laws import Gaussian
from morphgen.fields.parametric import MaternKernel
from morphgen.images import Section, read_section
from morphgen.validation.words import accuracy_words

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


@pytest.mark.parametrize("method", ["combined", "adversarial"])
def test_errors_of_trained_models_are_those_of_the_coverage_fit(
    method: str,
) -> None:
    section = read_section(section_sampler(TRUTHS["Matern"], (256, 256)).labels(1))
    laws = (FieldLaw(Gaussian()),) * 2
    fitted = fit_coverage([section], CalibrationRequest(order=ORDER, laws=laws))
    training = TrainingRecord("closed", "", 1, 1, "all 1 steps were taken")
    trained = coverage_result(fitted, method=method, training=training)
    words = accuracy_words(trained.model)
    assert words is not None
    if method == "combined":
        assert trained.uncertainty == coverage_result(fitted).uncertainty
        assert "those of the coverage fit" in words
    else:
        assert trained.uncertainty == trained.intervals == {}
        assert trained.model.provenance.uncertainty == {}
        assert "left out" in words
    assert accuracy_words(coverage_result(fitted).model) is None


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


def section_of(seed: int, side: int) -> Section:
    return read_section(section_sampler(TRUTHS["Matern"], (side, side)).labels(seed))


def true_values() -> dict[str, float]:
    truth, lag = TRUTHS["Matern"], np.linspace(0.01, 30.0, 30_000)
    found = {f"volume_fraction.{label}": p for label, p in truth.volume_fractions().items()}
    for number, field in enumerate(truth.fields):
        rho = np.asarray(field.kernel.cylindrical_correlation(lag, np.zeros_like(lag)))
        found[f"fields.{number}.threshold"] = field.threshold
        found[f"fields.{number}.correlation_length"] = correlation_length(lag, rho)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("side", [256, 512])
def test_intervals_cover_the_truth(side: int) -> None:
    # 256 px: 4 tiles; 512 px: 16 to 25
    start, truth, trials = [np.log([4.0, 2.0]), np.log([3.0, 2.5])], true_values(), 200
    hits = dict.fromkeys(truth, 0)
    for seed in range(trials):
        target = measure_target([section_of(seed, side)])
        problem = low_problem(target, free=False)
        found = solve(problem, problem.start(start), evaluations=60).parameters
        known = spread(problem, found, target, ORDER, quantities_of(ORDER, target.lags))
        intervals = known.intervals(seed=seed)
        for name, value in truth.items():
            hits[name] += intervals[name][0] <= value <= intervals[name][1]
    # binomial standard error of .95: sqrt(.95 * .05 / 200) = .015; three of them
    for name, count in hits.items():
        assert 0.905 <= count / trials <= 0.995, name


@pytest.mark.slow
def test_intervals_are_those_of_a_refitted_bootstrap() -> None:
    section, draws = section_of(1, 512), 400
    target = measure_target([section])
    problem = low_problem(target, free=False)
    parameters = solved(problem, problem.start([np.log([4.0, 2.0]), np.log([3.0, 2.5])]))
    known = spread(problem, parameters, target, ORDER, quantities_of(ORDER, target.lags))
    reach = round(target.lag[-1])
    bands = np.array_split(np.arange(512), len(known.effects) ** 0.5)
    counts = [
        coverage_counts(section.labels[np.ix_(rows, columns)], (0, 1, 2), reach)
        for rows in bands
        for columns in bands
    ]
    assert len(counts) == len(known.effects)

    def refitted(chosen: Sequence[int]) -> dict[str, float]:
        radial = pool([counts[k] for k in chosen]).radial()
        moved = replace(
            target,
            values=np.asarray(radial.values)[..., 1:],
            fractions=np.array([radial.values[i, i, 0] for i in range(3)]),
        )
        again = low_problem(moved, free=False)
        return quantities_of(ORDER, target.lags)(
            solve(again, parameters, evaluations=60).parameters, again
        )

    tiles = len(counts)
    random = np.random.default_rng(5)
    found = [refitted(random.integers(0, tiles, tiles)) for _ in range(draws)]
    # pairs across the edges of tiles are missing: the centre is that of the tiles
    centre = refitted(range(tiles))
    stretch = float(scipy.special.stdtrit(tiles - 1, 0.975) / scipy.special.ndtri(0.975))
    # the scale of the influence: n / (n - 1)
    stretch *= (tiles / (tiles - 1)) ** 0.5
    for name, interval in known.intervals(seed=1, draws=20_000).items():
        ends = np.quantile([one[name] for one in found], [0.025, 0.975]) - centre[name]
        stated = np.array(interval) - known.values[name]
        off = np.abs(stretch * ends - stated).max() / (stated[1] - stated[0])
        # a quantile of 400 draws: .13 standard deviations, .034 of the width; three of them, and
        # what is not linear: roughness, which few lags show, most of all
        rough = name.endswith(("smoothness", "surface_area"))
        assert off < (0.3 if rough else 0.15), name
