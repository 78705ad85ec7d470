"""Targets of sections about an axis: lags of each plane, matched fractions, refusals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from calibration.cylinders import cut, cylinder

from morphgen.calibration.matching import match_fractions, moved_match
from morphgen.calibration.objective import pairs_of
from morphgen.calibration.plane_bins import plane_bins
from morphgen.calibration.plane_targets import measure_cylindrical
from morphgen.calibration.targets import measure_target
from morphgen.descriptors import coverage_counts
from morphgen.errors import ImageError, InputError
from morphgen.fields.laws import Gaussian
from morphgen.images import read_section


def test_bins_hold_every_pair_once_at_its_true_lag() -> None:
    labels = np.random.default_rng(1).integers(0, 3, (40, 50)).astype(np.uint8)
    counts = coverage_counts(labels, (0, 1, 2), 9)
    bins = plane_bins(9, (1.0, 1.0), (9.0, 9.0))
    found = bins.coverage(counts)
    across, along = np.abs(np.asarray(counts.offsets))
    inside = np.hypot(across, along) <= 9.0
    totals = np.asarray(counts.totals)
    assert found.weight.sum() == totals[inside].sum()
    assert found.lags.across @ found.weight == pytest.approx((across * totals)[inside].sum())
    assert found.lags.along @ found.weight == pytest.approx((along * totals)[inside].sum())
    pairs = np.asarray(counts.pairs)[0, 1]
    assert found.values[0, 1] @ found.weight == pytest.approx(pairs[inside].sum())
    # lag vectors of up to 3 pixels are bins of their own, the first being lag 0
    exact = np.hypot(found.lags.across, found.lags.along) <= 3.0
    assert np.all(found.lags.across[exact] % 1.0 == 0.0)
    assert exact.sum() == 11
    value = np.asarray(counts.symmetrised())[0, 1]
    place = np.flatnonzero((found.lags.across == 2.0) & (found.lags.along == 1.0))
    mirrored = [(9 + i, 9 + j) for i in (-2, 2) for j in (-1, 1)]
    weights = [totals[at] for at in mirrored]
    expected = np.average([value[at] for at in mirrored], weights=weights)
    assert found.values[0, 1][place] == pytest.approx(expected)


def test_bins_of_pixels_that_are_not_square() -> None:
    bins = plane_bins(20, (1.0, 0.5), (10.0, 5.0))
    used = bins.number >= 0
    assert bins.across[used].max() == 10.0
    assert bins.along[used].max() == 5.0


@pytest.mark.parametrize("planes", [("xy", "yz"), ("xz", "yz", "xy")])
def test_target_agrees_with_the_closed_form(planes: tuple[str, ...]) -> None:
    truth = cylinder(2.0)
    sections = [cut(2.0, plane, 7 + seed, 384) for seed, plane in enumerate(planes)]
    target = measure_cylindrical(sections, "z")
    assert [rows.with_axis for rows in target.planes] == [True, False]
    assert target.planes[0].stop == target.planes[1].start
    assert target.planes[1].stop == target.lag.size
    assert np.all(target.lags.along[target.planes[1].start :] == 0.0)
    assert target.lags.along.max() > 1.5 * target.lags.across.max()
    offsets = np.stack([target.lags.along, 0.0 * target.lag, target.lags.across], axis=-1)
    known = np.array(list(truth.volume_fractions().values()))
    expected = match_fractions(truth.two_point_coverage(offsets), target.fractions - known)
    z = (target.values - expected) / target.standard_errors()
    # correlated errors of about ten independent lags each; measured: .7 to 1.3 over 12 seeds
    assert np.sqrt(np.mean(z**2)) < 2.0


def test_target_agrees_with_the_isotropic_one() -> None:
    sections = [cut(1.0, "xy", 3), cut(1.0, "yz", 4)]
    labels = sections[0].labels
    alike = [sections[0], read_section(np.ascontiguousarray(labels), plane="yz")]
    target = measure_cylindrical(alike, "z", 24)
    isotropic = measure_target(sections[:1], 24)
    normal = slice(target.planes[1].start, target.planes[1].stop)
    np.testing.assert_allclose(target.fractions, isotropic.fractions, atol=1e-12)
    np.testing.assert_array_equal(target.lag[normal], isotropic.lag)
    np.testing.assert_allclose(target.values[..., normal], isotropic.values, atol=1e-12)


def test_fractions_are_pooled_and_rows_are_brought_to_them() -> None:
    sections = [cut(2.0, "xy", 3), cut(2.0, "yz", 5)]
    target = measure_cylindrical(sections, "z")
    shares = [np.array(list(section.fractions().values())) for section in sections]
    np.testing.assert_allclose(target.fractions, np.mean(shares, axis=0), atol=1e-12)
    # sums over j are the fractions, but for the edges of the sections
    edges = np.abs(target.values.sum(axis=1) - target.fractions[:, None])
    assert edges.max() < 0.02
    assert edges[:, target.lag <= 2.0].max() < 1e-3


def test_matching_keeps_marginals_and_odds() -> None:
    rho = np.array([0.99, 0.5, 0.0, -0.2])
    own, wanted = np.array([0.3, 0.7]), np.array([0.33, 0.67])
    joint = own[0] * own[1] * rho
    values = np.stack(
        [
            np.stack([own[0] ** 2 + joint, own[0] * own[1] - joint]),
            np.stack([own[0] * own[1] - joint, own[1] ** 2 + joint]),
        ]
    )
    found = match_fractions(values, wanted - own)
    np.testing.assert_allclose(found.sum(axis=1), np.outer(wanted, np.ones(4)), atol=1e-10)
    odds = [one[0, 0] * one[1, 1] / one[0, 1] ** 2 for one in (values, found)]
    np.testing.assert_allclose(odds[1], odds[0], rtol=1e-8)
    np.testing.assert_allclose(match_fractions(values, 0.0 * own), values, atol=1e-14)
    # independent points stay independent
    np.testing.assert_allclose(found[..., 2], np.outer(wanted, wanted), atol=1e-12)
    change = moved_match(values, wanted - own, 0.0 * values, np.array([1.0, -1.0]))
    step = np.array([1e-3, -1e-3])
    moved = match_fractions(values, wanted - own + step) - match_fractions(
        values, wanted - own - step
    )
    np.testing.assert_allclose(change, moved / 2e-3, atol=1e-4)


def test_matching_comes_near_to_a_moved_threshold() -> None:
    law, rho = Gaussian(), np.linspace(-0.3, 0.999, 400)

    def table(p: float) -> np.ndarray:
        joint = np.asarray(law.joint_exceedance(rho, law.threshold(p)))
        return np.stack([np.stack([joint, p - joint]), np.stack([p - joint, 1 - 2 * p + joint])])

    found = match_fractions(table(0.35), np.array([0.02, -0.02]))
    assert np.abs(table(0.35) - table(0.37)).max() > 0.027
    assert np.abs(found - table(0.37)).max() < 6.0e-4


def test_a_transposed_section_shows_the_same() -> None:
    section = cut(2.0, "yz", 5)
    turned = read_section(np.ascontiguousarray(section.labels.T), plane="xy")
    first = measure_cylindrical([section], "z", 24)
    second = measure_cylindrical([turned], "x", 24)
    np.testing.assert_array_equal(first.lags.along, second.lags.along)
    np.testing.assert_array_equal(first.values, second.values)


def test_influence_of_a_tile_stays_in_its_planes() -> None:
    target = measure_cylindrical([cut(2.0, "xy", 3), cut(2.0, "yz", 5)], "z", 24)
    fractions, rows = target.influence_in_order(target.labels)
    # tiles of the yz section come first: they move the rows of xy by the pooled fractions alone
    normal = slice(target.planes[1].start, target.planes[1].stop)
    tiles = len(fractions) // 2
    pairs = {pair: row for row, pair in enumerate(pairs_of(3))}
    for i in range(3):
        marginal = sum(rows[:tiles, pairs[min(i, j), max(i, j)], normal] for j in range(3))
        np.testing.assert_allclose(
            marginal, np.broadcast_to(fractions[:tiles, i, None], marginal.shape), atol=1e-7
        )


def test_sections_without_the_axis_are_refused() -> None:
    with pytest.raises(InputError, match=r"no section contains the axis z.*xz or yz"):
        measure_cylindrical([cut(2.0, "xy", 3)], "z")


def test_voxel_sizes_must_agree_along_each_axis() -> None:
    first, second = cut(1.0, "xy", 3), cut(1.0, "yz", 4)
    fine = replace(second, pixel_size=(0.5, 1.0))
    target = measure_cylindrical([first, fine], "z", 24)
    on_axis = target.lags.along[target.lags.across == 0.0]
    assert on_axis.min() == 0.5
    with pytest.raises(InputError, match=r"0.5 voxel along y.*of 1"):
        measure_cylindrical([first, replace(second, pixel_size=(1.0, 0.5))], "z")
    with pytest.raises(InputError, match="unit or phases"):
        measure_cylindrical([first, replace(second, unit="um")], "z")


def test_small_sections_are_refused() -> None:
    narrow = read_section(cut(2.0, "yz", 4).labels[:48], plane="yz")
    with pytest.raises(ImageError, match="correlation lengths"):
        measure_cylindrical([narrow], "z")
    with pytest.raises(InputError, match="largest lag"):
        measure_cylindrical([cut(2.0, "yz", 4)], "z", 200)
