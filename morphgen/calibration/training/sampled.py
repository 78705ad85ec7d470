"""Coverage functions of sampled sections: the coverage method without closed forms.

The sections are whole tori, so that every pixel is the first of a pair at every lag: the FFT
counts exactly. Squares of an average's deviation are biased by its variance, which would reward
models that scatter little; the product of the deviations of two independent halves is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from morphgen.calibration.objective import pairs_of
from morphgen.calibration.problem import Problem
from morphgen.calibration.training.bias import coverage_bias
from morphgen.calibration.training.generator import Generator
from morphgen.calibration.training.scaling import Scaling
from morphgen.calibration.training.soft import Schedule
from morphgen.calibration.training.transfer import to_host
from morphgen.descriptors._lags import lag_bins

_EXACT_BELOW = 3.0


@dataclass(frozen=True, eq=False)
class SampledCoverage:
    """Squared deviation of sampled C_ij from the data; made by `sampled_coverage`.

    Attributes
    ----------
    problem : Problem
        Data, laws and parameters.
    generator : Generator
        Draws the sections.
    scaling : Scaling
        From coordinates to parameters.
    pooling : tensor, shape (K, lags)
        From lags of half the lag plane to the bins of the data.
    reach : int
        Largest lag in pixels.
    count : int
        Sections per step, an even number.
    smoothing : str
        Form of the threshold.
    schedule : Schedule
        Its width.
    """

    problem: Problem
    generator: Generator
    scaling: Scaling
    pooling: torch.Tensor
    reach: int
    count: int
    smoothing: str
    schedule: Schedule

    def step(self, coordinates: torch.Tensor, number: int) -> dict[str, float]:
        """Gradient of the squared deviation at one batch of sections."""
        matrix = torch.from_numpy(self.scaling.matrix)
        parameters = torch.from_numpy(self.scaling.start) + matrix @ coordinates
        width = self.schedule.width(number)
        maps = self.generator.phases(
            parameters, number * self.count, self.count, width, self.smoothing
        )
        held = parameters.detach().numpy()
        bias = coverage_bias(self.problem, held, width, self.smoothing)
        wanted = torch.from_numpy(self.problem.rows + bias)
        first, second = (
            (to_host(self.rows(half)) - wanted) / self.scaling.unit for half in maps.chunk(2)
        )
        loss = (first * second).mean() + self._fractions(maps) + self._penalty(parameters)
        loss.backward()
        return {"coverage": float(loss.detach())}

    def rows(self, maps: torch.Tensor) -> torch.Tensor:
        """C_ij of maps on tori, pooled to the bins of the data: float64, shape (pairs, K)."""
        pixels = maps.shape[-1] * maps.shape[-2]
        spectra = torch.fft.rfft2(maps)
        rows = []
        for i, j in pairs_of(maps.shape[1]):
            power = (spectra[:, i].conj() * spectra[:, j]).real.mean(dim=0)
            found = torch.fft.irfft2(power, s=maps.shape[-2:]) / pixels
            rows.append(self.pooling @ _half_plane(found, self.reach).double())
        return torch.stack(rows)

    def state(self) -> dict[str, Any]:
        """Nothing: noise is keyed by the step."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Nothing to restore."""

    def _fractions(self, maps: torch.Tensor) -> torch.Tensor:
        if not self.problem.free_thresholds:
            return torch.zeros((), dtype=torch.float64)
        wanted = torch.from_numpy(self.problem.fractions)
        first, second = (
            (to_host(half.mean(dim=(0, 2, 3))).double() - wanted) / self.scaling.unit
            for half in maps.chunk(2)
        )
        # as much as all lags of one C_ij together, as in the closed form
        return (first * second).sum() / self.problem.rows.shape[0]

    def _penalty(self, parameters: torch.Tensor) -> torch.Tensor:
        held = parameters.detach().numpy()
        value, slope = self.problem.penalties(held)
        scale = 1.0 / (self.scaling.unit**2 * self.problem.rows.size)
        gradient = torch.from_numpy(2.0 * scale * slope.T @ value)
        # first order is all that a gradient needs
        return scale * float(value @ value) + gradient @ (parameters - torch.from_numpy(held))


def sampled_coverage(
    problem: Problem,
    generator: Generator,
    scaling: Scaling,
    *,
    pixel_size: tuple[float, float],
    count: int,
    smoothing: str,
    schedule: Schedule,
) -> SampledCoverage:
    """Prepare the sampled estimator for an isotropic problem."""
    lags = problem.parametrizations[0].lags.distance
    reach = int(np.ceil(lags[-1] / min(pixel_size)))
    pooling = torch.from_numpy(_pooling(lags, reach, pixel_size)).to(generator.device)
    return SampledCoverage(problem, generator, scaling, pooling, reach, count, smoothing, schedule)


def _half_plane(values: torch.Tensor, reach: int) -> torch.Tensor:
    """Lags 0..reach down and -reach..reach to the right of an even function on a torus, flat."""
    rows = values[: reach + 1]
    return torch.cat([rows[:, values.shape[1] - reach :], rows[:, : reach + 1]], dim=1).flatten()


def _pooling(lags: np.ndarray, reach: int, pixel_size: tuple[float, float]) -> np.ndarray:
    """Mean over the lags of each bin of the data, on `_half_plane`; shape (K, lags)."""
    bins = lag_bins(reach, pixel_size, _EXACT_BELOW)
    width = 2 * reach + 1
    matrix = np.zeros((lags.size, (reach + 1) * width))
    for row, lag in enumerate(lags):
        nearest = int(np.argmin(np.abs(bins.centre - lag)))
        flat = np.asarray(bins.order[bins.ends[nearest] : bins.ends[nearest + 1]])
        down, right = np.divmod(flat, width)
        # the function is even: a lag and its opposite count as the one that points down
        opposite = down < reach
        down = np.where(opposite, 2 * reach - down, down) - reach
        right = np.where(opposite, 2 * reach - right, right)
        np.add.at(matrix[row], down * width + right, 1.0 / flat.size)
    return matrix
