"""A description: all readings of an image, with what they were measured on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from morphgen.descriptors.catalogue import KINDS
from morphgen.descriptors.readings import Floats, Reading
from morphgen.descriptors.subvolumes import Subvolumes
from morphgen.phases import Phase

NOT_ASKED = "not asked for"


@dataclass(frozen=True, eq=False)
class Description:
    """What was measured on an image.

    Attributes
    ----------
    source : str
        Name of the image.
    shape : tuple of int
        Pixels or voxels along each axis; for several sections, of one of them.
    images : int
        Number of sections that are pooled; 1 for a volume.
    spacing : tuple of float
        Pixel or voxel size along each axis.
    axes : str
        Names of the axes, such as "zyx".
    unit : str
        Unit of lengths.
    phases : tuple of Phase
        The phases.
    readings : tuple of Reading
        Numbers and curves.
    left_out : dict of str
        Kinds of descriptors that were not measured, each with the reason.
    subvolumes : Subvolumes, optional
        Where the readings were measured that have a number of sub-volumes; None if the whole image
        was measured.
    """

    source: str
    shape: tuple[int, ...]
    images: int
    spacing: tuple[float, ...]
    axes: str
    unit: str
    phases: tuple[Phase, ...]
    readings: tuple[Reading, ...]
    left_out: dict[str, str]
    subvolumes: Subvolumes | None = None

    def reading(self, kind: str, phases: Sequence[int | str] = (), direction: str = "") -> Reading:
        """Find the reading of a kind, of some phases, along an axis if any.

        Parameters
        ----------
        kind : str
            Name of the descriptor.
        phases : sequence of int or str
            Labels or names of its phases.
        direction : str
            Axis, for what has one.

        Returns
        -------
        Reading

        Raises
        ------
        KeyError
            If there is none; the message says which there are of this kind.
        """
        labels = {phase.name: phase.label for phase in self.phases}
        asked = [labels.get(one, one) if isinstance(one, str) else one for one in phases]
        wanted = (kind, tuple(asked), direction)
        for one in self.readings:
            if one.key == wanted:
                return one
        known = [(*one.key[1:],) for one in self.readings if one.key.kind == kind]
        raise KeyError(
            f"no {kind} of the phases {wanted[1]} along {direction!r}; there are {known or 'none'}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; None for what is not known, and for what is infinite.

        Of what was left out only that which could not be measured, not that which nobody asked for.
        A reading that is infinite says so: its entry "infinite" is True.
        """
        return {
            "source": self.source,
            "shape": list(self.shape),
            "images": self.images,
            "spacing": list(self.spacing),
            "axes": self.axes,
            "unit": self.unit,
            "phases": [
                {"label": one.label, "name": one.name, "color": one.color} for one in self.phases
            ],
            "readings": [_record(one, self.unit) for one in self.readings],
            "left_out": {kind: why for kind, why in self.left_out.items() if why != NOT_ASKED},
            "subvolumes": None if self.subvolumes is None else self.subvolumes.to_dict(),
        }


def unit_of(power: int, unit: str) -> str:
    """Unit of a power of length, such as "1/um^2"; empty for a number without dimension."""
    if not power:
        return ""
    raised = unit if abs(power) == 1 else f"{unit}^{abs(power)}"
    return raised if power > 0 else f"1/{raised}"


def _record(one: Reading, unit: str) -> dict[str, Any]:
    kind = KINDS[one.key.kind]
    record: dict[str, Any] = {
        "descriptor": kind.name,
        "phases": list(one.key.phases),
        "direction": one.key.direction or None,
        "unit": unit_of(kind.power, unit),
        "subvolumes": one.subvolumes,
    }
    if one.x is None:
        error = None if one.standard_error is None else _plain(one.standard_error)[0]
        return {
            **record,
            "value": _plain(one.values)[0],
            "infinite": bool(np.isinf(one.values[0])),
            "standard_error": error,
        }
    return {
        **record,
        "argument": kind.argument,
        "argument_unit": unit_of(kind.argument_power, unit),
        "x": _plain(one.x),
        "values": _plain(one.values),
        "standard_error": None if one.standard_error is None else _plain(one.standard_error),
    }


def _plain(values: Floats) -> list[float | None]:
    return [one if math.isfinite(one) else None for one in np.asarray(values).tolist()]
