"""Bias of soft thresholds: series against closed form and against Monte Carlo."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from morphgen.calibration.coverage import CoverageSolution
from morphgen.calibration.objective import FieldLaw
from morphgen.calibration.training.bias import coverage_bias, soft_joint, soft_set
from morphgen.calibration.training.soft import decision
from morphgen.fields.laws import ChiSquare, Gaussian

RHO = np.array([-0.6, 0.0, 0.3, 0.8, 0.97])


@pytest.mark.parametrize("below", [False, True])
def test_series_agrees_with_the_closed_form(below: bool) -> None:
    law = FieldLaw(Gaussian(), below)
    mean, joint = soft_joint(law, 0.3, RHO, 0.3, "probit")
    found = soft_set(law, 0.3, 0.3, "probit")
    assert found.probability == pytest.approx(mean, abs=1e-9)
    assert np.abs(found.joint(RHO) - joint).max() < 1e-8


@pytest.mark.parametrize("law", [Gaussian(), ChiSquare(1), ChiSquare(2), ChiSquare(5)])
@pytest.mark.parametrize("smoothing", ["probit", "logistic"])
def test_nothing_of_note_is_cut_off(law: Gaussian | ChiSquare, smoothing: str) -> None:
    found = soft_set(FieldLaw(law), 0.4, 0.2, smoothing)
    # what is cut off at the correlation of neighbours, .995, for 400 terms of rho or rho^2
    decay = 0.995 ** (800 if found.even else 400)
    assert found.remainder * decay < 1e-5
    # at rho = 1 the series is E[s^2]; at rho = 0 it is E[s]^2
    assert float(found.joint(np.zeros(1))[0]) == pytest.approx(found.probability**2, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "below"), [("gaussian", False), ("1", False), ("2", True), ("4", False)]
)
@pytest.mark.parametrize("smoothing", ["probit", "logistic"])
def test_joint_of_soft_sets_against_monte_carlo(name: str, below: bool, smoothing: str) -> None:
    law = FieldLaw(Gaussian() if name == "gaussian" else ChiSquare(int(name)), below)
    keyed, count, rho = np.random.default_rng(7), 200_000, 0.7
    first = keyed.normal(size=(law.law.components, count))
    second = rho * first + np.sqrt(1.0 - rho**2) * keyed.normal(size=first.shape)
    threshold = torch.tensor(law.threshold(0.35))
    soft = [
        decision(
            law, torch.from_numpy(law.law.combine(iter(part.copy()))), threshold, 0.3, smoothing
        )
        for part in (first, second)
    ]
    product = (soft[0] * soft[1]).numpy()
    mean, joint = soft_joint(law, 0.35, np.array([rho]), 0.3, smoothing)
    # four standard errors
    assert abs(product.mean() - joint[0]) < 4.0 * product.std() / np.sqrt(count)
    assert abs(soft[0].numpy().mean() - mean) < 4.0 * soft[0].numpy().std() / np.sqrt(count)


def test_bias_of_coverage(fitted: CoverageSolution, parameters: np.ndarray) -> None:
    assert not np.any(coverage_bias(fitted.problem, parameters, 0.3, "straight-through"))
    wide, narrow = (
        np.abs(coverage_bias(fitted.problem, parameters, width, "logistic")).max()
        for width in (0.4, 0.05)
    )
    assert wide > 0.01 > narrow
