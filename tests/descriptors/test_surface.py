"""Interface densities against known geometry and the two-point coverage."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from morphgen.descriptors import coverage_counts, interface_densities, specific_surface_areas
from morphgen.errors import InputError


def from_coverage(
    labels: np.ndarray, phases: list[int], spacing: tuple[float, ...], mask: np.ndarray | None
) -> np.ndarray:
    """2 P_L from the share of differing neighbours, C_ij + C_ji at a lag of one pixel."""
    coverage = 2.0 * coverage_counts(labels, phases, 1, mask=mask).symmetrised()
    density = np.zeros((len(phases), len(phases)))
    for axis, step in enumerate(spacing):
        lag = [1] * labels.ndim
        lag[axis] = 2
        density += 2.0 / labels.ndim * coverage[:, :, *lag] / step
    np.fill_diagonal(density, 0.0)
    return density


def ball(shape: tuple[int, ...], centre: tuple[float, ...], radius: float) -> np.ndarray:
    grid = np.indices(shape)
    squared = sum((x - c) ** 2 for x, c in zip(grid, centre, strict=True))
    return (squared < radius**2).astype(np.uint8)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(data=st.data(), ndim=st.integers(2, 3))
def test_density_is_coverage_at_one_pixel(data: st.DataObject, ndim: int) -> None:
    shape = data.draw(hnp.array_shapes(min_dims=ndim, max_dims=ndim, min_side=2, max_side=6))
    labels = data.draw(hnp.arrays(np.uint8, shape, elements=st.sampled_from([0, 1, 2, 255])))
    mask = data.draw(st.none() | hnp.arrays(np.bool_, shape))
    corner = (slice(0, 2),) * ndim
    labels[corner] = np.minimum(labels[corner], 2)
    if mask is not None:
        mask[corner] = True
    spacing = (0.5, 0.3, 2.0)[:ndim]
    found = interface_densities(labels, [0, 2, 1], spacing, mask)
    expected = from_coverage(labels, [0, 2, 1], spacing, mask)
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-15)


def test_two_phases_differ_by_twice_the_drop_of_coverage() -> None:
    # THEORY of a two-phase structure: share of differing neighbours = 2 (p - C(one pixel)),
    # where p is the mean share of the phase at the two ends of the pairs
    labels = (np.random.default_rng(1).random((40, 50)) < 0.4).astype(np.uint8)
    coverage = coverage_counts(labels, [0, 1], 1).directional()
    at_ends = 0.5 * (coverage[1].sum(axis=0) + coverage[:, 1].sum(axis=0))
    drop = 2.0 * (at_ends - coverage[1, 1])
    expected = drop[2, 1] / 0.5 + drop[1, 2] / 0.25
    found = interface_densities(labels, [0, 1], (0.5, 0.25))
    np.testing.assert_allclose(found, [[0.0, expected], [expected, 0.0]], rtol=1e-13)


def test_every_backend_agrees(backend: Any) -> None:
    rng = np.random.default_rng(5)
    labels = rng.choice(np.array([0, 1, 2, 255], dtype=np.uint8), size=(5, 6, 7))
    mask = rng.random(labels.shape) < 0.9
    arrays = backend.asarray(labels), backend.asarray(mask, dtype="bool")
    spacing = (0.5, 0.3, 2.0)
    found = backend.to_numpy(interface_densities(arrays[0], [0, 1, 2], spacing, arrays[1]))
    expected = from_coverage(labels, [0, 1, 2], spacing, mask)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-13)
    areas = backend.to_numpy(specific_surface_areas(arrays[0], [0, 1, 2], spacing, arrays[1]))
    np.testing.assert_allclose(areas, expected.sum(axis=1), rtol=1e-13)


def test_layers() -> None:
    labels = np.repeat(np.array([0, 0, 1, 2, 2, 2, 1, 0], dtype=np.uint8), 30).reshape(8, 5, 6)
    # seven steps of 0.5 along the only axis with crossings, one third of the weight
    unit = 2.0 / 3.0 / (7 * 0.5)
    expected = unit * np.array([[0, 2, 0], [2, 0, 2], [0, 2, 0]])
    found = interface_densities(labels, [0, 1, 2], (0.5, 1.0, 1.0))
    np.testing.assert_allclose(found, expected, rtol=1e-14)
    areas = specific_surface_areas(labels, [0, 1, 2], (0.5, 1.0, 1.0))
    np.testing.assert_allclose(areas, unit * np.array([2, 4, 2]), rtol=1e-14)


def test_disc_in_a_section() -> None:
    # S_V = (4 / pi) times boundary length per area = 8 R / A; a row or column more or less on
    # each side of the disc changes it by a share of 1 / (2 R)
    spacing, radius = 0.1, 40.0
    labels = ball((101, 121), (50.3, 60.2), radius)
    area = 0.5 * (100 * 121 + 101 * 120) * spacing**2
    found = interface_densities(labels, [0, 1], spacing)[0, 1]
    assert found == pytest.approx(8.0 * radius * spacing / area, rel=1.0 / (2.0 * radius))


def test_ball_in_a_volume() -> None:
    # lines that meet the ball are lattice points in a disc: pi R^2 within about 2 sqrt(R)
    radius = 15.0
    labels = ball((40, 40, 40), (19.7, 20.1, 19.4), radius)
    found = specific_surface_areas(labels, [1, 0], 2.0)
    expected = 4.0 * np.pi * (2.0 * radius) ** 2 / (40 * 40 * 39 * 8.0)
    bound = 2.0 * np.sqrt(radius) / (np.pi * radius**2)
    np.testing.assert_allclose(found, expected, rtol=bound)


def test_noise() -> None:
    shares = np.array([0.5, 0.3, 0.2])
    labels = np.random.default_rng(2).choice(3, size=(200, 200), p=shares).astype(np.uint8)
    # independent neighbours differ with probability 2 p_i p_j; the variance of a share is at most
    # 4 p_i p_j / pairs, that of the mean over the axes no more; 5 standard deviations
    product = np.multiply.outer(shares, shares)
    found = interface_densities(labels, [0, 1, 2], 1.0)
    error = np.abs(found - 2.0 * 2.0 * (product - np.diag(np.diag(product))))
    assert np.all(error <= 5.0 * 2.0 * np.sqrt(4.0 * product / (200 * 199)))
    np.testing.assert_array_equal(np.diag(found), 0.0)


def test_results_stay_on_the_device() -> None:
    strict = pytest.importorskip("array_api_strict")
    device = strict.Device("device1")
    labels = strict.asarray(np.arange(12, dtype=np.uint8).reshape(3, 4) % 3, device=device)
    assert interface_densities(labels, [0, 1]).device == device
    assert specific_surface_areas(labels, [0, 1]).device == device


def test_bad_input_is_refused() -> None:
    labels = np.zeros((1, 5), dtype=np.uint8)
    with pytest.raises(InputError, match="axis 0 has no two neighbouring pixels"):
        interface_densities(labels, [0, 1], 1.0)
    with pytest.raises(InputError, match="spacing is -1"):
        specific_surface_areas(labels, [0, 1], -1)
    with pytest.raises(InputError, match="phases are"):
        interface_densities(labels, [1, 1], 1.0)
