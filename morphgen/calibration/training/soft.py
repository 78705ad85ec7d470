"""Thresholds that can be differentiated: probit, logistic and straight-through."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from morphgen.calibration.objective import FieldLaw

# a logistic function of this slope comes within .01 of the probit (Haley 1952)
LOGISTIC_SLOPE = 1.702
# keeps the square root of a chi-square field differentiable at 0
_TINY = 1e-12


@dataclass(frozen=True)
class Schedule:
    """Width of a soft threshold, falling geometrically from ``start`` to ``end``.

    The width is measured in standard deviations of a Gaussian field, and in units of sqrt(Y) for
    a chi-square field Y.
    """

    start: float = 0.4
    end: float = 0.15
    steps: int = 600

    def width(self, step: int) -> float:
        """Width at a step."""
        share = min(1.0, step / max(1, self.steps))
        return float(self.start * (self.end / self.start) ** share)


def soft_step(margin: torch.Tensor, smoothing: str) -> torch.Tensor:
    """Smoothed indicator of a margin >= 0, the margin in widths.

    Straight-through: the indicator itself, with the derivative of the probit.
    """
    if smoothing == "logistic":
        return torch.sigmoid(LOGISTIC_SLOPE * margin)
    soft = 0.5 * torch.erfc(-margin / math.sqrt(2.0))
    if smoothing == "probit":
        return soft
    hard = (margin >= 0.0).to(margin.dtype)
    return hard + (soft - soft.detach())


def decision(
    law: FieldLaw, values: torch.Tensor, threshold: torch.Tensor, width: float, smoothing: str
) -> torch.Tensor:
    """Indicator of an excursion set, smoothed.

    A chi-square field Y is compared by its square root with that of the threshold: its density is
    bounded near 0, and one width suits all thresholds.

    Parameters
    ----------
    law : FieldLaw
        Law and side.
    values : tensor
        Values of the field.
    threshold : tensor without axes
        The threshold.
    width : float
        Width of the step.
    smoothing : str
        See `TrainingOptions`.
    """
    if law.law.squared:
        values, threshold = torch.sqrt(values + _TINY), torch.sqrt(threshold)
    margin = (values - threshold) / width
    return soft_step(-margin if law.below else margin, smoothing)


def first_match_maps(decisions: list[torch.Tensor]) -> torch.Tensor:
    """Maps of the phases in the order of decision, stacked on axis 1; they add up to one."""
    maps, left = [], torch.ones_like(decisions[0])
    for inside in decisions:
        maps.append(left * inside)
        left = left * (1.0 - inside)
    return torch.stack([*maps, left], dim=1)
