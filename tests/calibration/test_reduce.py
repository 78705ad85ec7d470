"""From high to low parametrization: families, loss, and standard errors where they are known."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from calibration.cylinders import cut
from calibration.truths import TRUTHS
from samples import PHASES

from morphgen.calibration.coverage import calibrate_coverage
from morphgen.calibration.cylindrical import high_cylindrical
from morphgen.calibration.lags import Lags
from morphgen.calibration.objective import FieldLaw
from morphgen.calibration.parametrization import high
from morphgen.calibration.reduce import model_lags, reduce_model
from morphgen.calibration.request import CalibrationRequest
from morphgen.calibration.result import CalibrationResult
from morphgen.errors import InputError
from morphgen.excursion import ExcursionModel, Field, section_sampler
from morphgen.excursion.shared import SharedNoise
from morphgen.excursion.storage import dump_model, parse_model
from morphgen.fields.laws import ChiSquare, Gaussian, Law
from morphgen.fields.parametric import (
    DampedSincKernel,
    GaussianKernel,
    MaternKernel,
    ParametricKernel,
)
from morphgen.fields.spline import SplineKernel
from morphgen.images import Section, read_section
from morphgen.validation.parameters import parameters
from morphgen.workflows import calibrate

LAG = np.arange(1.0, 49.0)
GAUSSIAN = Gaussian()
FAMILIES = [
    GaussianKernel(6.0),
    MaternKernel(3.0, smoothness=2.5),
    DampedSincKernel(12.0, wave_number=0.35),
]


def splines(kernel: ParametricKernel) -> SplineKernel:
    """Spline kernel with nearly the correlation of a family."""
    member = high(Lags.radial(LAG), 36.0, 20)
    return member.kernel(member.start(np.asarray(kernel.radial_correlation(LAG))))


def two_fields(first: ParametricKernel, law: Law = GAUSSIAN, side: str = "above") -> ExcursionModel:
    fields = (
        Field(splines(first), Gaussian(), 0.2),
        Field(splines(GaussianKernel(5.0)), law, law.threshold(0.4), side),
    )
    return ExcursionModel(PHASES, (1, 0, 2), fields, unit="um")


@pytest.mark.parametrize("kernel", FAMILIES, ids=lambda kernel: kernel.type)
def test_the_family_behind_splines_is_found(kernel: ParametricKernel) -> None:
    low = reduce_model(two_fields(kernel))
    found = low.fields[0].kernel
    assert found.type == kernel.type
    # the splines miss the family's correlation by less than 2e-3 (Matern), C by a tenth of that
    assert found.length == pytest.approx(kernel.length, rel=0.02)
    assert max(low.provenance.reduction.loss.values()) < 1e-3
    assert low.provenance.reduction.families == (kernel.type, "gaussian")


@pytest.mark.parametrize("side", ["above", "below"])
def test_laws_sides_and_fractions_stay(side: str) -> None:
    model = two_fields(FAMILIES[0], ChiSquare(2), side)
    low = reduce_model(model)
    assert [(f.law, f.side) for f in low.fields] == [(f.law, f.side) for f in model.fields]
    assert low.volume_fractions() == pytest.approx(model.volume_fractions(), abs=1e-12)
    assert low.fields[1].kernel.length == pytest.approx(5.0, rel=0.02)


def test_the_loss_is_that_of_the_closed_forms() -> None:
    # two families mixed are none of them: something is lost
    mixed = 0.5 * (np.exp(-((LAG / 4.0) ** 2)) + FAMILIES[2].radial_correlation(LAG))
    member = high(Lags.radial(LAG), 30.0, 16)
    field = Field(member.kernel(member.start(mixed)), Gaussian(), 0.2)
    model = ExcursionModel(PHASES[:2], (1, 0), (field,))
    low = reduce_model(model)
    reach = low.provenance.max_lag
    lag = np.linspace(reach / 400, reach, 400)
    lost = np.abs(low.two_point_coverage(lag) - model.two_point_coverage(lag)).max()
    assert lost > 1e-3
    # the lags of the fit are a subset, about as dense
    assert max(low.provenance.reduction.loss.values()) == pytest.approx(lost, rel=0.05)


def test_what_a_reduced_model_records() -> None:
    model = two_fields(FAMILIES[1])
    low = reduce_model(model)
    origin = low.provenance
    assert origin.status == "reduced"
    assert origin.parametrization == "low"
    assert origin.reduction.source == hashlib.sha256(dump_model(model).encode()).hexdigest()
    assert parse_model(dump_model(low)) == low
    # nothing is known of the errors of a model that was not calibrated
    assert origin.reduction.missing == (
        "fields.0.threshold",
        "fields.1.threshold",
        "fields.0.kernel.length",
        "fields.0.kernel.smoothness",
        "fields.1.kernel.length",
    )
    shown = parameters(low)
    assert [one.word for one in shown] == [
        *("threshold", "length l", "smoothness ν"),
        *("threshold", "length l"),
    ]
    assert [one.unit for one in shown] == ["", "µm", "", "", "µm"]
    assert all(one.meaning for one in shown)
    assert parameters(model) == []


@pytest.fixture(scope="module")
def section() -> Section:
    return read_section(section_sampler(TRUTHS["Matern"], (320, 320)).labels(1))


@pytest.fixture(scope="module")
def calibrated(section: Section) -> CalibrationResult:
    laws = (FieldLaw(GAUSSIAN),) * 2
    return calibrate_coverage([section], CalibrationRequest(order=(2, 0, 1), laws=laws))


def test_sections_give_every_standard_error(
    calibrated: CalibrationResult, section: Section
) -> None:
    low = reduce_model(calibrated.model, [section])
    origin = low.provenance
    assert origin.reduction.missing == ()
    for one in parameters(low):
        assert one.standard_error > 0.0
        assert one.interval[0] < one.value < one.interval[1]
    # what the fit of the low model adds to the misfit is at most what was lost
    before, after, loss = (
        max(values.values())
        for values in (calibrated.model.provenance.misfit, origin.misfit, origin.reduction.loss)
    )
    assert after <= before + loss + 1e-3


def test_the_misfit_is_that_of_the_models_own_fractions(
    calibrated: CalibrationResult, section: Section
) -> None:
    first, *others = calibrated.model.fields
    moved = replace(first, threshold=first.threshold + 0.15)
    low = reduce_model(replace(calibrated.model, fields=(moved, *others)), [section])
    known = calibrated.coverage
    table = np.abs(low.two_point_coverage(known.lag) - known.data).max(axis=-1)
    expected = {f"{i}-{j}": table[i, j] for i in range(3) for j in range(i, 3)}
    assert low.provenance.misfit == pytest.approx(expected, rel=1e-3)
    assert max(expected.values()) > 0.03


def test_an_adversarial_model_has_no_standard_errors(
    calibrated: CalibrationResult, section: Section
) -> None:
    known = replace(calibrated.model.provenance, method="adversarial", uncertainty={}, intervals={})
    trained = calibrated.model.with_provenance(known)
    for low in (reduce_model(trained), reduce_model(trained, [section])):
        assert not low.provenance.uncertainty
        assert len(low.provenance.reduction.missing) == len(parameters(low))
    assert low.provenance.misfit


def test_sections_with_an_axis_are_measured_up_to_the_recorded_lag() -> None:
    sections = [cut(2.0, "xy", 1, 160), cut(2.0, "yz", 2, 160)]
    given = {"symmetry": "cylindrical", "axis": "z", "fields": "gaussian,gaussian"}
    high = calibrate(sections, order="1,0,2", max_lag=16, **given)  # type: ignore[arg-type]
    assert high.model.provenance.reaches == (16.0, 16.0)
    low = reduce_model(high.model, sections)
    known = high.coverage
    offsets = np.stack([known.lags.along, known.lags.across, 0.0 * known.lags.across], axis=-1)
    table = np.abs(low.two_point_coverage(offsets) - known.data).max(axis=-1)
    expected = {f"{i}-{j}": table[i, j] for i in range(3) for j in range(i, 3)}
    assert low.provenance.misfit == pytest.approx(expected, rel=1e-3)


def test_errors_that_the_record_determines_are_taken_over(calibrated: CalibrationResult) -> None:
    origin = calibrated.model.provenance
    bell = replace(calibrated.model, fields=two_fields(FAMILIES[0]).fields, order=(2, 0, 1))
    low = reduce_model(bell)
    known, errors = origin.uncertainty, low.provenance.uncertainty
    assert errors["fields.0.threshold"] == known["fields.0.threshold"]
    # one parameter, proportional to the correlation length
    assert errors["fields.0.kernel.length"] == pytest.approx(
        known["fields.0.correlation_length"], rel=0.02
    )
    assert low.provenance.reduction.missing == ()


def test_refusals(calibrated: CalibrationResult) -> None:
    with pytest.raises(InputError, match="families already"):
        reduce_model(TRUTHS["Matern"])
    other = read_section(section_sampler(TRUTHS["Matern"], (320, 320)).labels(2))
    with pytest.raises(InputError, match="other sections"):
        reduce_model(calibrated.model, [other])


def test_an_axis_stays() -> None:
    families = [
        GaussianKernel(6.0, axial_scale=2.0, symmetry_axis="z"),
        MaternKernel(3.0, 2.0, "z", smoothness=2.5),
    ]
    lags = model_lags(ExcursionModel(PHASES[:2], (1, 0), (Field(families[0], GAUSSIAN, 0.1),)))
    fields = []
    for kernel in families:
        member = high_cylindrical(lags, (18.0, 36.0), (8, 8), "z")
        rho = np.asarray(kernel.cylindrical_correlation(lags.across, lags.along))
        fields.append(Field(member.kernel(member.start(rho)), GAUSSIAN, 0.1))
    model = ExcursionModel(PHASES, (1, 0, 2), tuple(fields))
    low = reduce_model(model)
    for field, kernel in zip(low.fields, families, strict=True):
        assert field.kernel.axis == "z"
        # 64 tensor splines come within 5e-3 of either
        assert field.kernel.axial_scale == pytest.approx(2.0, rel=0.03)
        assert field.kernel.type == kernel.type
    assert max(low.provenance.reduction.loss.values()) < 3e-3
    assert [one.word for one in parameters(low)].count("axial scale") == 2


def test_shared_noise_stays() -> None:
    kernels = [splines(GaussianKernel(length)) for length in (5.0, 4.0, 12.0)]
    fields = tuple(Field(kernel, GAUSSIAN, 0.1) for kernel in kernels[:2])
    shared = SharedNoise(kernels[2], (0.6, -0.5))
    model = ExcursionModel(PHASES, (1, 0, 2), fields, shared=shared)
    low = reduce_model(model)
    reduction = low.provenance.reduction
    assert low.shared is not None
    assert reduction.families == ("gaussian",) * 3
    assert max(reduction.loss.values()) < 1e-3
    assert low.volume_fractions() == pytest.approx(model.volume_fractions(), abs=1e-6)
    # the data show the product of the loadings, and not their ratio
    assert low.shared.cross_correlation == pytest.approx(-0.3, rel=0.05)
    assert low.shared.kernel.length == pytest.approx(12.0, rel=0.05)
    # two thresholds, two loadings, three lengths: none of a model without a calibration
    assert len(parameters(low)) == 7
    assert set(reduction.missing) == {one.name for one in parameters(low)}
