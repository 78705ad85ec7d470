"""The three algorithms of calibration, as diagrams of what depends on what."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

MODEL, DATA, CHECK = "#cfe3f3", "#f3e3c3", "#d9ead3"
WIDTH, HEIGHT = 1.75, 0.78

Box = tuple[float, float, str, str]

COVERAGE: list[Box] = [
    (0.0, 1.0, "parameters:\nkernels, thresholds", MODEL),
    (2.4, 1.0, "coverage functions\nof the model", MODEL),
    (4.8, 0.5, "squared\ndeviation", CHECK),
    (2.4, 0.0, "coverage functions\nof the sections", DATA),
    (0.0, 0.0, "sections", DATA),
]
ADVERSARIAL: list[Box] = [
    (0.0, 1.0, "parameters:\nkernels, thresholds", MODEL),
    (2.4, 1.0, "sections drawn\nfrom the model", MODEL),
    (4.8, 0.5, "discriminator:\nreal or drawn?", CHECK),
    (2.4, 0.0, "crops of\nthe sections", DATA),
    (0.0, 0.0, "sections", DATA),
]
LINKS = [(0, 1), (1, 2), (4, 3), (3, 2)]
BACK = "#b3261e"


def _box(axis: Axes, box: Box) -> None:
    x, y, text, colour = box
    axis.text(
        x + WIDTH / 2,
        y,
        text,
        ha="center",
        va="center",
        fontsize=8.5,
        bbox={"boxstyle": "round,pad=0.45", "facecolor": colour, "edgecolor": "0.35"},
    )


def _link(axis: Axes, start: Box, end: Box) -> None:
    axis.annotate(
        "",
        (end[0] + 0.02, end[1] + 0.12 * (start[1] - end[1])),
        (start[0] + WIDTH, start[1]),
        arrowprops={"arrowstyle": "-|>", "color": "0.3", "shrinkA": 2, "shrinkB": 2},
    )


def _feedback(axis: Axes, check: Box, parameters: Box, text: str) -> None:
    axis.annotate(
        "",
        (parameters[0] + WIDTH / 2, parameters[1] + HEIGHT / 2),
        (check[0] + WIDTH / 2, check[1] + HEIGHT / 2),
        arrowprops={
            "arrowstyle": "-|>",
            "color": BACK,
            "linestyle": "--",
            "connectionstyle": "arc3,rad=0.32",
        },
    )
    axis.text(3.3, 1.62, text, color=BACK, fontsize=8, ha="center")


def _diagram(axis: Axes, boxes: list[Box], title: str, text: str) -> None:
    for start, end in LINKS:
        _link(axis, boxes[start], boxes[end])
    for box in boxes:
        _box(axis, box)
    _feedback(axis, boxes[2], boxes[0], text)
    axis.set_title(title, fontsize=10, loc="left")
    axis.set_xlim(-0.2, 6.9)
    axis.set_ylim(-0.6, 2.25)
    axis.set_axis_off()


def draw(folder: Path) -> None:
    """Draw the algorithms one below the other; the third joins the gradients of the first two."""
    figure = Figure(figsize=(7.2, 6.3), layout="constrained")
    first, second, third = figure.subplots(3, 1, height_ratios=(1.0, 1.0, 0.55))
    _diagram(
        first, COVERAGE, "coverage", "derivatives of closed forms, or through sampled sections"
    )
    _diagram(second, ADVERSARIAL, "adversarial", "gradient through soft thresholds")
    _combined(third)
    figure.savefig(folder / "algorithms.png", dpi=130)


def _combined(axis: Axes) -> None:
    boxes: list[Box] = [
        (0.0, 0.0, "parameters:\nkernels, thresholds", MODEL),
        (2.4, 0.45, "squared deviation\nof coverage", CHECK),
        (2.4, -0.45, "weight x loss against\nthe discriminator", CHECK),
        (4.8, 0.0, "sum", CHECK),
    ]
    for start, end in ((0, 1), (0, 2), (1, 3), (2, 3)):
        _link(axis, boxes[start], boxes[end])
    for box in boxes:
        _box(axis, box)
    axis.set_title("combined", fontsize=10, loc="left")
    axis.set_xlim(-0.2, 6.9)
    axis.set_ylim(-0.95, 0.95)
    axis.set_axis_off()
