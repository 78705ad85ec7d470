"""Interface densities against known geometry and the two-point coverage."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from oracles import octants, voronoi_shares
from samples import PHASES

from morphgen import Realization
from morphgen.descriptors import coverage_counts, interface_densities, specific_surface_areas
from morphgen.descriptors._directions import direction_weights, neighbour_offsets
from morphgen.errors import InputError
from morphgen.excursion import ExcursionModel, Field
from morphgen.fields.laws import ChiSquare, Gaussian, Law
from morphgen.fields.parametric import GaussianKernel


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


def from_pairs(
    labels: np.ndarray, phases: list[int], spacing: tuple[float, ...], mask: np.ndarray
) -> np.ndarray:
    """All 26 neighbours, weighted by their Voronoi cells, voxel by voxel."""
    inside = (labels != 255) & mask
    offsets = [step for step in itertools.product((-1, 0, 1), repeat=labels.ndim) if any(step)]
    units = np.array(offsets) * spacing
    distances = np.linalg.norm(units, axis=1)
    density = np.zeros((len(phases), len(phases)))
    for offset, distance, share in zip(
        offsets, distances, voronoi_shares(units / distances[:, None]), strict=True
    ):
        found, pairs = np.zeros_like(density), 0
        for here in np.ndindex(labels.shape):
            there = tuple(np.add(here, offset))
            if min(there) < 0 or any(t >= n for t, n in zip(there, labels.shape, strict=True)):
                continue
            if not inside[here] or not inside[there]:
                continue
            pairs += 1
            if {labels[here], labels[there]} <= set(phases):
                found[phases.index(labels[here]), phases.index(labels[there])] += 1
        density += 2.0 * share / distance * (found + found.T) / pairs
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
    found = interface_densities(labels, [0, 2, 1], spacing, mask, directions=ndim)
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
    expected = from_pairs(labels, [0, 1, 2], spacing, mask)
    assert found.dtype == np.float64
    # the shares are counted on points of the sphere
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    areas = backend.to_numpy(specific_surface_areas(arrays[0], [0, 1, 2], spacing, arrays[1]))
    np.testing.assert_allclose(areas, found.sum(axis=1), rtol=1e-14)


def test_layers() -> None:
    labels = np.repeat(np.array([0, 0, 1, 2, 2, 2, 1, 0], dtype=np.uint8), 30).reshape(8, 5, 6)
    # seven steps of 0.5 along the only axis with crossings, one third of the weight
    unit = 2.0 / 3.0 / (7 * 0.5)
    expected = unit * np.array([[0, 2, 0], [2, 0, 2], [0, 2, 0]])
    found = interface_densities(labels, [0, 1, 2], (0.5, 1.0, 1.0), directions=3)
    np.testing.assert_allclose(found, expected, rtol=1e-14)
    areas = specific_surface_areas(labels, [0, 1, 2], (0.5, 1.0, 1.0), directions=3)
    np.testing.assert_allclose(areas, unit * np.array([2, 4, 2]), rtol=1e-14)


@pytest.mark.parametrize("directions", [2, 4])
def test_disc_in_a_section(directions: int) -> None:
    # S_V = (4 / pi) times boundary length per area = 8 R / A; a row or column more or less on
    # each side of the disc changes it by a share of 1 / (2 R)
    spacing, radius = 0.1, 40.0
    labels = ball((101, 121), (50.3, 60.2), radius)
    area = 0.5 * (100 * 121 + 101 * 120) * spacing**2
    found = interface_densities(labels, [0, 1], spacing, directions=directions)[0, 1]
    assert found == pytest.approx(8.0 * radius * spacing / area, rel=1.0 / (2.0 * radius))


@pytest.mark.parametrize("directions", [3, 13])
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 1.0, 1.5)])
def test_ball_in_a_volume(directions: int, spacing: tuple[float, float, float]) -> None:
    # every direction sees the projection pi R^2 of a ball, so that the estimate is free of a bias
    # from orientation. Lines along a direction that meet the ball are lattice points in an
    # ellipse: pi R^2 within about 2 sqrt(R), in units of the widest spacing
    radius, shape = 20.0, (32, 56, 40)
    grid = np.indices(shape) - np.array([15.7, 27.1, 19.4])[:, None, None, None]
    grid = grid * np.array(spacing)[:, None, None, None] / max(spacing) * 2.0
    labels = (np.sum(grid**2, axis=0) < radius**2).astype(np.uint8)
    steps = tuple(2.0 * step / max(spacing) for step in spacing)
    found = specific_surface_areas(labels, [1, 0], steps, directions=directions)
    # shares of neighbours are of the image without one layer along each axis of the direction
    sides = np.array(shape)[None, :] - np.abs(np.array(neighbour_offsets(3)[:directions]))
    weights = direction_weights(directions, steps)
    volume = 1.0 / np.dot(weights, 1.0 / (np.prod(sides, axis=1) * np.prod(steps)))
    expected = 4.0 * np.pi * radius**2 / volume
    bound = 2.0 * np.sqrt(radius / 2.0) / (np.pi * (radius / 2.0) ** 2)
    np.testing.assert_allclose(found, expected, rtol=bound)


def slab(normal: tuple[int, ...], period: float, side: int) -> np.ndarray:
    """Parallel layers of two phases, each half a period thick."""
    unit = np.array(normal) / np.linalg.norm(normal)
    distance = np.tensordot(unit, np.indices((side,) * 3), axes=1)
    return ((distance + 0.123) % period < 0.5 * period).astype(np.uint8)


@pytest.mark.parametrize(
    ("normal", "axes", "all_directions"),
    [
        # 2 sum w |n . d| of cubic voxels; the axes alone give 2/3 of the sum of |n|
        ((1, 0, 0), 2 / 3, 0.9266),
        ((1, 1, 0), 2 * math.sqrt(2) / 3, 0.9326),
        ((1, 1, 1), 2 / math.sqrt(3), 0.9611),
        ((3, 1, 0), 8 / 3 / math.sqrt(10), 1.0031),
        ((3, 2, 1), 4 / math.sqrt(14), 1.0016),
    ],
)
def test_slabs_of_several_orientations(
    normal: tuple[int, ...], axes: float, all_directions: float
) -> None:
    period, side = 16.0, 128
    labels = slab(normal, period, side)
    # the volume holds 8 to 14 periods; one interface more or less, and half a voxel at the border
    for directions, bias in ((3, axes), (13, all_directions)):
        found = specific_surface_areas(labels, [0, 1], directions=directions)[0]
        assert found * period / 2.0 == pytest.approx(bias, rel=period / side / 2.0)
    offsets = np.array(neighbour_offsets(3))
    cosines = np.abs(offsets @ normal) / np.linalg.norm(offsets, axis=1) / np.linalg.norm(normal)
    exact = 2.0 * np.dot(direction_weights(13, (1.0,) * 3), cosines)
    assert exact == pytest.approx(all_directions, abs=1e-4)


@pytest.mark.parametrize("law", [Gaussian(), ChiSquare(2)])
def test_excursion_sets(law: Law) -> None:
    model = ExcursionModel(
        PHASES[:2], (1, 0), (Field(GaussianKernel(5.0), law, law.threshold(0.4)),)
    )
    side = 96
    labels = Realization(model, seed=3).window((0, 0, 0), (side,) * 3)
    expected, fraction = model.specific_surface_areas()[1], model.volume_fractions()[1]
    for directions in (3, 13):
        # neighbours differ with probability 2 (p - C), and crossings of smooth surfaces that are
        # missed are a share of about (distance / length)^2 / 12
        weights = np.array(direction_weights(directions, (1.0, 1.0, 1.0)))
        distance = np.sqrt(np.abs(neighbour_offsets(3)[:directions]).sum(axis=1))
        exact = 2.0 * (fraction - model.two_point_coverage(distance)[1, 1])
        lattice = float(np.sum(2.0 * weights * exact / distance))
        assert lattice == pytest.approx(expected, rel=0.02)
        assert lattice < expected
        eighths = [
            float(specific_surface_areas(part, [1, 0], directions=directions)[0])
            for part in octants(labels)
        ]
        # the mean of eight nearly independent parts; 4 standard errors
        error = np.std(eighths, ddof=1) / math.sqrt(8.0)
        assert abs(np.mean(eighths) - lattice) < 4.0 * error
        assert error < 0.05 * lattice


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


def test_one_phase_has_no_interfaces(backend: Any) -> None:
    labels = backend.asarray(np.arange(12).reshape(3, 4) % 3, dtype="uint8")
    assert backend.to_numpy(interface_densities(labels, [1])).tolist() == [[0.0]]
    assert backend.to_numpy(specific_surface_areas(labels, [1])).tolist() == [0.0]


def test_bad_input_is_refused() -> None:
    labels = np.zeros((1, 5), dtype=np.uint8)
    with pytest.raises(InputError, match=r"direction \(1, 0\) has no two neighbouring"):
        interface_densities(labels, [0, 1], 1.0)
    with pytest.raises(InputError, match="directions is 13; expected 2 or 4"):
        interface_densities(labels, [0, 1], directions=13)
    with pytest.raises(InputError, match="spacing is -1"):
        specific_surface_areas(labels, [0, 1], -1)
    with pytest.raises(InputError, match="phases are"):
        interface_densities(labels, [1, 1], 1.0)
