"""Differentiable thresholds."""

from __future__ import annotations

import pytest
import torch

from morphgen.calibration.objective import FieldLaw
from morphgen.calibration.training.soft import Schedule, decision, first_match_maps, soft_step
from morphgen.fields.laws import ChiSquare, Gaussian


def test_schedule_falls_geometrically() -> None:
    schedule = Schedule(0.4, 0.1, 100)
    assert [schedule.width(step) for step in (0, 50, 100, 500)] == pytest.approx(
        [0.4, 0.2, 0.1, 0.1]
    )


def test_straight_through_is_hard_in_value_and_soft_in_slope() -> None:
    margin = torch.linspace(-3.0, 3.0, 13, dtype=torch.float64, requires_grad=True)
    hard = soft_step(margin, "straight-through")
    assert torch.equal(hard.detach(), (margin.detach() >= 0.0).double())
    (slope,) = torch.autograd.grad(hard.sum(), margin)
    (probit,) = torch.autograd.grad(soft_step(margin, "probit").sum(), margin)
    assert torch.allclose(slope, probit)


def test_logistic_is_close_to_probit() -> None:
    margin = torch.linspace(-6.0, 6.0, 200, dtype=torch.float64)
    # Haley (1952): the largest difference is .0095
    difference = (soft_step(margin, "logistic") - soft_step(margin, "probit")).abs().max()
    assert float(difference) < 0.0096


@pytest.mark.parametrize("law", [Gaussian(), ChiSquare(1), ChiSquare(3)])
@pytest.mark.parametrize("below", [False, True])
def test_narrow_decisions_are_hard_ones(law: Gaussian | ChiSquare, below: bool) -> None:
    values = torch.tensor([0.0, 0.4, 0.9, 2.5], dtype=torch.float64)
    soft = decision(FieldLaw(law, below), values, torch.tensor(0.7).double(), 1e-6, "probit")
    hard = (values < 0.7) if below else (values >= 0.7)
    assert torch.allclose(soft, hard.double())


def test_chi_square_is_differentiable_at_zero() -> None:
    values = torch.zeros(3, requires_grad=True)
    decision(FieldLaw(ChiSquare(1)), values, torch.tensor(0.5), 0.3, "probit").sum().backward()
    assert values.grad is not None
    assert bool(torch.isfinite(values.grad).all())


def test_maps_add_up_to_one() -> None:
    inside = [torch.rand(2, 5, 5, generator=torch.Generator().manual_seed(k)) for k in (1, 2)]
    maps = first_match_maps(inside)
    assert maps.shape == (2, 3, 5, 5)
    assert torch.allclose(maps.sum(dim=1), torch.ones(2, 5, 5))
