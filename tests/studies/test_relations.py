"""Relations of the columns of a table, and their pictures."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from PIL import Image
from pyarrow import parquet

from morphgen.errors import InputError
from morphgen.studies import Row, Table, read_table, write_table
from morphgen.studies.pictures import draw_predictions, draw_responses, png
from morphgen.studies.published import FRACTION, NECKS, PATHS, PUBLISHED, STENZEL
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


def test_a_column_may_be_a_predictor() -> None:
    table = made_table()
    table.columns["set.length_factor.all"] = np.linspace(0.5, 1.0, 30)
    for axis in "zyx":
        table.columns[f"effective_diffusivity.pore.{axis}"] *= np.linspace(0.5, 1.0, 30) ** 0.3
    (found,) = relate(table, predictors=(FRACTION, NECKS, PATHS, "set.length_factor.all"))
    assert found.regressions[0].law.exponents["set.length_factor.all"] == pytest.approx(0.3)


def test_points_that_share_a_seed_are_one() -> None:
    table = made_table(6)
    predictors = (FRACTION, NECKS, PATHS)
    for seeds, joined in (
        ([0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5]),
        # 1 and 4 have a seed in common, and realizations of one point belong together
        ([0, 1, 2, 3, 1, 5], [0, 1, 2, 3, 1, 4]),
        ([2**64 - 1, 2**64 - 2, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5]),
    ):
        table.columns["seed"] = np.array(seeds, dtype=np.uint64)
        data, _ = observations(table, "effective_diffusivity", predictors, "pore")
        assert data.groups.tolist() == 3 * joined
    table.columns["point"] = np.array([0, 0, 1, 1, 2, 2.0])
    table.columns["seed"] = np.array([0, 1, 2, 3, 2, 5.0])
    data, _ = observations(table, "effective_diffusivity", predictors, "pore")
    assert data.groups.tolist() == 3 * [0, 0, 1, 1, 1, 1]


def test_a_common_seed_tells_no_law() -> None:
    table = made_table()
    table.columns["seed"] = np.full(30, 7.0)
    with pytest.raises(InputError, match="all 30 points share their seeds"):
        relate(table)


def test_what_is_held_out_has_other_noise() -> None:
    # the error of a seed is the same in all its volumes: a law knows it if one was not held out
    rng = np.random.default_rng(6)
    shares = rng.uniform(0.3, 0.6, 60)
    seeds = np.arange(60) % 12
    error = 0.3 * rng.normal(size=12)[seeds]
    columns = {"point": np.arange(60.0), "seed": seeds.astype(float)}
    columns["volume_fraction.pore"] = shares
    columns["effective_diffusivity.pore"] = shares**1.5 * np.exp(error)
    (found,) = relate(Table(columns, ("",) * 60), predictors=(FRACTION,), folds=60)
    (fit,) = found.regressions
    assert fit.folds == 12
    for seed in range(12):
        kept = seeds != seed
        slope, start = np.polyfit(np.log(shares[kept]), np.log(found.data.response[kept]), 1)
        expected = np.exp(start) * shares[~kept] ** slope
        np.testing.assert_allclose(fit.predictions[~kept], expected)


def test_what_is_not_in_the_table() -> None:
    with pytest.raises(InputError, match="the table has no tortuosity_factor; measure it"):
        relate(made_table(), response="tortuosity_factor")
    with pytest.raises(InputError, match=r"no column 'euler_number.pore'"):
        relate(made_table(), predictors=("euler_number",))
    with pytest.raises(InputError, match=r"no column 'effective_diffusivity.solid'"):
        relate(made_table(), phases=["solid"])
    with pytest.raises(InputError, match="pore: 5 independent points do not determine"):
        relate(made_table(5))
    other = relate(made_table(), response="mean_geodesic_tortuosity", predictors=(NECKS,))
    assert (len(other[0].regressions), other[0].published) == (1, ())


@pytest.mark.parametrize(
    ("response", "predictors"),
    [(NECKS, ()), (NECKS, (FRACTION, FRACTION)), (NECKS, (FRACTION, NECKS))],
)
def test_descriptors_are_named_once(response: str, predictors: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="each once, and none of them the response"):
        relate(made_table(), response=response, predictors=predictors)


def test_a_phase_without_a_law_is_told() -> None:
    table = made_table()
    table.columns["volume_fraction.solid"] = np.linspace(0.1, 0.2, 30)
    table.columns["effective_diffusivity.solid"] = np.zeros(30)
    pore, solid = relate(table, predictors=(FRACTION,))
    assert (pore.problem, len(pore.regressions)) == ("", 1)
    assert (solid.regressions, solid.published, solid.left_out) == ((), (), 30)
    assert solid.problem.startswith("0 independent points do not determine 2 coefficients")
    assert json.loads(json.dumps(solid.to_dict()))["problem"] == solid.problem
    assert len(draw_predictions([pore, solid]).axes) == 1
    with pytest.raises(InputError, match="no phase has a law"):
        draw_predictions([solid])
    with pytest.raises(InputError, match="solid: 0 independent points"):
        relate(table, predictors=(FRACTION,), phases=["pore", "solid"])


def drawn(line: Line2D) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float)


def test_predictions_are_drawn_held_out() -> None:
    table = made_table()
    table.columns["effective_diffusivity.pore.y"][5] *= 3.0
    (found,) = relate(table)
    figure = draw_predictions([found])
    assert min(Image.open(io.BytesIO(png(figure))).size) > 300
    (panel,) = figure.axes
    names = [text.get_text() for text in panel.get_legend().get_texts()]
    assert names == [
        "fitted in 3 descriptors, held out", "Stenzel et al. 2016", "Gaiselmann et al. 2014"
    ]  # fmt: skip
    first = found.regressions[0]
    assert not np.allclose(first.predictions, first.law.predict(found.data.predictors), rtol=1e-3)
    expected = [first.predictions, *(law.predict(found.data.predictors) for law in PUBLISHED)]
    for line, values in zip(panel.lines, expected, strict=False):
        np.testing.assert_array_equal(drawn(line), (found.data.response, values))
    # the diagonal runs from corner to corner of a square that holds all
    assert panel.get_xlim() == panel.get_ylim() == tuple(drawn(panel.lines[-1])[0])
    assert np.ptp(drawn(panel.lines[-1]), axis=0).tolist() == [0.0, 0.0]
    assert panel.get_aspect() == 1.0
    assert all(panel.get_xlim()[0] < one.min() for one in (found.data.response, *expected))
    assert all(panel.get_xlim()[1] > one.max() for one in (found.data.response, *expected))


def test_responses_are_drawn_along_each_axis() -> None:
    table = made_table()
    factors = np.tile([0.5, 1.0, 2.0], 10)
    table.columns["set.axial_factor.all.z"] = factors
    figure = draw_responses(table, ["effective_diffusivity.pore", "volume_fraction.pore"])
    assert len(figure.axes) == 4
    fractions, stretched, alone, _ = figure.axes
    assert (fractions.get_xscale(), stretched.get_xscale()) == ("linear", "log")
    assert fractions.get_ylabel() == "effective diffusivity\nof pore"
    assert alone.get_xlabel() == "volume fraction of pore"
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["along z", "along y", "along x"]
    for axis, points, means in zip("zyx", stretched.lines[::2], stretched.lines[1::2], strict=True):
        measured = table.columns[f"effective_diffusivity.pore.{axis}"]
        np.testing.assert_array_equal(drawn(points), (factors, measured))
        expected = [measured[factors == one].mean() for one in (0.5, 1.0, 2.0)]
        np.testing.assert_allclose(drawn(means), ([0.5, 1.0, 2.0], expected))
    assert len(alone.lines) == 2
    kinds = ("volume_fraction", "constrictivity", "mean_geodesic_tortuosity")
    rows = [axes.get_ylabel() for axes in draw_responses(table).axes[::2]]
    assert rows == [
        f"{one.replace('_', ' ')}\nof pore" for one in (*kinds, "effective_diffusivity")
    ]
    one = draw_responses(table, ["constrictivity.pore.z"])
    assert (len(one.axes), len(one.axes[0].lines), one.legends) == (2, 2, [])
    with pytest.raises(InputError, match="33 x 2 panels are more than 64; name fewer"):
        draw_responses(table, ["volume_fraction.pore"] * 33)
    with pytest.raises(InputError, match="nothing to draw"):
        draw_responses(Table({"scenario": np.arange(3.0)}, ("",) * 3), ["scenario"])
    with pytest.raises(InputError, match=r"no column 'volume_fraction.solid'"):
        draw_responses(table, ["volume_fraction.solid"])


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
    # what others did to the file: words were added, the errors taken away
    other = parquet.read_table(file)
    other = other.drop_columns(["error"]).append_column("note", [["one", "two"]])
    parquet.write_table(other, file)
    changed = read_table(file)
    assert (list(changed.columns), changed.errors) == (list(found.columns), ("", ""))
    file.write_bytes(first[:-5])
    with pytest.raises(InputError, match="cannot be read"):
        read_table(file)
