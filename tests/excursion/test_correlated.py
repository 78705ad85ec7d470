"""Models whose fields share noise: closed forms, quadrature, and what is drawn from them."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from conftest import Backend
from samples import PHASES, three_phases, two_phases

from morphgen.descriptors.coverage import coverage_counts, pool
from morphgen.errors import ModelError
from morphgen.excursion import (
    ExcursionModel,
    Field,
    Realization,
    SharedNoise,
    load_model,
    section_sampler,
    triple_phase_boundary_length,
)
from morphgen.excursion.correlated import Correlations, coverage
from morphgen.excursion.storage import dump_model, parse_model
from morphgen.fields import blocks
from morphgen.fields.laws import ChiSquare, Gaussian, Law
from morphgen.fields.orthants import both_probability, steps
from morphgen.fields.parametric import GaussianKernel, MaternKernel

LAGS = np.array([0.0, 0.5, 1.0, 2.0, 4.0, 7.0, 12.0, 20.0])
LAWS: dict[str, tuple[Law, Law]] = {
    "Gaussian": (Gaussian(), Gaussian()),
    "first squared": (ChiSquare(1), Gaussian()),
    "both squared": (ChiSquare(1), ChiSquare(1)),
}


def sharing(
    laws: str = "Gaussian",
    loadings: tuple[float, float] = (0.8, -0.7),
    length: float = 6.0,
) -> ExcursionModel:
    """Three phases of fields that share noise."""
    first, second = LAWS[laws]
    fields = (
        Field(GaussianKernel(4.0), first, first.threshold(0.4)),
        Field(MaternKernel(2.0, smoothness=2.5), second, second.threshold(0.55), "below"),
    )
    shared = SharedNoise(GaussianKernel(length), loadings)
    return ExcursionModel(PHASES, (1, 0, 2), fields, shared=shared)


def table_of(first: float, second: float, cross: float, at_zero: float) -> np.ndarray:
    """C_ij of two median upper sets at one lag."""
    half = steps(Gaussian(), 0.0)
    rho = [np.array([value]) for value in (first, second, cross)]
    joints = tuple(both_probability(half, half, value) for value in rho[:2])
    found = coverage(half, half, (joints[0], joints[1]), Correlations(*rho, at_zero))
    return np.array(found)[..., 0]


def test_equal_correlations_of_one_half() -> None:
    # all orthants of n variables with correlations 1/2 have probability 1 / (n + 1); the first
    # set is {X >= 0}, hence C_22 is the orthant of -X, -X', Y, Y'
    found = table_of(0.5, 0.5, -0.5 + 1e-12, -0.5)
    assert found[1, 1] == pytest.approx(1.0 / 5.0, abs=1e-9)
    # P(X >= 0, X' < 0, Y' >= 0) = P(X' < 0, Y' >= 0) - P(X < 0, X' < 0, Y' >= 0)
    assert found[0, 1] == pytest.approx(1.0 / 3.0 - 1.0 / 4.0, abs=1e-9)


@pytest.mark.parametrize(
    ("first", "second", "cross", "at_zero"), [(0.7, 0.4, 0.3, 0.5), (0.2, 0.1, -0.1, -0.6)]
)
def test_three_variables_at_zero_thresholds(
    first: float, second: float, cross: float, at_zero: float
) -> None:
    # the orthant of three variables is 1/8 + (sum of arcsines) / 4 pi
    found = table_of(first, second, cross, at_zero)
    # of X, -X', Y', whose correlations are -rho_X, c(h), -c(0)
    arcs = -math.asin(first) + math.asin(cross) - math.asin(at_zero)
    assert found[0, 1] == pytest.approx(0.125 + arcs / (4.0 * math.pi), abs=1e-12)


def test_one_field_cut_twice() -> None:
    # two fields that are nearly one: nested level sets
    shared = SharedNoise(GaussianKernel(6.0), (0.99, 0.99))
    fields = (
        Field(GaussianKernel(6.0), Gaussian(), 0.5),
        Field(GaussianKernel(6.0), Gaussian(), -0.5),
    )
    model = ExcursionModel(PHASES, (0, 1, 2), fields, shared=shared)
    found = model.two_point_coverage(LAGS)
    high, low = (
        both_probability(one.steps, one.steps, np.exp(-(LAGS**2) / 72.0)) for one in fields
    )
    np.testing.assert_allclose(found[0, 0], high, atol=1e-9)
    # not below the second threshold in either point: both in phase 0 or 1
    np.testing.assert_allclose(found[:2, :2].sum(axis=(0, 1)), low, atol=0.03)


@pytest.mark.parametrize("laws", LAWS)
def test_without_loadings_the_fields_are_independent(laws: str) -> None:
    model = sharing(laws, (0.0, 0.9))
    plain = ExcursionModel(
        PHASES, model.order, (model.fields[0], Field(GaussianKernel(6.0), *_rest(model, 1)))
    )
    # the second field is all but the shared noise: fields of one kernel, to compare with
    whole = ExcursionModel(
        PHASES, model.order, model.fields, shared=SharedNoise(GaussianKernel(6.0), (0.0, 1.0))
    )
    np.testing.assert_allclose(
        whole.two_point_coverage(LAGS), plain.two_point_coverage(LAGS), atol=1e-10
    )
    assert whole.volume_fractions() == pytest.approx(plain.volume_fractions(), abs=1e-12)
    np.testing.assert_allclose(whole.interface_densities(), plain.interface_densities(), rtol=1e-10)
    labels = (0, 1, 2)
    expected = triple_phase_boundary_length(plain, labels)
    assert triple_phase_boundary_length(whole, labels) == pytest.approx(expected, rel=1e-10)


def _rest(model: ExcursionModel, number: int) -> tuple[Law, float, str]:
    field = model.fields[number]
    return field.law, field.threshold, field.side


@pytest.mark.parametrize("laws", LAWS)
def test_limits_at_lag_zero_and_far_away(laws: str) -> None:
    model = sharing(laws)
    fractions = np.array(list(model.volume_fractions().values()))
    assert fractions.sum() == pytest.approx(1.0)
    table = model.two_point_coverage(np.array([0.0, 1e3]))
    # rounding of a conditional variance of zero, whose root counts
    np.testing.assert_allclose(table[..., 0], np.diag(fractions), atol=2e-6)
    np.testing.assert_allclose(table[..., 1], np.outer(fractions, fractions), atol=1e-10)


@pytest.mark.parametrize("laws", LAWS)
def test_interfaces_are_the_slope_of_coverage(laws: str) -> None:
    # C_ij(h) = S_ij h / 4 for small h
    model = sharing(laws)
    step = 1e-3
    slopes = 4.0 * model.two_point_coverage(np.array([step]))[..., 0] / step
    densities = model.interface_densities()
    for i, j in [(0, 1), (0, 2), (1, 2)]:
        assert slopes[i, j] == pytest.approx(densities[i, j], rel=2e-3)
    areas = list(model.specific_surface_areas().values())
    assert areas == pytest.approx(list(densities.sum(axis=1)))


def test_lines_of_three_phases_against_gradients() -> None:
    # E|grad X x grad Y| phi_2(x, y), the mean over gradients drawn at random
    model = sharing()
    assert model.shared is not None
    first, second = (model.gradient_variance(k).perpendicular for k in range(2))
    cross = model.shared.cross_correlation
    common = cross / 6.0**2
    covariance = np.array([[first, common], [common, second]])
    rng = np.random.default_rng(5)
    drawn = rng.standard_normal((200_000, 3, 2)) @ np.linalg.cholesky(covariance).T
    areas = np.linalg.norm(np.cross(drawn[..., 0], drawn[..., 1]), axis=1)
    x, y = (field.threshold for field in model.fields)
    spread = 1.0 - cross**2
    density = math.exp(-(x * x + y * y - 2 * cross * x * y) / (2 * spread)) / (
        2 * math.pi * math.sqrt(spread)
    )
    found = triple_phase_boundary_length(model, (0, 1, 2))
    error = areas.std() / math.sqrt(areas.size)
    assert abs(found / density - areas.mean()) < 4.0 * error


def test_surfaces_without_derivatives_are_infinite() -> None:
    rough = Field(MaternKernel(3.0, smoothness=0.5), Gaussian(), 0.0)
    shared = SharedNoise(GaussianKernel(5.0), (0.5, 0.5))
    model = ExcursionModel(PHASES, (0, 1, 2), (rough, rough), shared=shared)
    assert math.isinf(model.interface_densities()[0, 1])
    assert math.isinf(triple_phase_boundary_length(model, (0, 1, 2)))


def test_coverage_on_every_backend(backend: Backend) -> None:
    model = sharing("first squared")
    found = backend.to_numpy(model.two_point_coverage(backend.asarray(LAGS)))
    expected = model.two_point_coverage(LAGS)
    np.testing.assert_allclose(found, expected, atol=2e-6)
    np.testing.assert_allclose(found[..., 1:], expected[..., 1:], atol=1e-10)


@pytest.mark.parametrize("laws", LAWS)
def test_coverage_against_simulated_sections(laws: str) -> None:
    model = sharing(laws)
    sampler = section_sampler(model, (192, 192))
    counts = [coverage_counts(sampler.labels(seed), (0, 1, 2), 12) for seed in range(40)]
    rows = np.stack([entry.radial().values for entry in counts])
    expected = model.two_point_coverage(counts[0].radial().lag)
    standard_error = rows.std(axis=0, ddof=1) / math.sqrt(len(rows))
    pooled = pool(counts).radial().values
    # 117 correlated values: 4 standard errors leave a chance of about 1 in 150 at worst
    assert np.all(np.abs(pooled - expected) < 4.0 * standard_error + 1e-5)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let windows of a few thousand voxels straddle many blocks."""
    monkeypatch.setattr(blocks, "_EDGES", (32,))


