"""The table of capabilities as Markdown, for the documentation."""

from __future__ import annotations

from dataclasses import dataclass, field

from matrix.capabilities import Capability
from matrix.cases import CAPABILITIES
from matrix.libraries import library_of

# heading and variant of each column
COLUMNS = (
    ("NumPy", "numpy"),
    ("torch, CPU", "torch"),
    ("torch, CUDA", "torch-cuda"),
    ("CuPy", "cupy"),
    ("JAX, device 1", "jax-device1"),
    ("strict", "array-api-strict"),
    ("strict, device 1", "array-api-strict-device1"),
    ("dask", "dask"),
)
RUN, RUN_WHERE_PRESENT, REFUSED = "✓", "○", "–"
_HARDWARE = ("torch-cuda", "cupy")
_TITLES = {
    "fields": "Fields",
    "excursion": "Excursion-set models",
    "tiles": "Views of volumes",
    "descriptors": "Descriptors",
    "images": "Images",
    "workflows": "Work flows",
}


@dataclass(frozen=True, eq=False)
class Row:
    """What all examples of one function say together.

    Attributes
    ----------
    name : str
        The function.
    examples : list of Capability
        Those that run it.
    """

    name: str
    examples: list[Capability] = field(default_factory=list)

    @property
    def results(self) -> list[str]:
        """dtypes of its results."""
        words = {"input": "as given", "host": "on the host"}
        return list(dict.fromkeys(words.get(one.result, one.result) for one in self.examples))

    @property
    def refused(self) -> dict[str, str]:
        """Reasons, by library, where every example is refused."""
        first = self.examples[0].refused
        return {
            library: why
            for library, why in first.items()
            if all(library in one.refused for one in self.examples)
        }

    @property
    def notes(self) -> list[str]:
        """What it reads on the host, why shapes depend on data, and what is refused in part."""
        found = []
        for one in self.examples:
            # what an example runs beside the function itself has arrays of its own
            if one.title == self.name:
                found += [f"reads on the host: {one.reads.why}"] if one.reads else []
                found += [f"shapes depend on data: {one.shapes}"] if one.shapes else []
            partly = {lib: why for lib, why in one.refused.items() if lib not in self.refused}
            found += [f"{lib} refused for some arguments: {why}" for lib, why in partly.items()]
        reasons = dict.fromkeys(self.refused.values())
        found += [f"{_named(self.refused, why)} refused: {why}" for why in reasons]
        return list(dict.fromkeys(found))

    def cells(self) -> list[str]:
        """What each column says."""
        return [
            REFUSED
            if library_of(variant) in self.refused
            else (RUN_WHERE_PRESENT if variant in _HARDWARE else RUN)
            for _, variant in COLUMNS
        ]


def rows() -> list[Row]:
    """One row per function, in the order of the table."""
    found: dict[str, Row] = {}
    for one in CAPABILITIES:
        for name in one.names:
            found.setdefault(name, Row(name)).examples.append(one)
    return list(found.values())


def markdown() -> str:
    """Tables of all rooms, and their numbered notes."""
    notes: list[str] = []
    lines: list[str] = []
    for room, title in _TITLES.items():
        lines += [f"## {title}", "", *_head()]
        lines += [_line(row, notes) for row in rows() if row.name.startswith(f"{room}.")]
        lines.append("")
    lines += ["## Notes", "", *(f"{number}. {note}." for number, note in enumerate(notes, 1)), ""]
    return "\n".join(lines)


def _head() -> list[str]:
    headings = ["function", *(heading for heading, _ in COLUMNS), "result", "notes"]
    return [_joined(headings), _joined(["---", *(":-:" for _ in COLUMNS), "---", "---"])]


def _line(row: Row, notes: list[str]) -> str:
    numbers = []
    for note in row.notes:
        if note not in notes:
            notes.append(note)
        numbers.append(str(notes.index(note) + 1))
    results = ", ".join(row.results)
    return _joined([f"`{row.name}`", *row.cells(), results, ", ".join(numbers)])


def _named(refused: dict[str, str], why: str) -> str:
    libraries = [library for library, reason in refused.items() if reason == why]
    return "all but NumPy" if len(libraries) > 3 else " and ".join(libraries)


def _joined(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"
