"""Bivariate normal probabilities of sets, against closed forms and SciPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from conftest import Backend

from morphgen.errors import ModelError
from morphgen.fields.laws import ChiSquare, Gaussian
from morphgen.fields.orthants import bivariate_orthant, both_probability, steps

CORRELATIONS = np.array([-0.99, -0.6, 0.0, 0.3, 0.8, 0.99])


def test_orthants_at_zero_thresholds() -> None:
    # Sheppard (1899)
    expected = 0.25 + np.arcsin(CORRELATIONS) / (2.0 * math.pi)
    np.testing.assert_allclose(bivariate_orthant(0.0, 0.0, CORRELATIONS), expected, atol=1e-14)


@pytest.mark.parametrize(("a", "b"), [(0.3, -1.2), (1.5, 1.4), (-2.0, 0.0)])
def test_orthants_of_unequal_thresholds(a: float, b: float) -> None:
    # SciPy's bivariate integral is good to about 1e-15
    expected = [
        scipy.stats.multivariate_normal.cdf([-a, -b], cov=[[1.0, r], [r, 1.0]])
        for r in CORRELATIONS
    ]
    np.testing.assert_allclose(bivariate_orthant(a, b, CORRELATIONS), expected, atol=1e-13)
    assert bivariate_orthant(a, b, 0.3) == pytest.approx(expected[3], abs=1e-13)


def test_equal_thresholds_are_a_joint_exceedance() -> None:
    expected = Gaussian().joint_exceedance(CORRELATIONS, 0.7)
    np.testing.assert_allclose(bivariate_orthant(0.7, 0.7, CORRELATIONS), expected, atol=1e-12)


def test_orthants_on_every_backend(backend: Backend) -> None:
    a = np.linspace(-2.0, 2.0, CORRELATIONS.size)
    found = bivariate_orthant(backend.asarray(a), 0.4, backend.asarray(CORRELATIONS))
    expected = bivariate_orthant(a, 0.4, CORRELATIONS)
    np.testing.assert_allclose(backend.to_numpy(found), expected, atol=1e-13)


@pytest.mark.parametrize("below", [False, True])
def test_sets_of_a_squared_component(below: bool) -> None:
    law = ChiSquare(1)
    inside = steps(law, 1.7, below=below)
    survival = law.survival(1.7)
    assert float(inside.probability()) == pytest.approx(1.0 - survival if below else survival)
    joint = law.joint_exceedance(CORRELATIONS, 1.7)
    expected = 1.0 - 2.0 * survival + joint if below else joint
    np.testing.assert_allclose(both_probability(inside, inside, CORRELATIONS), expected, atol=1e-12)
    both = both_probability(inside, inside.complement, CORRELATIONS)
    np.testing.assert_allclose(both, inside.probability() - expected, atol=1e-12)


def test_several_components_have_no_steps() -> None:
    with pytest.raises(ModelError, match="2 components"):
        steps(ChiSquare(2), 1.0)
