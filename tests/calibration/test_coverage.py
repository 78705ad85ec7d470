"""Calibration by coverage functions: recovery of known truths, refusals, real sections."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import oracles
import pytest
import tifffile
from calibration.truths import TRUTHS
from samples import PHASES

from morphgen.calibration.coverage import calibrate_coverage
from morphgen.calibration.objective import FieldLaw
from morphgen.calibration.request import CalibrationRequest
from morphgen.calibration.result import CalibrationResult
from morphgen.calibration.selection import DEGREES_OF_FREEDOM
from morphgen.calibration.targets import measure_target
from morphgen.descriptors import coverage_counts
from morphgen.errors import ImageError, InputError
from morphgen.excursion import ExcursionModel, Field, Realization, section_sampler
from morphgen.excursion.storage import dump_model, parse_model
from morphgen.fields.laws import ChiSquare, Gaussian, Law
from morphgen.fields.parametric import GaussianKernel, MaternKernel
from morphgen.images import Section, read_section
from morphgen.phases import Phase
from morphgen.workflows import calibrate

GAUSSIAN = FieldLaw(Gaussian())
LAGS = np.arange(0.0, 65.0)


def draw(truth: ExcursionModel, seed: int, side: int = 512) -> Section:
    """One section of a truth."""
    return read_section(section_sampler(truth, (side, side)).labels(seed))


def correlation_error(model: ExcursionModel, truth: ExcursionModel, field: int) -> float:
    """Largest |rho - rho_true|; of |rho| for a chi-square field, whose sign cannot be seen."""
    offsets = np.zeros((LAGS.size, 3))
    offsets[:, 2] = LAGS
    found = model.fields[field].kernel.correlation(offsets)
    expected = truth.fields[field].kernel.correlation(offsets)
    if truth.fields[field].law != Gaussian():
        found, expected = np.abs(found), np.abs(expected)
    return float(np.abs(found - expected).max())


@pytest.fixture(scope="module")
def matern() -> CalibrationResult:
    """Fixed order and laws: the fit alone."""
    truth = TRUTHS["Matern"]
    request = CalibrationRequest(order=truth.order, laws=(GAUSSIAN, GAUSSIAN))
    return calibrate_coverage([draw(truth, 1)], request)


def test_fit_recovers_the_correlations(matern: CalibrationResult) -> None:
    # THEORY 8, one section 64 correlation lengths wide: sup |dC| .0025, sup |drho| .009-.023
    # on average; these bounds are the targets for the median of five sections
    assert matern.coverage.misfit < 0.005
    assert correlation_error(matern.model, TRUTHS["Matern"], 0) < 0.03
    assert correlation_error(matern.model, TRUTHS["Matern"], 1) < 0.12


def test_result_is_complete(matern: CalibrationResult) -> None:
    assert matern.status == "converged"
    assert matern.history == tuple(sorted(matern.history, reverse=True))
    assert matern.candidates[0].laws == ("gaussian", "gaussian")
    assert matern.coverage.misfit >= matern.coverage.bound.max() - 1e-9
    assert parse_model(dump_model(matern.model)) == matern.model
    assert len(dump_model(matern.model).encode()) <= 16 * 1024
    provenance = matern.model.provenance
    assert provenance is not None
    assert set(provenance.misfit) == {"0-0", "0-1", "0-2", "1-1", "1-2", "2-2"}
    assert provenance.sources[0].pixels == 512 * 512


def test_closed_form_fractions_are_those_of_the_section(matern: CalibrationResult) -> None:
    section = draw(TRUTHS["Matern"], 1)
    fractions = matern.model.volume_fractions()
    for label, share in section.fractions().items():
        assert fractions[label] == pytest.approx(share, abs=1e-3)


def test_standard_errors_cover_every_parameter(matern: CalibrationResult) -> None:
    errors = matern.uncertainty
    for k in range(2):
        assert f"fields.{k}.threshold" in errors
        coefficients = matern.model.fields[k].kernel.coefficients
        found = sum(name.startswith(f"fields.{k}.kernel.coef") for name in errors)
        assert found == len(coefficients)
    assert all(math.isfinite(value) and value >= 0.0 for value in errors.values())


def test_standard_errors_have_the_right_size() -> None:
    # scatter of estimates between sections against the mean of the errors that each one states;
    # with 10 sections the relative error of a standard deviation is 1 / sqrt(18) = .24, and the
    # error stated by 16 to 36 tiles scatters by about as much: a factor of 2 is 3 of both
    truth = TRUTHS["Matern"]
    request = CalibrationRequest(
        parametrization="low", order=truth.order, laws=(GAUSSIAN, GAUSSIAN)
    )
    results = [calibrate_coverage([draw(truth, seed, 320)], request) for seed in range(10)]
    for name in ("volume_fraction.2", "fields.0.threshold", "fields.0.correlation_length"):
        stated = np.mean([result.uncertainty[name] for result in results])
        found = np.std([_value(result, name) for result in results], ddof=1)
        assert 0.5 < found / stated < 2.0, name


def _value(result: CalibrationResult, name: str) -> float:
    if name == "volume_fraction.2":
        return result.model.volume_fractions()[2]
    if name == "fields.0.threshold":
        return result.model.fields[0].threshold
    offsets = np.zeros((4000, 3))
    offsets[:, 2] = np.linspace(0.0, 30.0, 4000)
    rho = result.model.fields[0].kernel.correlation(offsets)
    return float(offsets[np.argmax(rho < math.exp(-0.5)), 2])


def test_order_and_laws_are_found() -> None:
    truth = TRUTHS["chi-square 2"]
    result = calibrate([draw(truth, 1)])
    assert result.model.order == truth.order
    assert [field.law for field in result.model.fields] == [Gaussian(), ChiSquare(2)]
    # one row of every law tried for each field, one of other kernels, one of each other order
    assert len(result.candidates) == 1 + 6 + 6 + 1 + 2
    others = [row for row in result.candidates if row.order != truth.order]
    assert all(row.bound > 2 * result.candidates[0].bound for row in others)


def test_low_parametrization_finds_its_family() -> None:
    truth = TRUTHS["hole effect"]
    result = calibrate(
        [draw(truth, 3)], parametrization="low", order=truth.order, fields="gaussian,gaussian"
    )
    kernel = result.model.fields[0].kernel
    assert kernel.type == "damped_sinc"
    assert kernel.wave_number == pytest.approx(0.35, rel=0.05)
    assert {"fields.0.kernel.length", "fields.0.kernel.wave_number"} <= set(result.uncertainty)


def test_two_phases_need_one_field() -> None:
    image = (draw(TRUTHS["Matern"], 1).labels == 2).astype(np.uint8)
    result = calibrate([read_section(image)], fields=["gaussian"])
    assert len(result.model.fields) == 1
    # one field can be exact but for the edges: the fractions of pixels a lag apart differ a little
    fit = result.coverage
    shares = np.array(list(result.model.volume_fractions().values()))
    edges = np.abs(fit.data.sum(axis=1) - shares[:, None]).max()
    assert fit.bound.max() <= edges + 1e-12
    assert fit.misfit < 0.005


def test_free_thresholds_lower_the_misfit_of_a_section_outside_the_class(data: Path) -> None:
    labels = tifffile.imread(data / "sofc_cathode_2d.tif")[:600, :600]
    section = read_section(labels)
    fixed, free = (
        calibrate([section], order=(1, 0, 2), fields="gaussian,gaussian", thresholds=kind)
        for kind in ("fractions", "free")
    )
    assert free.history[-1] < fixed.history[-1]
    shares = section.fractions()
    for label, share in free.model.volume_fractions().items():
        assert share == pytest.approx(shares[label], abs=0.01)


def test_masked_pixels_are_left_out() -> None:
    truth = TRUTHS["Matern"]
    labels = draw(truth, 4, 384).labels.copy()
    labels[:, 300:] = 255
    masked = measure_target([read_section(labels, phases="0=a,1=b,2=c,255=outside")])
    plain = measure_target([read_section(labels[:, :300])])
    np.testing.assert_allclose(masked.fractions, plain.fractions, atol=1e-12)
    lags = min(masked.lag.size, plain.lag.size)
    np.testing.assert_allclose(masked.values[..., :lags], plain.values[..., :lags], atol=1e-12)


def test_several_sections_halve_the_errors() -> None:
    truth = TRUTHS["Matern"]
    one, four = (measure_target([draw(truth, s, 256) for s in range(n)], 40) for n in (1, 4))
    ratio = four.standard_errors()[0, 0, :20].mean() / one.standard_errors()[0, 0, :20].mean()
    assert 0.3 < ratio < 0.8


@pytest.mark.parametrize("length", [1.5, 3.0, 6.0])
def test_calibrated_kernels_keep_their_correlation_on_the_lattice(length: float) -> None:
    # as rough as segmented images are: an exponential correlation
    field = Field(MaternKernel(length, smoothness=0.5), Gaussian(), 0.1)
    truth = ExcursionModel(PHASES[:2], (1, 0), (field,))
    kernel = calibrate([draw(truth, 1, 256)], fields=["gaussian"]).model.fields[0].kernel
    lattice = oracles.lattice_correlation(kernel.lattice_values((1.0, 1.0, 1.0)))
    offsets = np.zeros((lattice.shape[2], 3))
    offsets[:, 2] = np.arange(lattice.shape[2])
    # what splines 1.5 voxels apart alias
    np.testing.assert_allclose(lattice[0, 0], kernel.correlation(offsets), atol=5e-3)


@pytest.mark.parametrize("parametrization", ["high", "low"])
def test_rough_sections_are_calibrated_and_saved(parametrization: str, tmp_path: Path) -> None:
    field = Field(MaternKernel(5.0, smoothness=0.5), Gaussian(), 0.1)
    truth = ExcursionModel(PHASES[:2], (1, 0), (field,))
    result = calibrate([draw(truth, 1, 256)], parametrization=parametrization, fields=["gaussian"])
    result.model.save(tmp_path / "model.json")
    assert result.coverage.misfit < 0.02


def test_a_rare_phase_does_not_spoil_the_selection(tmp_path: Path) -> None:
    labels = draw(TRUTHS["Matern"], 1, 256).labels.copy()
    spots = np.random.default_rng(2).integers(0, 250, (40, 2))
    labels[labels == 1] = 0
    for row, column in spots:
        labels[row : row + 2, column : column + 1] = 1
    result = calibrate([read_section(labels)])
    result.model.save(tmp_path / "model.json")
    scores = [row.topology_score for row in result.candidates if row.topology_score is not None]
    assert np.all(np.isfinite(scores))


def test_a_specimen_inside_a_larger_image() -> None:
    truth = TRUTHS["Matern"]
    canvas = np.full((512, 512), 255, dtype=np.uint8)
    canvas[100:300, 120:320] = draw(truth, 4, 200).labels
    inside = measure_target([read_section(canvas, phases="0=a,1=b,2=c,255=outside")])
    alone = measure_target([read_section(draw(truth, 4, 200).labels)])
    assert inside.width == alone.width == 200.0
    np.testing.assert_array_equal(inside.values, alone.values)
    np.testing.assert_array_equal(inside.standard_errors(), alone.standard_errors())
    assert inside.standard_errors()[0, 0, 3] > 0.0


def test_a_specimen_in_strips_has_standard_errors() -> None:
    labels = draw(TRUTHS["Matern"], 4, 384).labels.copy()
    labels[np.arange(384) % 20 >= 9] = 255
    target = measure_target([read_section(labels, phases="0=a,1=b,2=c,255=outside")])
    assert np.all(np.isfinite(target.values))
    assert np.all(target.standard_errors()[0, 0] > 0.0)


def test_coarse_structures_in_large_sections_are_accepted() -> None:
    field = Field(GaussianKernel(55.0), Gaussian(), 0.0)
    truth = ExcursionModel(PHASES[:2], (1, 0), (field,))
    target = measure_target([draw(truth, 1, 1000)])
    assert 35.0 < target.correlation_length < 90.0


def test_an_absent_phase_is_named() -> None:
    section = draw(TRUTHS["Matern"], 1, 256)
    phases = (*section.phases, Phase(9, "metal"))
    wider = dataclasses.replace(section, phases=phases)
    with pytest.raises(InputError, match="phase 9 is absent"):
        calibrate([wider])


def test_too_many_phases_need_an_order() -> None:
    labels = np.random.default_rng(1).integers(0, 7, (40, 40)).astype(np.uint8)
    section = read_section(np.kron(labels, np.ones((8, 8), dtype=np.uint8)))
    with pytest.raises(InputError, match="give the order"):
        calibrate([section])


@pytest.mark.parametrize("evaluations", [0, -3, True, None, math.inf])
def test_unbounded_runs_are_refused(evaluations: object) -> None:
    with pytest.raises(InputError, match="limit of evaluations"):
        calibrate([draw(TRUTHS["Matern"], 1, 256)], evaluations=evaluations)  # type: ignore[arg-type]


def test_a_run_cut_short_says_so() -> None:
    section = draw(TRUTHS["Matern"], 1, 256)
    result = calibrate([section], order=(2, 0, 1), fields="gaussian,gaussian", evaluations=1)
    assert result.status == "stopped"
    assert "maximum number" in result.message


REFUSED = [
    ({"fields": "gaussian"}, "expected 2"),
    ({"fields": "gaussian,cauchy"}, "not a field law"),
    ({"order": "0,1"}, "each of"),
    ({"order": "a,b,c"}, "labels such as"),
    ({"method": "magic"}, "method"),
    ({"parametrization": "middle"}, "high or low"),
    ({"thresholds": "maybe"}, "fractions or free"),
    ({"max_lag": 500}, "largest lag"),
]


@pytest.mark.parametrize(("arguments", "expected"), REFUSED)
def test_wrong_requests_are_refused(arguments: dict[str, object], expected: str) -> None:
    section = draw(TRUTHS["Matern"], 1, 256)
    with pytest.raises(InputError, match=expected):
        calibrate([section], **{"fields": "gaussian,gaussian", **arguments})  # type: ignore[arg-type]


def test_sections_must_belong_together() -> None:
    section = draw(TRUTHS["Matern"], 1, 256)
    other = read_section(section.labels, voxel_size=2.0)
    with pytest.raises(InputError, match="differs"):
        calibrate([section, other])
    with pytest.raises(InputError, match="no section"):
        calibrate([])


def test_small_sections_are_refused_and_narrow_ones_warned_about() -> None:
    truth = TRUTHS["Matern"]
    labels = draw(truth, 1).labels
    with pytest.raises(ImageError, match=r"at least \d+ px"):
        calibrate([read_section(labels[:40, :200])])
    narrow = calibrate([read_section(labels[:128, :256])], fields="gaussian,gaussian")
    assert "correlation lengths wide" in narrow.warnings[0]


def test_real_cathode_meets_the_targets(data: Path) -> None:
    labels = tifffile.imread(data / "sofc_cathode_2d.tif")
    upper, lower = read_section(labels[:1143]), read_section(labels[1143:])
    result = calibrate([upper], max_lag=40, fields="gaussian,gaussian", dependence="independent")
    assert result.model.order[0] == 1
    bound = float(result.coverage.bound.max())
    assert 0.008 < bound < 0.01
    # matched fractions: the misfit of C_ij - p_i p_j
    assert result.coverage.misfit <= 1.3 * bound
    held_out = measure_target([lower], 40)
    shares = np.array(list(result.model.volume_fractions().values()))
    model = result.coverage.model - np.multiply.outer(shares, shares)[..., None]
    outer = np.multiply.outer(held_out.fractions, held_out.fractions)[..., None]
    assert np.abs(model - (held_out.values - outer)).max() <= bound + 0.006


@pytest.mark.slow
@pytest.mark.parametrize("name", TRUTHS)
def test_recovery_of_synthetic_truths(name: str) -> None:
    truth = TRUTHS[name]
    results = [calibrate([draw(truth, seed)]) for seed in range(1, 6)]
    misfits = [result.coverage.misfit for result in results]
    first = [correlation_error(result.model, truth, 0) for result in results]
    second = [correlation_error(result.model, truth, 1) for result in results]
    assert all(result.model.order == truth.order for result in results)
    assert np.median(misfits) <= 0.005
    # THEORY 8 has .009-.023 on average over sections; they scatter by .02, a median of five by
    # 1.25 * .02 / sqrt(5) = .011: two of these above. Of a chi-square field the sign of rho, and
    # rho where rho^2 is small, cannot be seen.
    assert np.median(first) <= (0.12 if truth.fields[0].law != Gaussian() else 0.045)
    for number, wanted in enumerate(truth.fields):
        found = [result.model.fields[number].law for result in results]
        right = [_neighbours(law, wanted.law) for law in found]
        # one section tells four degrees of freedom from a Gaussian field only now and then
        assert sum(right) >= (1 if wanted.law == ChiSquare(4) else 4)
        if number == 1:
            assert np.median(np.array(second)[right]) <= 0.12


def _neighbours(found: Law, wanted: Law) -> bool:
    """Whether a law is of the right class, with degrees of freedom next to the right ones."""
    if wanted == Gaussian() or found == Gaussian():
        return found == wanted
    places = [DEGREES_OF_FREEDOM.index(law.components) for law in (found, wanted)]
    return abs(places[0] - places[1]) <= 1


@pytest.mark.slow
def test_real_cathode_in_three_dimensions(data: Path) -> None:
    labels = tifffile.imread(data / "sofc_cathode_2d.tif")
    section = read_section(labels[:1143])
    result = calibrate([section], max_lag=40)
    bound, model = float(result.coverage.bound.max()), result.model
    for label, share in section.fractions().items():
        assert model.volume_fractions()[label] == pytest.approx(share, abs=1e-3)
    volume = Realization(model, seed=7).window((0, 0, 0), (384, 384, 384))
    radial = coverage_counts(volume, (0, 1, 2), 40).radial()
    shares = np.array([radial.values[i, i, 0] for i in range(3)])
    outer = np.multiply.outer(shares, shares)[..., None]
    wanted = np.multiply.outer(*[np.array(list(section.fractions().values()))] * 2)[..., None]
    data_lag, excess = result.coverage.lag, result.coverage.data - wanted
    places = [int(np.argmin(np.abs(radial.lag - lag))) for lag in data_lag]
    assert np.abs((radial.values - outer)[..., places] - excess).max() <= 1.3 * bound
    # THEORY 8 in 3D: variance of a fraction = (1/V) int (C_ii(h) - p_i^2) dh
    lag = np.linspace(0.0, 80.0, 801)
    table = model.two_point_coverage(lag)
    for i, share in enumerate(model.volume_fractions().values()):
        covariance = 4.0 * np.pi * lag**2 * (table[i, i] - share**2)
        deviation = math.sqrt(float(covariance.sum()) * 0.1 / volume.size)
        assert abs(shares[i] - share) <= 3.0 * deviation
