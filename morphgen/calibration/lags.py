"""Lags as a model with an axis sees them: distances across and along it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Lags:
    """Distances of pairs of points, across and along an axis of symmetry.

    Attributes
    ----------
    across, along : ndarray, shape (K,)
        In the sections' unit. An isotropic model knows one distance only: it is ``across``, and
        ``along`` is zero.
    """

    across: np.ndarray
    along: np.ndarray

    @property
    def distance(self) -> np.ndarray:
        """Distance of the points, shape (K,)."""
        return np.asarray(np.hypot(self.across, self.along))

    @classmethod
    def radial(cls, distance: np.ndarray) -> Lags:
        """Lags of an isotropic model."""
        return cls(distance, np.zeros_like(distance))

    def directions(self) -> np.ndarray:
        """Angle of each lag from across to along the axis, shape (K,), where the longest are 1."""
        reach = float(self.across.max()), float(self.along.max())
        scales = [length if length > 0.0 else 1.0 for length in reach]
        return np.asarray(np.arctan2(self.along / scales[1], self.across / scales[0]))
