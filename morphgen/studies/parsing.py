"""Reading a study from TOML, with a word for whoever mistyped a key."""

from __future__ import annotations

import dataclasses
import difflib
import json
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from morphgen.errors import InputError
from morphgen.studies.request import Design, StudyRequest, Variable
from morphgen.text_files import read_text

_LARGEST_FILE = 1_000_000
_TABLES = {"": StudyRequest, "design": Design, "vary": Variable}


def read_study(path: str | Path) -> StudyRequest:
    """Read a study from a TOML file.

    Raises
    ------
    InputError
        If the file cannot be read, is not TOML, or holds a key or a value that no study has; the
        message names the place.
    """
    text = read_text(path, "study", _LARGEST_FILE)
    try:
        return parse_study(text)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def parse_study(text: str) -> StudyRequest:
    """Study from TOML text.

    Raises
    ------
    InputError
        As `read_study`.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"not valid TOML: {error}") from error
    _check_keys(content, "")
    return study_of(content)


def study_of(content: dict[str, Any]) -> StudyRequest:
    """Study from plain values.

    Raises
    ------
    InputError
        If a value is none that a study can have.
    """
    try:
        # JSON knows no tuples: strictness follows JSON's types. Dates become text
        return _adapter().validate_json(json.dumps(content, default=str), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        # a number may be either, which is not part of its place
        place = ".".join(str(one) for one in first["loc"] if one not in ("float", "int"))
        place = place or "study"
        if first["type"] == "missing":
            raise InputError(f"{place} is missing") from error
        value = repr(first["input"])[:60]
        raise InputError(f"{place} is {value}: {first['msg'].lower()}") from error


def plain_study(request: StudyRequest) -> dict[str, Any]:
    """Study as plain values, from which `study_of` makes it again."""
    content: dict[str, Any] = _adapter().dump_python(request, mode="json", exclude_none=True)
    return content


@cache
def _adapter() -> TypeAdapter[StudyRequest]:
    return TypeAdapter(StudyRequest)


def _check_keys(table: Any, name: str) -> None:
    """Refuse keys that are not known, and say which one is near."""
    if not isinstance(table, dict):
        return
    known = [field.name for field in dataclasses.fields(_TABLES[name])]
    where = f" in [{name}]" if name else ""
    for key, value in table.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"expected {', '.join(known)}"
            raise InputError(f"key {key!r}{where} is not known; {hint}")
        if not name and key in _TABLES:
            for one in value if isinstance(value, list) else [value]:
                _check_keys(one, key)
