"""Kernels: lattice values against continuous correlations, for every family and symmetry."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import oracles
import pytest
from conftest import Backend
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import spline_kernel

from morphgen.errors import ModelError
from morphgen.fields.kernels import Kernel
from morphgen.fields.parametric import DampedSincKernel, GaussianKernel, MaternKernel
from morphgen.fields.spectra import CylindricalSpectrum, RadialSpectrum
from morphgen.fields.spline import CylindricalSplineKernel, SplineKernel
from morphgen.fields.stretched import StretchedSplineKernel

CUBIC, OBLONG = (1.0, 1.0, 1.0), (1.0, 1.5, 1.0)

PARAMETRIC: list[tuple[Kernel, tuple[float, float, float]]] = [
    (GaussianKernel(6.0), CUBIC),
    (GaussianKernel(1.0), CUBIC),
    (GaussianKernel(6.0, 0.5, "y"), OBLONG),
    (MaternKernel(6.0, smoothness=0.5), CUBIC),
    (MaternKernel(4.0, smoothness=1.5), CUBIC),
    (MaternKernel(3.0, 2.0, "z", smoothness=2.7), OBLONG),
    (DampedSincKernel(9.0, wave_number=0.5), CUBIC),
    (DampedSincKernel(9.0, 0.6, "x", wave_number=0.5), CUBIC),
]
CYLINDRICAL = CylindricalSplineKernel(
    ((1.0, 0.8, 0.3, 0.1), (0.7, 0.5, 0.2, -0.1), (0.2, 0.1, 0.0, 0.0)), 9.0, 14.0, "y"
)


def largest_difference(kernel: Kernel, spacing: tuple[float, float, float]) -> float:
    """Largest |lattice autocorrelation - correlation| along the axes and a diagonal."""
    found = oracles.lattice_correlation(kernel.lattice_values(spacing))
    worst = 0.0
    for direction in ((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1)):
        moving = [length for length, step in zip(found.shape, direction, strict=True) if step]
        steps = np.arange(min(moving))[:, None] * np.array(direction)
        expected = kernel.correlation(steps * np.array(spacing))
        worst = max(worst, float(np.abs(found[tuple(steps.T)] - expected).max()))
    return worst


@pytest.mark.parametrize(("kernel", "spacing"), PARAMETRIC, ids=lambda value: str(value)[:40])
def test_parametric_kernels_have_their_covariance_on_the_lattice(
    kernel: Kernel, spacing: tuple[float, float, float]
) -> None:
    # the documented error of cutting the kernel off
    assert largest_difference(kernel, spacing) < 1e-3


@settings(max_examples=15, deadline=None)
@given(
    coefficients=st.lists(st.floats(-1, 1), min_size=3, max_size=9),
    knot=st.floats(2.0, 3.0),
)
def test_spline_kernels_have_their_covariance_on_the_lattice(
    coefficients: list[float], knot: float
) -> None:
    if sum(c * c for c in coefficients) < 0.1:
        return
    kernel = SplineKernel(tuple(coefficients), knot * (len(coefficients) + 1))
    # aliasing of cubic splines of two voxels per knot, which the energy at 0 alone can amplify
    assert largest_difference(kernel, CUBIC) < 2e-3


@pytest.mark.parametrize("scale", [0.7, 1.6])
def test_stretched_splines_have_their_covariance_on_the_lattice(scale: float) -> None:
    isotropic = SplineKernel((1.0, 0.8, 0.5, 0.2, 0.05), 12.0)
    kernel = StretchedSplineKernel(isotropic.coefficients, 12.0, scale, "y")
    assert largest_difference(kernel, CUBIC) < 1e-4
    # an affine map of space does not change the field
    lags = np.random.default_rng(1).uniform(-12.0, 12.0, (40, 3))
    np.testing.assert_allclose(
        kernel.correlation(lags * [1.0, scale, 1.0]), isotropic.correlation(lags), atol=1e-12
    )
    across, along = kernel.gradient_variance
    step = 1e-3 * np.eye(3)
    curvature = 2.0 * (1.0 - kernel.correlation(step)) / 1e-6
    np.testing.assert_allclose(curvature, [across, along, across], rtol=1e-4)


def test_cylindrical_splines_have_their_covariance_on_the_lattice() -> None:
    assert largest_difference(CYLINDRICAL, CUBIC) < 1e-4


@pytest.mark.parametrize(
    "kernel", [kernel for kernel, _ in PARAMETRIC] + [CYLINDRICAL, spline_kernel()], ids=str
)
def test_gradient_variance_is_the_curvature_at_zero(kernel: Kernel) -> None:
    step = 1e-3
    across, along = kernel.gradient_variance
    if math.isinf(across):
        pytest.skip("the correlation has no curvature at 0")
    axis = "zyx".index(kernel.axis or "z")
    offsets = np.zeros((2, 3))
    offsets[0, (axis + 1) % 3] = offsets[1, axis] = step
    curvature = 2.0 * (1.0 - kernel.correlation(offsets)) / step**2
    np.testing.assert_allclose([across, along], curvature, rtol=2e-4)


@pytest.mark.parametrize(
    "kernel", [kernel for kernel, _ in PARAMETRIC] + [CYLINDRICAL, spline_kernel()], ids=str
)
def test_correlation_on_every_backend(backend: Backend, kernel: Kernel) -> None:
    offsets = np.random.default_rng(3).normal(scale=6.0, size=(20, 3))
    offsets[0] = 0.0
    found = backend.to_numpy(kernel.correlation(backend.asarray(offsets)))
    np.testing.assert_allclose(found, kernel.correlation(offsets), rtol=0, atol=1e-12)
    assert found[0] == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("kernel", [spline_kernel(), CYLINDRICAL, GaussianKernel(4.0)], ids=str)
def test_correlation_is_negligible_beyond_the_reach(kernel: Kernel) -> None:
    offsets = np.zeros((1, 3))
    offsets[0, 1] = kernel.reach * 1.001
    assert abs(float(kernel.correlation(offsets)[0])) < 2e-5


def test_unavoidable_support_radius() -> None:
    # THEORY 7: R >= 1.81 / sqrt(lambda) for every kernel that ends at R
    rng = np.random.default_rng(8)
    for _ in range(50):
        kernel = SplineKernel(tuple(rng.normal(size=6).tolist()), 10.0)
        assert kernel.support_radius >= 1.81 / math.sqrt(kernel.gradient_variance.axial)


def test_spline_jacobian() -> None:
    spectrum = RadialSpectrum.of(7)
    coefficients = np.random.default_rng(4).normal(size=7)
    waves = spectrum.waves(np.linspace(0.0, 12.0, 9))
    _, slopes = spectrum.jacobian(coefficients, waves)
    step = 1e-6
    for j in range(7):
        unit = step * np.eye(7)[j]
        ahead = spectrum.jacobian(coefficients + unit, waves)[0]
        behind = spectrum.jacobian(coefficients - unit, waves)[0]
        np.testing.assert_allclose(slopes[:, j], (ahead - behind) / (2 * step), atol=1e-7)


@pytest.mark.parametrize(
    "kernel",
    [
        GaussianKernel(4.0, 2.0, "y"),
        SplineKernel((1.0, 0.5, 0.2), 6.0),
        CylindricalSplineKernel(((1.0, 0.5), (0.2, -0.1), (0.1, 0.1)), 6.0, 9.0),
        StretchedSplineKernel((1.0, 0.5, 0.2), 6.0, 1.7, "y"),
    ],
)
def test_correlation_on_a_grid_of_distances(kernel: Kernel) -> None:
    across, along = np.linspace(0.0, 13.0, 9), np.linspace(0.0, 20.0, 7)
    grids = np.meshgrid(across, along, indexing="ij")
    expected = kernel.cylindrical_correlation(*grids)
    np.testing.assert_allclose(kernel.grid_correlation(across, along), expected, atol=1e-12)


def test_products_of_splines_are_the_correlation_and_know_its_slopes() -> None:
    coefficients = np.random.default_rng(4).normal(size=(5, 4))
    kernel = CylindricalSplineKernel(tuple(map(tuple, coefficients.tolist())), 6.0, 5.0)
    across, along = np.linspace(0.0, 11.0, 8), np.linspace(9.0, 0.0, 8)
    products = CylindricalSpectrum.of(5, 4).products(across, along)
    rho, slopes = products.jacobian(coefficients)
    np.testing.assert_allclose(rho, kernel.cylindrical_correlation(across, along), atol=1e-12)
    for j, unit in enumerate(1e-6 * np.eye(20).reshape(20, 5, 4)):
        ahead, behind = (products.jacobian(coefficients + sign * unit)[0] for sign in (1, -1))
        np.testing.assert_allclose(slopes[:, j], (ahead - behind) / 2e-6, atol=1e-7)


def test_spline_correlation_is_differentiable_in_its_coefficients() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    coefficients = torch.tensor([1.0, 0.7, 0.2, -0.1], dtype=torch.float64, requires_grad=True)
    distance = torch.linspace(0.3, 6.0, 5, dtype=torch.float64)
    spectrum = RadialSpectrum.of(4)
    assert torch.autograd.gradcheck(lambda c: spectrum.correlation(c, distance), (coefficients,))


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        (GaussianKernel, {"length": 0.0}),
        (GaussianKernel, {"length": math.nan}),
        (GaussianKernel, {"length": 1.0, "axial_scale": 2.0}),
        (MaternKernel, {"length": 1.0, "smoothness": 0.1}),
        (DampedSincKernel, {"length": 1.0, "wave_number": -1.0}),
        (SplineKernel, {"coefficients": (0.0, 0.0), "support_radius": 3.0}),
        (SplineKernel, {"coefficients": (1.0, math.inf), "support_radius": 3.0}),
        (SplineKernel, {"coefficients": (1.0, 0.5), "support_radius": -3.0}),
        (
            StretchedSplineKernel,
            {
                "coefficients": (1.0, 0.5),
                "support_radius": 3.0,
                "axial_scale": 0.0,
                "symmetry_axis": "z",
            },
        ),
        (
            CylindricalSplineKernel,
            {"coefficients": ((1.0, 2.0), (1.0,)), "support_radius": 3.0, "support_height": 3.0},
        ),
    ],
)
def test_invalid_parameters_are_refused(kind: Any, arguments: dict[str, Any]) -> None:
    with pytest.raises(ModelError):
        kind(**arguments)


def test_kernels_too_large_for_memory_are_refused() -> None:
    with pytest.raises(ModelError, match="coarser voxel size"):
        GaussianKernel(1000.0).lattice_values(CUBIC)
