"""What a calibration shows of its fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from morphgen.errors import InputError

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CalibrationCurves:
    """Measured and fitted two-point coverage, lag by lag.

    Parameters
    ----------
    lag : array, shape (K,)
        Lags, in the model's unit.
    data : array, shape (n, n, K)
        Symmetrised C_ij of the sections, phases in the order of the model's.
    model : array, shape (n, n, K)
        C_ij of the model, in closed form.
    standard_error : array, shape (n, n, K)
        Standard errors of ``data``.
    bound : array, shape (K,)
        At each lag, the least largest misfit that any independent fields could reach.
    name : str
        Direction and plane of the lags; empty if there is one set of curves only.

    Raises
    ------
    InputError
        If the shapes do not agree.
    """

    lag: Floats
    data: Floats
    model: Floats
    standard_error: Floats
    bound: Floats
    name: str = ""

    def __post_init__(self) -> None:
        lags = self.lag.shape
        phases = self.data.shape[:1] * 2
        three = [one.shape for one in (self.data, self.model, self.standard_error)]
        if len(lags) != 1 or self.bound.shape != lags or three != [(*phases, *lags)] * 3:
            raise InputError(
                f"calibration curves have the shapes {lags}, {three} and {self.bound.shape}; "
                "expected (K,), three times (n, n, K), and (K,)"
            )
