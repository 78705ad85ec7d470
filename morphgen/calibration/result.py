"""What a calibration returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from morphgen.calibration.lags import Lags
from morphgen.calibration.targets import PlaneRows
from morphgen.excursion.model import ExcursionModel
from morphgen.excursion.provenance import Candidate


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
    """

    lags: Lags
    data: np.ndarray
    model: np.ndarray
    standard_error: np.ndarray
    bound: np.ndarray
    planes: tuple[PlaneRows, ...] = ()

    @property
    def lag(self) -> np.ndarray:
        """Distance of the lags, shape (K,)."""
        return self.lags.distance

    @property
    def misfit(self) -> float:
        """Largest |C_ij(model) - C_ij(sections)|."""
        return float(np.abs(self.model - self.data).max())


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
