"""A report on paper: everything is on a page, nothing beyond its margins."""

from __future__ import annotations

import re
import zlib
from itertools import pairwise
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from morphgen.errors import InputError
from morphgen.validation.files import CAPTIONS
from morphgen.validation.pages import Chapter, Document, Row, Table, Verdict, drawings, table, text
from morphgen.validation.printing import pdf_of
from morphgen.validation.rendering import WIDTH, Picture, picture
from morphgen.validation.typesetting import Style, columns_of, text_width, wrap
from morphgen.validation.writing import write_figures, write_pdf

STYLE = Style(9.0)
HASH = "a" * 200


def drawn(height: float = 2.0) -> Picture:
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    figure.subplots().plot([0, 1], [0, 1])
    return picture(figure, "a-line", "A rising line", "How to read a line.")


def document(*chapters: Chapter) -> Document:
    return Document("A report", "Of nothing.", Verdict("Passed.", ("All of it.",)), chapters)


def pages_of(pdf: bytes) -> int:
    assert pdf.startswith(b"%PDF")
    return len(re.findall(rb"/Type /Page\b", pdf))


def sizes_of(pdf: bytes) -> set[tuple[float, float]]:
    boxes = re.findall(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", pdf)
    return {(float(width), float(height)) for width, height in boxes}


def test_lines_are_as_wide_as_they_may_be() -> None:
    words = "sections of the model itself would stray as far with a probability of one percent " * 3
    lines = wrap(words, STYLE, 3.0)
    assert " ".join(lines) == words.strip()
    widths = [text_width(line, STYLE) for line in lines]
    assert max(widths) <= 3.0
    for line, following in pairwise(lines):
        assert text_width(f"{line} {following.split()[0]}", STYLE) > 3.0


def test_words_wider_than_a_line_are_broken() -> None:
    lines = wrap(f"file {HASH}", STYLE, 2.0)
    assert "".join(lines) == f"file{HASH}"
    assert max(text_width(line, STYLE) for line in lines) <= 2.0


@pytest.mark.parametrize("columns", [2, 9, 14])
def test_columns_fit_between_the_margins(columns: int) -> None:
    cells = tuple(f"{'word ' * (number % 4)}−0.00123 ± 0.045" for number in range(columns))
    shown = Table(cells, (Row(cells), Row(cells, out=True)))
    found = columns_of(shown, WIDTH)
    assert found.left[-1] + found.width[-1] <= WIDTH
    ends = [left + width for left, width in zip(found.left, found.width, strict=True)]
    assert all(end < left for end, left in zip(ends, found.left[1:], strict=False))


def test_pages_are_a4_and_hold_all_figures() -> None:
    high = Figure(figsize=(WIDTH, 20.0))
    shown = document(
        Chapter("Figures", drawings(drawn(), drawn())),
        Chapter("Text", [text("word " * 1500)]),
        Chapter("Large", drawings(picture(high, "high", "A high figure", "Too high."))),
    )
    pdf = pdf_of(shown)
    assert sizes_of(pdf) == {(595.44, 841.68)}
    assert pages_of(pdf) == 3
    # the first is a drawing, the second of its page an image, and so is the one that is too high
    assert len(re.findall(rb"/Subtype /Image", pdf)) == 2
    assert pdf == pdf_of(shown)


def test_a_table_repeats_its_head_on_each_page() -> None:
    rows = tuple(Row((str(number), "value")) for number in range(150))
    pdf = pdf_of(document(Chapter("Table", [table(Table(("first", "second"), rows))])))
    streams = re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL)
    content = [zlib.decompress(one) for one in streams if one[:1] == b"x"]
    # the line below a head is the only dark one
    heads = sum(len(re.findall(rb"\b0\.1 G\b", one)) for one in content)
    assert heads == pages_of(pdf) >= 3


def test_figures_are_files_with_captions(tmp_path: Path) -> None:
    folder = tmp_path / "figures"
    shown = document(Chapter("One", drawings(drawn(), drawn())))
    write_figures(folder, shown)
    names = {one.name for one in folder.iterdir()}
    assert names == {"01-a-line.png", "02-a-line.png", CAPTIONS}
    assert "02-a-line.png\nA rising line.\n" in (folder / CAPTIONS).read_text(encoding="utf-8")
    with pytest.raises(InputError, match="holds figures"):
        write_figures(folder, shown)
    write_figures(folder, document(Chapter("One", drawings(drawn()))), overwrite=True)
    assert {one.name for one in folder.iterdir()} == {"01-a-line.png", CAPTIONS}
    assert [one.name for one in tmp_path.iterdir()] == ["figures"]
    with pytest.raises(InputError, match="cannot be written"):
        write_figures(tmp_path / "absent" / "figures", shown)
    write_pdf(tmp_path / "report.pdf", shown)
    assert pages_of((tmp_path / "report.pdf").read_bytes()) == 1
