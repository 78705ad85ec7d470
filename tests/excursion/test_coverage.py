"""Closed forms of excursion-set models: identities, limits and Monte Carlo."""

from __future__ import annotations

import math

import numpy as np
import pytest
from conftest import Backend
from hypothesis import given
from hypothesis import strategies as st
from samples import PHASES, three_phases, two_phases

from morphgen.descriptors import coverage_counts, pool
from morphgen.errors import ModelError
from morphgen.excursion import (
    ExcursionModel,
    Field,
    interface_densities,
    section_sampler,
    specific_surface_areas,
    triple_phase_boundary_length,
    two_point_coverage,
    volume_fractions,
)
from morphgen.excursion.coverage import first_match_coverage, first_match_fractions
from morphgen.fields.laws import ChiSquare, Gaussian
from morphgen.fields.parametric import GaussianKernel
from morphgen.phases import Phase

LAGS = np.array([0.0, 1.0, 2.5, 7.0, 30.0])


def smooth_model(length: float = 10.0) -> ExcursionModel:
    """Two smooth fields, so that surfaces are many voxels apart."""
    first = Field(GaussianKernel(length), Gaussian(), 0.1)
    second = Field(GaussianKernel(length), ChiSquare(2), 1.3, "below")
    return ExcursionModel(PHASES, (1, 0, 2), (first, second))


def four_phases() -> ExcursionModel:
    """Three fields."""
    fields = tuple(Field(GaussianKernel(5.0), Gaussian(), t) for t in (0.9, 0.2, -0.1))
    phases = tuple(Phase(label, str(label)) for label in (0, 3, 5, 9))
    return ExcursionModel(phases, (9, 0, 5, 3), fields)


def test_three_phases_are_those_of_the_theory() -> None:
    # THEORY 5, with p, A for the first field and q, B for the second
    p, q, a, b = 0.4, 0.3, np.array([0.4, 0.25, 0.16]), np.array([0.3, 0.15, 0.09])
    d = 1 - 2 * p + a
    table = first_match_coverage([p, q], [a, b])
    expected = {
        (0, 0): a,
        (0, 1): (p - a) * q,
        (0, 2): (p - a) * (1 - q),
        (1, 1): d * b,
        (1, 2): d * (q - b),
        (2, 2): d * (1 - 2 * q + b),
    }
    for (i, j), value in expected.items():
        np.testing.assert_allclose(table[i][j], value, rtol=1e-14)
        np.testing.assert_allclose(table[j][i], value, rtol=1e-14)
    assert first_match_fractions([p, q]) == pytest.approx([p, (1 - p) * q, (1 - p) * (1 - q)])


@given(
    decisions=st.lists(
        st.tuples(st.floats(0.02, 0.98), st.floats(0.0, 1.0)), min_size=1, max_size=5
    )
)
def test_coverage_sums_to_the_fractions(decisions: list[tuple[float, float]]) -> None:
    probabilities = [p for p, _ in decisions]
    # a joint probability lies between max(0, 2p - 1) and p
    joints = [np.array([max(0.0, 2 * p - 1) + s * (p - max(0.0, 2 * p - 1))]) for p, s in decisions]
    table = np.array(first_match_coverage(probabilities, joints))
    fractions = first_match_fractions(probabilities)
    np.testing.assert_allclose(table.sum(axis=1)[:, 0], fractions, atol=1e-13)
    assert table.min() > -1e-14
    np.testing.assert_allclose(table, np.swapaxes(table, 0, 1), atol=0)


@pytest.mark.parametrize("model", [two_phases(), three_phases(), four_phases()])
def test_limits_at_lag_zero_and_far_away(model: ExcursionModel) -> None:
    fractions = np.array(list(volume_fractions(model).values()))
    table = two_point_coverage(model, np.array([0.0, 1e3]))
    # one rounding of rho at lag 0 moves C by its square root
    np.testing.assert_allclose(table[..., 0], np.diag(fractions), atol=5e-9)
    np.testing.assert_allclose(table[..., 1], np.outer(fractions, fractions), atol=1e-12)


def test_coverage_on_every_backend(backend: Backend) -> None:
    model = three_phases()
    found = backend.to_numpy(two_point_coverage(model, backend.asarray(LAGS)))
    # at lag 0 one rounding of rho moves C by its square root
    np.testing.assert_allclose(found, two_point_coverage(model, LAGS), atol=5e-9)
    np.testing.assert_allclose(found[..., 1:], two_point_coverage(model, LAGS[1:]), atol=1e-12)


def test_lag_vectors_and_distances_agree() -> None:
    model = three_phases()
    vectors = LAGS[:, None] * np.array([0.6, 0.0, 0.8])
    by_vector = two_point_coverage(model, vectors)
    np.testing.assert_allclose(by_vector, two_point_coverage(model, LAGS), atol=1e-12)


def test_distances_do_not_name_a_lag_of_a_model_with_an_axis() -> None:
    field = Field(GaussianKernel(5.0, 2.0, "z"), Gaussian(), 0.0)
    model = ExcursionModel(PHASES[:2], (1, 0), (field,))
    with pytest.raises(ModelError, match="vectors"):
        model.two_point_coverage(LAGS)
    along, across = model.two_point_coverage(np.array([[6.0, 0, 0], [0, 6.0, 0]]))[1, 1]
    assert along > across


def test_coverage_against_simulated_sections() -> None:
    model = three_phases()
    sampler = section_sampler(model, (256, 256))
    counts = [coverage_counts(sampler.labels(seed), (0, 1, 2), 12) for seed in range(40)]
    rows = np.stack([entry.radial().values for entry in counts])
    expected = two_point_coverage(model, counts[0].radial().lag)
    standard_error = rows.std(axis=0, ddof=1) / math.sqrt(len(rows))
    pooled = pool(counts).radial().values
    # 117 correlated values: 4 standard errors leave a chance of about 1 in 150 at worst
    assert np.all(np.abs(pooled - expected) < 4.0 * standard_error + 1e-12)


