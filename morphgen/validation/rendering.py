"""Figures as bytes: drawn with matplotlib's objects, without its global state."""

from __future__ import annotations

import base64
import io
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from morphgen.phases import OUTSIDE, Phase, phase_colors

# Okabe and Ito's colours, which differ in lightness too; lines also differ in their dashes.
OBSERVED, SIMULATED, CLOSED_FORM, VOLUME, OFF = (
    "#000000",
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc3311",
)
_BLANK = (0.93, 0.93, 0.93)
_DPI = 130


@dataclass(frozen=True)
class Picture:
    """A figure that is ready for a page.

    Attributes
    ----------
    data : bytes
        SVG or PNG, whichever is smaller.
    mime : str
        "image/svg+xml" or "image/png".
    alt : str
        What the figure shows, for readers who do not see it.
    caption : str
        How to read it.
    """

    data: bytes
    mime: str
    alt: str
    caption: str

    @property
    def uri(self) -> str:
        """The figure as a data URI."""
        return f"data:{self.mime};base64,{base64.b64encode(self.data).decode('ascii')}"


def picture(figure: Figure, alt: str, caption: str, *, photo: bool = False) -> Picture:
    """Draw a figure.

    Parameters
    ----------
    figure : Figure
        The figure.
    alt, caption : str
        Its texts.
    photo : bool
        True for images, which are never smaller as SVG.

    Returns
    -------
    Picture
    """
    with warnings.catch_warnings():
        # a phase may be named in letters that the font lacks; its label then shows boxes
        warnings.filterwarnings("ignore", message=".*Glyph")
        figure.draw_without_rendering()
        # the layout is found: each format would search for it anew
        figure.set_layout_engine("none")
        return _smaller(figure, alt, caption, photo)


def safe(text: str) -> str:
    """Text that matplotlib shows as it is: dollar signs would begin a formula."""
    return text.replace("$", r"\$")


def panels(count: int, columns: int, size: tuple[float, float]) -> tuple[Figure, list[Axes]]:
    """Figure with a number of equal panels, row by row; sizes in inches."""
    rows = -(-count // columns)
    columns = min(columns, count)
    figure = Figure(figsize=(size[0] * columns, size[1] * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    axes = [axis for row in grid for axis in row]
    for spare in axes[count:]:
        spare.set_visible(False)
    for axis in axes[:count]:
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=8)
    return figure, axes[:count]


def colored(labels: NDArray[np.uint8], phases: Sequence[Phase]) -> NDArray[np.float64]:
    """Label image in the colours of its phases, shape (rows, columns, 3), grey outside."""
    table = np.full((OUTSIDE + 1, 3), _BLANK)
    for phase, color in zip(phases, phase_colors(phases), strict=True):
        table[phase.label] = [int(color[i : i + 2], 16) / 255.0 for i in (1, 3, 5)]
    found: NDArray[np.float64] = table[labels]
    return found


def nice_length(extent: float) -> float:
    """Length of a scale bar: 1, 2 or 5 times a power of ten, about a fifth of the extent."""
    target = extent / 4.0
    power = 10.0 ** math.floor(math.log10(target))
    return max(step * power for step in (1.0, 2.0, 5.0) if step * power <= target)


def _smaller(figure: Figure, alt: str, caption: str, photo: bool) -> Picture:
    png = _saved(figure, "png")
    if photo:
        return Picture(png, "image/png", alt, caption)
    svg = _saved(figure, "svg")
    if len(svg) < len(png):
        return Picture(svg, "image/svg+xml", alt, caption)
    return Picture(png, "image/png", alt, caption)


def _saved(figure: Figure, kind: str) -> bytes:
    stream = io.BytesIO()
    # without a date, a report of the same comparison has the same figures
    metadata = {"Date": None} if kind == "svg" else None
    figure.savefig(stream, format=kind, dpi=_DPI, metadata=metadata)
    return stream.getvalue()
