"""Whole jobs: the only place that joins the parts."""

from morphgen.calibration.finished import finished_result
from morphgen.calibration.reduce import reduce_model
from morphgen.calibration.request import ESTIMATORS, METHODS
from morphgen.calibration.training.options import TrainingOptions
from morphgen.tiles import generate
from morphgen.workflows.calibrating import calibrate, calibration_curves, calibration_request
from morphgen.workflows.cell_files import check_template, write_cell_parameters
from morphgen.workflows.cell_parameters import CellParameters, Roles, cell_parameters
from morphgen.workflows.describing import describe
from morphgen.workflows.description_files import read_description
from morphgen.workflows.validating import validate

__all__ = [
    "ESTIMATORS",
    "METHODS",
    "CellParameters",
    "Roles",
    "TrainingOptions",
    "calibrate",
    "calibration_curves",
    "calibration_request",
    "cell_parameters",
    "check_template",
    "describe",
    "finished_result",
    "generate",
    "read_description",
    "reduce_model",
    "validate",
    "write_cell_parameters",
]
