"""Whole jobs: the only place that joins the parts."""

from morphgen.calibration.finished import finished_result
from morphgen.calibration.reduce import reduce_model
from morphgen.calibration.request import ESTIMATORS, METHODS
from morphgen.calibration.training.options import TrainingOptions
from morphgen.tiles import generate
from morphgen.workflows.calibrating import calibrate, calibration_curves, calibration_request
from morphgen.workflows.describing import describe
from morphgen.workflows.validating import validate

__all__ = [
    "ESTIMATORS",
    "METHODS",
    "TrainingOptions",
    "calibrate",
    "calibration_curves",
    "calibration_request",
    "describe",
    "finished_result",
    "generate",
    "reduce_model",
    "validate",
]
