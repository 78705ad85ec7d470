"""A study: response curves, and predicted against simulated diffusivities.

What is drawn here is small enough to be measured whenever the documentation is built. With
``MORPHGEN_STUDY=FOLDER`` in the environment the pictures are those of the study in that folder,
such as the large one of docs/explanation/regressions.md.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import morphgen as mg
from morphgen.fields.laws import Gaussian
from morphgen.fields.parametric import GaussianKernel
from morphgen.studies import Table, parse_study, read_table
from morphgen.studies.pictures import draw_predictions, draw_responses, png

MODEL = mg.ExcursionModel(
    (mg.Phase(0, "pore"), mg.Phase(1, "solid")),
    (1, 0),
    (mg.Field(GaussianKernel(3.0), Gaussian(), 0.0),),
    (1.0,) * 3,
    "voxel",
)
STUDY = """
shape = [40, 40, 40]
phases = ["pore"]
design = { kind = "latin-hypercube", points = 16 }

[[vary]]
parameter = "volume_fraction"
phase = "pore"
range = [0.3, 0.6]

[[vary]]
parameter = "axial_factor"
field = "all"
axis = "z"
range = [0.5, 2.0]
scale = "log"
"""


def measured() -> Table:
    """Table of the study that is given, or of the small one."""
    if given := os.environ.get("MORPHGEN_STUDY"):
        return read_table(given)
    with TemporaryDirectory() as folder:
        return read_table(mg.study(MODEL, parse_study(STUDY), folder, workers=2).table)


def draw(folder: Path) -> None:
    """Draw what `morphgen regress` draws."""
    table = measured()
    found = mg.relate(table)
    responses = [f"{one.response}.{one.phase}" for one in found]
    (folder / "study_predicted.png").write_bytes(png(draw_predictions(found)))
    (folder / "study_responses.png").write_bytes(png(draw_responses(table, responses)))
