"""One loop for all trainings: steps, averaged iterates, scores, early stop, checkpoints."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch

from morphgen.errors import CalibrationError
from morphgen.progress import Progress

# of the polynomial averaging: weights of iterates grow like the third power of their step
_AVERAGING = 3.0
_CURVE_POINTS = 100
# a better score must be better by more than rounding
_BETTER = 1e-9

Score = Callable[[np.ndarray], float]
Save = Callable[[dict[str, Any]], None]


class Objective(Protocol):
    """What is trained: leaves a gradient, and keeps networks of its own."""

    def step(self, coordinates: torch.Tensor, number: int) -> dict[str, float]:
        """Leave the gradient in ``coordinates.grad`` and return the losses by name."""
        ...

    def state(self) -> dict[str, Any]:
        """Everything that later steps depend on, as tensors and plain values."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a state."""
        ...


@dataclass(frozen=True)
class Pace:
    """How fast and how long to train.

    Attributes
    ----------
    steps : int
        Most steps.
    first, last : float
        Step size in coordinates, falling along half a cosine.
    score_every, patience : int
        See `TrainingOptions`.
    save_every : int
        Steps between checkpoints.
    betas : tuple of 2 floats
        Decay of Adam's two moments (Kingma and Ba 2015).
    noise : float
        Adam's epsilon: a gradient smaller than this is not scaled up to a whole step.
    """

    steps: int
    first: float
    last: float
    score_every: int = 50
    patience: int = 6
    save_every: int = 25
    betas: tuple[float, float] = (0.8, 0.99)
    noise: float = 1e-8

    def rate(self, step: int) -> float:
        """Step size at a step."""
        share = min(1.0, step / max(1, self.steps))
        return self.last + 0.5 * (self.first - self.last) * (1.0 + math.cos(math.pi * share))


@dataclass
class Track:
    """Where a training stands, apart from networks: what a checkpoint holds of the loop.

    It has ``converged`` if it ended by itself, not by the number of steps.
    """

    coordinates: torch.Tensor
    average: torch.Tensor
    best: torch.Tensor
    step: int = 0
    best_step: int = 0
    best_score: float | None = None
    ended: str = ""
    converged: bool = False
    losses: list[dict[str, float]] = field(default_factory=list)
    scores: list[tuple[int, float]] = field(default_factory=list)

    @classmethod
    def at_start(cls, dimension: int) -> Track:
        """Coordinates zero: the start itself."""
        zero = torch.zeros(dimension, dtype=torch.float64)
        return cls(zero.clone(), zero.clone(), zero.clone())

    def curves(self) -> dict[str, tuple[float, ...]]:
        """Losses by name, means over about a hundred stretches; ``step`` is where each ends."""
        if not self.losses:
            return {}
        stretches = np.array_split(
            np.arange(len(self.losses)), min(len(self.losses), _CURVE_POINTS)
        )
        found = {"step": tuple(float(part[-1] + 1) for part in stretches)}
        for name in self.losses[0]:
            values = np.array([entry[name] for entry in self.losses])
            found[name] = tuple(float(f"{values[part].mean():.5g}") for part in stretches)
        return found


def train(
    objective: Objective,
    track: Track,
    pace: Pace,
    *,
    adam: dict[str, Any] | None = None,
    score: Score | None = None,
    save: Save | None = None,
    progress: Progress,
) -> Track:
    """Train until the steps are done or the score has stopped improving.

    Parameters
    ----------
    objective : Objective
        What is trained.
    track : Track
        Where to begin; it is moved.
    pace : Pace
        How fast and how long.
    adam : dict, optional
        State of the optimiser at that place.
    score : callable, optional
        Score of averaged coordinates, the lower the better; the last average counts without one.
    save : callable, optional
        Keeps a state.
    progress : Progress
        Told the losses.

    Raises
    ------
    CalibrationError
        If the coordinates diverge.
    """
    moving = track.coordinates.clone().requires_grad_(True)
    optimiser = torch.optim.Adam([moving], lr=pace.first, betas=pace.betas, eps=pace.noise)
    if adam is not None:
        optimiser.load_state_dict(adam)
    if track.step == 0:
        _score(track, score)
    while track.step < pace.steps and not track.ended:
        _one_step(objective, track, pace, moving, optimiser)
        if track.step % pace.score_every == 0 or track.step == pace.steps:
            _score(track, score)
            track.ended = _stale(track, pace)
            track.converged = bool(track.ended)
        progress(_told(track), track.step, pace.steps)
        if save is not None and (track.step % pace.save_every == 0 or track.ended):
            save(snapshot(objective, track, optimiser))
    track.ended = track.ended or f"all {pace.steps} steps were taken"
    return track


def snapshot(
    objective: Objective, track: Track, optimiser: torch.optim.Optimizer
) -> dict[str, Any]:
    """State of a training as tensors and plain values."""
    return {
        "track": dict(vars(track)),
        "adam": optimiser.state_dict(),
        "objective": objective.state(),
    }


def _one_step(
    objective: Objective,
    track: Track,
    pace: Pace,
    moving: torch.Tensor,
    optimiser: torch.optim.Optimizer,
) -> None:
    for group in optimiser.param_groups:
        group["lr"] = pace.rate(track.step)
    optimiser.zero_grad()
    losses = objective.step(moving, track.step)
    optimiser.step()
    if not bool(torch.isfinite(moving).all()):
        raise CalibrationError(
            f"training diverged at step {track.step}; lower --weight, or raise --batch"
        )
    track.step += 1
    track.coordinates = moving.detach().clone()
    # polynomial-decay averaging (Shamir and Zhang 2013)
    share = (_AVERAGING + 1.0) / (track.step + _AVERAGING)
    track.average = track.average + share * (track.coordinates - track.average)
    track.losses.append(losses)


def _score(track: Track, score: Score | None) -> None:
    if score is None:
        track.best, track.best_step = track.average.clone(), track.step
        return
    found = score(track.average.numpy())
    track.scores.append((track.step, found))
    if track.best_score is None or found < track.best_score - _BETTER:
        track.best, track.best_step, track.best_score = track.average.clone(), track.step, found


def _stale(track: Track, pace: Pace) -> str:
    since = sum(1 for step, _ in track.scores if step > track.best_step)
    if since < pace.patience:
        return ""
    return f"no better score in {since} trials on the held-out part"


def _told(track: Track) -> str:
    shown = ", ".join(f"{name} {value:.3g}" for name, value in track.losses[-1].items())
    score = "" if not track.scores else f", held out {track.scores[-1][1]:.3f}"
    return f"training: {shown}{score}"
