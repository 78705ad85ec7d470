"""The loop: steps, averages, early stop, and going on from a snapshot."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from morphgen.calibration.training.loop import Pace, Track, train
from morphgen.errors import CalibrationError
from morphgen.progress import silent


class Bowl:
    """Squared distance from a place, seen through noise that is keyed by the step."""

    def __init__(self, place: float, noise: float = 0.0) -> None:
        self.place, self.noise, self.calls = place, noise, 0

    def step(self, coordinates: torch.Tensor, number: int) -> dict[str, float]:
        self.calls += 1
        keyed = torch.Generator().manual_seed(number)
        away = coordinates - self.place + self.noise * torch.randn(2, generator=keyed).double()
        loss = away.square().sum()
        loss.backward()
        return {"bowl": float(loss.detach())}

    def state(self) -> dict[str, Any]:
        return {"calls": self.calls}

    def restore(self, state: dict[str, Any]) -> None:
        self.calls = state["calls"]


def test_averages_come_closer_than_steps() -> None:
    pace = Pace(200, 0.1, 0.02)
    track = train(Bowl(1.0, 0.5), Track.at_start(2), pace, progress=silent)
    assert track.best_step == track.step == 200
    assert np.abs(track.best.numpy() - 1.0).max() < 0.15
    assert (track.ended, track.converged) == ("all 200 steps were taken", False)
    curves = track.curves()
    assert len(curves["step"]) == len(curves["bowl"]) == 100
    assert curves["step"][-1] == 200.0


def test_best_score_is_kept_and_patience_ends_the_run() -> None:
    # the score is best half way to the place that the loss wants
    pace = Pace(1000, 0.02, 0.02, score_every=5, patience=3)
    track = train(
        Bowl(1.0),
        Track.at_start(2),
        pace,
        score=lambda x: float(np.abs(x - 0.5).max()),
        progress=silent,
    )
    assert "3 trials" in track.ended
    assert track.converged
    assert track.step == track.best_step + 15
    assert np.abs(track.best.numpy() - 0.5).max() < 0.1
    assert track.scores[0] == (0, 0.5)


def test_the_start_counts() -> None:
    pace = Pace(20, 0.1, 0.1, score_every=10)
    track = train(
        Bowl(1.0), Track.at_start(2), pace, score=lambda x: float(np.sum(x)), progress=silent
    )
    assert (track.best_step, track.best.tolist()) == (0, [0.0, 0.0])


def test_a_run_goes_on_from_any_snapshot() -> None:
    pace, kept = Pace(60, 0.1, 0.02, score_every=20, save_every=7), []

    def score(x: np.ndarray) -> float:
        return float(np.abs(x - 0.9).max())

    def copied(state: dict[str, Any]) -> None:
        kept.append(
            {
                "track": {
                    name: list(value) if isinstance(value, list) else value
                    for name, value in state["track"].items()
                },
                "adam": {
                    "state": {
                        key: {name: part.clone() for name, part in value.items()}
                        for key, value in state["adam"]["state"].items()
                    },
                    "param_groups": state["adam"]["param_groups"],
                },
                "objective": state["objective"],
            }
        )

    whole = train(
        Bowl(1.0, 0.3), Track.at_start(2), pace, score=score, save=copied, progress=silent
    )
    assert len(kept) == 8
    for state in kept[::3]:
        objective = Bowl(1.0, 0.3)
        objective.restore(state["objective"])
        again = train(
            objective,
            Track(**state["track"]),
            pace,
            adam=state["adam"],
            score=score,
            progress=silent,
        )
        assert torch.equal(again.best, whole.best)
        assert again.losses == whole.losses
        assert again.scores == whole.scores


def test_divergence_is_told() -> None:
    with pytest.raises(CalibrationError, match="diverged at step 0"):
        train(Bowl(float("nan")), Track.at_start(2), Pace(5, 0.1, 0.1), progress=silent)
