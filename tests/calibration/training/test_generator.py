"""Sections drawn in the plane: their law, their keys and their derivatives."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from morphgen.calibration.coverage import CoverageSolution
from morphgen.calibration.plane_families import PlaneFamily
from morphgen.calibration.training.bias import coverage_bias
from morphgen.calibration.training.generator import Generator, generator
from morphgen.calibration.training.options import TrainingOptions
from morphgen.calibration.training.planes import torus_of
from morphgen.calibration.training.scaling import scaling_at
from morphgen.calibration.training.setting import sampled_setting

from .conftest import CPU


def test_sections_are_keyed(drawing: Generator, parameters: np.ndarray) -> None:
    given = torch.from_numpy(parameters)
    one, again, other = (
        drawing.phases(given, number, 2, 0.3, "straight-through") for number in (4, 4, 5)
    )
    assert torch.equal(one, again)
    assert torch.equal(one[1], other[0])
    assert not torch.equal(one, other)
    assert set(torch.unique(one).tolist()) == {0.0, 1.0}
    assert torch.equal(one.sum(dim=1), torch.ones_like(one[:, 0]))


def test_crops_are_windows_side_by_side(drawing: Generator, parameters: np.ndarray) -> None:
    given = torch.from_numpy(parameters)
    edge = drawing.torus.shape[0] // 2
    crops = drawing.crops(given, 0, 4, edge, 0.3)
    (torus,) = drawing.phases(given, 0, 1, 0.3, "straight-through")
    assert crops.shape == (4, 3, edge, edge)
    assert torch.equal(crops[1], torus[:, :edge, edge : 2 * edge])
    assert torch.equal(crops[2], torus[:, edge : 2 * edge, :edge])


@pytest.mark.parametrize("smoothing", ["straight-through", "probit", "logistic"])
def test_coverage_of_sections_is_the_closed_form(
    fitted: CoverageSolution, parameters: np.ndarray, smoothing: str
) -> None:
    scaling = scaling_at(fitted.problem, parameters, 1e-3)
    options = TrainingOptions(steps=10, smoothing=smoothing)
    objective, _ = sampled_setting(fitted, options, scaling, CPU)
    width, batches = 0.3, []
    with torch.no_grad():
        for number in range(30):
            maps = objective.generator.phases(
                torch.from_numpy(parameters), 8 * number, 8, width, smoothing
            )
            batches.append(objective.rows(maps).numpy())
    expected = fitted.problem.model_rows(parameters) + coverage_bias(
        fitted.problem, parameters, width, smoothing
    )
    error = np.std(batches, axis=0, ddof=1) / np.sqrt(30)
    # 6 x K correlated values of 29 degrees of freedom: five standard errors, and the tail that
    # the torus neglects (correlations of 1e-3)
    assert np.all(np.abs(np.mean(batches, axis=0) - expected) < 5.0 * error + 2e-4)
    assert error.max() < 5e-3


def test_gradient_of_soft_maps_is_the_finite_difference(
    fitted: CoverageSolution, family: PlaneFamily, parameters: np.ndarray
) -> None:
    # twice the kernels' reach: nothing is cut off, so that no spectral line crosses zero
    members = zip(fitted.problem.parametrizations, fitted.problem.split(parameters), strict=True)
    reach = max(member.kernel(piece).reach for member, piece in members)
    torus = torus_of(family, (8, 8), 2.0 * reach)
    drawing = generator(fitted.problem, torus, seed=5, device=CPU)
    given = torch.from_numpy(parameters).requires_grad_(True)
    shape = drawing.phases(given.detach(), 0, 1, 0.5, "probit").shape
    weights = torch.randn(shape, generator=torch.Generator().manual_seed(1))

    def value(at: torch.Tensor) -> torch.Tensor:
        return (drawing.phases(at, 0, 1, 0.5, "probit") * weights).sum()

    (slope,) = torch.autograd.grad(value(given), given)
    step = 2e-4
    for index in range(parameters.size):
        unit = torch.zeros_like(given)
        unit[index] = step
        with torch.no_grad():
            finite = float(value(given + unit) - value(given - unit)) / (2.0 * step)
        # float32 sums of 10^4 terms divided by 4e-4, and spectral lines that hardly count
        assert finite == pytest.approx(float(slope[index]), abs=0.03 * float(slope.abs().max()))


def test_gradient_of_sampled_coverage_is_that_of_the_closed_form(
    fitted: CoverageSolution, parameters: np.ndarray
) -> None:
    scaling = scaling_at(fitted.problem, parameters, 2e-3)
    objective, _ = sampled_setting(fitted, TrainingOptions(steps=1000), scaling, CPU)
    away = np.full(parameters.size, 3.0)
    found = []
    for number in range(20):
        coordinates = torch.tensor(away, requires_grad=True)
        objective.step(coordinates, number)
        assert coordinates.grad is not None
        found.append(coordinates.grad.numpy())
    residuals = fitted.problem.residuals(scaling.parameters(away))
    slopes = fitted.problem.jacobian(scaling.parameters(away)) @ scaling.matrix
    expected = 2.0 * slopes.T @ residuals / (scaling.unit**2 * fitted.problem.rows.size)
    mean, error = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / np.sqrt(20)
    cosine = mean @ expected / np.linalg.norm(mean) / np.linalg.norm(expected)
    # noise takes |error|^2 / (2 |mean|^2) off; the slope of a soft threshold differs a little
    assert cosine > 0.95 - 0.5 * (np.linalg.norm(error) / np.linalg.norm(mean)) ** 2
    assert 0.6 < np.linalg.norm(mean) / np.linalg.norm(expected) < 1.2
