"""Calibration of fields that share noise: recovery, parsimony, refusals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from calibration.truths import TRUTHS
from samples import PHASES

from morphgen.calibration.coverage import calibrate_coverage
from morphgen.calibration.lags import Lags
from morphgen.calibration.minimize import solve
from morphgen.calibration.objective import FieldLaw, pairs_of
from morphgen.calibration.parametrization import Low, Parametrization, high
from morphgen.calibration.request import CalibrationRequest
from morphgen.calibration.shared_problem import SharedProblem
from morphgen.calibration.targets import measure_target
from morphgen.errors import InputError
from morphgen.excursion import ExcursionModel, Field, SharedNoise, load_model, section_sampler
from morphgen.fields.laws import ChiSquare, Gaussian, Law
from morphgen.fields.parametric import DampedSincKernel, GaussianKernel
from morphgen.images import Section, read_section
from morphgen.workflows import calibrate

TRUTH = ExcursionModel(
    PHASES,
    (1, 0, 2),
    (
        Field(DampedSincKernel(12.0, wave_number=0.35), Gaussian(), Gaussian().threshold(0.45)),
        Field(GaussianKernel(6.0), Gaussian(), Gaussian().threshold(0.55)),
    ),
    shared=SharedNoise(GaussianKernel(6.0), (0.7, 0.7)),
)


def draw(model: ExcursionModel, seed: int, side: int = 512) -> Section:
    return read_section(np.asarray(section_sampler(model, (side, side)).labels(seed)))


def problem(
    laws: tuple[Law, Law] = (Gaussian(), Gaussian()), free: bool = False
) -> tuple[SharedProblem, np.ndarray, ExcursionModel]:
    """The problem of finding a model from its own C_ij, its solution and the model."""
    distance = np.arange(1.0, 31.0)
    shared = SharedNoise(GaussianKernel(9.0), (0.8, -0.5))
    fields = tuple(
        Field(GaussianKernel(length), law, law.threshold(p))
        for length, law, p in zip((4.0, 6.0), laws, (0.4, 0.55), strict=True)
    )
    model = ExcursionModel(PHASES, (0, 1, 2), fields, shared=shared)
    table = model.two_point_coverage(distance)
    lags = Lags.radial(distance)
    members: tuple[Parametrization, ...] = tuple(Low(lags, GaussianKernel) for _ in range(3))
    rows = np.stack([table[i, j] for i, j in pairs_of(3)])
    fractions = np.array(list(model.volume_fractions().values()))
    found = SharedProblem(rows, fractions, tuple(map(FieldLaw, laws)), members, free)
    kernels = [np.log([length]) for length in (4.0, 6.0, 9.0)]
    return found, found.start_shared(kernels, (0.8, -0.5)), model


@pytest.mark.parametrize("laws", [(Gaussian(), Gaussian()), (ChiSquare(1), Gaussian())])
def test_the_problem_is_the_model(laws: tuple[Law, Law]) -> None:
    found, parameters, model = problem(laws)
    np.testing.assert_allclose(found.model_rows(parameters), found.rows, atol=1e-10)
    assert found.loadings(parameters) == pytest.approx((0.8, -0.5))
    sets = [field.probability for field in model.fields]
    assert found.set_probabilities(parameters) == pytest.approx(sets)


@pytest.mark.parametrize("free", [False, True])
@pytest.mark.parametrize("laws", [(Gaussian(), Gaussian()), (ChiSquare(1), Gaussian())])
def test_derivatives_are_those_of_the_residuals(laws: tuple[Law, Law], free: bool) -> None:
    known, at_truth, _ = problem(laws, free)
    lags = known.parametrizations[0].lags
    members = (high(lags, 14.0, 6), *known.parametrizations[1:])
    found = SharedProblem(known.rows, known.fractions, known.laws, members, free)
    spline = members[0].start(np.exp(-(lags.distance**2) / 50.0))
    parameters = np.concatenate([spline, at_truth[1:] + 0.1])
    step = 1e-6
    expected = [
        (found.residuals(parameters + unit) - found.residuals(parameters - unit)) / (2.0 * step)
        for unit in step * np.eye(parameters.size)
    ]
    np.testing.assert_allclose(found.jacobian(parameters), np.stack(expected, axis=1), atol=1e-7)


def test_a_model_is_found_from_its_own_coverage() -> None:
    found, truth, _ = problem()
    start = truth + np.array([0.3, -0.2, 0.2, -0.4, 0.3])
    solution = solve(found, start, evaluations=100, tolerance=1e-12)
    # the weak pull on the ratio of the loadings remains
    first, second = found.loadings(solution.parameters)
    assert first * second == pytest.approx(-0.4, abs=2e-3)
    np.testing.assert_allclose(found.model_rows(solution.parameters), found.rows, atol=1e-4)


def test_shared_noise_is_found_and_taken(tmp_path: Path) -> None:
    result = calibrate([draw(TRUTH, 5, 384)], fields="gaussian,gaussian")
    model = result.model
    assert model.shared is not None
    assert model.fields[0].law == model.fields[1].law == Gaussian()
    first, *others = result.candidates
    second = next(one for one in others if one.dependence == "independent")
    assert first.dependence == "shared"
    assert sum(one.dependence == "shared" for one in result.candidates) == 3
    # within two standard errors of the section, where independent fields are not
    error = float(result.coverage.standard_error.max())
    assert first.misfit < 2.0 * error < second.misfit
    assert first.held_out is not None
    assert second.held_out is not None
    assert first.held_out < second.held_out
    # with given laws independent fields have no topology score
    scores = [one.held_out for one in others if one.held_out is not None]
    assert scores == sorted(scores)
    # at matched fractions, also near the truth
    lag = result.coverage.lags.distance
    shares = [np.array(list(one.volume_fractions().values())) for one in (model, TRUTH)]
    excess = [
        one.two_point_coverage(lag) - np.multiply.outer(share, share)[..., None]
        for one, share in zip((model, TRUTH), shares, strict=True)
    ]
    assert np.abs(excess[0] - excess[1]).max() < 2.0 * error
    names = ("shared.loadings.0", "shared.cross_correlation", "shared.kernel.length")
    assert all(0.0 < result.uncertainty[name] < 10.0 for name in names)
    model.save(tmp_path / "model.json")
    assert load_model(tmp_path / "model.json") == model


@pytest.mark.parametrize(
    "name",
    [
        "hole effect",
        "Matern",
        "chi-square 1",
        "chi-square 2",
        pytest.param("chi-square 4", marks=pytest.mark.slow),
        pytest.param("mixed", marks=pytest.mark.slow),
    ],
)
def test_independent_fields_stay_independent(name: str) -> None:
    section = draw(TRUTHS[name], 1)
    laws = tuple(FieldLaw(field.law) for field in TRUTHS[name].fields)
    given = None if any(law.law.components > 1 for law in laws) else laws
    result = calibrate_coverage([section], CalibrationRequest(laws=given, order=TRUTHS[name].order))
    assert result.model.shared is None
    assert all(one.dependence == "independent" for one in result.candidates)


def test_shared_noise_can_be_asked_for_and_forbidden() -> None:
    section = draw(TRUTHS["hole effect"], 1)
    request = CalibrationRequest(
        parametrization="low", laws=(FieldLaw(Gaussian()),) * 2, order=(1, 0, 2)
    )
    result = calibrate_coverage([section], replace(request, dependence="shared"))
    shared = result.model.shared
    assert shared is not None
    # the truth is independent
    assert abs(shared.cross_correlation) < 4.0 * result.uncertainty["shared.cross_correlation"]
    forbidden = calibrate_coverage([draw(TRUTH, 5)], replace(request, dependence="independent"))
    assert forbidden.model.shared is None


def test_refusals() -> None:
    section = draw(TRUTHS["hole effect"], 1, 256)
    with pytest.raises(InputError, match="expected one of auto"):
        calibrate([section], dependence="perhaps")
    with pytest.raises(InputError, match="chi2:2 cannot share"):
        calibrate([section], fields="chi2:2,gaussian", dependence="shared")
    with pytest.raises(InputError, match="trained models"):
        CalibrationRequest("combined", dependence="shared")
    two = read_section(np.asarray(section.labels == 1, dtype=np.uint8))
    with pytest.raises(InputError, match="exactly two fields"):
        calibrate([two], dependence="shared")


def test_a_real_cathode(data: Path) -> None:
    labels = tifffile.imread(data / "sofc_cathode_2d.tif")
    upper, lower = read_section(labels[:1143]), read_section(labels[1143:])
    model = calibrate([upper], max_lag=40).model
    assert model.shared is not None
    shares = np.array(list(model.volume_fractions().values()))
    # independent fields cannot come below .0088 (.0109 on the lower half)
    for half, most in ((upper, 0.005), (lower, 0.007)):
        known = measure_target([half], 40)
        found = model.two_point_coverage(known.lag)
        expected = known.values - np.multiply.outer(known.fractions, known.fractions)[..., None]
        excess = found - np.multiply.outer(shares, shares)[..., None]
        assert np.abs(excess - expected).max() <= most
