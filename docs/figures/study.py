"""A study of sixty scenarios: response curves, and predicted against simulated diffusivities.

`study.csv` is its table, measured once; docs/explanation/regressions.md says how.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from morphgen.studies import Table, relate
from morphgen.studies.pictures import draw_predictions, draw_responses, png

COLUMNS = (
    "constrictivity.pore.x",
    "mean_geodesic_tortuosity.pore.x",
    "effective_diffusivity.pore.x",
    "effective_diffusivity.pore.z",
)


def read(file: Path) -> Table:
    """Read the table; nothing stands for what is not known."""
    with file.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    columns = {name: np.array([float(row[name] or "nan") for row in rows]) for name in rows[0]}
    return Table(columns, ("",) * len(rows))


def draw(folder: Path) -> None:
    """Draw what `morphgen regress` draws."""
    table = read(Path(__file__).with_name("study.csv"))
    (folder / "study_predicted.png").write_bytes(png(draw_predictions(relate(table))))
    (folder / "study_responses.png").write_bytes(png(draw_responses(table, COLUMNS)))
