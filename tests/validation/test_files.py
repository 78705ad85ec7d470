"""Files are written whole, and replaced only where that is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from morphgen.errors import InputError
from morphgen.validation.files import CAPTIONS, check_folder, write_whole


def test_a_file_is_written_whole_and_once(tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    write_whole(target, lambda: b"one")
    with pytest.raises(InputError, match="exists"):
        write_whole(target, lambda: b"two")
    assert target.read_bytes() == b"one"
    write_whole(target, lambda: b"two", overwrite=True)
    assert target.read_bytes() == b"two"
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    with pytest.raises(InputError, match="cannot be written"):
        write_whole(tmp_path / "absent" / "report.html", lambda: b"one")


def test_a_file_stays_where_its_content_cannot_be_made(tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    target.write_bytes(b"one")

    def fails() -> bytes:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_whole(target, fails, overwrite=True)
    assert target.read_bytes() == b"one"


def test_a_folder_of_figures_is_replaced_only_if_it_holds_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "figures"
    check_folder(folder, overwrite=False)
    folder.mkdir()
    check_folder(folder, overwrite=False)
    (folder / "01-side-by-side.png").touch()
    (folder / CAPTIONS).touch()
    with pytest.raises(InputError, match="holds figures"):
        check_folder(folder, overwrite=False)
    check_folder(folder, overwrite=True)
    (folder / "thesis.tex").touch()
    with pytest.raises(InputError, match="thesis.tex"):
        check_folder(folder, overwrite=True)
    with pytest.raises(InputError, match="no folder"):
        check_folder(folder / "thesis.tex", overwrite=True)
