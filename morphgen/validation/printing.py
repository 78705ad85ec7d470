"""A report on A4 pages: what the HTML page says, laid out for paper."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from matplotlib.artist import Artist
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.lines import Line2D
from matplotlib.transforms import Bbox

from morphgen.validation.pages import Document, Part, Row, Table, Verdict
from morphgen.validation.rendering import (
    DPI,
    OFF,
    SIMULATED,
    WIDTH,
    Picture,
    png,
    rare_letters,
)
from morphgen.validation.typesetting import Columns, Style, columns_of, wrap

PAGE = (8.27, 11.69)
_LEFT = (PAGE[0] - WIDTH) / 2
_TOP, _BOTTOM = 0.75, 10.95

_TITLE, _HEADING = Style(17.0, bold=True), Style(12.0, bold=True)
_BODY, _CAPTION, _FOOT = Style(9.0), Style(8.0, grey=0.25), Style(7.0, grey=0.4)
_WORD = Style(12.0, bold=True)
_COLORS = {"passed": SIMULATED, "failed": OFF}


@dataclass(frozen=True)
class _Line:
    """One line of text; ``x`` and ``y`` of its baseline in inches from the upper left corner."""

    x: float
    y: float
    text: str
    style: Style
    right: bool = False


@dataclass(frozen=True)
class _Rule:
    """Straight line in inches from the upper left corner."""

    start: tuple[float, float]
    end: tuple[float, float]
    width: float = 0.4
    color: str = "0.6"


@dataclass(frozen=True)
class _Image:
    """Image of a figure; its upper border and its size in inches."""

    top: float
    size: tuple[float, float]
    data: bytes


@dataclass
class _Sheet:
    """One page while it is filled."""

    lines: list[_Line] = field(default_factory=list)
    rules: list[_Rule] = field(default_factory=list)
    images: list[_Image] = field(default_factory=list)
    figure: Figure | None = None
    at: float = 0.0


class _Flow:
    """Fills one page after the other; ``y`` is how far down the page it is."""

    def __init__(self) -> None:
        self.sheets = [_Sheet()]
        self.y = _TOP

    @property
    def sheet(self) -> _Sheet:
        return self.sheets[-1]

    def turn(self) -> None:
        """Begin a page."""
        self.sheets.append(_Sheet())
        self.y = _TOP

    def room(self, height: float) -> None:
        """Begin a page if the rest of this one is lower than ``height``."""
        if self.y + height > _BOTTOM and self.y > _TOP:
            self.turn()

    def text(self, text: str, style: Style, x: float = 0.0, mark: str = "") -> None:
        """Set a paragraph, ``x`` inches from the margin, with a mark before its first line."""
        for number, line in enumerate(wrap(text, style, WIDTH - x)):
            self.room(style.leading)
            self.y += style.leading
            if mark and not number:
                self.sheet.lines.append(_Line(_LEFT + x - 0.14, self.y, mark, style))
            self.sheet.lines.append(_Line(_LEFT + x, self.y, line, style))
        self.y += 0.4 * style.leading


def pdf_of(document: Document) -> bytes:
    """Set a report on A4 pages.

    The first figure of a page stays a drawing, at the size that it was drawn in; others, and those
    that are larger than a page, become images.

    Parameters
    ----------
    document : Document
        The report.

    Returns
    -------
    bytes
        The contents of a PDF file.
    """
    flow = _Flow()
    flow.text(document.title, _TITLE)
    flow.text(document.subtitle, _BODY)
    _set_verdict(flow, document.verdict)
    for chapter in document.chapters:
        _begin_chapter(flow, chapter.title, chapter.parts)
        for part, following in zip_longest(chapter.parts, chapter.parts[1:]):
            _set_part(flow, part, following)
    return _printed(flow.sheets, document.title)


def _begin_chapter(flow: _Flow, title: str, parts: Sequence[Part]) -> None:
    """Set a heading, on the same page as the first lines or the first figure below it."""
    below = 0.6
    if parts and isinstance(parts[0].content, Picture):
        below = _height(parts[0].content) + _caption_height(parts[0].content)
    flow.room(3.0 * _HEADING.leading + below)
    flow.y += 0.8 * _HEADING.leading
    flow.text(title, _HEADING)
    base = flow.y - 0.25 * _HEADING.leading
    flow.sheet.rules.append(_Rule((_LEFT, base), (_LEFT + WIDTH, base)))
    flow.y += 0.05


def _set_part(flow: _Flow, part: Part, following: Part | None) -> None:
    if part.kind == "text" and following is not None and following.kind in ("list", "table"):
        # what introduces a list or a table stays with its beginning
        flow.room(6.0 * _BODY.leading)
    if isinstance(part.content, Picture):
        _set_picture(flow, part.content)
    elif isinstance(part.content, Table):
        _set_table(flow, part.content)
    elif isinstance(part.content, str):
        flow.text(part.content, _BODY)
    else:
        for item in part.content:
            flow.text(item, _BODY, 0.2, "•")


def _set_verdict(flow: _Flow, verdict: Verdict) -> None:
    top = flow.y
    flow.y += 0.08
    flow.text(verdict.word, _WORD, 0.25)
    for line in verdict.lines:
        flow.text(line, _BODY, 0.25)
    color = _COLORS.get(verdict.style, "0.0")
    x = _LEFT + 0.05
    flow.sheet.rules.append(_Rule((x, top), (x, flow.y), 5.0, color))
    flow.y += 0.1


def _set_picture(flow: _Flow, picture: Picture) -> None:
    height, scale = _height(picture), _scale(picture)
    flow.room(height + _caption_height(picture))
    if flow.sheet.figure is None and scale == 1.0:
        flow.sheet.figure, flow.sheet.at = picture.figure, flow.y
    else:
        width = float(scale * picture.figure.get_size_inches()[0])
        flow.sheet.images.append(_Image(flow.y, (width, height), png(picture.figure)))
    flow.y += height + 0.05
    flow.text(picture.caption, _CAPTION)
    flow.y += 0.1


def _scale(picture: Picture) -> float:
    """How much smaller a figure must be to fit on a page with its caption and a heading."""
    width, height = picture.figure.get_size_inches()
    most = _BOTTOM - _TOP - _caption_height(picture) - 4.0 * _HEADING.leading
    return float(min(1.0, (WIDTH + 1e-3) / width, most / height))


def _height(picture: Picture) -> float:
    return float(_scale(picture) * picture.figure.get_size_inches()[1])


def _caption_height(picture: Picture) -> float:
    return 0.2 + (len(wrap(picture.caption, _CAPTION, WIDTH)) + 0.4) * _CAPTION.leading


def _set_table(flow: _Flow, table: Table) -> None:
    columns = columns_of(table, WIDTH)
    head = Row(table.heads, out=True)
    flow.room(sum(_row_height(row, columns) for row in (head, *table.rows[:1])))
    _set_row(flow, head, table, columns, "0.1")
    for row in table.rows:
        height = _row_height(row, columns)
        if flow.y + height > _BOTTOM:
            flow.turn()
            _set_row(flow, head, table, columns, "0.1")
        _set_row(flow, row, table, columns, "0.85")
    flow.y += 0.12


def _set_row(flow: _Flow, row: Row, table: Table, columns: Columns, rule: str) -> None:
    style = Style(columns.size, row.out)
    for number, (cell, left, width) in enumerate(
        zip(row.cells, columns.left, columns.width, strict=True)
    ):
        right = number in table.right
        x = _LEFT + left + (width if right else 0.0)
        for line, text in enumerate(wrap(cell, style, width + 1e-6)):
            y = flow.y + (line + 1) * style.leading
            flow.sheet.lines.append(_Line(x, y, text, style, right))
    flow.y += _row_height(row, columns)
    end = _LEFT + columns.left[-1] + columns.width[-1]
    flow.sheet.rules.append(_Rule((_LEFT, flow.y), (end, flow.y), 0.4, rule))


def _row_height(row: Row, columns: Columns) -> float:
    style = Style(columns.size, row.out)
    most = max(
        len(wrap(cell, style, width + 1e-6))
        for cell, width in zip(row.cells, columns.width, strict=True)
    )
    return (most + 0.35) * style.leading


def _printed(sheets: Sequence[_Sheet], title: str) -> bytes:
    stream = io.BytesIO()
    # without dates, the same report is the same file
    known = {"Title": title, "Creator": "morphgen", "CreationDate": None}
    with rare_letters(), PdfPages(stream, metadata=known) as pages:
        for number, sheet in enumerate(sheets, 1):
            foot = f"{title}, page {number} of {len(sheets)}"
            sheet.lines.append(_Line(PAGE[0] - _LEFT, PAGE[1] - 0.4, foot, _FOOT, right=True))
            _print(pages, sheet)
    return stream.getvalue()


def _print(pages: PdfPages, sheet: _Sheet) -> None:
    """Save a sheet: its figure with the paper around it, on which the text is written."""
    figure = Figure(figsize=(1.0, 1.0)) if sheet.figure is None else sheet.figure
    width, height = figure.get_size_inches()
    left, top = 0.5 * (PAGE[0] - width), height + sheet.at
    # while it is saved, the corner of the paper is the origin of what is placed in inches
    added: list[Artist] = [_written(figure, line) for line in sheet.lines]
    added += [figure.add_artist(_ruled(figure, rule)) for rule in sheet.rules]
    added += [_pasted(figure, image, left, top) for image in sheet.images]
    paper = Bbox.from_extents(-left, top - PAGE[1], PAGE[0] - left, top)
    pages.savefig(figure, bbox_inches=paper, dpi=DPI)  # type: ignore[no-untyped-call]
    for artist in added:
        artist.remove()


def _pasted(figure: Figure, image: _Image, left: float, top: float) -> Artist:
    """Put an image below or above the figure of its page, in the figure's own coordinates."""
    width, height = figure.get_size_inches()
    x = (0.5 * (PAGE[0] - image.size[0]) - left) / width
    y = (top - image.top - image.size[1]) / height
    axis = figure.add_axes((x, y, image.size[0] / width, image.size[1] / height))
    axis.imshow(imread(io.BytesIO(image.data)), aspect="auto", interpolation="none")
    axis.axis("off")
    return axis


def _ruled(figure: Figure, rule: _Rule) -> Line2D:
    (left, top), (right, bottom) = rule.start, rule.end
    return Line2D(
        (left, right),
        (PAGE[1] - top, PAGE[1] - bottom),
        transform=figure.dpi_scale_trans,
        color=rule.color,
        linewidth=rule.width,
        solid_capstyle="butt",
    )


def _written(figure: Figure, line: _Line) -> Artist:
    return figure.text(
        line.x,
        PAGE[1] - line.y,
        line.text,
        transform=figure.dpi_scale_trans,
        fontsize=line.style.size,
        fontweight="bold" if line.style.bold else "normal",
        color=str(line.style.grey),
        ha="right" if line.right else "left",
        va="baseline",
        parse_math=False,
    )
