"""What a calibration returned, from the model that it left and the same sections."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from morphgen.calibration.bound import lagwise_bound
from morphgen.calibration.coverage import measured, width_warnings
from morphgen.calibration.request import CalibrationRequest
from morphgen.calibration.result import CalibrationResult, CoverageFit
from morphgen.calibration.targets import Target
from morphgen.errors import InputError
from morphgen.excursion.model import ExcursionModel
from morphgen.fields.kernels import AXES
from morphgen.images import Section


def finished_result(
    model: ExcursionModel, sections: Sequence[Section], request: CalibrationRequest
) -> CalibrationResult:
    """Result of a finished calibration: curves are computed again, nothing is fitted.

    Standard errors and intervals are those of the model's record: rounded, and without intervals
    of spline coefficients. There is no history, and no warning about the choice of classes.

    Parameters
    ----------
    model : ExcursionModel
        The model, with its record.
    sections : sequence of Section
        The sections that it was calibrated on.
    request : CalibrationRequest
        What was asked for.

    Raises
    ------
    InputError
        If the model has no record of a calibration.
    """
    origin = model.provenance
    if origin is None:
        raise InputError("the model has no record of a calibration; calibrate again")
    symmetry, target = measured(sections, request)
    return CalibrationResult(
        model,
        origin.status == "converged",
        origin.message,
        (),
        origin.uncertainty,
        origin.intervals,
        origin.candidates,
        _curves(model, target),
        (*width_warnings(target, sections[0]), *symmetry.warnings),
    )


def _curves(model: ExcursionModel, target: Target) -> CoverageFit:
    along = AXES.index(target.axis) if target.axis else 0
    offsets = np.zeros((target.lag.size, 3))
    offsets[:, along], offsets[:, (along + 1) % 3] = target.lags.along, target.lags.across
    fractions, rows = target.in_order(model.order)
    return CoverageFit(
        target.lags,
        target.values,
        np.asarray(model.two_point_coverage(offsets)),
        target.standard_errors(),
        lagwise_bound(rows, fractions).misfit,
        target.planes,
        target.axis,
    )
