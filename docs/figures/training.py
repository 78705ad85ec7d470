"""A training of the combined method on the built-in section: losses, and the held-out score."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import morphgen as mg
from morphgen.images.demo import PHASES, demo_section

SIDE, STEPS, CROP = 256, 80, 64


def draw(folder: Path) -> None:
    """Train for a short while and draw how it went, with real and simulated crops."""
    labels = demo_section(seed=1, side=SIDE)
    options = mg.TrainingOptions(steps=STEPS, crop=CROP, score_every=20, patience=100)
    result = mg.calibrate(
        [mg.read_section(labels, phases=PHASES)],
        method="combined",
        order="1,2,0",
        fields="gaussian,gaussian",
        training=options,
    )
    record = result.model.provenance.training
    figure = Figure(figsize=(9.0, 3.0), layout="constrained")
    real, drawn, losses, score = figure.subplots(1, 4, width_ratios=(1.0, 1.0, 1.4, 1.4))
    sampler = mg.section_sampler(result.model, (2 * CROP, 2 * CROP))
    images = (labels[: 2 * CROP, : 2 * CROP], sampler.labels(seed=2))
    for axis, image, name in zip((real, drawn), images, ("section", "model"), strict=True):
        axis.imshow(image, cmap="cividis", interpolation="nearest")
        axis.set_title(name, fontsize=10)
        axis.set_xticks([])
        axis.set_yticks([])
    steps = np.asarray(record.losses["step"])
    for name, values in record.losses.items():
        if name != "step":
            losses.plot(steps, values, label=name, linewidth=1.0)
    losses.set_title("losses", fontsize=10)
    losses.set_xlabel("step")
    losses.legend(frameon=False, fontsize=8)
    score.plot(*np.array(record.scores).T, "k.-")
    score.axvline(record.best_step, color="C2", linestyle=":")
    score.set_title("held-out score", fontsize=10)
    score.set_xlabel("step (dotted: the one kept)")
    figure.savefig(folder / "training.png", dpi=130)
