"""JSON that somebody else wrote: read whole, checked, and never executed."""

from __future__ import annotations

import json
import math
import os
from typing import Any, NoReturn

from morphgen.errors import InputError
from morphgen.text_files import read_text

_LARGEST_FILE = 10_000_000


def read_json(path: str | os.PathLike[str]) -> Any:
    """Read a JSON file of somebody else's.

    Parameters
    ----------
    path : path
        The file, of 10 MB at most.

    Returns
    -------
    object
        What it holds.

    Raises
    ------
    InputError
        If the file cannot be read, is larger, or is refused by `parse_json`.
    """
    text = read_text(path, "JSON file of this kind", _LARGEST_FILE)
    try:
        return parse_json(text)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def parse_json(text: str) -> Any:
    """Read JSON text more strictly than Python does.

    Raises
    ------
    InputError
        If the text is no JSON, is nested too deeply, names a key twice, or holds a number that is
        not finite, such as NaN or 1e400.
    """
    try:
        return json.loads(
            text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite
        )
    except RecursionError as error:
        raise InputError("not valid JSON: nested too deeply") from error
    except ValueError as error:
        raise InputError(f"not valid JSON: {error}") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"the key {twice!r} appears twice")
    return found


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise InputError(f"{digits[:40]} is not finite; expected a number below 1e308")
    return value


def _no_constant(name: str) -> NoReturn:
    raise InputError(f"{name} is no number; expected a finite one")
