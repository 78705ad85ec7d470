"""Field classes told apart by a classifier: degrees of freedom are discrete, so all are tried.

The classifier is trained on sections simulated from the candidates, of which there is no end: it
cannot learn the few real pixels by heart. Its output on a real crop is then the probability of
each candidate given that crop, if all are equally probable before and none else is possible. Of two
candidates of one classifier, the difference of the logarithms is that of their likelihoods
(Cranmer, Pavez and Louppe, arXiv:1506.02169).

Its first layer is fixed: areas and Euler numbers of parallel sets, which are what two-point
functions do not know. A logistic layer follows. A network of free convolutions learns to see as
much, but takes a hundred times as long.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from morphgen.calibration.training.crops import RealCrops, one_hot
from morphgen.calibration.training.generator import Generator
from morphgen.calibration.training.parallel_sets import parallel_set_statistics
from morphgen.calibration.training.transfer import to_host
from morphgen.progress import Progress

# crops that are drawn at a time: arrays of more would be handed back to the system and cleared
# again at every operation, which took as long as the computation
_AT_ONCE = 16
_RIDGE = 2e-3
# tiles that a standard error is taken from, at least
_FEWEST_TILES = 4
# tori of the classifier, among those of the steps
_FIRST_STEP = 2**36


@dataclass(frozen=True, eq=False)
class DrawnModel:
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

    def statistics(self, edge: int, step: int, count: int) -> torch.Tensor:
        """Statistics of simulated crops, shape (count, statistics), on the host."""
        parameters, found = torch.from_numpy(self.parameters), []
        with torch.no_grad():
            for number in range(math.ceil(count / _AT_ONCE)):
                maps = self.generator.crops(
                    parameters, _FIRST_STEP + number, _AT_ONCE, edge, 1.0, "straight-through"
                )
                found.append(parallel_set_statistics(maps.round(), step))
        return to_host(torch.cat(found)[:count])


@dataclass(frozen=True, eq=False)
class ClassScores:
    """How well each contender explains the real crops.

    Attributes
    ----------
    values : ndarray, shape (tiles, contenders)
        Logarithm of the probability of each contender given each tile; tiles do not overlap.
    """

    values: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """Mean over the tiles, shape (contenders,)."""
        return np.asarray(self.values.mean(axis=0))

    def lead(self, first: int, second: int) -> tuple[float, float]:
        """Difference of two means, and its standard error from the scatter of the tiles.

        The error of fewer than 4 tiles is unknown: infinite.
        """
        difference = self.values[:, first] - self.values[:, second]
        if difference.size < _FEWEST_TILES:
            return float(difference.mean()), math.inf
        error = difference.std(ddof=1) / math.sqrt(difference.size)
        return float(difference.mean()), float(error)


def class_scores(
    contenders: Sequence[DrawnModel],
    real: RealCrops,
    *,
    step: int,
    count: int,
    progress: Progress,
) -> ClassScores:
    """Train a classifier of the contenders' sections, and ask it about the real ones.

    Parameters
    ----------
    contenders : sequence of DrawnModel
        Two or more candidates.
    real : RealCrops
        The real sections.
    step : int
        Pixels from one radius of the parallel sets to the next.
    count : int
        Simulated crops of each contender.
    progress : Progress
        Told after each contender.
    """
    tables = []
    for number, one in enumerate(contenders, start=1):
        tables.append(one.statistics(real.edge, step, count))
        progress("simulating field classes", number, len(contenders))
    table = torch.cat(tables)
    truth = torch.arange(len(contenders)).repeat_interleave(count)
    centre, scale = table.mean(dim=0), table.std(dim=0) + 1e-9
    layer = _logistic((table - centre) / scale, truth, len(contenders))
    found = []
    with torch.no_grad():
        for tiles in real.all_tiles():
            maps = torch.from_numpy(one_hot(tiles, real.order))
            seen = (parallel_set_statistics(maps, step) - centre) / scale
            found.append(torch.log_softmax(layer(seen), dim=1).numpy())
    return ClassScores(np.concatenate(found))


def _logistic(table: torch.Tensor, truth: torch.Tensor, classes: int) -> nn.Linear:
    """Logistic regression with a small penalty on squared weights."""
    layer = nn.Linear(table.shape[1], classes, dtype=torch.float64)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    optimiser = torch.optim.LBFGS(
        layer.parameters(), max_iter=200, line_search_fn="strong_wolfe", tolerance_change=1e-7
    )

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        value = nn.functional.cross_entropy(layer(table), truth)
        value = value + _RIDGE * layer.weight.square().sum()
        value.backward()
        return value.detach()

    optimiser.step(loss)
    return layer
