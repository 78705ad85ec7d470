"""Descriptions as `morphgen describe` writes them, read back."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter, ValidationError

from morphgen.descriptors import Description, Key, Reading, Subvolumes
from morphgen.descriptors.readings import Floats
from morphgen.errors import InputError
from morphgen.images.lengths import parse_unit
from morphgen.phases import Phase
from morphgen.strict_json import read_json


@dataclass(frozen=True)
class _Reading:
    descriptor: str
    phases: tuple[int, ...]
    standard_error: float | tuple[float | None, ...] | None
    direction: str | None = None
    subvolumes: int | None = None
    value: float | None = None
    infinite: bool = False
    x: tuple[float, ...] | None = None
    values: tuple[float | None, ...] = ()


@dataclass(frozen=True)
class _Subvolumes:
    shape: tuple[int, ...]
    starts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class _Description:
    source: str
    shape: tuple[int, ...]
    images: int
    spacing: tuple[float, ...]
    axes: str
    unit: str
    phases: tuple[Phase, ...]
    readings: tuple[_Reading, ...]
    left_out: dict[str, str]
    subvolumes: _Subvolumes | None = None


def read_description(path: str | Path) -> Description:
    """Read the file that ``morphgen describe --out`` wrote.

    Parameters
    ----------
    path : str or Path
        A JSON file.

    Returns
    -------
    Description
        As it was written; what is not known is NaN.

    Raises
    ------
    InputError
        If the file cannot be read or holds no description.
    """
    content = read_json(path)
    try:
        # JSON knows no tuples: strictness follows JSON's types
        record = TypeAdapter(_Description).validate_json(json.dumps(content), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "it"
        raise InputError(
            f"{path} is no description, as morphgen describe --out writes it: {place}: "
            f"{first['msg'].lower()}"
        ) from error
    return _description(record)


def _description(record: _Description) -> Description:
    places = record.subvolumes
    return Description(
        source=record.source,
        shape=record.shape,
        images=record.images,
        spacing=record.spacing,
        axes=record.axes,
        unit=parse_unit(record.unit),
        phases=record.phases,
        readings=tuple(_reading(one) for one in record.readings),
        left_out=record.left_out,
        subvolumes=None if places is None else Subvolumes(places.shape, places.starts),
    )


def _reading(record: _Reading) -> Reading:
    key = Key(record.descriptor, record.phases, record.direction or "")
    errors = record.standard_error
    if isinstance(errors, (float, int)):
        errors = (errors,)
    values, x = record.values, None
    if record.x is None:
        values = (math.inf if record.infinite else record.value,)
    else:
        x = np.array(record.x, dtype=np.float64)
    return Reading(
        key,
        _floats(values),
        x,
        None if errors is None else _floats(errors),
        record.subvolumes,
    )


def _floats(values: Sequence[float | None]) -> Floats:
    return np.array([math.nan if one is None else one for one in values], dtype=np.float64)
