"""Relations of the columns of a table, and their pictures."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from morphgen.errors import InputError
from morphgen.studies import Row, Table, read_table, write_table
from morphgen.studies.pictures import draw_predictions, draw_responses, png
from morphgen.studies.published import FRACTION, NECKS, PATHS, STENZEL
from morphgen.studies.relations import observations, relate


def made_table(points: int = 30) -> Table:
    """Table in which the law of Stenzel et al. holds for the pore along every axis."""
    rng = np.random.default_rng(0)
    columns = {"scenario": np.arange(points, dtype=float), "point": np.arange(points, dtype=float)}
    columns["set.volume_fraction.pore"] = rng.uniform(0.2, 0.6, points)
    columns["volume_fraction.pore"] = columns["set.volume_fraction.pore"] + 0.001
    for axis in "zyx":
        columns[f"constrictivity.pore.{axis}"] = rng.uniform(0.1, 0.6, points)
        columns[f"mean_geodesic_tortuosity.pore.{axis}"] = rng.uniform(1.05, 1.8, points)
        predictors = {
            FRACTION: columns["volume_fraction.pore"],
            NECKS: columns[f"constrictivity.pore.{axis}"],
            PATHS: columns[f"mean_geodesic_tortuosity.pore.{axis}"],
        }
        columns[f"effective_diffusivity.pore.{axis}"] = STENZEL.predict(predictors)
    return Table(columns, ("",) * points)


def test_a_law_in_the_table_is_found() -> None:
    (found,) = relate(made_table())
    assert (found.phase, len(found.data), found.left_out) == ("pore", 90, 0)
    full, alone = found.regressions
    assert full.law.exponents == pytest.approx(dict(STENZEL.exponents))
    assert full.held_out.r_squared == pytest.approx(1.0)
    assert set(alone.law.exponents) == {FRACTION}
    stenzel, gaiselmann = found.published
    assert stenzel[1].percentage_error == pytest.approx(0.0, abs=1e-9)
    assert gaiselmann[1].percentage_error > 5.0
    assert json.loads(json.dumps(found.to_dict()))["regressions"][0]["folds"] == 10


def test_what_has_no_logarithm_is_left_out() -> None:
    table = made_table()
    table.columns["effective_diffusivity.pore.z"][3] = 0.0
    table.columns["constrictivity.pore.x"][4] = np.nan
    table = replace(table, errors=("failed", *table.errors[1:]))
    for name, values in table.columns.items():
        if not name.startswith(("set.", "point", "scenario")):
            values[0] = np.nan
    data, left_out = observations(table, "effective_diffusivity", (FRACTION, NECKS, PATHS), "pore")
    # a failed scenario was never observed
    assert (len(data), left_out) == (85, 2)
    assert np.bincount(data.groups)[[0, 3, 4, 5]].tolist() == [0, 2, 2, 3]


def test_what_is_not_in_the_table() -> None:
    with pytest.raises(InputError, match="the table has no tortuosity_factor; measure it"):
        relate(made_table(), response="tortuosity_factor")
    with pytest.raises(InputError, match=r"no column 'euler_number.pore'"):
        relate(made_table(), predictors=("euler_number",))
    with pytest.raises(InputError, match=r"no column 'effective_diffusivity.solid'"):
        relate(made_table(), phases=["solid"])
    with pytest.raises(InputError, match="pore: 5 points do not determine"):
        relate(made_table(5))
    other = relate(made_table(), response="mean_geodesic_tortuosity", predictors=(NECKS,))
    assert (len(other[0].regressions), other[0].published) == (1, ())


def test_pictures() -> None:
    table = made_table()
    for figure in (draw_predictions(relate(table)), draw_responses(table)):
        assert min(Image.open(io.BytesIO(png(figure))).size) > 300
    (panel,) = draw_predictions(relate(table)).axes
    names = [text.get_text() for text in panel.get_legend().get_texts()]
    assert names == [
        "fitted in 3 descriptors, held out", "Stenzel et al. 2016", "Gaiselmann et al. 2014"
    ]  # fmt: skip
    panels = draw_responses(table).axes
    assert len(panels) == 4
    assert panels[0].get_ylabel() == "volume fraction\nof pore"
    one = draw_responses(table, ["constrictivity.pore.z"]).axes
    assert (len(one), one[0].get_xlabel()) == (1, "volume fraction of pore")
    with pytest.raises(InputError, match="65 x 1 panels are too many"):
        draw_responses(table, ["volume_fraction.pore"] * 65)
    with pytest.raises(InputError, match="nothing to draw"):
        draw_responses(Table({"scenario": np.arange(3.0)}, ("",) * 3))


def test_tables(tmp_path: Path) -> None:
    rows = [
        Row(0, 0, 0, 2**64 - 1, {"set.seed": 1}, {"a.b": 0.5, "c": float("inf")}),
        Row(1, 1, 0, 0, {"set.seed": 2}, {}, "bad"),
    ]
    file = tmp_path / "study.parquet"
    write_table(rows, file)
    first = file.read_bytes()
    write_table(rows, file)
    assert file.read_bytes() == first
    found = read_table(tmp_path)
    assert list(found.columns) == [
        "scenario", "point", "realization", "seed", "feature_voxels", "set.seed", "a.b", "c"
    ]  # fmt: skip
    np.testing.assert_array_equal(found.column("c"), [np.inf, np.nan])
    assert found.errors == ("", "bad")
    with pytest.raises(InputError, match="does not exist; finish the study first"):
        read_table(tmp_path / "absent")
    file.write_bytes(first[:-5])
    with pytest.raises(InputError, match="cannot be read"):
        read_table(file)
