"""A profile: volume fractions that vary along one axis."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from numbers import Real
from typing import Literal, get_args

import numpy as np

from morphgen.errors import InputError
from morphgen.fields.kernels import AXES, Axis

Between = Literal["linear", "monotone"]


@dataclass(frozen=True)
class Profile:
    """Volume fractions at some positions along an axis, and what lies between.

    Parameters
    ----------
    axis : {"z", "y", "x"}
        Axis along which the fractions vary.
    positions : sequence of float
        Two or more increasing distances from the first face of voxel 0, in the model's unit; or
        shares of a volume's length, if ``relative``. Beyond the first and the last one the
        fractions stay what they are there.
    fractions : mapping of int to sequence of float
        Volume fraction of a label at each position, between 0 and 1. Labels that are not named
        share what is left in the proportion that they have in the model.
    between : {"linear", "monotone"}
        Fractions between the positions: straight lines, or the monotone cubics of Fritsch and
        Butland (1984), which have no kinks and do not overshoot, divided by the sum of all phases.
    relative : bool
        Whether positions are shares of the length of a volume, from 0 to 1.

    Raises
    ------
    InputError
        If the values are no profile.
    """

    axis: Axis
    positions: tuple[float, ...]
    fractions: Mapping[int, tuple[float, ...]]
    between: Between = "linear"
    relative: bool = False

    def __post_init__(self) -> None:
        if self.axis not in AXES:
            raise InputError(f"profile along {self.axis!r}: expected z, y or x")
        if self.between not in get_args(Between):
            raise InputError(
                f"profile {self.between!r} between positions: expected linear or monotone"
            )
        object.__setattr__(self, "positions", _floats("positions", self.positions))
        # equal profiles have equal rounding
        named = sorted(self.fractions.items(), key=lambda one: str(one[0]))
        found = {label: _floats(f"fractions of label {label}", shares) for label, shares in named}
        object.__setattr__(self, "fractions", found)
        self._check_positions()
        self._check_fractions()

    def in_volume(self, length: float) -> Profile:
        """Return the profile with positions as distances, in a volume of a given length."""
        if not self.relative:
            return self
        return replace(self, positions=tuple(p * length for p in self.positions), relative=False)

    def interpolated(self, table: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Values between those at the positions.

        Parameters
        ----------
        table : ndarray, shape (n, positions)
            Values at the positions, which sum to one over the first axis.
        places : ndarray, shape (k,)
            Where values are asked for.

        Returns
        -------
        ndarray, shape (n, k)
        """
        if self.between == "linear":
            return np.stack([np.interp(places, self.positions, row) for row in table])
        # it takes a fifth of a second to load
        from scipy.interpolate import PchipInterpolator  # noqa: PLC0415

        inside = np.clip(places, self.positions[0], self.positions[-1])
        found = np.asarray(PchipInterpolator(self.positions, table, axis=1)(inside))
        return np.asarray(found / found.sum(axis=0))

    def _check_positions(self) -> None:
        places = self.positions
        if len(places) < 2 or any(b <= a for a, b in pairwise(places)):
            raise InputError(f"profile positions {list(places)}: expected two or more, increasing")
        if self.relative and not (places[0] >= 0.0 and places[-1] <= 1.0):
            raise InputError(f"profile positions {list(places)}: expected shares from 0 to 1")

    def _check_fractions(self) -> None:
        if not self.fractions:
            raise InputError("the profile names no phase; give the fractions of one at least")
        for label, values in self.fractions.items():
            if len(values) != len(self.positions):
                raise InputError(
                    f"profile: {len(values)} fractions of label {label} for "
                    f"{len(self.positions)} positions; give one for each"
                )
            wrong = next((value for value in values if not 0.0 < value < 1.0), None)
            if wrong is not None:
                raise InputError(
                    f"profile: fraction {wrong:g} of label {label}; expected more than 0 and less "
                    "than 1, such as 0.0001 where a phase ends"
                )


def _floats(name: str, values: object) -> tuple[float, ...]:
    # text would be read letter by letter, and true as 1
    if not isinstance(values, Iterable) or not all(
        isinstance(value, Real) and not isinstance(value, bool) for value in values
    ):
        raise InputError(f"profile: {name} are {values!r}; expected a list of numbers")
    found = tuple(float(value) for value in values)
    if not all(math.isfinite(value) for value in found):
        raise InputError(f"profile: {name} are {list(found)}; expected finite numbers")
    return found
