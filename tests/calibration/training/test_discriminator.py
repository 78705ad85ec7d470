"""The network and its losses."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from morphgen.calibration.training.discriminator import (
    Discriminator,
    check_crop,
    discriminator_loss,
    generator_loss,
    gradient_penalty,
)
from morphgen.calibration.training.options import parse_layers
from morphgen.errors import InputError

LAYERS = parse_layers("k4n6s2,k3n5s1")


def test_layers_are_what_they_are_called() -> None:
    network = Discriminator(LAYERS, 3)
    parts = [part for part in network.body if isinstance(part, nn.Conv2d)]
    assert [part.out_channels for part in parts] == [6, 5, 1]
    assert [part.kernel_size for part in parts] == [(4, 4), (3, 3), (1, 1)]
    assert [part.stride for part in parts] == [(2, 2), (1, 1), (1, 1)]
    slopes = {part.negative_slope for part in network.body if isinstance(part, nn.LeakyReLU)}
    assert slopes == {0.2}


def test_sections_of_any_size() -> None:
    network = Discriminator(LAYERS, 3)
    assert network(torch.zeros(2, 3, 16, 16)).shape == (2, 1)
    assert network(torch.zeros(2, 3, 40, 21)).shape == (2, 1)


def test_weights_depend_on_the_seed_alone() -> None:
    weights = [Discriminator(LAYERS, 2, seed=seed).body[0].weight for seed in (1, 1, 2)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_losses_at_no_knowledge() -> None:
    zero = torch.zeros(4, 1)
    assert float(discriminator_loss(zero, zero)) == pytest.approx(2.0 * math.log(2.0))
    assert float(generator_loss(zero)) == pytest.approx(math.log(2.0))


def test_penalty_of_a_linear_network() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(2 * 3 * 3, 1, bias=False))
    # the gradient of a linear function is its weights
    expected = float(network[1].weight.detach().square().sum())
    penalty = gradient_penalty(network, torch.rand(5, 2, 3, 3)).detach()
    assert float(penalty) == pytest.approx(expected)


def test_crops_smaller_than_what_is_seen_are_refused() -> None:
    check_crop(LAYERS, 8)
    with pytest.raises(InputError, match="7 px are smaller than the 8 px"):
        check_crop(LAYERS, 7)
