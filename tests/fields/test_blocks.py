"""Canonical blocks: against a direct convolution, and against each other."""

from __future__ import annotations

import numpy as np
import oracles
import pytest
from conftest import Backend
from samples import spline_kernel

from morphgen._array_api import standard
from morphgen.errors import ModelError
from morphgen.fields.blocks import block_edge, field_values, stream
from morphgen.fields.kernels import Kernel
from morphgen.fields.laws import ChiSquare, Gaussian
from morphgen.fields.noise import white_noise
from morphgen.fields.parametric import GaussianKernel, MaternKernel
from morphgen.fields.sampling import (
    AxisSampling,
    Sampling,
    interpolation_weights,
    sampling,
)
from morphgen.fields.synthesis import Synthesis, synthesis

SPACING = (1.0, 1.0, 1.0)
EDGE = 20
OPEN = (None, None, None)


def prepare(
    kernel: Kernel, edge: int = EDGE, backend: Backend | None = None, *, exact: bool = True
) -> Synthesis:
    lattice = sampling(kernel, SPACING, exact=exact)
    xp = np if backend is None else backend.xp
    return synthesis(kernel, SPACING, lattice, edge, standard(xp), None)


def test_block_equals_direct_convolution(backend: Backend) -> None:
    kernel = spline_kernel(6.0, 5)
    prepared = prepare(kernel, EDGE, backend)
    found = backend.to_numpy(prepared.component(3, 1, (0, -1, 2), OPEN))
    start = [i * EDGE - 6 for i in (0, -1, 2)]
    noise = white_noise(3, 1, start, (EDGE + 12,) * 3)
    expected = oracles.periodic_convolution(noise, kernel.lattice_values(SPACING))
    # float32 rounding of sums of 2197 terms of unit variance (THEORY 10)
    np.testing.assert_allclose(found, expected, rtol=0, atol=4e-6)
    assert found.dtype == np.float32


def test_neighbouring_blocks_continue_each_other() -> None:
    prepared = prepare(spline_kernel(6.0, 5))
    left = prepared.component(1, 0, (0, 0, 0), OPEN)
    right = prepared.component(1, 0, (0, 0, 1), OPEN)
    across = np.abs(right[:, :, 0] - left[:, :, -1]).std()
    within = np.abs(left[:, :, -1] - left[:, :, -2]).std()
    assert across < 1.5 * within


def test_chi_square_field_sums_independent_components() -> None:
    prepared = prepare(spline_kernel(6.0, 5))
    found = field_values(ChiSquare(3), prepared, 9, 2, (0, 0, 0), OPEN)
    parts = [prepared.component(9, stream(2, c), (0, 0, 0), OPEN) for c in range(3)]
    np.testing.assert_allclose(found, sum(part**2 for part in parts), rtol=1e-6)
    single = field_values(Gaussian(), prepared, 9, 2, (0, 0, 0), OPEN)
    np.testing.assert_array_equal(single, parts[0])


def test_component_has_unit_variance() -> None:
    prepared = prepare(spline_kernel(4.0, 3), 64)
    values = np.stack([prepared.component(seed, 0, (0, 0, 0), OPEN) for seed in range(4)])
    # about one independent value per (2 R / 2)^3 voxels; relative sd of the variance sqrt(2 / n)
    independent = values.size / 4.0**3
    assert abs(values.var() - 1.0) < 4.0 * np.sqrt(2.0 / independent)


def test_streams_of_a_model_differ() -> None:
    used = {stream(field, component) for field in range(20) for component in range(64)}
    assert len(used) == 20 * 64


@pytest.mark.parametrize("index", [(0, 0, 0), (-1, 2, 1)])
def test_interpolated_block_equals_its_definition(backend: Backend, index: tuple[int, ...]) -> None:
    """Weights times lattice values, voxel by voxel, in float64."""
    kernel = GaussianKernel(8.0, 0.75, "x")
    prepared = prepare(kernel, EDGE, backend, exact=False)
    assert prepared.sampling.factors == (4, 4, 3)
    found = backend.to_numpy(prepared.component(3, 1, index, OPEN))
    axes = prepared.sampling.axes
    start = [a.first_point(i * EDGE) - a.halo for i, a in zip(index, axes, strict=True)]
    noise = white_noise(3, 1, start, prepared.fft_shape)
    lattice = kernel.lattice_values(prepared.sampling.factors)
    expected = oracles.periodic_convolution(noise, lattice)
    for axis, one in enumerate(axes):
        weights = interpolation_weights(kernel, SPACING, axis, one.factor, one.taps)
        first = index[axis] * EDGE
        rows = np.zeros((EDGE, expected.shape[axis]))
        for voxel in range(first, first + EDGE):
            point = one.first_point(voxel) - one.first_point(first)
            rows[voxel - first, point : point + one.taps] = weights[voxel % one.factor]
        expected = np.moveaxis(np.tensordot(rows, expected, (1, axis)), 0, axis)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    assert found.dtype == np.float32


@pytest.mark.parametrize("factors", [(4, 4, 4), (3, 5, 4)])
def test_interpolated_blocks_continue_each_other(factors: tuple[int, int, int]) -> None:
    """A block of another edge shows the same field: the lattice of the noise is absolute."""
    kernel = GaussianKernel(11.0)
    axes = tuple(AxisSampling(f, 8, kernel.lattice_values((f,) * 3).shape[0] // 2) for f in factors)
    lattice = Sampling(axes)
    large, small = (
        synthesis(kernel, SPACING, lattice, edge, standard(np), None) for edge in (64, 32)
    )
    whole = large.component(5, 0, (0, -1, 1), OPEN)
    for corner in [(0, 0, 0), (1, 0, 1), (1, 1, 1)]:
        index = tuple(2 * i + c for i, c in zip((0, -1, 1), corner, strict=True))
        part = tuple(slice(32 * c, 32 * c + 32) for c in corner)
        np.testing.assert_allclose(
            small.component(5, 0, index, OPEN), whole[part], rtol=0, atol=1e-5
        )


def lattice(halo: int, factor: int = 1) -> Sampling:
    return Sampling((AxisSampling(factor, 1 if factor == 1 else 8, halo),) * 3)


def test_block_edge() -> None:
    assert block_edge([lattice(32)]) == 256
    assert block_edge([lattice(6, 4)]) == 256
    for halo in (1, 5, 40, 100, 280):
        # the block of the least overlap that an FFT of bounded length leaves room for
        assert halo / 8 < block_edge([lattice(halo)]) <= 256
    with pytest.raises(ModelError, match="coarser voxel size"):
        block_edge([lattice(400)])


def test_a_smooth_field_may_reach_farther_than_an_fft() -> None:
    kernel = GaussianKernel(150.0)
    assert block_edge([sampling(kernel, SPACING)]) == 256
    with pytest.raises(ModelError, match="coarser voxel size"):
        block_edge([sampling(MaternKernel(45.0, smoothness=0.5), SPACING)])
