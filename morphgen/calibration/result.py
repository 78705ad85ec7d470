"""What a calibration returns."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from morphgen.calibration.lags import Lags
from morphgen.calibration.targets import PlaneRows
from morphgen.excursion.model import ExcursionModel
from morphgen.excursion.provenance import Candidate
from morphgen.fields.kernels import Axis

# lags this near to a direction, in radians, are shown as lying on it
_NEAR = math.pi / 24.0


@dataclass(frozen=True, eq=False)
class FitLine:
    """Lags of a fit that lie on one line, the nearest first.

    Attributes
    ----------
    name : str
        Which line, in words; empty for an isotropic model.
    place : ndarray of int
        Their places among the lags.
    distance : ndarray
        Their distances.
    """

    name: str
    place: np.ndarray
    distance: np.ndarray


@dataclass(frozen=True, eq=False)
class CoverageFit:
    """Coverage functions of data and model at the lags used, phases by increasing label.

    Attributes
    ----------
    lags : Lags
        Distances of K lags, in the model's unit.
    data, model : ndarray, shape (n, n, K)
        C_ij of the sections and of the model.
    standard_error : ndarray, shape (n, n, K)
        Standard error of C_ij - p_i p_j of the sections.
    bound : ndarray, shape (K,)
        Least misfit of any independent fields in the chosen order, at each lag.
    planes : tuple of PlaneRows
        Which lags were measured in which planes; empty for an isotropic model.
    axis : {"z", "y", "x"} or None
        Axis of symmetry.
    """

    lags: Lags
    data: np.ndarray
    model: np.ndarray
    standard_error: np.ndarray
    bound: np.ndarray
    planes: tuple[PlaneRows, ...] = ()
    axis: Axis | None = None

    @property
    def lag(self) -> np.ndarray:
        """Distance of the lags, shape (K,)."""
        return self.lags.distance

    @property
    def misfit(self) -> float:
        """Largest |C_ij(model) - C_ij(sections)|."""
        return float(np.abs(self.model - self.data).max())

    def lines(self) -> tuple[FitLine, ...]:
        """All lags by distance; with an axis, those along and across it in each plane."""
        if not self.planes:
            return (FitLine("", np.arange(self.lag.size), self.lag),)
        angle = self.lags.directions()
        found = []
        for rows in self.planes:
            inside = np.arange(self.lag.size)
            inside = inside[rows.start : rows.stop]
            where = f"{self.axis}, plane {' and '.join(rows.planes)}"
            if rows.with_axis:
                near = inside[angle[inside] > 0.5 * math.pi - _NEAR]
                found.append(self._line(f"along {where}", near))
                inside = inside[angle[inside] < _NEAR]
            found.append(self._line(f"across {where}", inside))
        return tuple(found)

    def _line(self, name: str, place: np.ndarray) -> FitLine:
        ordered = place[np.argsort(self.lag[place], kind="stable")]
        return FitLine(name, ordered, self.lag[ordered])


@dataclass(frozen=True, eq=False)
class CalibrationResult:
    """A calibrated model and how it was found.

    Attributes
    ----------
    model : ExcursionModel
        The model, with its provenance.
    converged : bool
        Whether the fit met its criterion within the allowed evaluations.
    message : str
        How the fit ended.
    history : tuple of float
        Half the sum of squared residuals after each evaluation, the best so far.
    uncertainty : dict
        Standard error of each parameter and derived quantity, by name.
    intervals : dict
        95 % confidence interval of each, by block bootstrap.
    candidates : tuple of Candidate
        Ranked table of what was considered, the chosen one first.
    coverage : CoverageFit
        Data and model, lag by lag.
    warnings : tuple of str
        What the user should know about the data.
    """

    model: ExcursionModel
    converged: bool
    message: str
    history: tuple[float, ...]
    uncertainty: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    candidates: tuple[Candidate, ...]
    coverage: CoverageFit
    warnings: tuple[str, ...] = ()

    @property
    def status(self) -> str:
        """One word: ``converged`` or ``stopped``."""
        return "converged" if self.converged else "stopped"
