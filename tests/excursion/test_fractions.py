"""Thresholds that give fractions."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import PHASES, three_phases, two_phases

from morphgen.excursion import ExcursionModel, Field, SharedNoise
from morphgen.excursion.fractions import LEAST_FRACTION, threshold_at, with_fractions
from morphgen.fields.laws import ChiSquare, Gaussian
from morphgen.fields.parametric import GaussianKernel


def shared_phases() -> ExcursionModel:
    fields = (
        Field(GaussianKernel(4.0), Gaussian(), 0.3, "below"),
        Field(GaussianKernel(3.0), ChiSquare(1), 0.4),
    )
    return ExcursionModel(
        PHASES, (1, 0, 2), fields, shared=SharedNoise(fields[0].kernel, (0.7, -0.6))
    )


@settings(max_examples=30, deadline=None)
@given(
    model=st.sampled_from([two_phases(), three_phases(), shared_phases()]),
    parts=st.lists(st.floats(0.01, 1.0), min_size=3, max_size=3),
)
def test_the_model_has_the_fractions(model: ExcursionModel, parts: list[float]) -> None:
    shares = dict(zip(model.order, parts, strict=False))
    wanted = {label: share / sum(shares.values()) for label, share in shares.items()}
    found = with_fractions(model, wanted)
    assert found.volume_fractions() == pytest.approx(wanted, abs=1e-9)
    assert [field.kernel for field in found.fields] == [field.kernel for field in model.fields]


@pytest.mark.parametrize("model", [two_phases(), three_phases(), shared_phases()])
def test_the_least_fraction(model: ExcursionModel) -> None:
    *others, last = model.order
    least = dict.fromkeys(others, LEAST_FRACTION)
    wanted = least | {last: 1.0 - sum(least.values())}
    assert with_fractions(model, wanted).volume_fractions() == pytest.approx(wanted, rel=1e-3)


@pytest.mark.parametrize("law", [Gaussian(), ChiSquare(3)])
def test_threshold_on_either_side(law: Gaussian | ChiSquare) -> None:
    for side in ("above", "below"):
        field = Field(GaussianKernel(1.0), law, threshold_at(law, side, 0.3), side)
        assert field.probability == pytest.approx(0.3)
