"""What a soft threshold does to a coverage function, and how the bias is taken off."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from morphgen.calibration.objective import FieldLaw
from morphgen.calibration.training.bias import soft_joint
from morphgen.fields.laws import ChiSquare, Gaussian

PROBABILITY, LENGTH, WIDTH = 0.4, 8.0, 0.4
LAG = np.linspace(0.25, 32.0, 128)


def draw(folder: Path) -> None:
    """Draw hard and soft coverage functions of a Gaussian and a chi-square field."""
    figure = Figure(figsize=(8.4, 3.2), layout="constrained")
    step, *axes = figure.subplots(1, 3)
    margin = np.linspace(-1.5, 1.5, 301)
    step.plot(margin, margin >= 0.0, "k-", label="hard")
    for width, colour in ((0.4, "C0"), (0.15, "C1")):
        soft = 1.0 / (1.0 + np.exp(-1.702 * margin / width))
        step.plot(margin, soft, colour, linestyle="--", label=f"width {width:g}")
    step.set_title("threshold", fontsize=10)
    step.set_xlabel("field less threshold")
    step.legend(frameon=False, fontsize=8)
    correlation = np.exp(-0.5 * (LAG / LENGTH) ** 2)
    for axis, law, name in (
        (axes[0], FieldLaw(Gaussian()), "Gaussian"),
        (axes[1], FieldLaw(ChiSquare(2)), "chi-square, n = 2"),
    ):
        hard = law.joint(correlation, PROBABILITY)
        axis.plot(LAG, hard, "k-", label="hard")
        for width, colour in ((0.4, "C0"), (0.15, "C1")):
            _, soft = soft_joint(law, PROBABILITY, correlation, width, "probit")
            axis.plot(LAG, soft, colour, linestyle="--", label=f"width {width:g}")
        axis.set_title(f"C(h), {name}", fontsize=10)
        axis.set_xlabel("lag (pixels)")
    figure.savefig(folder / "thresholds.png", dpi=130)
