"""Adversarial and combined training: networks tell real sections from simulated ones."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from morphgen.calibration.problem import Problem
from morphgen.calibration.training.crops import RealCrops
from morphgen.calibration.training.discriminator import (
    Discriminator,
    discriminator_loss,
    generator_loss,
    gradient_penalty,
)
from morphgen.calibration.training.generator import Generator
from morphgen.calibration.training.scaling import Scaling
from morphgen.calibration.training.soft import Schedule
from morphgen.calibration.training.transfer import to_device, to_host

_RATE, _BETAS = 4e-4, (0.0, 0.99)
# steps until the judgement of the networks, which know nothing at first, counts in full
_WARM_UP = 50
# weight of the R1 penalty, which is taken every few steps and then counts as often
_PENALTY, _PENALTY_EVERY = 1.0, 8


@dataclass(frozen=True, eq=False)
class Adversary:
    """One family of planes: its real crops, its simulated ones, and the network between them.

    Attributes
    ----------
    generator : Generator
        Draws simulated sections.
    real : RealCrops
        Crops of the sections that are not held out.
    network : Discriminator
        Tells them apart.
    optimiser : torch.optim.Adam
        Trains the network.
    """

    generator: Generator
    real: RealCrops
    network: Discriminator
    optimiser: torch.optim.Adam


@dataclass(frozen=True, eq=False)
class AdversarialObjective:
    """Losses of the networks and of the model; with ``unit`` the coverage loss is added.

    Attributes
    ----------
    problem : Problem
        The data's coverage functions, and the meaning of the parameters.
    scaling : Scaling
        From coordinates to parameters.
    adversaries : sequence of Adversary
        One a family of planes.
    schedule : Schedule
        Width of the threshold in the backward pass.
    batch : int
        Crops of either kind per step and family.
    weight : float
        Weight of the adversarial loss.
    covered : bool
        Whether the coverage loss is added.
    precision : {"float32", "bfloat16"}
        Arithmetic of the convolutions.
    """

    problem: Problem
    scaling: Scaling
    adversaries: Sequence[Adversary]
    schedule: Schedule
    batch: int
    weight: float
    covered: bool
    precision: str = "float32"

    def step(self, coordinates: torch.Tensor, number: int) -> dict[str, float]:
        """One step of every network, then the gradient of the model's loss."""
        matrix = torch.from_numpy(self.scaling.matrix)
        parameters = torch.from_numpy(self.scaling.start) + matrix @ coordinates
        width = self.schedule.width(number)
        told, judged = [], []
        for one in self.adversaries:
            fake = one.generator.crops(parameters, number, self.batch, one.real.edge, width)
            told.append(self._train(one, fake.detach(), number))
            one.network.requires_grad_(False)
            with self._arithmetic(fake.device):
                judged.append(generator_loss(one.network(fake)).double())
            one.network.requires_grad_(True)
        loss = torch.stack(judged).sum() / len(self.adversaries)
        counted = min(1.0, number / _WARM_UP) * loss
        # on the host, while the device is busy with what is queued
        coverage = self._coverage(parameters) if self.covered else None
        if coverage is None:
            counted.backward()
        else:
            torch.autograd.backward([self.weight * counted, coverage])
        # only now, and all at once: every look at the device waits for it
        *seen, adversarial = to_host(torch.stack([*told, loss.detach()])).tolist()
        losses = {"discriminator": float(np.mean(seen)), "adversarial": float(adversarial)}
        if coverage is not None:
            losses["coverage"] = float(coverage.detach())
        return losses

    def state(self) -> dict[str, Any]:
        """Weights of the networks and states of their optimisers."""
        return {
            "networks": [one.network.state_dict() for one in self.adversaries],
            "optimisers": [one.optimiser.state_dict() for one in self.adversaries],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Put networks and optimisers back."""
        parts = zip(self.adversaries, state["networks"], state["optimisers"], strict=True)
        for one, network, optimiser in parts:
            one.network.load_state_dict(network)
            one.optimiser.load_state_dict(optimiser)

    def _train(self, one: Adversary, fake: torch.Tensor, number: int) -> torch.Tensor:
        real = to_device(one.real.batch(number, self.batch), fake.device)
        one.optimiser.zero_grad()
        with self._arithmetic(fake.device):
            loss = discriminator_loss(one.network(real), one.network(fake))
        whole = loss
        if number % _PENALTY_EVERY == 0:
            penalty = gradient_penalty(one.network, real)
            whole = loss + 0.5 * _PENALTY * _PENALTY_EVERY * penalty
        whole.backward()
        one.optimiser.step()
        return loss.detach().double()

    def _coverage(self, parameters: torch.Tensor) -> torch.Tensor:
        """Mean squared deviation of the C_ij in units of ``scaling.unit``, in closed form."""
        held = parameters.detach().numpy()
        residuals, jacobian = self.problem.residuals(held), self.problem.jacobian(held)
        scale = 1.0 / (self.scaling.unit**2 * self.problem.rows.size)
        gradient = torch.from_numpy(2.0 * scale * jacobian.T @ residuals)
        # first order is all that a gradient needs
        value = scale * float(residuals @ residuals)
        return value + gradient @ (parameters - torch.from_numpy(held))

    def _arithmetic(self, device: torch.device) -> AbstractContextManager[object]:
        if self.precision == "float32":
            return nullcontext()
        mixed: AbstractContextManager[object] = torch.autocast(device.type, dtype=torch.bfloat16)
        return mixed


def adversary(generator: Generator, real: RealCrops, network: Discriminator) -> Adversary:
    """Give a network its optimiser, and bring it to the device of its generator."""
    network = network.to(device=generator.device, memory_format=torch.channels_last)
    # one kernel for all weights; on a CPU the plain form, whose bits are older
    fused = generator.device.type == "cuda"
    optimiser = torch.optim.Adam(network.parameters(), lr=_RATE, betas=_BETAS, fused=fused)
    return Adversary(generator, real, network, optimiser)
