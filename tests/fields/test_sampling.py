"""Synthesis on coarser lattices: its covariances against the model's, in closed form and drawn."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.fft
from samples import spline_kernel

from morphgen._array_api import standard
from morphgen.fields.kernels import Kernel
from morphgen.fields.parametric import DampedSincKernel, GaussianKernel, MaternKernel
from morphgen.fields.sampling import (
    COVARIANCE_ERROR,
    Sampling,
    interpolation_error,
    interpolation_weights,
    kernel_error,
    sampling,
)
from morphgen.fields.spline import CylindricalSplineKernel, SplineKernel
from morphgen.fields.synthesis import synthesis

SPACING = (1.0, 1.0, 1.0)
OPEN = (None, None, None)

SMOOTH: dict[str, Kernel] = {
    "gaussian": GaussianKernel(8.0),
    "gaussian, long": GaussianKernel(17.0),
    "matern 2.5": MaternKernel(3.6, smoothness=2.5),
    "matern 4.5": MaternKernel(2.7, smoothness=4.5),
    "damped sinc": DampedSincKernel(12.0, wave_number=0.35),
    "spline": spline_kernel(16.0, 6),
    "spline with a hole effect": SplineKernel((1.0, 0.9, 0.5, 0.1, -0.2, -0.25, -0.1), 28.0),
    "gaussian, stretched": GaussianKernel(6.0, 2.0, "y"),
    "cylindrical spline of either sign": CylindricalSplineKernel(
        ((1.0, 0.8, -0.4), (0.6, -0.3, 0.2), (-0.5, 0.4, 0.1)), 26.0, 30.0, "z"
    ),
    "cylindrical spline": CylindricalSplineKernel(((1.0, 0.5), (0.5, 0.2)), 16.0, 28.0, "x"),
}
ROUGH: dict[str, Kernel] = {
    "exponential": MaternKernel(8.0, smoothness=0.5),
    "matern 1.5": MaternKernel(4.0, smoothness=1.5),
    "short": GaussianKernel(2.0),
    "narrow": spline_kernel(3.0, 3),
}


def synthesis_error(
    kernel: Kernel, spacing: tuple[float, float, float], lattice: Sampling, pairs: int
) -> float:
    """Largest error of the covariance of interpolated voxels, at all lags.

    Places of the two voxels in their cells of the synthesis lattice are drawn, the middle of a
    cell among them. Their covariance is that of the lattice, filtered along each axis by the
    correlation of the two voxels' weights.
    """
    steps = tuple(s * f for s, f in zip(spacing, lattice.factors, strict=True))
    values = kernel.lattice_values(steps)
    padded = [2 * n + 2 * axis.taps for n, axis in zip(values.shape, lattice.axes, strict=True)]
    power = np.abs(scipy.fft.rfftn(values, s=padded)) ** 2
    covariance = scipy.fft.irfftn(power, s=padded)
    generator = np.random.default_rng(0)
    weights = [
        interpolation_weights(kernel, spacing, axis, one.factor, one.taps)
        for axis, one in enumerate(lattice.axes)
    ]
    middle = [factor // 2 for factor in lattice.factors]
    worst = 0.0
    for pair in range(pairs):
        places = [[int(generator.integers(f)) for f in lattice.factors] for _ in range(2)]
        if pair < 8:
            places[0] = middle
        found, lags = covariance, []
        for axis, one in enumerate(lattice.axes):
            first, second = (weights[axis][place[axis]] for place in places)
            # sum over taps t, u of w_t w'_u C(n + u - t), on a torus
            filtered = enumerate(np.convolve(first, second[::-1]), start=1 - one.taps)
            found = np.sum([np.roll(found, k, axis) * both for k, both in filtered], axis=0)
            cells = (np.arange(padded[axis]) + padded[axis] // 2) % padded[axis]
            cells = cells - padded[axis] // 2
            lags.append(spacing[axis] * (one.factor * cells + places[1][axis] - places[0][axis]))
        vectors = np.stack(np.meshgrid(*lags, indexing="ij"), axis=-1).reshape(-1, 3)
        chosen = generator.choice(len(vectors), min(len(vectors), 1500), replace=False)
        near = np.argsort(np.sum(vectors**2, axis=1))[:500]
        kept = np.concatenate([chosen, near])
        error = np.abs(found.ravel()[kept] - kernel.correlation(vectors[kept]))
        worst = max(worst, float(error.max()))
    return worst


def squared_range(kernel: Kernel) -> float:
    """Integral of the squared correlation, by a sum over a lattice of every third voxel."""
    side = np.arange(-math.ceil(kernel.reach / 3.0), math.ceil(kernel.reach / 3.0) + 1) * 3.0
    total = 0.0
    for z in side:
        plane = np.stack(np.meshgrid([z], side, side, indexing="ij"), axis=-1)
        total += float(np.sum(kernel.correlation(plane) ** 2))
    return 27.0 * total


@pytest.mark.parametrize("name", SMOOTH)
def test_every_correlation_is_within_the_bound(name: str) -> None:
    """The covariance of interpolated voxels, exactly, for many pairs of places in a cell."""
    kernel = SMOOTH[name]
    found = sampling(kernel, SPACING)
    assert found.interpolated
    worst = synthesis_error(kernel, SPACING, found, pairs=60)
    assert worst <= COVARIANCE_ERROR
    # the bound that the choice was made by is no fiction: it is of the size of the error
    assert worst > 0.02 * sum(axis.error for axis in found.axes)


@pytest.mark.slow
@pytest.mark.parametrize("name", SMOOTH)
def test_every_correlation_is_within_the_bound_at_many_places(name: str) -> None:
    kernel = SMOOTH[name]
    for spacing in [SPACING, (1.3, 1.0, 0.7), (0.5, 0.5, 0.5)]:
        found = sampling(kernel, spacing)
        assert synthesis_error(kernel, spacing, found, pairs=200) <= COVARIANCE_ERROR


@pytest.mark.parametrize("name", SMOOTH)
def test_the_covariance_of_drawn_fields(name: str) -> None:
    kernel, edge, seeds = SMOOTH[name], 96, 6
    prepared = synthesis(kernel, SPACING, sampling(kernel, SPACING), edge, standard(np), None)
    blocks = [prepared.component(seed, 0, (seed, 0, -seed), OPEN) for seed in range(seeds)]
    fields = np.stack(blocks).astype(np.float64)
    for lag in [(0, 0, 0), (0, 0, 1), (3, 0, 0), (0, 5, 0), (2, 4, 6), (0, 0, 11)]:
        ahead = fields[:, lag[0] :, lag[1] :, lag[2] :]
        behind = fields[tuple(slice(0, n) for n in ahead.shape)]
        rho = float(kernel.correlation(np.asarray(lag, dtype=float)))
        # Var(mean of Z Z') <= 2 int rho^2 / volume (Isserlis), rho on a lattice of 3 voxels
        deviation = np.sqrt(2.0 * squared_range(kernel) / fields.size)
        assert abs(np.mean(ahead * behind) - rho) < 4.0 * deviation + COVARIANCE_ERROR


@pytest.mark.parametrize("name", ROUGH)
def test_rough_fields_keep_every_voxel(name: str) -> None:
    found = sampling(ROUGH[name], SPACING)
    assert found.factors == (1, 1, 1)
    assert not found.interpolated
    assert found.reach == ROUGH[name].lattice_values(SPACING).shape[0] // 2


def test_the_factor_follows_the_correlation_length() -> None:
    lattices = [sampling(GaussianKernel(length), SPACING) for length in (2.0, 4.0, 8.0, 17.0)]
    assert [one.factors[0] for one in lattices] == [1, 2, 4, 8]
    finer = sampling(GaussianKernel(8.0), (0.5, 1.0, 2.0))
    assert finer.factors == (8, 4, 2)
    assert finer.spacing_factor == 64


def test_exact_synthesis_keeps_every_voxel() -> None:
    assert not sampling(GaussianKernel(8.0), SPACING, exact=True).interpolated


def test_lattice_points_divide_periods() -> None:
    periods = (150, 97, None)
    found = sampling(GaussianKernel(8.0), SPACING, periods)
    assert found.factors == (3, 1, 4)


@pytest.mark.parametrize(("factor", "taps"), [(2, 4), (3, 8), (4, 8), (5, 6)])
def test_weights(factor: int, taps: int) -> None:
    kernel = GaussianKernel(9.0)
    weights = interpolation_weights(kernel, SPACING, 2, factor, taps)
    assert weights.shape == (factor, taps)
    # a lattice point keeps its value; every voxel has unit variance
    expected = np.zeros(taps)
    expected[(taps - 1) // 2] = 1.0
    np.testing.assert_allclose(weights[0], expected, atol=1e-6)
    at = factor * np.arange(taps)
    matrix = kernel.radial_correlation(np.abs(at[:, None] - at).astype(float))
    np.testing.assert_allclose(np.einsum("at,tu,au->a", weights, matrix, weights), 1.0)
    # in the limit of an even kernel, a voxel sees the same from either side
    np.testing.assert_allclose(weights[1:], weights[1:][::-1, ::-1], atol=1e-6)


def test_error_of_one_interpolation_against_its_definition() -> None:
    kernel, factor, taps = GaussianKernel(6.0), 4, 6
    weights = interpolation_weights(kernel, SPACING, 0, factor, taps)
    at = factor * (np.arange(taps) - (taps - 1) // 2)
    worst = 0.0
    for cell in range(-8, 9):
        for a in range(factor):
            for b in range(factor):
                lags = np.abs(factor * cell + at[None, :] - at[:, None]).astype(float)
                found = weights[a] @ kernel.radial_correlation(lags) @ weights[b]
                rho = kernel.radial_correlation(np.asarray(abs(factor * cell + b - a), float))
                worst = max(worst, abs(found - rho))
    # a Gaussian covariance errs most within a line; what is below 1e-5 counts as zero
    found = interpolation_error(kernel, SPACING, 0, factor, taps)
    assert found == pytest.approx(worst, abs=1e-5)


def test_error_of_a_kernel_on_a_lattice() -> None:
    kernel = spline_kernel(16.0, 6)
    values = kernel.lattice_values(SPACING)
    assert kernel_error(kernel, values, SPACING) < 1e-5
    # cut off too early
    assert kernel_error(kernel, values[8:-8, 8:-8, 8:-8], SPACING) > 1e-2
