"""How a training went: its losses, and the scores that its best step was chosen by."""

from __future__ import annotations

from morphgen.excursion.provenance import TrainingRecord
from morphgen.validation.pages import Chapter, Part, drawings, text
from morphgen.validation.rendering import OBSERVED, OFF, SIMULATED, WIDTH, Picture, panels, picture
from morphgen.validation.words import number

_CHANCE = {"discriminator": 1.3863, "adversarial": 0.6931}


def training_chapters(record: TrainingRecord | None) -> list[Chapter]:
    """Chapter of a report; none where nothing was trained."""
    if record is None:
        return []
    parts: list[Part] = [text(training_words(record))]
    if record.losses:
        parts += drawings(training_losses(record))
    return [Chapter("How the training went", parts)]


def training_words(record: TrainingRecord) -> str:
    """Say in a sentence what was trained and which step was kept."""
    done = f"Training took {record.steps} steps: {record.ended}."
    if record.score_start is None or record.score_best is None:
        return f"{done} The average of the last steps was kept."
    kept = f"those of step {record.best_step}" if record.best_step else "those of the start"
    return (
        f"{done} The parameters kept are {kept}: held-out score {number(record.score_best)}, "
        f"against {number(record.score_start)} at the start."
    )


def training_losses(record: TrainingRecord) -> Picture:
    """Draw losses and held-out scores against the step.

    Parameters
    ----------
    record : TrainingRecord
        The record, with losses.

    Returns
    -------
    Picture
    """
    names = [name for name in record.losses if name != "step"]
    figure, axes = panels(len(names) + bool(record.scores), 2, (WIDTH / 2, 2.1))
    for axis, name in zip(axes, names, strict=False):
        axis.plot(record.losses["step"], record.losses[name], color=SIMULATED, linewidth=1.2)
        if name in _CHANCE:
            axis.axhline(_CHANCE[name], color=OBSERVED, linewidth=0.8, linestyle=":")
        axis.set_title(f"{name} loss", fontsize=9)
    if record.scores:
        steps, scores = zip(*record.scores, strict=True)
        axes[-1].plot(steps, scores, ".-", color=SIMULATED, linewidth=1.2)
        axes[-1].axvline(record.best_step, color=OFF, linewidth=0.8, linestyle="--")
        axes[-1].set_title("held-out score", fontsize=9)
    for axis in axes:
        axis.set_xlabel("step", fontsize=8)
    return picture(
        figure,
        "training",
        f"Losses against the step, {', '.join(names)}, and the held-out score",
        "Losses, each a mean over a hundredth of the steps; dotted: a network that cannot tell "
        "real sections from simulated ones. The held-out score compares descriptors of the part "
        "of the sections that no network saw with simulated ones, in standard deviations; dashed: "
        "the step that was kept.",
    )