# one kernel is interpolated, the other convolved; and the reverse
@pytest.mark.parametrize("length", [6.0, 1.2])
@pytest.mark.parametrize("laws", ["Gaussian", "first squared"])
def test_any_window_shows_the_same_voxels(small_blocks: None, laws: str, length: float) -> None:
    sample = Realization(sharing(laws, length=length), seed=3)
    whole = sample.window((-20, 10, 5), (40, 36, 50))
    part = sample.window((-3, 20, 17), (9, 1, 30))
    np.testing.assert_array_equal(part, whole[17:26, 10:11, 12:42])
    block = sample.block((0, 0, 0))
    inside = (slice(3, 4), slice(7, 30), slice(0, 32))
    np.testing.assert_array_equal(sample.block((0, 0, 0), part=inside), block[inside])
    lattices = [one.interpolated for one in sample.samplings]
    assert any(lattices)
    assert not all(lattices) or length > 2.0


@pytest.mark.parametrize("length", [6.0, 1.2])
def test_volumes_on_every_backend(small_blocks: None, backend: Backend, length: float) -> None:
    sample = Realization(sharing(length=length), seed=3)
    found = backend.to_numpy(sample.window((0, -5, 0), (32, 40, 64), backend.xp))
    expected = sample.window((0, -5, 0), (32, 40, 64))
    # at most one of 82,000 voxels, at 1e-5 each
    assert np.count_nonzero(found != expected) <= 1


