"""Phases: the labels of a microstructure, their names and their colours."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable
from dataclasses import dataclass

from morphgen.errors import InputError

MAX_LABEL = 254
OUTSIDE = 255

# Okabe and Ito, "Color Universal Design" (2008), told apart with every common colour blindness;
# reproduced in B. Wong, "Points of view: Color blindness", Nature Methods 8, 441 (2011).
PALETTE = (
    "#000000",
    "#e69f00",
    "#56b4e9",
    "#009e73",
    "#f0e442",
    "#0072b2",
    "#d55e00",
    "#cc79a7",
)

_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
_MAX_NAME = 80


@dataclass(frozen=True)
class Phase:
    """One phase of a microstructure.

    Parameters
    ----------
    label : int
        The value of the phase's voxels, 0 to 254 (255 marks what is not specimen).
    name : str
        What the phase is, for tables and legends; one to 80 printable characters.
    color : str, optional
        Colour for figures as ``#rrggbb``; kept in lower case.

    Raises
    ------
    InputError
        A value is of another type or out of its range.
    """

    label: int
    name: str
    color: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", _checked_label(self.label))
        _check_name(self.name)
        if self.color is not None:
            object.__setattr__(self, "color", _checked_color(self.color))


def phase_colors(phases: Iterable[Phase]) -> list[str]:
    """Give every phase a colour: its own, or else the next free one of a colour-blind-safe palette.

    Parameters
    ----------
    phases : iterable of Phase
        The phases in the order of the legend.

    Returns
    -------
    list of str
        One ``#rrggbb`` for each phase, all different unless two phases state the same colour.
        After eight phases the palette comes back in lighter tints, which are hard to tell apart.
    """
    phases = list(phases)
    stated = {phase.color for phase in phases if phase.color is not None}
    free = (color for color in _tints(len(phases) + len(stated)) if color not in stated)
    return [next(free) if phase.color is None else phase.color for phase in phases]


def _checked_label(label: object) -> int:
    try:
        value = operator.index(label)  # type: ignore[arg-type]
    except TypeError:
        value = -1
    if isinstance(label, bool) or not 0 <= value <= MAX_LABEL:
        raise InputError(
            f"phase label {label!r} is not an integer from 0 to {MAX_LABEL}; "
            f"{OUTSIDE} marks what is not specimen"
        )
    return value


def _check_name(name: object) -> None:
    valid = isinstance(name, str) and name.strip() == name and name.isprintable()
    if not valid or not 0 < len(str(name)) <= _MAX_NAME:
        raise InputError(
            f"phase name {name!r} is not a text of 1 to {_MAX_NAME} printable characters "
            "without spaces around it"
        )


def _checked_color(color: object) -> str:
    if not isinstance(color, str) or not _COLOR.fullmatch(color):
        raise InputError(f"phase colour {color!r} is not of the form '#rrggbb', such as '#e69f00'")
    return color.lower()


def _tints(count: int) -> list[str]:
    rounds = -(-count // len(PALETTE))
    return [_lighter(color, turn / (rounds + 1)) for turn in range(rounds) for color in PALETTE]


def _lighter(color: str, share: float) -> str:
    channels = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(c + (255 - c) * share):02x}" for c in channels)
