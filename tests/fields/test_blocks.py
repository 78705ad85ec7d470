"""Canonical blocks: against a direct convolution, and against each other."""

from __future__ import annotations

import numpy as np
import oracles
import pytest
from conftest import Backend
from samples import spline_kernel

from morphgen._array_api import standard
from morphgen.errors import ModelError
from morphgen.fields.blocks import block_edge, field_values, stream, synthesis
from morphgen.fields.laws import ChiSquare, Gaussian
from morphgen.fields.noise import white_noise

SPACING = (1.0, 1.0, 1.0)
EDGE = 20
OPEN = (None, None, None)


def test_block_equals_direct_convolution(backend: Backend) -> None:
    kernel = spline_kernel(6.0, 5)
    prepared = synthesis(kernel, SPACING, EDGE, standard(backend.xp), None)
    found = backend.to_numpy(prepared.component(3, 1, (0, -1, 2), OPEN))
    start = [i * EDGE - 6 for i in (0, -1, 2)]
    noise = white_noise(3, 1, start, (EDGE + 12,) * 3)
    expected = oracles.periodic_convolution(noise, kernel.lattice_values(SPACING))
    # float32 rounding of sums of 2197 terms of unit variance (THEORY 10)
    np.testing.assert_allclose(found, expected, rtol=0, atol=4e-6)
    assert found.dtype == np.float32


def test_neighbouring_blocks_continue_each_other() -> None:
    prepared = synthesis(spline_kernel(6.0, 5), SPACING, EDGE, standard(np), None)
    left = prepared.component(1, 0, (0, 0, 0), OPEN)
    right = prepared.component(1, 0, (0, 0, 1), OPEN)
    across = np.abs(right[:, :, 0] - left[:, :, -1]).std()
    within = np.abs(left[:, :, -1] - left[:, :, -2]).std()
    assert across < 1.5 * within


def test_chi_square_field_sums_independent_components() -> None:
    prepared = synthesis(spline_kernel(6.0, 5), SPACING, EDGE, standard(np), None)
    found = field_values(ChiSquare(3), prepared, 9, 2, (0, 0, 0), OPEN)
    parts = [prepared.component(9, stream(2, c), (0, 0, 0), OPEN) for c in range(3)]
    np.testing.assert_allclose(found, sum(part**2 for part in parts), rtol=1e-6)
    single = field_values(Gaussian(), prepared, 9, 2, (0, 0, 0), OPEN)
    np.testing.assert_array_equal(single, parts[0])


def test_component_has_unit_variance() -> None:
    prepared = synthesis(spline_kernel(4.0, 3), SPACING, 64, standard(np), None)
    values = np.stack([prepared.component(seed, 0, (0, 0, 0), OPEN) for seed in range(4)])
    # about one independent value per (2 R / 2)^3 voxels; relative sd of the variance sqrt(2 / n)
    independent = values.size / 4.0**3
    assert abs(values.var() - 1.0) < 4.0 * np.sqrt(2.0 / independent)


def test_streams_of_a_model_differ() -> None:
    used = {stream(field, component) for field in range(20) for component in range(64)}
    assert len(used) == 20 * 64


def test_block_edge() -> None:
    assert block_edge([32]) == 256
    for halo in (1, 5, 40, 100, 280):
        # the block of the least overlap that an FFT of bounded length leaves room for
        assert halo / 8 < block_edge([halo]) <= 256
    with pytest.raises(ModelError, match="coarser voxel size"):
        block_edge([400])
