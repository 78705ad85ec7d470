"""Model files: JSON that is checked on reading, and never executed."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from morphgen.errors import InputError, ModelError
from morphgen.excursion.model import ExcursionModel
from morphgen.strict_json import parse_json
from morphgen.text_files import read_text

FORMAT = "morphgen-model"
SCHEMA_VERSION = 1

_LARGEST_FILE = 1_000_000


def save_model(model: ExcursionModel, path: str | Path, *, overwrite: bool = False) -> None:
    """Write a model as JSON, whole or not at all.

    Raises
    ------
    ModelError
        If the file exists and ``overwrite`` is not set, or cannot be written.
    """
    target = Path(path)
    if target.exists() and not overwrite:
        raise ModelError(f"{target} exists; choose another name, or allow overwriting it")
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        partial.write_text(dump_model(model), encoding="utf-8")
        partial.replace(target)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise ModelError(f"{target} cannot be written: {error.strerror}") from error


def load_model(path: str | Path) -> ExcursionModel:
    """Read a model file.

    Raises
    ------
    ModelError
        If the file is missing, is no model file, was written by a newer morphgen, or holds a
        value that no model can have; the message names the place.
    """
    text = read_text(path, "model file", _LARGEST_FILE, ModelError)
    try:
        return parse_model(text)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error


def dump_model(model: ExcursionModel) -> str:
    """Model as JSON text, one line per short list, ending in a newline."""
    content = _adapter().dump_python(model, mode="json")
    if model.shared is None:
        # models without it stay readable for versions that do not know it
        del content["shared"]
    whole = {"format": FORMAT, "schema_version": SCHEMA_VERSION, **content}
    return _pretty(whole) + "\n"


def parse_model(text: str) -> ExcursionModel:
    """Model from JSON text.

    Raises
    ------
    ModelError
        As `load_model`.
    """
    try:
        content = parse_json(text)
    except InputError as error:
        raise ModelError(f"not a model file: {error}") from error
    if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
        raise ModelError(f'not a model file: expected a JSON object with "format": "{FORMAT}"')
    version = content.pop("schema_version", None)
    if version != SCHEMA_VERSION:
        raise ModelError(
            f"schema_version is {version!r}: this morphgen reads {SCHEMA_VERSION}; "
            "a newer file needs a newer morphgen"
        )
    try:
        # JSON knows no tuples: strictness follows JSON's types
        return _adapter().validate_json(json.dumps(content), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        value = repr(first["input"])[:60]
        raise ModelError(f"{place} is {value}: {first['msg'].lower()}") from error


@cache
def _adapter() -> TypeAdapter[ExcursionModel]:
    return TypeAdapter(ExcursionModel)


def _pretty(value: Any, indent: int = 0) -> str:
    """Indented JSON that keeps what fits on a line on one line, for readable diffs."""
    flat = json.dumps(value, ensure_ascii=False, allow_nan=False)
    if not isinstance(value, (dict, list)) or len(flat) + indent <= 100:
        return flat
    pad, end = " " * (indent + 2), " " * indent
    if isinstance(value, dict):
        rows = [f"{json.dumps(k)}: {_pretty(v, indent + 2)}" for k, v in value.items()]
        return "{\n" + ",\n".join(pad + row for row in rows) + f"\n{end}}}"
    rows = [_pretty(item, indent + 2) for item in value]
    return "[\n" + ",\n".join(pad + row for row in rows) + f"\n{end}]"
