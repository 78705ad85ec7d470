"""Joint exceedance against series, quadrature and Monte Carlo; Euler densities against limits."""

from __future__ import annotations

import math

import numpy as np
import oracles
import pytest
from conftest import Backend
from hypothesis import given
from hypothesis import strategies as st

from morphgen.errors import ModelError
from morphgen.fields.laws import (
    ChiSquare,
    Gaussian,
    Law,
    correlation_angle,
    normal_survival,
    parse_law,
)

RHO = np.array([-0.99, -0.6, -0.1, 0.0, 0.05, 0.4, 0.8, 0.97, 0.999])
THRESHOLDS = [-2.5, -0.7, 0.0, 0.3, 3.0]
DEGREES = [1, 2, 3, 4, 10, 20]
FRACTIONS = [0.05, 0.3, 0.6, 0.9, 0.97]
LAWS: list[Law] = [Gaussian(), ChiSquare(1), ChiSquare(2), ChiSquare(5)]


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_gaussian_joint_exceedance(backend: Backend, threshold: float) -> None:
    found = Gaussian().joint_exceedance(backend.asarray(RHO), threshold)
    expected = [oracles.gaussian_joint(rho, threshold) for rho in RHO]
    np.testing.assert_allclose(backend.to_numpy(found), expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("n", DEGREES)
def test_chi_square_joint_exceedance(backend: Backend, n: int) -> None:
    law = ChiSquare(n)
    for fraction in FRACTIONS:
        threshold = law.threshold(fraction)
        found = law.joint_exceedance(backend.asarray(RHO), threshold)
        expected = [oracles.chi_square_joint(n, threshold, rho) for rho in RHO]
        # the package's own error is below 1e-11; the series leaves 4e-11 at rho = .999
        np.testing.assert_allclose(backend.to_numpy(found), expected, rtol=0, atol=1e-10)


def test_array_threshold_equals_number(backend: Backend) -> None:
    for law in LAWS:
        rho = backend.asarray(RHO)
        by_number = backend.to_numpy(law.joint_exceedance(rho, 1.25))
        by_array = law.joint_exceedance(rho, backend.asarray(1.25))
        np.testing.assert_allclose(backend.to_numpy(by_array), by_number, rtol=0, atol=1e-13)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_limits(law: Law) -> None:
    threshold = law.threshold(0.3)
    joint = law.joint_exceedance(np.array([0.0, 1.0]), threshold)
    np.testing.assert_allclose(joint, [0.09, 0.3], rtol=0, atol=1e-13)
    assert law.survival(threshold) == pytest.approx(0.3, abs=1e-14)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_joint_exceedance_against_monte_carlo(law: Law) -> None:
    rng = np.random.default_rng(5)
    count, rho, threshold = 400_000, 0.7, law.threshold(0.3)
    first = rng.standard_normal((law.components, count))
    second = rho * first + math.sqrt(1 - rho**2) * rng.standard_normal(first.shape)
    both = (law.combine(list(first)) >= threshold) & (law.combine(list(second)) >= threshold)
    joint = float(law.joint_exceedance(np.array(rho), threshold))
    standard_error = math.sqrt(joint * (1 - joint) / count)
    assert abs(both.mean() - joint) < 3 * standard_error


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
@pytest.mark.parametrize("fraction", [0.2, 0.9])
def test_slope_is_the_derivative_in_the_angle(law: Law, fraction: float) -> None:
    threshold, step = law.threshold(fraction), 1e-5
    psi = np.linspace(0.02, 1.5, 12)
    ahead = law.joint_exceedance(np.cos(psi + step), threshold)
    behind = law.joint_exceedance(np.cos(psi - step), threshold)
    numerical = (behind - ahead) / (2 * step)
    np.testing.assert_allclose(law.joint_slope(psi, threshold), numerical, rtol=0, atol=1e-8)


@given(
    law=st.sampled_from(LAWS),
    fraction=st.floats(0.05, 0.95),
    psi=st.floats(0.01, 1.5),
)
def test_inversion(law: Law, fraction: float, psi: float) -> None:
    threshold = law.threshold(fraction)
    joint = law.joint_exceedance(np.asarray([math.cos(psi)]), threshold)
    found = float(correlation_angle(law, joint, threshold)[0])
    again = law.joint_exceedance(np.asarray([math.cos(found)]), threshold)
    np.testing.assert_allclose(again, joint, rtol=0, atol=1e-12)


def test_inversion_stays_on_the_backend(backend: Backend) -> None:
    psi = correlation_angle(Gaussian(), backend.asarray([0.3, 0.2, 0.16]), 0.3)
    assert np.all(np.diff(backend.to_numpy(psi)) > 0)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_gradients_in_correlation_and_threshold(law: Law) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    rho = torch.linspace(0.05, 0.95, 7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda r: law.joint_exceedance(r, 1.3), (rho,))
    threshold = torch.tensor(1.3, dtype=torch.float64, requires_grad=True)
    law.joint_exceedance(rho.detach(), threshold).sum().backward()
    step, values = 1e-5, rho.detach().numpy()
    ahead, behind = (
        law.joint_exceedance(values, 1.3 + step),
        law.joint_exceedance(values, 1.3 - step),
    )
    numerical = (ahead.sum() - behind.sum()) / (2 * step)
    assert threshold.grad.item() == pytest.approx(numerical, abs=1e-7)


def test_gradients_at_a_median_threshold() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    for value in (0.0, -1.3):
        threshold = torch.tensor(value, dtype=torch.float64, requires_grad=True)
        rho = torch.tensor([-0.5, 0.3, 0.9], dtype=torch.float64)
        assert torch.autograd.gradcheck(
            lambda a, rho=rho: Gaussian().joint_exceedance(rho, a), (threshold,)
        )


def test_chi_square_threshold_gradient_against_its_formula() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    for n in (2, 3, 8):
        threshold = torch.tensor(1.7, dtype=torch.float64, requires_grad=True)
        rho = torch.tensor([0.3, 0.8, 0.95], dtype=torch.float64)
        (gradient,) = torch.autograd.grad(
            ChiSquare(n).joint_exceedance(rho, threshold).sum(), threshold
        )
        expected = sum(oracles.chi_square_threshold_slope(n, 1.7, float(r)) for r in rho)
        assert gradient.item() == pytest.approx(expected, abs=1e-10)


def test_survival_of_arrays(backend: Backend) -> None:
    thresholds = np.array([-30.0, -6.0, -0.4, 0.0, 1.0, 5.0, 40.0])
    found = backend.to_numpy(normal_survival(backend.asarray(thresholds)))
    expected = [normal_survival(float(t)) for t in thresholds]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
@pytest.mark.parametrize("fraction", [0.15, 0.6])
def test_surface_density_is_the_limit_of_the_lattice_identity(law: Law, fraction: float) -> None:
    # neighbours a distance d apart differ with probability 2 (p - C(d)); S_V = 4 r1 is twice the
    # limit of that per length (THEORY 6), with rho = 1 - lambda d^2 / 2
    threshold, variance, distance = law.threshold(fraction), 0.7, 1e-4
    rho = np.array(1.0 - 0.5 * variance * distance**2)
    differing = 2.0 * (fraction - float(law.joint_exceedance(rho, threshold))) / distance
    r1 = law.euler_densities(threshold, variance).r1
    assert 4.0 * r1 == pytest.approx(2.0 * differing, rel=1e-5)
    gradient = 2.0 * math.sqrt(2.0 * variance / math.pi)
    assert 4.0 * r1 == pytest.approx(gradient * law.surface_factor(threshold), rel=1e-12)


@pytest.mark.parametrize("u", [0.2, 1.0, 3.5])
def test_one_degree_of_freedom_is_two_gaussian_tails(u: float) -> None:
    # {Z^2 >= u} is the disjoint union of {Z >= sqrt u} and {Z <= -sqrt u}
    two = 2.0 * np.array(Gaussian().euler_densities(math.sqrt(u), 0.4))
    np.testing.assert_allclose(ChiSquare(1).euler_densities(u, 0.4), two, rtol=1e-12)


@pytest.mark.parametrize("k", [0, 1, 2])
def test_many_degrees_of_freedom_approach_a_gaussian_field(k: int) -> None:
    # (Y - n) / sqrt(2 n) tends to a Gaussian field of correlation rho^2, hence of twice lambda;
    # its skewness, sqrt(8/n), bounds the difference
    n, u = 64, 1.0
    chi = ChiSquare(n).euler_densities(n + u * math.sqrt(2.0 * n), 0.5)[k]
    skew = math.sqrt(8.0 / n)
    scale = Gaussian().euler_densities(0.0, 1.0).r1
    assert abs(chi - Gaussian().euler_densities(u, 1.0)[k]) < skew * scale


def test_euler_densities_are_differentiable() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    for law in LAWS:
        variance = torch.tensor(0.4, dtype=torch.float64, requires_grad=True)
        threshold = torch.tensor(1.1, dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(
            lambda u, v, law=law: tuple(law.euler_densities(u, v)), (threshold, variance)
        )


def test_laws_by_name() -> None:
    assert parse_law("gaussian") == (Gaussian(), False)
    assert parse_law("chi2:3:below") == (ChiSquare(3), True)
    for text in ("", "chi2", "chi2:", "chi2:0", "chi2:x", "gaussian:above", "chi2:-1", "chi2:99"):
        with pytest.raises(ModelError):
            parse_law(text)