def test_interfaces_of_three_phases() -> None:
    # THEORY 6: S_12 = q S_X, S_13 = (1 - q) S_X, S_23 = (1 - p) S_Y
    model = three_phases()
    first, second = model.fields
    q = second.probability
    table = interface_densities(model)
    assert table[1, 0] == pytest.approx(q * first.specific_surface_area)
    assert table[1, 2] == pytest.approx((1 - q) * first.specific_surface_area)
    expected = (1 - first.probability) * second.specific_surface_area
    assert table[0, 2] == table[2, 0] == pytest.approx(expected)
    totals = specific_surface_areas(model)
    assert sum(totals.values()) == pytest.approx(table.sum())


def test_interfaces_are_the_slope_of_the_coverage() -> None:
    # C_ij(d) -> S_ij d / 4 for i != j: S_V = 2 P_L and P_L = 2 C_ij / d for two phases
    model, distance = smooth_model(), 1e-4
    slopes = 4.0 * two_point_coverage(model, np.array([distance]))[..., 0] / distance
    table = interface_densities(model)
    off = ~np.eye(3, dtype=bool)
    np.testing.assert_allclose(slopes[off], table[off], rtol=1e-4)


def test_neighbours_differ_as_the_lattice_identity_says() -> None:
    # expected share of differing neighbour pairs along an axis = 2 (p - C(delta)), THEORY 6
    model = two_phases(length=4.0)
    sampler = section_sampler(model, (256, 256))
    images = [sampler.labels(seed) for seed in range(40)]
    shares = np.array([np.mean(image[:, 1:] != image[:, :-1]) for image in images])
    table = two_point_coverage(model, np.array([0.0, 1.0]))
    expected = 2.0 * (table[1, 1, 0] - table[1, 1, 1])
    assert abs(shares.mean() - expected) < 3.0 * shares.std(ddof=1) / math.sqrt(shares.size)


def test_triple_lines() -> None:
    model = three_phases()
    first, second = model.fields
    expected = 0.25 * math.pi * first.specific_surface_area * second.specific_surface_area
    assert triple_phase_boundary_length(model, (0, 1, 2)) == pytest.approx(expected)


def test_triple_lines_are_refused_outside_their_domain() -> None:
    field = Field(GaussianKernel(5.0, 2.0, "z"), Gaussian(), 0.0)
    with pytest.raises(ModelError, match="isotropic"):
        triple_phase_boundary_length(ExcursionModel(PHASES, (0, 1, 2), (field, field)), (0, 1, 2))
    for labels in ((0, 0, 1), (0, 1, 7)):
        with pytest.raises(ModelError, match="three different"):
            triple_phase_boundary_length(three_phases(), labels)


def test_triple_lines_of_four_phases_sum_over_what_lies_behind() -> None:
    # where the first two surfaces cross, the third field decides between the two last phases
    model = four_phases()
    areas = [field.specific_surface_area for field in model.fields]
    both = triple_phase_boundary_length(model, (9, 0, 5)) + triple_phase_boundary_length(
        model, (9, 0, 3)
    )
    assert both == pytest.approx(0.25 * math.pi * areas[0] * areas[1])


def test_triple_points_of_sections_follow_the_line_length() -> None:
    # a section meets L_V lines per volume in L_V / 2 points per area (stereology)
    model = smooth_model()
    sampler = section_sampler(model, (400, 400))
    densities = []
    for seed in range(30):
        image = sampler.labels(seed)
        corners = np.stack([image[:-1, :-1], image[1:, :-1], image[:-1, 1:], image[1:, 1:]])
        seen = [np.any(corners == label, axis=0) for label in (0, 1, 2)]
        densities.append(np.mean(seen[0] & seen[1] & seen[2]))
    found = np.array(densities)
    expected = 0.5 * triple_phase_boundary_length(model, (0, 1, 2))
    standard_error = found.std(ddof=1) / math.sqrt(found.size)
    # squares that hold all three labels over-estimate by 16-18 % (THEORY 6)
    assert abs(found.mean() / 1.17 - expected) < 3.0 * standard_error + 0.03 * expected


@pytest.mark.parametrize(("axial", "expected"), [(0.5, None), (2.0, None), (1.0, 1.0)])
def test_surface_of_a_stretched_field(axial: float, expected: float | None) -> None:
    stretched = Field(GaussianKernel(6.0, axial, "z"), Gaussian(), 0.3)
    round_field = Field(GaussianKernel(6.0), Gaussian(), 0.3)
    ratio = stretched.specific_surface_area / round_field.specific_surface_area
    # E|grad| over E|grad| of the isotropic field, by quadrature over directions: |grad| of a
    # Gaussian vector is a product of its length and a direction of independent law
    cosine, weight = np.polynomial.legendre.leggauss(64)
    across, along = 1.0, 1.0 / axial**2
    mean = 0.5 * weight @ (across * (1 - cosine**2) + along * cosine**2) ** 0.5
    # direction-averaged length of (sqrt(across) u_perp, sqrt(along) u_z)
    assert ratio == pytest.approx(mean if expected is None else expected, rel=1e-9)


def test_rough_fields_have_no_surface() -> None:
    from morphgen.fields.parametric import MaternKernel

    field = Field(MaternKernel(5.0, smoothness=0.5), Gaussian(), 0.0)
    assert math.isinf(field.specific_surface_area)
