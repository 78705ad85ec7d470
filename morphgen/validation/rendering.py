"""Figures as bytes: drawn with matplotlib's objects, without its global state."""

from __future__ import annotations

import base64
import html
import io
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
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
# letters have other widths at other resolutions: layout and files have the same one
DPI = 200
# inches between the margins of a page
WIDTH = 7.2


@dataclass(frozen=True)
class Picture:
    """A figure that is ready for a page.

    Attributes
    ----------
    name : str
        What a file of it is called, without number and ending.
    figure : Figure
        The figure, drawn, for pages and files of other kinds.
    data : bytes
        SVG, or PNG of images.
    mime : str
        "image/svg+xml" or "image/png".
    alt : str
        What the figure shows, for readers who do not see it.
    caption : str
        How to read it.
    """

    name: str
    figure: Figure = field(repr=False)
    data: bytes = field(repr=False)
    mime: str
    alt: str
    caption: str

    @property
    def uri(self) -> str:
        """The figure as a data URI."""
        return f"data:{self.mime};base64,{base64.b64encode(self.data).decode('ascii')}"

    @property
    def share(self) -> float:
        """Its width over that of a page, 1 at most."""
        return float(min(1.0, self.figure.get_size_inches()[0] / WIDTH))

    def _repr_html_(self) -> str:
        """HTML for a notebook: the figure with its texts."""
        alt, caption = html.escape(self.alt), html.escape(self.caption)
        # figures are as wide in inches as on a page, photos have more dots
        width = 96.0 * float(self.figure.get_size_inches()[0])
        return (
            f'<figure><img src="{self.uri}" alt="{alt}" style="width: {width:.0f}px; '
            f'max-width: 100%"><figcaption>{caption}</figcaption></figure>'
        )


def picture(figure: Figure, name: str, alt: str, caption: str, *, photo: bool = False) -> Picture:
    """Draw a figure.

    Parameters
    ----------
    figure : Figure
        The figure.
    name : str
        What a file of it is called.
    alt, caption : str
        Its texts.
    photo : bool
        True for images, which become PNG; all else becomes SVG.

    Returns
    -------
    Picture
    """
    with rare_letters():
        figure.set_dpi(DPI)
        engine = figure.get_layout_engine()
        if isinstance(engine, ConstrainedLayoutEngine):
            engine.set(w_pad=0.08, h_pad=0.06)
        figure.draw_without_rendering()
        # the layout is found: each format would search for it anew
        figure.set_layout_engine("none")
        _hold_legends(figure)
        data = png(figure) if photo else _saved(figure, "svg")
    mime = "image/png" if photo else "image/svg+xml"
    return Picture(name, figure, data, mime, alt, caption)


def png(figure: Figure) -> bytes:
    """Figure as PNG."""
    return _saved(figure, "png")


@contextmanager
def rare_letters() -> Iterator[None]:
    """Do not warn of letters that the font lacks, in names of phases: boxes stand for them."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*Glyph")
        yield


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


def _hold_legends(figure: Figure) -> None:
    """Tie legends that lie outside the axes to where they are, also on a larger page."""
    for legend in figure.legends:
        corner = figure.transFigure.inverted().transform(legend.get_window_extent().p0)
        legend.borderaxespad = 0.0
        legend.set_loc("lower left")
        legend.set_bbox_to_anchor((float(corner[0]), float(corner[1])), figure.transFigure)


def _saved(figure: Figure, kind: str) -> bytes:
    stream = io.BytesIO()
    # without a date, a report of the same comparison has the same figures
    metadata = {"Date": None} if kind == "svg" else None
    figure.savefig(stream, format=kind, dpi=DPI, metadata=metadata)
    return stream.getvalue()
