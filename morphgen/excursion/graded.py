"""A model whose thresholds vary along one axis, so that its volume fractions follow a profile.

The fields are those of the model, and so are their correlations: only the thresholds follow the
position. Where a plane is normal to the axis, all its points have the same thresholds, and every
closed form of a model holds in it as it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from morphgen.errors import InputError
from morphgen.excursion.fractions import LEAST_FRACTION, thresholds_for, with_fractions
from morphgen.excursion.model import ExcursionModel
from morphgen.excursion.profile import Profile

Floats = NDArray[np.float64]

# what fractions that are all given may miss of one
_ROUNDED = 1e-6


@dataclass(frozen=True, eq=False)
class GradedModel:
    """A model and the profile that its volume fractions follow.

    A plane at position s along the axis has the thresholds that give the fractions f_k(s) there;
    see `morphgen.excursion.fractions`.

    Parameters
    ----------
    model : ExcursionModel
        The model: its fields without their thresholds.
    profile : Profile
        The fractions, at positions in the model's unit.

    Raises
    ------
    InputError
        If the profile names a label that the model does not have, its fractions do not sum to one,
        or leave nothing for the phases that it does not name, or its positions are shares.
    """

    model: ExcursionModel
    profile: Profile

    def __post_init__(self) -> None:
        if self.profile.relative:
            raise InputError(
                "the profile's positions are shares of a length; give that of the volume, by "
                "profile.in_volume(length)"
            )
        for label in self.profile.fractions:
            if label not in self.model.order:
                raise InputError(
                    f"the profile names the label {label!r}: expected one of "
                    f"{sorted(self.model.order)}"
                )
        # checks the fractions
        assert self._table.size

    def fractions(self, places: Sequence[float] | Floats) -> dict[int, Floats]:
        """Volume fraction of each label in planes normal to the axis.

        Parameters
        ----------
        places : sequence of float
            Distances from the first face of voxel 0, in the model's unit.

        Returns
        -------
        dict of int to ndarray
            In the order of the model's phases.
        """
        table = dict(zip(self.model.order, self._local(places), strict=True))
        return {phase.label: table[phase.label] for phase in self.model.phases}

    def volume_fractions(self, start: int, count: int) -> dict[int, float]:
        """Expected volume fractions of a window: their mean over its planes.

        Parameters
        ----------
        start, count : int
            First plane and number of planes along the axis, in voxels.
        """
        found = self.fractions(self.places(start, count))
        return {label: float(values.mean()) for label, values in found.items()}

    def at(self, place: float) -> ExcursionModel:
        """Model of the plane at a position: every closed form holds for lags within that plane.

        Its surface areas per volume hold at a point, up to what the tilt of the thresholds adds:
        the surface of a field with correlation length l = 1 / sqrt(lambda) gains about
        (l u')² / 6 of its area where the threshold u of a Gaussian field has the slope u', and a
        chi-square field as much with u' / (2 sqrt(u)).
        """
        local = {label: float(values[0]) for label, values in self.fractions([place]).items()}
        return replace(with_fractions(self.model, local), provenance=None)

    def places(self, start: int, count: int) -> Floats:
        """Positions of the centres of voxel planes along the axis."""
        size = self.model.voxel_size["zyx".index(self.profile.axis)]
        return (start + 0.5 + np.arange(count, dtype=np.float64)) * size

    def thresholds(self, start: int, count: int) -> Floats:
        """Threshold of each field in voxel planes along the axis.

        Parameters
        ----------
        start, count : int
            First plane and number of planes, in voxels.

        Returns
        -------
        ndarray of float64, shape (fields, count)
        """
        return self._thresholds(self._local(self.places(start, count)))

    @cached_property
    def _table(self) -> Floats:
        """Fractions at the profile's positions, in the order of decision."""
        named, own = self.profile.fractions, self.model.volume_fractions()
        given = np.sum([named[label] for label in named], axis=0)
        others = [label for label in self.model.order if label not in named]
        rest = sum(own[label] for label in others)
        if not others and np.abs(given - 1.0).max() > _ROUNDED:
            place = int(np.argmax(np.abs(given - 1.0)))
            raise InputError(
                f"profile: fractions at position {self.profile.positions[place]:g} sum to "
                f"{given[place]:.6g}; expected 1, or leave one phase out"
            )
        rows = [
            np.asarray(named[label]) if label in named else (1.0 - given) * own[label] / rest
            for label in self.model.order
        ]
        for label, row in zip(self.model.order, rows, strict=True):
            if row.min() < LEAST_FRACTION:
                where = self.profile.positions[int(np.argmin(row))]
                raise InputError(
                    f"profile: at position {where:g} the fraction of label {label} is "
                    f"{row.min():.3g}; expected {LEAST_FRACTION:g} at least"
                )
        return np.asarray(np.stack(rows) / np.sum(rows, axis=0))

    def _local(self, places: Sequence[float] | Floats) -> Floats:
        return self.profile.interpolated(self._table, np.asarray(places, dtype=np.float64))

    def _thresholds(self, table: Floats) -> Floats:
        """Thresholds of local fractions, one by one: they do not depend on their neighbours."""
        columns = [thresholds_for(self.model, column) for column in table.T.tolist()]
        return np.array(columns).reshape(-1, len(self.model.fields)).T
