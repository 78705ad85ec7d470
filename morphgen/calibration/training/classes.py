"""Field classes told apart by a network: degrees of freedom are discrete, so all are tried.

A classifier is trained on sections simulated from the candidates, of which there is no end: it
cannot learn the few real pixels by heart. Where it is trained to the end, its output on a real
crop is the probability of each candidate given that crop, up to the common prior: the mean of
the logarithms is a likelihood-ratio score (Cranmer, Pavez and Louppe, arXiv:1506.02169).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from morphgen.calibration.training.crops import RealCrops, one_hot, transformed
from morphgen.calibration.training.discriminator import Discriminator
from morphgen.calibration.training.generator import Generator
from morphgen.calibration.training.options import Layer
from morphgen.progress import Progress

_RATE = 1e-3
# tori of the classifier, among those of the steps
_FIRST_STEP = 2**36


@dataclass(frozen=True, eq=False)
class Contender:
    """One candidate model, and what draws its sections on one family of planes.

    Attributes
    ----------
    generator : Generator
        Draws its sections.
    parameters : ndarray, shape (P,)
        Its parameters.
    """

    generator: Generator
    parameters: np.ndarray

    def crops(self, step: int, count: int, edge: int) -> torch.Tensor:
        """Sections with hard thresholds, shape (count, phases, edge, edge)."""
        with torch.no_grad():
            parameters = torch.from_numpy(self.parameters)
            return self.generator.crops(
                parameters, _FIRST_STEP + step, count, edge, 1.0, "straight-through"
            )


@dataclass(frozen=True, eq=False)
class ClassScores:
    """How well each contender explains the real crops.

    Attributes
    ----------
    values : ndarray, shape (tiles, contenders)
        Logarithm of the probability of each contender given each tile, which do not overlap.
    """

    values: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """Mean over the tiles, shape (contenders,)."""
        return np.asarray(self.values.mean(axis=0))

    def lead(self, first: int, second: int) -> tuple[float, float]:
        """Difference of two means, and its standard error from the scatter of the tiles."""
        difference = self.values[:, first] - self.values[:, second]
        error = difference.std(ddof=1) / math.sqrt(difference.size) if difference.size > 1 else 0.0
        return float(difference.mean()), float(error)


def class_scores(
    contenders: Sequence[Contender],
    real: RealCrops,
    layers: tuple[Layer, ...],
    *,
    steps: int,
    batch: int,
    seed: int,
    progress: Progress,
) -> ClassScores:
    """Train a classifier of the contenders' sections, and ask it about the real ones.

    Parameters
    ----------
    contenders : sequence of Contender
        Two or more candidates.
    real : RealCrops
        The real sections.
    layers : tuple of Layer
        Layers of the network.
    steps : int
        Steps of the training.
    batch : int
        Crops of each contender per step.
    seed : int
        Seed of the network's first weights.
    progress : Progress
        Told after each step.
    """
    device = contenders[0].generator.device
    network = Discriminator(layers, len(real.order), outputs=len(contenders), seed=seed)
    network = network.to(device=device, memory_format=torch.channels_last)
    optimiser = torch.optim.Adam(network.parameters(), lr=_RATE, betas=(0.9, 0.99))
    truth = torch.arange(len(contenders), device=device).repeat_interleave(batch)
    for step in range(steps):
        share = 0.5 * (1.0 + math.cos(math.pi * step / steps))
        for group in optimiser.param_groups:
            group["lr"] = _RATE * share
        maps = torch.cat([one.crops(step, batch, real.edge) for one in contenders])
        loss = nn.functional.cross_entropy(network(maps), truth)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        progress(f"choosing fields: classifier {float(loss.detach()):.3f}", step + 1, steps)
    return ClassScores(_judged(network, real, device))


def _judged(network: Discriminator, real: RealCrops, device: torch.device) -> np.ndarray:
    """Logarithm of the probabilities of each tile, the logits averaged over its symmetries."""
    found = []
    for tiles in real.all_tiles():
        logits = torch.zeros(())
        for symmetry in range(real.symmetries):
            turned = np.stack([transformed(tile, symmetry) for tile in tiles])
            with torch.no_grad():
                maps = torch.from_numpy(one_hot(turned, real.order)).to(device)
                logits = logits + network(maps).double().cpu()
        found.append(torch.log_softmax(logits / real.symmetries, dim=1).numpy())
    return np.concatenate(found)
