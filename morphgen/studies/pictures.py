"""Pictures of a study: response curves, and predicted against simulated values."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from morphgen.errors import InputError
from morphgen.studies.relations import Relation
from morphgen.studies.table import Floats, Table

# Okabe and Ito, as in morphgen.phases
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
_MARKERS = ("o", "^", "s", "v")
_MOST_BINS = 8
_FEWEST_IN_BIN = 4
_MOST_PANELS = 64
_DPI = 130


def draw_predictions(relations: Sequence[Relation]) -> Figure:
    """Draw predicted against simulated values, a panel for each phase.

    Of the fitted law each value was predicted while it was held out.
    """
    figure = Figure(figsize=(4.3 * len(relations), 4.4), layout="constrained")
    for axis, one in zip(_panels(figure, 1, len(relations))[0], relations, strict=True):
        first = one.regressions[0]
        drawn = [(f"{first.law.name}, held out", first.predictions)]
        drawn += [(law.name, law.predict(one.data.predictors)) for law, _ in one.published]
        for (name, values), colour, marker in zip(drawn, _COLOURS, _MARKERS, strict=False):
            axis.plot(
                one.data.response, values, marker, color=colour, markersize=3.5, alpha=0.6,
                markeredgewidth=0.0, label=name,
            )  # fmt: skip
        ends = [float(one.data.response.min()), float(one.data.response.max())]
        axis.plot(ends, ends, color="black", linewidth=1.0)
        axis.set(xscale="log", yscale="log", xlabel=f"simulated {_words(one.response)}")
        axis.set_ylabel("predicted")
        for side in (axis.xaxis, axis.yaxis):
            side.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            side.set_major_formatter(StrMethodFormatter("{x:g}"))
            side.set_minor_formatter(NullFormatter())
        axis.set_title(_safe(one.phase), fontsize=10)
        axis.legend(frameon=False, fontsize=8)
    return figure


def draw_responses(table: Table, columns: Sequence[str] | None = None) -> Figure:
    """Draw measured numbers against what was varied.

    Points are scenarios; lines join the means of equally large shares of them.

    Parameters
    ----------
    table : Table
        Table of a study.
    columns : sequence of str, optional
        Measured columns; by default all along x or without an axis.

    Raises
    ------
    InputError
        If there is nothing to draw, or too much for one picture.
    """
    rows = list(columns or _measured(table))
    across = [name for name in table.varied if np.unique(table.columns[name]).size > 1]
    if not rows or not across:
        raise InputError("the table has nothing to draw: nothing measured, or nothing varied")
    if len(rows) * len(across) > _MOST_PANELS:
        raise InputError(f"{len(rows)} x {len(across)} panels are too many; name some columns")
    size = (2.6 * len(across) + 0.6, 2.1 * len(rows) + 0.4)
    figure = Figure(figsize=size, layout="constrained")
    for row, name in zip(_panels(figure, len(rows), len(across)), rows, strict=True):
        for axis, varied in zip(row, across, strict=True):
            _draw_response(axis, table.columns[varied], table.column(name))
            if name == rows[-1]:
                axis.set_xlabel(_words(varied.removeprefix("set.")), fontsize=8)
        row[0].set_ylabel(_words(name).replace(" of ", "\nof ", 1), fontsize=8)
    return figure


def png(figure: Figure) -> bytes:
    """Figure as a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI)
    return buffer.getvalue()


def _draw_response(axis: Axes, x: Floats, y: Floats) -> None:
    known = np.isfinite(y)
    x, y = x[known], y[known]
    axis.plot(x, y, "o", color=_COLOURS[0], markersize=3.0, alpha=0.5, markeredgewidth=0.0)
    values = np.unique(x)
    order = np.argsort(x, kind="stable")
    bins = min(_MOST_BINS, x.size // _FEWEST_IN_BIN)
    if values.size <= _MOST_BINS:
        parts = [np.flatnonzero(x == one) for one in values]
    else:
        parts = np.array_split(order, max(1, bins))
    means = [(x[part].mean(), y[part].mean()) for part in parts if part.size]
    axis.plot(*zip(*means, strict=True), color=_COLOURS[1], linewidth=1.5)
    axis.tick_params(labelsize=7)


def _measured(table: Table) -> list[str]:
    skipped = {"scenario", "point", "realization", "seed", "feature_voxels", *table.varied}
    return [
        name
        for name, values in table.columns.items()
        if name not in skipped and not name.endswith((".z", ".y")) and np.isfinite(values).any()
    ]


def _panels(figure: Figure, rows: int, columns: int) -> list[list[Axes]]:
    found = figure.subplots(rows, columns, squeeze=False, sharex="col" if rows > 1 else False)
    return [list(row) for row in found]


def _words(name: str) -> str:
    """Name of a column for people."""
    kind, *target = name.split(".")
    words = kind.replace("_", " ")
    if not target:
        return _safe(words)
    along = f" along {target[-1]}" if len(target) > 1 else ""
    return _safe(f"{words} of {target[0]}{along}")


def _safe(text: str) -> str:
    # matplotlib takes dollars for mathematics
    return text.replace("$", r"\$")
