"""Calibration of models with an axis: parametrisations, recovery, and the choice of symmetry."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from calibration.cylinders import cut, cylinder

from morphgen.calibration.cylindrical import high_cylindrical
from morphgen.calibration.isotropy import degrees_of_freedom, isotropy_test
from morphgen.calibration.lags import Lags
from morphgen.calibration.lengths import axis_lengths, correlation_lengths
from morphgen.calibration.parametrization import Low, Parametrization
from morphgen.calibration.penalties import spline_penalty
from morphgen.calibration.reduce import reduce_model
from morphgen.calibration.result import CalibrationResult
from morphgen.calibration.symmetry import choose_symmetry
from morphgen.calibration.topology import simulator
from morphgen.errors import InputError
from morphgen.excursion.storage import dump_model, parse_model
from morphgen.fields.parametric import DampedSincKernel, GaussianKernel, MaternKernel
from morphgen.images import Section, read_section
from morphgen.workflows import calibrate, calibration_curves

FIXED = {"order": "1,0,2", "fields": "gaussian,gaussian"}


def grid() -> Lags:
    across, along = np.meshgrid(np.arange(0.0, 25.0, 2.0), np.arange(0.0, 37.0, 3.0))
    return Lags(across.ravel()[1:], along.ravel()[1:])


MEMBERS: dict[str, Parametrization] = {
    "high": high_cylindrical(grid(), (12.0, 18.0), (6, 5), "z"),
    "Gaussian": Low(grid(), GaussianKernel, "z"),
    "Matern": Low(grid(), MaternKernel, "z"),
    "damped sinc": Low(grid(), DampedSincKernel, "z"),
}


@pytest.mark.parametrize("name", MEMBERS)
def test_parametrizations_start_near_a_bell_and_know_their_slopes(name: str) -> None:
    member = MEMBERS[name]
    bell = GaussianKernel(5.0, axial_scale=1.6, symmetry_axis="z")
    wanted = np.asarray(bell.cylindrical_correlation(member.lags.across, member.lags.along))
    start = member.start(wanted)
    if name in ("high", "Gaussian"):
        # the bell is cut off where the supports end, at 2.4 and 2.25 lengths of its kernel
        np.testing.assert_allclose(member.correlation(start)[0], wanted, atol=6e-3)
    random = start + 0.05 * np.random.default_rng(2).normal(size=start.size)
    rho, slopes = member.correlation(random)
    kernel = member.kernel(random)
    direct = kernel.cylindrical_correlation(member.lags.across, member.lags.along)
    np.testing.assert_allclose(rho, direct, atol=1e-6)
    for j, unit in enumerate(1e-5 * np.eye(random.size)):
        ahead, behind = member.correlation(random + unit)[0], member.correlation(random - unit)[0]
        np.testing.assert_allclose(slopes[:, j], (ahead - behind) / 2e-5, atol=1e-6)
    assert len(member.names) == random.size == member.values(random).size
    assert kernel.axis == "z"
    few = Lags(np.array([3.0, 0.0]), np.array([0.0, 4.0]))
    expected = kernel.cylindrical_correlation(few.across, few.along)
    np.testing.assert_allclose(member.at(few).correlation(random)[0], expected, atol=1e-6)


def test_penalty_of_tensor_splines() -> None:
    coefficients = np.random.default_rng(3).normal(size=(5, 4))
    value, slopes = spline_penalty(coefficients)
    for j, unit in enumerate(1e-6 * np.eye(20)):
        moved = [spline_penalty(coefficients + sign * unit.reshape(5, 4))[0] for sign in (1, -1)]
        np.testing.assert_allclose(slopes[:, j], (moved[0] - moved[1]) / 2e-6, atol=1e-9)
    # rough along one axis only
    flat = np.outer(np.ones(5), [1.0, -1.0, 1.0, -1.0])
    assert value.size == 1 + 6 * 4 + 5 * 5
    assert np.abs(spline_penalty(flat)[0][1 + 24 :]).sum() > 0.0


def test_lengths_along_two_directions() -> None:
    kernel = GaussianKernel(4.0, axial_scale=2.5, symmetry_axis="y")
    lags = grid()
    rho = np.asarray(kernel.cylindrical_correlation(lags.across, lags.along))
    assert axis_lengths(lags, rho) == pytest.approx((4.0, 10.0), rel=1e-9)
    found = correlation_lengths(kernel, lags)
    assert found["axial_scale"] == pytest.approx(2.5, rel=1e-3)
    # nothing well above zero: one length, by distance
    assert axis_lengths(lags, 0.0 * rho) == pytest.approx((2.0 * (1 - np.exp(-0.5)),) * 2, rel=0.1)


@pytest.fixture(scope="module")
def stretched() -> list[Section]:
    return [cut(2.0, "xy", 1, 384), cut(2.0, "yz", 2, 384)]


@pytest.fixture(scope="module")
def low(stretched: list[Section]) -> CalibrationResult:
    return calibrate(stretched, symmetry="auto", parametrization="low", **FIXED)


def test_axial_scale_is_recovered(low: CalibrationResult) -> None:
    for k, field in enumerate(low.model.fields):
        error = low.uncertainty[f"fields.{k}.axial_scale"]
        found = correlation_lengths(field.kernel, low.coverage.lags)["axial_scale"]
        # sections of 64 and 32 correlation lengths: standard errors of about 4 %
        assert 0.0 < error < 0.2
        assert abs(found - 2.0) < 4.0 * error
        assert f"fields.{k}.kernel.axial_scale" in low.uncertainty


def test_result_says_what_it_knows_of_directions(low: CalibrationResult) -> None:
    origin = low.model.provenance
    assert origin is not None
    assert origin.isotropy is not None
    assert origin.isotropy.rejected
    assert origin.isotropy.axis == "z"
    assert "differ at the level 1 %" in origin.isotropy.verdict
    assert parse_model(dump_model(low.model)) == low.model
    assert low.candidates[0].symmetry == "cylindrical"
    names = [curves.name for curves in calibration_curves(low)]
    assert names == ["along z, plane yz", "across z, plane yz", "across z, plane xy"]
    for curves in calibration_curves(low):
        assert np.all(np.diff(curves.lag) >= 0.0)
        assert curves.lag[0] == 1.0


@pytest.fixture(scope="module")
def splines(stretched: list[Section]) -> CalibrationResult:
    return calibrate(stretched, symmetry="cylindrical", axis="z", **FIXED)


def test_splines_fit_both_planes(splines: CalibrationResult) -> None:
    kernel = splines.model.fields[0].kernel
    assert kernel.type == "cylindrical_spline"
    assert kernel.support_height > 1.5 * kernel.support_radius
    known = cylinder(2.0).fields[0].kernel
    lags = np.linspace(0.0, 12.0, 25)
    for across, along in ((lags, 0.0 * lags), (0.0 * lags, 2.0 * lags)):
        found = kernel.cylindrical_correlation(across, along)
        # THEORY 8: sup |drho_X| .009 to .023 for one isotropic section of 64 correlation lengths
        expected = known.cylindrical_correlation(across, along)
        np.testing.assert_allclose(found, expected, atol=0.08)
    assert splines.coverage.misfit < 2.0 * splines.model.provenance.standard_error


def test_splines_are_reduced_to_families_with_the_axis(
    splines: CalibrationResult, stretched: list[Section]
) -> None:
    reduced = reduce_model(splines.model, stretched)
    origin = reduced.provenance
    assert origin is not None
    assert origin.reduction is not None
    assert not origin.reduction.missing
    for before, after in zip(splines.model.fields, reduced.fields, strict=True):
        assert after.kernel.axis == "z"
        given = correlation_lengths(before.kernel, splines.coverage.lags)["axial_scale"]
        assert after.kernel.axial_scale == pytest.approx(given, rel=0.05)
    # the splines follow the section's own noise, which is .01 in C here; families do not
    assert max(origin.reduction.loss.values()) < 0.02


def test_simulated_sections_keep_their_planes(stretched: list[Section]) -> None:
    kernel = cylinder(2.0).fields[0].kernel
    draws = simulator(stretched, 8.0, seed=1, count=2, axis="z")
    assert [frame.plane for frame in draws.frames] == ["xy", "yz"]
    assert len(draws.open_sets()) == 4
    values, pixels = draws.observed(stretched, (1,))
    assert values.shape == pixels.shape == (6,)
    assert kernel.axis == "z"


def test_isotropy_is_kept_unless_rejected() -> None:
    sections = [cut(1.0, "xy", 11), cut(1.0, "yz", 12)]
    chosen = choose_symmetry(sections, "auto")
    assert chosen.axis is None
    assert chosen.test is not None
    assert not chosen.test.rejected
    assert "do not differ" in chosen.test.verdict
    # an axis that is asked for is taken all the same
    assert choose_symmetry(sections, "cylindrical", "y").axis == "y"
    assert choose_symmetry(sections, "cylindrical").axis in ("z", "y", "x")


def test_the_level_of_the_test() -> None:
    # 40 pairs of isotropic sections at the level 5 %: 2 rejections expected, with a standard
    # deviation of 1.4; the bound is 3 of them
    pairs = [[cut(1.0, "xy", 2 * k, 160), cut(1.0, "yz", 2 * k + 1, 160)] for k in range(40)]
    tests = [isotropy_test(pair, 0.05) for pair in pairs]
    assert sum(test is not None and test.rejected for test in tests) <= 2 + 3 * 1.4


def test_degrees_of_freedom_of_unequal_influences() -> None:
    alike = np.tile([1.0, -1.0], 6)
    # lighter tails than normal ones bring nothing: tiles less one
    assert degrees_of_freedom([alike]) == pytest.approx(11.0)
    # of sections with one variance they add up, and a section without scatter has none
    assert degrees_of_freedom([alike, alike]) == pytest.approx(22.0)
    assert degrees_of_freedom([alike, 1e-6 * alike]) == pytest.approx(11.0)
    heavy = np.concatenate([5.0 * alike[:2], alike])
    excess = scipy.stats.kurtosis(heavy, bias=False)
    assert degrees_of_freedom([heavy]) == pytest.approx(2.0 / (2.0 / 13.0 + excess / 14.0))
    assert degrees_of_freedom([np.array([1.0])]) == degrees_of_freedom([]) == 1.0


@pytest.mark.parametrize(("scale", "planes"), [(0.5, ("xy", "yz")), (2.0, ("xz", "xy"))])
def test_the_power_of_the_test(scale: float, planes: tuple[str, str]) -> None:
    for k in range(8):
        test = isotropy_test([cut(scale, plane, 20 * k + i) for i, plane in enumerate(planes)])
        assert test is not None
        assert test.rejected
        assert test.axis == "z"
        assert test.alike


def test_one_plane_shows_anisotropy_but_no_axis() -> None:
    section = cut(2.0, "yz", 3)
    result = calibrate([section], parametrization="low", **FIXED)
    assert any("--symmetry cylindrical" in warning for warning in result.warnings)
    with pytest.raises(InputError, match=r"z and y only.*--axis z"):
        choose_symmetry([section], "auto")
    assert choose_symmetry([section], "auto", "z").axis == "z"


def test_a_wrong_axis_is_warned_about() -> None:
    sections = [cut(2.0, "xy", 1), cut(2.0, "yz", 2)]
    assert "from the others is z" in choose_symmetry(sections, "cylindrical", "x").warnings[0]


def test_three_directions_that_differ_are_warned_about() -> None:
    # correlation lengths of 8, 4 and 2 pixels along x, y and z
    sections = [cut(2.0, "xy", 3, axis="x"), cut(0.5, "yz", 4)]
    assert "differ too" in choose_symmetry(sections, "auto").warnings[0]


REFUSED = [
    ({"symmetry": "cubic"}, "expected one of"),
    ({"symmetry": "auto", "axis": "w"}, "z, y, x"),
    ({"axis": "z"}, "add --symmetry cylindrical"),
    ({"symmetry": "cylindrical", "axis": "x"}, "xy or xz"),
]


@pytest.mark.parametrize(("arguments", "expected"), REFUSED)
def test_wrong_requests_are_refused(arguments: dict[str, str], expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        calibrate([cut(2.0, "yz", 3)], **FIXED, **arguments)  # type: ignore[arg-type]


def test_a_section_too_small_to_test() -> None:
    small = read_section(cut(1.0, "yz", 3).labels[:60, :60].copy(), plane="yz")
    chosen = choose_symmetry([small], "auto")
    assert chosen.axis is None
