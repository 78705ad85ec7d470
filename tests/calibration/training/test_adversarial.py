"""The judgement of a network alone leads a model back to the data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from morphgen.calibration.coverage import CoverageSolution
from morphgen.calibration.training.loop import Track, train
from morphgen.calibration.training.options import TrainingOptions
from morphgen.calibration.training.scaling import scaling_at
from morphgen.calibration.training.setting import adversarial_setting
from morphgen.progress import silent

from .conftest import CPU


def test_networks_lead_back_to_the_data(fitted: CoverageSolution, parameters: np.ndarray) -> None:
    options = TrainingOptions(steps=80, crop=48, batch=8, discriminator="k4n16s2,k4n32s2,k3n32s1")
    moved = parameters.copy()
    # a phase of half the fraction, without any help from its coverage functions
    moved[-2] -= 0.9
    scaling = scaling_at(fitted.problem, moved, 5e-3)
    objective, _, pace = adversarial_setting(fitted, options, scaling, CPU, "adversarial")
    pace = replace(pace, first=0.4, last=0.1)
    track = train(objective, Track.at_start(moved.size), pace, progress=silent)

    def deviation(coordinates: torch.Tensor) -> float:
        rows = fitted.problem.model_rows(scaling.parameters(coordinates.numpy()))
        return float(np.sqrt(np.mean((rows - fitted.problem.rows) ** 2)))

    assert deviation(torch.zeros(moved.size, dtype=torch.float64)) > 0.02
    assert deviation(track.average) < 0.5 * deviation(torch.zeros(moved.size, dtype=torch.float64))


def test_bfloat16_finds_the_same(fitted: CoverageSolution, parameters: np.ndarray) -> None:
    # coordinates count standard errors of the data's C_ij
    unit = float(np.sqrt(np.mean(fitted.target.standard_errors() ** 2)))
    scaling = scaling_at(fitted.problem, parameters, unit)

    def end(precision: str, seed: int) -> np.ndarray:
        seeded = replace(fitted, request=replace(fitted.request, seed=seed))
        options = TrainingOptions(
            steps=40, crop=48, batch=2, discriminator="k4n8s2,k4n16s2", precision=precision
        )
        objective, _, pace = adversarial_setting(seeded, options, scaling, CPU, "combined")
        track = train(objective, Track.at_start(parameters.size), pace, progress=silent)
        return track.average.numpy()

    usual, coarse, other = end("float32", 0), end("bfloat16", 0), end("float32", 1)
    # 3e-5 and .0018 were measured: a fiftieth; the way from the start is .4
    assert 0.0 < np.abs(coarse - usual).max() < 0.1 * np.abs(other - usual).max()
    assert np.abs(usual).max() > 0.1


def test_gradient_of_the_coverage_term(fitted: CoverageSolution, parameters: np.ndarray) -> None:
    options = TrainingOptions(steps=10, crop=48, batch=2, discriminator="k4n4s2")
    scaling = scaling_at(fitted.problem, parameters, 1e-3)
    objective, _, _ = adversarial_setting(fitted, options, scaling, CPU, "combined")
    away = np.linspace(-1.0, 1.0, parameters.size)
    coordinates = torch.tensor(away, requires_grad=True)
    # at step 0 the network does not count yet
    losses = objective.step(coordinates, 0)
    residuals = fitted.problem.residuals(scaling.parameters(away))
    slopes = fitted.problem.jacobian(scaling.parameters(away)) @ scaling.matrix
    scale = 1.0 / (scaling.unit**2 * fitted.problem.rows.size)
    assert np.isclose(losses["coverage"], scale * residuals @ residuals)
    assert coordinates.grad is not None
    assert np.allclose(coordinates.grad.numpy(), 2.0 * scale * slopes.T @ residuals, rtol=1e-6)
