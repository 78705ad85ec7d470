"""What a descriptor gives of an image: a number or a curve, under a key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Key(NamedTuple):
    """Which quantity: what kind, of which phases, and along which axis if it has one."""

    kind: str
    phases: tuple[int, ...]
    direction: str = ""


@dataclass(frozen=True, eq=False)
class Reading:
    """A number or a curve that was measured.

    Attributes
    ----------
    key : Key
        What it is; its kind is one of `morphgen.descriptors.KINDS`.
    values : array of float64, shape (K,)
        The number (K = 1) or the curve; NaN where the image does not determine it.
    x : array of float64, shape (K,), optional
        Argument of a curve (lag, length, radius, ...); None for a number.
    standard_error : array of float64, shape (K,), optional
        Standard error, where it is known from several parts of the image.
    subvolumes : int, optional
        Number of sub-volumes that determine it; None for what was measured on the whole image.
    ratio : tuple of float, optional
        Numerator and denominator of a number that is a ratio. Over sub-volumes it is the ratio of
        their means, not the mean of the ratios.
    """

    key: Key
    values: Floats
    x: Floats | None = None
    standard_error: Floats | None = None
    subvolumes: int | None = None
    ratio: tuple[float, float] | None = None


def number(kind: str, phases: tuple[int, ...], value: float, direction: str = "") -> Reading:
    """Reading of one number."""
    return Reading(Key(kind, phases, direction), np.array([value], dtype=np.float64))
