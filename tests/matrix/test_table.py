"""The table of the documentation says what the tests run."""

from __future__ import annotations

from matrix.cases import CAPABILITIES
from matrix.libraries import NAMES, library_of
from matrix.table import COLUMNS, REFUSED, RUN, markdown, rows


def test_every_function_has_a_row_in_one_table() -> None:
    lines = markdown().splitlines()
    for name in {name for one in CAPABILITIES for name in one.names}:
        assert sum(line.startswith(f"| `{name}` |") for line in lines) == 1, name


def test_every_library_has_a_column() -> None:
    assert {variant for _, variant in COLUMNS} <= set(NAMES)
    assert {library_of(variant) for _, variant in COLUMNS} == set(map(library_of, NAMES))


def test_what_is_refused_is_not_said_to_run() -> None:
    for row in rows():
        cells = dict(zip((variant for _, variant in COLUMNS), row.cells(), strict=True))
        assert cells["numpy"] == RUN
        for variant, cell in cells.items():
            assert (cell == REFUSED) == (library_of(variant) in row.refused)


def test_every_note_is_referred_to() -> None:
    text = markdown()
    tables, notes = text.split("## Notes")
    numbers = {
        number
        for line in tables.splitlines()
        if line.startswith("| `")
        for number in line.rstrip(" |").rpartition("| ")[2].split(", ")
    }
    written = {line.partition(".")[0] for line in notes.splitlines() if line}
    assert written == numbers - {""} - {n for n in numbers if not n.isdecimal()}
