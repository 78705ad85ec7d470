"""The two doors between the host, where parameters move, and the device, where sections are drawn.

A copy to the device is queued and waits for nothing; a copy to the host waits for all that is
queued. What crosses is therefore packed: see `Generator.phases` and `AdversarialObjective.step`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from morphgen._array_api import bring, standard


def to_device(values: np.ndarray, device: torch.device) -> torch.Tensor:
    """Host values on a device, in their dtype, without waiting for it."""
    found: torch.Tensor = bring(values, standard(torch), device)
    return found


def to_host(values: torch.Tensor) -> torch.Tensor:
    """Values on the host, as soon as the device has them."""
    return values.cpu()


class _Single(torch.autograd.Function):
    """From float64 on the host to float32 on a device, and the gradient back."""

    @staticmethod
    def forward(ctx: Any, values: torch.Tensor, device: torch.device) -> torch.Tensor:
        return to_device(values.detach().numpy().astype(np.float32), device)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        return to_host(gradients[0]).double(), None


def single_on_device(values: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Host values of float64 as float32 on a device; their gradient comes back as float64."""
    found: torch.Tensor = _Single.apply(values, device)
    return found