def test_volumes_have_the_coverage_of_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "_EDGES", (64,))
    model = sharing(length=3.0)
    tables = []
    for seed in range(24):
        labels = Realization(model, seed).block((0, 0, 0))
        radial = coverage_counts(labels, (0, 1, 2), 8).radial()
        tables.append(np.asarray(radial.values))
    expected = model.two_point_coverage(np.asarray(radial.lag))
    error = np.std(tables, axis=0, ddof=1) / math.sqrt(len(tables))
    # synthesis and interpolation may move a correlation by 2e-3, and C by a third of that
    assert np.all(np.abs(np.mean(tables, axis=0) - expected) < 4.0 * error + 7e-4)


def test_periodic_windows_repeat(small_blocks: None) -> None:
    model = sharing(length=3.0)
    period = 4 * max(model.halos) + 9
    sample = Realization(model, 3, (None, period, None))
    once = sample.window((0, 0, 0), (8, period, 8))
    np.testing.assert_array_equal(once, sample.window((0, -period, 0), (8, period, 8)))


def test_round_trip(tmp_path: Path) -> None:
    model = sharing("both squared")
    path = tmp_path / "model.json"
    model.save(path)
    assert load_model(path) == model
    content = json.loads(path.read_text())
    assert content["shared"]["loadings"] == [0.8, -0.7]


@pytest.mark.parametrize("model", [two_phases(), three_phases()])
def test_files_of_independent_models_do_not_know_of_sharing(model: ExcursionModel) -> None:
    assert "shared" not in json.loads(dump_model(model))
    assert parse_model(dump_model(model)).shared is None


def test_refusals() -> None:
    field = Field(GaussianKernel(3.0), Gaussian(), 0.0)
    pair = SharedNoise(GaussianKernel(5.0), (0.5, 0.5))
    with pytest.raises(ModelError, match="exactly two fields"):
        ExcursionModel(PHASES[:2], (1, 0), (field,), shared=pair)
    with pytest.raises(ModelError, match="exactly two fields"):
        ExcursionModel(
            PHASES, (1, 0, 2), (field, field), shared=SharedNoise(GaussianKernel(5.0), (0.5,))
        )
    other = Field(GaussianKernel(3.0), ChiSquare(2), 1.0)
    with pytest.raises(ModelError, match="chi2:2 cannot share"):
        ExcursionModel(PHASES, (1, 0, 2), (field, other), shared=pair)
    with pytest.raises(ModelError, match="axes"):
        ExcursionModel(
            PHASES,
            (1, 0, 2),
            (Field(GaussianKernel(3.0, 2.0, "z"), Gaussian(), 0.0), field),
            shared=SharedNoise(GaussianKernel(3.0, 2.0, "x"), (0.5, 0.5)),
        )
    with pytest.raises(ModelError, match="-1 to 1"):
        SharedNoise(GaussianKernel(5.0), (1.5, 0.5))
    with pytest.raises(ModelError, match="one field of two"):
        SharedNoise(GaussianKernel(5.0), (1.0, -1.0))
