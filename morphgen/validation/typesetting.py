"""Text and tables broken into lines, for pages that are drawn and not laid out by a browser."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from morphgen.validation.pages import Table
from morphgen.validation.rendering import rare_letters

POINTS_PER_INCH = 72.0
# widest gap between two columns, inches
_GAP = 0.09
_TABLE_SIZES = (7.0, 6.5, 6.0, 5.5, 5.0)


@dataclass(frozen=True)
class Style:
    """How a line of text looks: size in points, weight, grey level from 0 (black) to 1."""

    size: float
    bold: bool = False
    grey: float = 0.0

    @property
    def leading(self) -> float:
        """Distance between two lines, inches."""
        return 1.35 * self.size / POINTS_PER_INCH


@dataclass(frozen=True)
class Columns:
    """Columns of a table on a page.

    Attributes
    ----------
    left, width : tuple of float
        Left border and width of each, inches from the left margin.
    size : float
        Size of the letters, points.
    """

    left: tuple[float, ...]
    width: tuple[float, ...]
    size: float


def wrap(text: str, style: Style, width: float) -> list[str]:
    """Break a text into lines of at most ``width`` inches; only a single letter may be wider."""
    lines, line = [], ""
    for word in text.split():
        for piece in _pieces(word, style, width):
            longer = f"{line} {piece}" if line else piece
            if line and text_width(longer, style) > width:
                lines.append(line)
                line = piece
            else:
                line = longer
    return [*lines, line]


def text_width(text: str, style: Style) -> float:
    """Width of a line, inches."""
    return _width(text, style.size, style.bold)


def columns_of(table: Table, width: float) -> Columns:
    """Share a width among the columns of a table.

    A column is as wide as its longest cell where all of them fit. Otherwise every column keeps
    its longest word, and what is left is shared in proportion to what each would need; if not even
    the words fit, the letters become smaller.
    """
    for size in _TABLE_SIZES:
        least = _widest(table, size, lambda cell: max(cell.split(), key=len, default=""))
        if sum(least) <= width:
            break
    wanted = _widest(table, size, lambda cell: cell)
    slack, need = max(width - sum(least), 0.0), sum(wanted) - sum(least)
    share = min(1.0, slack / need) if need > 0.0 else 1.0
    widths = [low + share * (high - low) for low, high in zip(least, wanted, strict=True)]
    scale = min(1.0, width / sum(widths))
    widths = [scale * one for one in widths]
    left = [sum(widths[:number]) for number in range(len(widths))]
    return Columns(tuple(left), tuple(one - _GAP for one in widths), size)


def _widest(table: Table, size: float, part: Callable[[str], str]) -> list[float]:
    """Largest width of a part of the cells of each column, with the gap beside it."""
    plain, bold = Style(size), Style(size, bold=True)
    found = []
    for column, head in enumerate(table.heads):
        cells = [part(row.cells[column]) for row in table.rows]
        styles = [bold if row.out else plain for row in table.rows]
        found.append(
            _GAP
            + max(
                (text_width(cell, style) for cell, style in zip(cells, styles, strict=True)),
                default=0.0,
            )
        )
        found[-1] = max(found[-1], _GAP + text_width(part(head), bold))
    return found


def _pieces(word: str, style: Style, width: float) -> Sequence[str]:
    """The word, or pieces of it that fit: hashes and names of files may be wider than a line."""
    if text_width(word, style) <= width:
        return [word]
    pieces = [""]
    for letter in word:
        if pieces[-1] and text_width(pieces[-1] + letter, style) > width:
            pieces.append("")
        pieces[-1] += letter
    return pieces


@lru_cache(maxsize=20000)
def _width(text: str, size: float, bold: bool) -> float:
    font = FontProperties(size=size, weight="bold" if bold else "normal")
    with rare_letters():
        width, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return float(width) / POINTS_PER_INCH
