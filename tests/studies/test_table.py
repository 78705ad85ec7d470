"""Columns of a study's table."""

from __future__ import annotations

import numpy as np

from morphgen.studies.table import Table


def test_what_was_measured_is_named_once_for_all_axes() -> None:
    columns = {
        name: np.array([1.0, np.nan])
        for name in ("seed", "set.seed", "tau.pore.z", "tau.pore.y", "volume_fraction.pore")
    }
    columns["void.pore"] = np.array([np.nan, np.nan])
    assert Table(columns, ("", "")).measured == ("tau.pore", "volume_fraction.pore")
