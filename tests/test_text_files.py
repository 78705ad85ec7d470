"""Text of files that somebody else wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from morphgen.errors import InputError, ModelError
from morphgen.text_files import read_text


def test_text_up_to_the_largest_size(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("grüße")
    assert read_text(file, "greeting", 7) == "grüße"
    with pytest.raises(InputError, match=r"a\.txt is larger than any greeting \(6 bytes\)"):
        read_text(file, "greeting", 6)


def test_what_is_refused_is_the_caller_s_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"absent cannot be read: No such file"):
        read_text(tmp_path / "absent", "model file", 10, ModelError)
    (tmp_path / "b").write_bytes(b"\xff\xfe")
    with pytest.raises(ModelError, match="is no model file: it is not UTF-8 text"):
        read_text(tmp_path / "b", "model file", 10, ModelError)
