"""Sizes of balls: slabs, balls and channels with necks, and a slow reference."""

from __future__ import annotations

import math

import numpy as np
import oracles
import pytest

from morphgen.descriptors import sizes
from morphgen.descriptors._distances import checked_radii
from morphgen.descriptors.parts import Frame
from morphgen.errors import InputError


def ball(n: int, radius: float, centre: tuple[float, float, float], spacing=(1.0, 1.0, 1.0)):
    """Phase 1 within a ball, phase 0 around it; lengths in the unit of the spacing."""
    grid = np.indices((n, n, n), dtype=float)
    squares = sum(((grid[axis] - centre[axis]) * spacing[axis]) ** 2 for axis in range(3))
    return (squares < radius**2).astype(np.uint8)


def bottles(neck: int = 3) -> np.ndarray:
    """Phase 1: a channel along z, 13 voxels wide, with a neck of odd width in its middle."""
    labels = np.zeros((40, 19, 19), dtype=np.uint8)
    labels[:, 3:16, 3:16] = 1
    labels[18:22] = 0
    middle = slice(9 - neck // 2, 10 + neck // 2)
    labels[18:22, middle, middle] = 1
    return labels


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("width", [5, 6])
def test_a_slab_is_filled_up_to_half_its_thickness(axis: int, width: int) -> None:
    spacing = (0.5, 1.0, 2.0)
    shape = [12, 12, 12]
    labels = np.zeros(shape, dtype=np.uint8)
    labels[(slice(None),) * axis + (slice(3, 3 + width),)] = 1
    # half a voxel more where the thickness is an odd number of voxels
    half = (width + 1) // 2 * spacing[axis]
    radii = np.array([0.5 * half, half, 1.01 * half, 2.0 * half])
    found = sizes.continuous_phase_size_distribution(labels, 1, spacing, radii)
    assert found.shares.tolist() == [1.0, 1.0, 0.0, 0.0]
    assert half < found.median() < 1.01 * half


def test_balls_of_random_place_have_their_radius_less_half_a_voxel() -> None:
    rng = np.random.default_rng(3)
    found = []
    for _ in range(12):
        labels = ball(24, 8.0, tuple(11.5 + rng.uniform(-0.5, 0.5, 3)))
        radii = np.arange(12, 40) / 4
        found.append(sizes.continuous_phase_size_distribution(labels, 1, 1.0, radii).median())
    # centres between voxels are not tried: the mean of the misses is about half a voxel
    assert -0.9 < np.mean(found) - 8.0 < 0.1
    assert max(abs(np.array(found) - 8.0)) < 1.2


def test_a_ball_of_flat_voxels() -> None:
    spacing = (1.0, 0.5, 0.25)
    labels = ball(40, 4.0, (20.0, 20.0, 20.0), spacing)
    radii = np.arange(8, 24) / 4
    found = sizes.continuous_phase_size_distribution(labels, 1, spacing, radii)
    assert abs(found.median() - 4.0) <= 0.5


def test_sizes_and_intrusion_equal_a_slow_obvious_implementation() -> None:
    rng = np.random.default_rng(5)
    labels = (rng.random((9, 10, 11)) < 0.08).astype(np.uint8)
    labels[2:4, 3:5, :4] = 2
    labels[6:, 7:, 8:] = 255
    spacing = (1.0, 0.7, 1.3)
    radii = np.array([0.7, 1.0, 1.4, 1.9, 2.5])
    whole = sizes.continuous_phase_size_distribution(labels, 0, spacing, radii)
    expected = oracles.balls(labels, 0, spacing, radii, None)
    assert np.allclose(whole.shares, expected)
    assert 0.0 < whole.shares[3] < 1.0
    for axis in range(3):
        found = sizes.simulated_intrusion(labels, 0, axis, spacing, radii)
        sides = [oracles.balls(labels, 0, spacing, radii, (axis, side)) for side in (0, -1)]
        assert np.allclose(found.shares, np.mean(sides, axis=0))
    frame = Frame(labels.shape, spacing, "zyx", (2, 0), "um")
    readings = sizes.PhaseSizes(tuple(radii)).readings(labels, frame)
    by_key = {reading.key: reading.values for reading in readings}
    assert np.allclose(by_key["phase_size_distribution", (0,), ""], whole.shares)
    assert np.allclose(by_key["intrusion_distribution", (0,), "x"], found.shares)


def test_intrusion_sees_necks_and_sizes_do_not() -> None:
    radii = np.arange(2, 17) / 2
    labels = bottles(3)
    whole = sizes.continuous_phase_size_distribution(labels, 1, 1.0, radii)
    assert 7.0 <= whole.median() <= 7.5
    along = sizes.simulated_intrusion(labels, 1, 0, 1.0, radii)
    # from either face the wide half before the neck, 18 of 36 voxels long, and the neck from there
    assert along.shares[radii == 3.0] == pytest.approx(0.5, abs=0.02)
    assert along.shares[radii == 2.0] > 0.95
    across = sizes.simulated_intrusion(labels, 1, 1, 1.0, radii)
    assert (across.shares == 0.0).all()
    assert sizes.constrictivity(whole, across) == 0.0


def test_constrictivity_of_chambers_behind_necks() -> None:
    labels = np.zeros((44, 19, 19), dtype=np.uint8)
    for start in (4, 18, 32):
        labels[start : start + 11, 4:15, 4:15] = 1
    labels[:, 7:12, 7:12] = 1  # a square channel, 5 wide, through all chambers
    radii = np.arange(4, 30) / 4
    whole = sizes.continuous_phase_size_distribution(labels, 1, 1.0, radii)
    along = sizes.simulated_intrusion(labels, 1, 0, 1.0, radii)
    assert whole.median() == pytest.approx(6.0, abs=0.25)
    assert along.median() == pytest.approx(3.0, abs=0.25)
    assert sizes.constrictivity(whole, along) == pytest.approx(0.25, abs=0.05)


def test_what_is_outside_is_no_wall() -> None:
    labels = np.zeros((12, 12, 12), dtype=np.uint8)
    labels[:, :, 6:] = 255
    labels[:, :, 0] = 1
    radii = np.array([1.0, 5.0, 5.1])
    found = sizes.continuous_phase_size_distribution(labels, 0, 1.0, radii)
    assert found.shares.tolist() == [1.0, 1.0, 0.0]
    with pytest.raises(InputError, match="face normal to axis 2 has no voxel inside"):
        sizes.simulated_intrusion(labels, 0, 2)
    frame = Frame(labels.shape, (1.0,) * 3, "zyx", (0, 1))
    by_key = {r.key: r.values for r in sizes.PhaseSizes().readings(labels, frame)}
    assert np.isnan(by_key["constrictivity", (0,), "x"]).all()
    assert by_key["constrictivity", (0,), "z"] == 1.0


def test_medians_that_the_radii_do_not_determine() -> None:
    radii = np.array([1.0, 2.0])
    assert sizes.SizeDistribution(radii, np.array([1.0, 0.5])).median() == math.inf
    assert math.isnan(sizes.SizeDistribution(radii, np.full(2, np.nan)).median())
    assert sizes.SizeDistribution(radii, np.array([0.4, 0.0])).median() == 0.0
    assert sizes.SizeDistribution(radii, np.array([0.75, 0.25])).median() == 1.5


def test_constrictivity_that_the_radii_do_not_determine() -> None:
    radii = np.array([6.0, 8.0])
    thin = sizes.SizeDistribution(radii, np.array([0.4, 0.0]))
    wide = sizes.SizeDistribution(radii, np.array([1.0, 0.9]))
    assert math.isnan(sizes.constrictivity(thin, thin))
    assert math.isnan(sizes.constrictivity(wide, thin))


def test_radii_reach_what_is_in_the_volume() -> None:
    labels = np.zeros((12, 90, 90), dtype=np.uint8)
    labels[:, :, 80:] = 1
    # one ball of 80 voxels covers all; the radii there are 8 voxels apart
    found = sizes.continuous_phase_size_distribution(labels, 0)
    assert found.median() == 84.0
    unit = (1.0, 1.0, 1.0)
    few, many = (checked_radii(None, unit, longest) for longest in (33.0, 1000.0))
    assert few.tolist() == [*np.arange(2, 17) / 2, *range(9, 17), *range(18, 33, 2), 36]
    assert many[: few.size].tolist() == few.tolist()
    assert many[-1] == 1024.0
    assert checked_radii(None, (2.0, 1.0, 1.0), 0.5).tolist() == [1.0]


def test_a_phase_without_walls_is_infinite_and_has_no_necks() -> None:
    labels = np.zeros((6, 6, 6), dtype=np.uint8)
    frame = Frame(labels.shape, (1.0, 1.0, 1.0), "zyx", (0, 1))
    by_key = {r.key: r.values[0] for r in sizes.PhaseSizes().readings(labels, frame)}
    assert by_key["phase_size_radius", (0,), ""] == math.inf
    assert by_key["intrusion_radius", (0,), "y"] == math.inf
    assert by_key["constrictivity", (0,), "y"] == 1.0
    assert math.isnan(by_key["phase_size_radius", (1,), ""])


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (1.0, 3.0, 3.0), (3.0, 1.0, 3.0)])
def test_nothing_enters_across_an_edge(spacing: tuple[float, float, float]) -> None:
    labels = np.ones((16, 16, 16), dtype=np.uint8)
    # two prisms of which one reaches the face, and that have an edge in common
    labels[:, :8, :8] = labels[:, 8:, 8:] = 0
    labels[:, 8:, 15] = 1
    radii = np.array([1.0, 1.5, 2.0, 2.5])
    apart = labels.copy()
    apart[:, 8:, 8:] = 1
    joined = sizes.simulated_intrusion(labels, 0, 2, spacing, radii).shares
    alone = sizes.simulated_intrusion(apart, 0, 2, spacing, radii).shares
    share = np.count_nonzero(apart == 0) / np.count_nonzero(labels == 0)
    assert np.allclose(joined, alone * share)


@pytest.mark.parametrize("radii", [[], [0.0, 1.0], [2.0, 1.0], [1.0, math.inf], [[1.0]]])
def test_radii_must_rise(radii: list[float]) -> None:
    with pytest.raises(InputError, match="expected positive, finite, rising lengths"):
        checked_radii(radii, (1.0, 1.0, 1.0), 32.0)
