"""Coverage functions of candidates: derivatives, bounds and inversions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from morphgen.calibration.bound import joints_from, lagwise_bound, linear_coverage
from morphgen.calibration.fields import wanted_joints
from morphgen.calibration.lags import Lags
from morphgen.calibration.objective import (
    FieldLaw,
    conditional_probabilities,
    coverage_rows,
    coverage_slopes,
)
from morphgen.calibration.parametrization import Low, correlation_length, high
from morphgen.calibration.problem import Problem
from morphgen.excursion.coverage import first_match_fractions
from morphgen.fields.laws import ChiSquare, Gaussian
from morphgen.fields.parametric import DampedSincKernel, GaussianKernel, MaternKernel

LAG = np.array([1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 12.0])
LAWS = [
    FieldLaw(law, below) for law in (Gaussian(), ChiSquare(1), ChiSquare(3)) for below in (0, 1)
]


@given(
    fractions=st.lists(st.floats(0.05, 1.0), min_size=2, max_size=6),
)
def test_conditional_probabilities_invert_the_fractions(fractions: list[float]) -> None:
    shares = (np.array(fractions) / sum(fractions)).tolist()
    probabilities = conditional_probabilities(shares)
    np.testing.assert_allclose(first_match_fractions(probabilities), shares, atol=1e-12)


@pytest.mark.parametrize("fields", [1, 2, 3])
def test_coverage_slopes(fields: int) -> None:
    rng = np.random.default_rng(fields)
    probabilities = rng.uniform(0.2, 0.6, fields).tolist()
    joints = [p * rng.uniform(p, 1.0, 4) for p in probabilities]
    slopes = coverage_slopes(probabilities, joints)
    step = 1e-6
    for k in range(fields):
        ahead = [joint + step * (m == k) for m, joint in enumerate(joints)]
        behind = [joint - step * (m == k) for m, joint in enumerate(joints)]
        rows = coverage_rows(probabilities, ahead) - coverage_rows(probabilities, behind)
        np.testing.assert_allclose(slopes[k], rows / (2 * step), atol=1e-9)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_joint_slope_in_the_correlation(law: FieldLaw) -> None:
    rho, step = np.array([-0.4, 0.1, 0.6, 0.95]), 1e-6
    numerical = (law.joint(rho + step, 0.3) - law.joint(rho - step, 0.3)) / (2 * step)
    np.testing.assert_allclose(law.joint_slope(rho, 0.3), numerical, atol=1e-8)
    np.testing.assert_allclose(law.joint(np.array([1.0, 0.0]), 0.3), [0.3, 0.09], atol=1e-9)


def problems() -> list[Problem]:
    """Candidates of two fields, with fixed and with free thresholds."""
    fractions = np.array([0.3, 0.45, 0.25])
    probabilities = conditional_probabilities(fractions.tolist())
    members = (high(Lags.radial(LAG), 9.0, 5), Low(Lags.radial(LAG), MaternKernel))
    laws = (FieldLaw(Gaussian()), FieldLaw(ChiSquare(2), below=True))
    target = [law.joint(np.exp(-LAG / 4.0), p) for law, p in zip(laws, probabilities, strict=True)]
    rows = coverage_rows(probabilities, target)
    return [Problem(rows, fractions, laws, members, free) for free in (False, True)]


@pytest.mark.parametrize("problem", problems(), ids=["fixed", "free"])
def test_jacobian_of_the_whole_problem(problem: Problem) -> None:
    kernels = [np.array([0.7, 0.5, 0.3, 0.1, -0.05]), np.log([2.0, 1.5])]
    parameters = problem.start(kernels)
    jacobian, step = problem.jacobian(parameters), 1e-6
    for j in range(parameters.size):
        unit = step * np.eye(parameters.size)[j]
        ahead, behind = problem.residuals(parameters + unit), problem.residuals(parameters - unit)
        np.testing.assert_allclose(jacobian[:, j], (ahead - behind) / (2 * step), atol=2e-8)


@pytest.mark.parametrize("fields", [1, 2, 3])
def test_independent_fields_meet_their_own_bound(fields: int) -> None:
    rng = np.random.default_rng(10 + fields)
    probabilities = rng.uniform(0.2, 0.6, fields).tolist()
    joints = [p * rng.uniform(p, 1.0, LAG.size) for p in probabilities]
    rows = coverage_rows(probabilities, joints)
    fractions = np.array(first_match_fractions(probabilities))
    bound = lagwise_bound(rows, fractions)
    assert bound.misfit.max() < 1e-9
    np.testing.assert_allclose(bound.joints, joints, atol=1e-7)
    np.testing.assert_allclose(wanted_joints(rows, probabilities), joints, atol=1e-10)


def test_bound_is_below_every_model() -> None:
    rng = np.random.default_rng(3)
    probabilities = [0.4, 0.5]
    fractions = np.array(first_match_fractions(probabilities))
    joints = [p * rng.uniform(p, 1.0, LAG.size) for p in probabilities]
    data = coverage_rows(probabilities, joints) + 0.01 * rng.normal(size=(6, LAG.size))
    bound = lagwise_bound(data, fractions).misfit
    for _ in range(200):
        tried = [joint + 0.02 * rng.normal(size=LAG.size) for joint in joints]
        misfit = np.abs(coverage_rows(probabilities, tried) - data).max(axis=0)
        assert np.all(misfit >= bound - 1e-9)


def test_coverage_is_linear_in_the_products() -> None:
    probabilities = [0.3, 0.5, 0.6]
    rng = np.random.default_rng(1)
    products = rng.uniform(0.05, 0.2, (3, 5))
    constant, slopes = linear_coverage(probabilities)
    rows = coverage_rows(probabilities, list(joints_from(products, probabilities)))
    np.testing.assert_allclose(constant[:, None] + slopes @ products, rows, atol=1e-12)


@pytest.mark.parametrize(
    "kernel",
    [
        GaussianKernel(4.0),
        MaternKernel(2.0, smoothness=2.0),
        DampedSincKernel(6.0, wave_number=0.5),
    ],
    ids=lambda kernel: kernel.type,
)
def test_parametrizations_start_near_and_say_their_parameters(kernel: object) -> None:
    correlation = kernel.radial_correlation(LAG)  # type: ignore[attr-defined]
    spline = high(Lags.radial(LAG), 14.0, 8)
    fitted = spline.correlation(spline.start(correlation))[0]
    # a start, not a fit
    np.testing.assert_allclose(fitted, correlation, atol=2e-2)
    family = Low(Lags.radial(LAG), type(kernel))  # type: ignore[arg-type]
    parameters = np.log([getattr(kernel, name) for name in family.names])
    np.testing.assert_allclose(family.correlation(parameters)[0], correlation, atol=1e-12)
    assert family.kernel(parameters).type == kernel.type  # type: ignore[attr-defined]
    assert np.all(np.isfinite(family.start(correlation)))


def test_correlation_length() -> None:
    lag = np.linspace(0.5, 20.0, 40)
    assert correlation_length(lag, np.exp(-((lag / 6.0) ** 2) / 2)) == pytest.approx(6.0, abs=0.02)
    assert correlation_length(lag, np.ones_like(lag)) == lag[-1]
