"""Comparing models with real sections and volumes, and telling about it in figures and reports.

Reports are in `morphgen.validation.report` and `morphgen.validation.writing`, which alone load what
draws them.
"""

from morphgen.validation.calibration_curves import CalibrationCurves
from morphgen.validation.compare import compare
from morphgen.validation.comparison import (
    ComparedSection,
    ComparedVolume,
    Comparison,
    Quantity,
)

__all__ = [
    "CalibrationCurves",
    "ComparedSection",
    "ComparedVolume",
    "Comparison",
    "Quantity",
    "compare",
]
