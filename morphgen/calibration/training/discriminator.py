"""A network that tells real sections from simulated ones, and its losses."""

from __future__ import annotations

import math

import torch
from torch import nn

from morphgen.calibration.training.options import Layer, receptive_field
from morphgen.errors import InputError

_SLOPE = 0.2


class Discriminator(nn.Module):
    """Convolutions with LeakyReLU of slope 0.2 between them, and the mean of the patch logits.

    Nothing is padded: each logit of a patch sees a square of ``receptive_field`` pixels that lies
    within the section.

    Parameters
    ----------
    layers : tuple of Layer
        Kernel, feature maps and stride of each convolution but the last one.
    channels : int
        Phases.
    seed : int
        Seed of the first weights (He et al. 2015), which no other random number depends on.
    """

    def __init__(self, layers: tuple[Layer, ...], channels: int, *, seed: int = 0) -> None:
        super().__init__()
        parts: list[nn.Module] = []
        given = channels
        for layer in layers:
            parts += [_blank(given, layer.maps, layer.kernel, layer.stride)]
            parts += [nn.LeakyReLU(_SLOPE)]
            given = layer.maps
        parts.append(_blank(given, 1, 1, 1))
        self.body = nn.Sequential(*parts)
        self._initialise(seed)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Logits of sections, shape (batch, 1), from phase maps (batch, phases, y, x)."""
        centred = (2.0 * maps - 1.0).contiguous(memory_format=torch.channels_last)
        logits: torch.Tensor = self.body(centred).float().mean(dim=(2, 3))
        return logits

    def _initialise(self, seed: int) -> None:
        keyed = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for part in self.body:
                if isinstance(part, nn.Conv2d):
                    fan_in = part.weight[0].numel()
                    gain = math.sqrt(2.0 / (1.0 + _SLOPE**2) / fan_in)
                    part.weight.copy_(torch.randn(part.weight.shape, generator=keyed) * gain)
                    assert part.bias is not None
                    part.bias.zero_()


def _blank(given: int, maps: int, kernel: int, stride: int) -> nn.Module:
    """Convolution without weights yet: torch's own would take from the process's random numbers."""
    found: nn.Module = nn.utils.skip_init(nn.Conv2d, given, maps, kernel, stride)
    return found


def check_crop(layers: tuple[Layer, ...], crop: int) -> None:
    """Refuse crops that are smaller than what one output of the network sees.

    Raises
    ------
    InputError
        With both sizes.
    """
    needed = receptive_field(layers)
    if crop < needed:
        raise InputError(
            f"crops of {crop} px are smaller than the {needed} px that the discriminator sees; "
            "raise --crop, or give --discriminator fewer layers"
        )


def discriminator_loss(real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """Logistic loss of telling real logits from those of simulated sections (Goodfellow 2014)."""
    softplus = nn.functional.softplus
    return softplus(-real).mean() + softplus(fake).mean()


def generator_loss(fake: torch.Tensor) -> torch.Tensor:
    """Non-saturating loss of being told from real sections (Goodfellow 2014)."""
    return nn.functional.softplus(-fake).mean()


def gradient_penalty(network: nn.Module, real: torch.Tensor) -> torch.Tensor:
    """R1: mean squared gradient norm of the logits at real sections (Mescheder et al. 2018)."""
    images = real.detach().requires_grad_(True)
    (slope,) = torch.autograd.grad(network(images).sum(), images, create_graph=True)
    return slope.square().sum(dim=(1, 2, 3)).mean()
