"""Sections of a parametrised model, drawn in the plane and differentiable in its parameters.

A plane section of a stationary Gaussian field is one itself, with the correlation of the volume
(THEORY 7): it is drawn by circulant embedding on a torus. Any window of the torus that is
narrower than it by the reach of the correlation has exactly the law of a section.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from morphgen.calibration.parametrization import Parametrization
from morphgen.calibration.problem import Problem
from morphgen.calibration.training.planes import Torus
from morphgen.calibration.training.soft import decision, first_match_maps
from morphgen.calibration.training.transfer import single_on_device
from morphgen.fields.blocks import stream
from morphgen.fields.noise import white_noise

# training shares no noise with the volumes and sections of a seed
TRAINING_STREAMS = 3 * 2**30


class _Amplitude(torch.autograd.Function):
    """Amplitudes of a field on a torus as a function of its kernel's parameters."""

    @staticmethod
    def forward(
        ctx: Any, parameters: torch.Tensor, member: Parametrization, torus: Torus
    ) -> torch.Tensor:
        correlation, ctx.jacobian = member.correlation(parameters.detach().numpy())
        amplitude, ctx.pullback = torus.amplitude(correlation)
        return torch.from_numpy(amplitude)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        by_correlation = ctx.pullback(gradients[0].numpy())
        return torch.from_numpy(ctx.jacobian.T @ by_correlation), None, None


@dataclass(frozen=True, eq=False)
class Generator:
    """Draws the phases of a candidate model on one family of planes; made by `generator`.

    Attributes
    ----------
    problem : Problem
        Laws, fractions and whether thresholds are free; the meaning of a parameter vector.
    members : tuple of Parametrization
        Correlation of each field at the torus's lags.
    torus : Torus
        The periodic plane.
    seed : int
        Seed of the noise.
    family : int
        Number of the plane family: families share no noise.
    device : torch.device
        Where sections are drawn.
    """

    problem: Problem
    members: tuple[Parametrization, ...]
    torus: Torus
    seed: int
    family: int
    device: torch.device

    def phases(
        self, parameters: torch.Tensor, number: int, count: int, width: float, smoothing: str
    ) -> torch.Tensor:
        """Maps of the phases on whole tori, in the order of decision.

        Parameters
        ----------
        parameters : tensor of float64, shape (P,)
            Parameters of the problem, on the host.
        number : int
            Number of the first torus: each has noise of its own.
        count : int
            Tori to draw.
        width, smoothing
            See `soft.decision`.

        Returns
        -------
        tensor of float32, shape (count, phases, rows, columns)
        """
        amplitudes, thresholds = self._on_device(parameters)
        inside = []
        for k, law in enumerate(self.problem.laws):
            values = self._values(k, amplitudes[k], number, count)
            inside.append(decision(law, values, thresholds[k], width, smoothing))
        return first_match_maps(inside)

    def _on_device(
        self, parameters: torch.Tensor
    ) -> tuple[list[torch.Tensor], tuple[torch.Tensor, ...]]:
        """Amplitude and threshold of every field: one copy there, one of the gradients back."""
        sizes, count = self.problem.sizes, len(self.problem.laws)
        pieces = torch.split(parameters, [*sizes, parameters.numel() - sum(sizes)])
        half = (self.torus.shape[0], self.torus.shape[1] // 2 + 1)
        flat = [
            _Amplitude.apply(pieces[k], self.members[k], self.torus).flatten() for k in range(count)
        ]
        thresholds = [self._threshold(k, pieces[-1]) for k in range(count)]
        packed = single_on_device(torch.cat([*flat, torch.stack(thresholds)]), self.device)
        *amplitudes, last = packed.split([math.prod(half)] * count + [count])
        return [one.view(half) for one in amplitudes], last.unbind()

    def crops(
        self,
        parameters: torch.Tensor,
        step: int,
        count: int,
        edge: int,
        width: float,
        smoothing: str = "straight-through",
    ) -> torch.Tensor:
        """Square sections, several cut side by side from one torus where it is wide enough.

        Returns
        -------
        tensor of float32, shape (count, phases, edge, edge)
        """
        rows, columns = (length // edge for length in self.torus.shape)
        tori = math.ceil(count / (rows * columns))
        maps = self.phases(parameters, step * tori, tori, width, smoothing)
        cut = maps[:, :, : rows * edge, : columns * edge]
        cut = cut.unflatten(3, (columns, edge)).unflatten(2, (rows, edge))
        tiles = cut.permute(0, 2, 4, 1, 3, 5).flatten(0, 2)
        return tiles[:count]

    def _values(self, field: int, scale: torch.Tensor, number: int, count: int) -> torch.Tensor:
        law = self.problem.laws[field].law
        shape = self.torus.shape

        def component(index: int) -> torch.Tensor:
            noise = self._noise(field, index, number, count)
            spectrum = torch.fft.rfft2(noise) * scale
            return torch.fft.irfft2(spectrum, s=shape)

        values = [component(index) for index in range(law.components)]
        if not law.squared:
            return values[0]
        return torch.stack([value * value for value in values]).sum(dim=0)

    def _noise(self, field: int, component: int, number: int, count: int) -> torch.Tensor:
        key = TRAINING_STREAMS + stream(64 * self.family + field, component)
        window = (self.seed, key, (number, 0, 0), (count, *self.torus.shape))
        if self.device.type == "cpu":
            # the same bits as below, several times faster
            return torch.from_numpy(white_noise(*window, xp=np))
        return white_noise(*window, xp=torch, device=self.device)

    def _threshold(self, field: int, logits: torch.Tensor) -> torch.Tensor:
        law = self.problem.laws[field]
        if not self.problem.free_thresholds:
            threshold = law.threshold(self.problem.probabilities[field])
            return torch.tensor(threshold, dtype=torch.float64)
        p = torch.sigmoid(logits[field])
        held = float(p.detach())
        threshold = law.threshold(held)
        slope = (1.0 if law.below else -1.0) / law.law.density(threshold)
        # first order is all that a gradient needs
        return threshold + slope * (p - held)


def generator(
    problem: Problem, torus: Torus, *, seed: int, family: int = 0, device: torch.device
) -> Generator:
    """Prepare to draw sections of the candidates of a problem on a torus."""
    members = tuple(member.at(torus.lags) for member in problem.parametrizations)
    return Generator(problem, members, torus, seed, family, device)


def reach_of(problem: Problem, parameters: np.ndarray, tolerance: float = 1e-3) -> float:
    """Distance beyond which no field of a candidate has a correlation above ``tolerance``.

    Kernels' supports may be far wider than what is correlated in them. A quarter is added, since
    training changes correlations. Beyond the largest lag of the data nothing is known: tails that
    reach farther are wrapped around the torus.
    """
    farthest, known = 0.0, float(problem.parametrizations[0].lags.distance.max())
    for member, piece in zip(problem.parametrizations, problem.split(parameters), strict=True):
        kernel = member.kernel(piece)
        grid = np.linspace(0.0, kernel.reach, 1001)
        zero = np.zeros_like(grid)
        for across, along in ((grid, zero), (zero, grid)):
            values = np.abs(np.asarray(kernel.cylindrical_correlation(across, along)))
            farthest = max(farthest, float(grid[np.flatnonzero(values > tolerance)[-1]]))
    return 1.25 * min(farthest, known)
