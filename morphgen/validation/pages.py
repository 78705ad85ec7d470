"""What a page of a report is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from morphgen.validation.rendering import Picture


@dataclass(frozen=True)
class Row:
    """Row of a table, set in bold where it is out of bounds."""

    cells: tuple[str, ...]
    out: bool = False


@dataclass(frozen=True)
class Table:
    """Table with its heads; the columns of numbers named in ``right`` are flush right."""

    heads: tuple[str, ...]
    rows: tuple[Row, ...]
    right: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Part:
    """Paragraph, list, table or figure."""

    kind: Literal["text", "list", "table", "picture"]
    content: str | Sequence[str] | Table | Picture


@dataclass(frozen=True)
class Chapter:
    """Part of a report with a heading."""

    title: str
    parts: Sequence[Part]


@dataclass(frozen=True)
class Verdict:
    """Verdict in plain words; ``style`` is "passed", "failed" or empty."""

    word: str
    lines: tuple[str, ...]
    style: str = ""


@dataclass(frozen=True)
class Document:
    """A report before it is written as a page of HTML or on paper."""

    title: str
    subtitle: str
    verdict: Verdict
    chapters: Sequence[Chapter]

    @property
    def pictures(self) -> list[Picture]:
        """Its figures in their order."""
        parts = [part for chapter in self.chapters for part in chapter.parts]
        return [part.content for part in parts if isinstance(part.content, Picture)]


def text(content: str) -> Part:
    """Return a paragraph."""
    return Part("text", content)


def listing(items: Sequence[str]) -> Part:
    """Return a list."""
    return Part("list", items)


def table(content: Table) -> Part:
    """Return a table."""
    return Part("table", content)


def drawings(*shown: Picture) -> list[Part]:
    """Return figures."""
    return [Part("picture", one) for one in shown]
