"""Lengths with a unit."""

from __future__ import annotations

import math
import re

from morphgen.errors import InputError

VOXEL = "voxel"
MICROMETRES = {"nm": 1e-3, "um": 1.0, "mm": 1e3, "cm": 1e4, "m": 1e6}
UNITS = (*MICROMETRES, VOXEL)

# the micro sign and the Greek letter mu look alike and are two characters
_SPELLINGS = {"µm": "um", "μm": "um"}
_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")


def parse_length(text: str) -> tuple[float, str]:
    """Read a length such as ``0.065um``.

    Parameters
    ----------
    text : str
        A number and a unit (nm, um, µm, mm, cm, m or voxel), with or without a space between
        them. A bare number counts voxels.

    Returns
    -------
    tuple of float and str
        The number, and the unit as one of `UNITS`.

    Raises
    ------
    InputError
        No number, an unknown unit, or a length that is not positive and finite.

    Examples
    --------
    >>> parse_length("0.065 µm")
    (0.065, 'um')
    """
    number = _NUMBER.match(text.strip())
    if number is None:
        raise InputError(f"{text!r} is not a length: give a number and a unit, such as 0.065um")
    unit = parse_unit(text.strip()[number.end() :].strip() or VOXEL)
    return positive(float(number.group()), text), unit


def parse_unit(text: str) -> str:
    """Read a unit of length: one of `UNITS`, or µm for um; InputError for another."""
    unit = _SPELLINGS.get(text, text)
    if unit not in UNITS:
        raise InputError(f"unknown unit {text!r}: expected one of {', '.join(UNITS)}")
    return unit


def positive(value: float, shown: object) -> float:
    """Return a length that is positive and finite, and refuse another."""
    if not (math.isfinite(value) and value > 0):
        raise InputError(f"length {shown!r} is not positive and finite; give one such as 0.065um")
    return value


def convert(value: float, unit: str, to: str) -> float:
    """Convert a length between two physical units."""
    return value if unit == to else value * MICROMETRES[unit] / MICROMETRES[to]
