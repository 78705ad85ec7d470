"""What a training brings from the device and to it, shown on torch's device without values.

A tensor on ``meta`` has a shape and no content: whatever looks at one raises, and so does
arithmetic between it and the host. The one door to the host is counted, and hands out zeros.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from morphgen.calibration.coverage import CoverageSolution
from morphgen.calibration.training.classes import DrawnModel
from morphgen.calibration.training.generator import Generator
from morphgen.calibration.training.options import TrainingOptions
from morphgen.calibration.training.scaling import Scaling, scaling_at
from morphgen.calibration.training.setting import adversarial_setting, sampled_setting
from morphgen.calibration.training.transfer import single_on_device

from .conftest import CPU

META = torch.device("meta")
OPTIONS = TrainingOptions(steps=10, crop=48, batch=2, discriminator="k4n4s2,k4n4s2")


class Read(torch.autograd.Function):
    """Zeros in place of what would be read, and the way back of the gradient."""

    @staticmethod
    def forward(ctx: Any, values: torch.Tensor) -> torch.Tensor:
        return torch.zeros(values.shape, dtype=values.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> torch.Tensor:
        return gradients[0].to(META)


@contextmanager
def watched() -> Iterator[list[tuple[int, ...]]]:
    """Shapes of what is brought from ``meta`` meanwhile."""
    seen: list[tuple[int, ...]] = []

    def read(values: torch.Tensor) -> torch.Tensor:
        assert values.device == META
        seen.append(tuple(values.shape))
        found: torch.Tensor = Read.apply(values)
        return found

    def brought(values: np.ndarray, _: Any, device: torch.device) -> torch.Tensor:
        # without CUDA no memory can be pinned
        return torch.from_numpy(values).to(device)

    def noise(self: Generator, field: int, component: int, number: int, count: int) -> torch.Tensor:
        # made on the device from hashed coordinates: tests/matrix holds it to that
        return torch.empty((count, *self.torus.shape), device=META)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.Tensor, "cpu", read)
        patch.setattr("morphgen.calibration.training.transfer.bring", brought)
        patch.setattr(Generator, "_noise", noise)
        yield seen


@pytest.fixture
def scaling(fitted: CoverageSolution, parameters: np.ndarray) -> Scaling:
    return scaling_at(fitted.problem, parameters, 5e-3)


def start(scaling: Scaling) -> torch.Tensor:
    return torch.zeros(scaling.start.size, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("number", [7, 8])
def test_a_step_waits_for_two_arrays(
    fitted: CoverageSolution, scaling: Scaling, number: int
) -> None:
    with watched() as seen:
        objective, _, _ = adversarial_setting(fitted, OPTIONS, scaling, META, "combined")
        losses = objective.step(start(scaling), number)
    rows, columns = objective.adversaries[0].generator.torus.shape
    # the gradient in both fields' amplitudes and thresholds, since kernels live on the host; and
    # both losses, which are told after every step
    assert seen == [(2 * rows * (columns // 2 + 1) + 2,), (2,)]
    assert losses["discriminator"] == losses["adversarial"] == 0.0


def test_a_score_waits_once(fitted: CoverageSolution, scaling: Scaling) -> None:
    with watched() as seen:
        _, score, _ = adversarial_setting(fitted, OPTIONS, scaling, META, "combined")
        score(np.zeros(scaling.start.size))
        # the model's strips, and those at the start, whose scatter is kept
        assert seen == [(12, 32, 160)] * 2
        score(np.zeros(scaling.start.size))
    assert len(seen) == 3


def test_a_step_of_sampled_coverage_waits_for_five_arrays(
    fitted: CoverageSolution, scaling: Scaling
) -> None:
    with watched() as seen:
        objective, _ = sampled_setting(fitted, OPTIONS, scaling, META)
        objective.step(start(scaling), 3)
    # coverage functions and fractions of two halves, and the gradient
    assert len(seen) == 5
    assert seen[0] == seen[1] == fitted.problem.rows.shape


def test_a_candidate_of_the_classifier_is_waited_for_once(
    drawing: Generator, parameters: np.ndarray
) -> None:
    with watched() as seen:
        there = replace(drawing, device=META)
        found = DrawnModel(there, parameters).statistics(edge=48, step=1, count=40)
    # however many batches its sections are drawn in
    assert seen == [found.shape]
    assert len(found) == 40


def test_looking_at_the_device_is_noticed() -> None:
    with watched(), pytest.raises(RuntimeError, match="meta"):
        float(torch.ones((), device=META))
    with watched(), pytest.raises(RuntimeError, match="meta"):
        torch.ones(2, device=META) + torch.ones(2)


def test_gradients_come_back_as_they_went() -> None:
    values = torch.linspace(0.0, 1.0, 5, dtype=torch.float64, requires_grad=True)
    there = single_on_device(values, CPU)
    assert there.dtype == torch.float32
    (there * torch.arange(5.0)).sum().backward()
    assert values.grad is not None
    assert values.grad.dtype == torch.float64
    assert values.grad.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_no_random_state_is_used(fitted: CoverageSolution, scaling: Scaling) -> None:
    # all noise is keyed: a checkpoint has no state of a generator to keep, on no device
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    objective, _, _ = adversarial_setting(fitted, OPTIONS, scaling, CPU, "combined")
    objective.step(start(scaling), 8)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002
