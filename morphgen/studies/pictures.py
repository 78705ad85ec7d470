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
from morphgen.studies.table import AXES, Floats, Table

# Okabe and Ito, as in morphgen.phases
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
_MARKERS = ("o", "^", "s", "v")
_MOST_BINS = 8
_FEWEST_IN_BIN = 4
_MOST_PANELS = 64
# these multiply a length
_FACTORS = ("length_factor", "axial_factor")
_DPI = 130


def draw_predictions(relations: Sequence[Relation]) -> Figure:
    """Draw predicted against simulated values, a panel for each phase that has a law.

    Of the fitted law each value was predicted while it was held out. On the line, both agree.

    Raises
    ------
    InputError
        If no phase has a law.
    """
    drawn = [one for one in relations if one.regressions]
    if not drawn:
        raise InputError("no phase has a law to draw")
    figure = Figure(figsize=(4.3 * len(drawn), 4.6), layout="constrained")
    for axis, one in zip(_panels(figure, 1, len(drawn))[0], drawn, strict=True):
        _draw_prediction(axis, one)
    return figure


def draw_responses(table: Table, names: Sequence[str] | None = None) -> Figure:
    """Draw measured numbers against what was varied.

    Points are scenarios; lines join the means of equally large shares of them.

    Parameters
    ----------
    table : Table
        Table of a study.
    names : sequence of str, optional
        Columns, a row of panels for each; by default all that was measured. Without its axis, as
        ``effective_diffusivity.pore``, a name means the columns along all axes, each in a colour
        of its own.

    Raises
    ------
    InputError
        If a column is missing, nothing was varied, or there is too much for one picture.
    """
    across = [name for name in table.varied if np.unique(table.columns[name]).size > 1]
    names = names or table.measured
    if not names or not across:
        raise InputError("the table has nothing to draw: nothing measured, or nothing varied")
    if len(names) * len(across) > _MOST_PANELS:
        raise InputError(
            f"{len(names)} x {len(across)} panels are more than {_MOST_PANELS}; name fewer"
        )
    size = (2.6 * len(across) + 0.6, 2.1 * len(names) + 0.6)
    figure = Figure(figsize=size, layout="constrained")
    for row, name in zip(_panels(figure, len(names), len(across)), names, strict=True):
        for axis, varied in zip(row, across, strict=True):
            for colour, (direction, column) in zip(_COLOURS, _columns(table, name), strict=False):
                label = f"along {direction}" if direction else ""
                _draw_response(axis, table.columns[varied], column, colour, label)
            if varied.split(".")[1] in _FACTORS:
                _logarithmic(axis, "x")
            if name == names[-1]:
                axis.set_xlabel(_words(varied.removeprefix("set.")), fontsize=8)
        row[0].set_ylabel(_words(name).replace(" of ", "\nof ", 1), fontsize=8)
    if len(_columns(table, names[0])) > 1:
        handles, labels = figure.axes[0].get_legend_handles_labels()
        figure.legend(
            handles, labels, loc="outside upper center", ncols=3, frameon=False, fontsize=8
        )
    return figure


def png(figure: Figure) -> bytes:
    """Figure as a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI)
    return buffer.getvalue()


def _draw_prediction(axis: Axes, one: Relation) -> None:
    first = one.regressions[0]
    laws = [(f"{first.law.name}, held out", first.predictions)]
    laws += [(law.name, law.predict(one.data.predictors)) for law, _ in one.published]
    for (name, values), colour, marker in zip(laws, _COLOURS, _MARKERS, strict=False):
        axis.plot(
            one.data.response, values, marker, color=colour, markersize=3.5, alpha=0.6,
            markeredgewidth=0.0, label=name,
        )  # fmt: skip
    every = np.concatenate([one.data.response, *(values for _, values in laws)])
    ends = (float(every.min()) / 1.1, float(every.max()) * 1.1)
    axis.plot(ends, ends, color="black", linewidth=1.0)
    for side in "xy":
        _logarithmic(axis, side)
    axis.set(xlim=ends, ylim=ends, aspect="equal", ylabel="predicted")
    axis.set_xlabel(f"simulated {_words(one.response)}")
    axis.set_title(_safe(one.phase), fontsize=10)
    axis.legend(frameon=False, fontsize=8)


def _draw_response(axis: Axes, x: Floats, y: Floats, colour: str, label: str) -> None:
    known = np.isfinite(y)
    x, y = x[known], y[known]
    axis.plot(x, y, "o", color=colour, markersize=2.5, alpha=0.35, markeredgewidth=0.0)
    values = np.unique(x)
    order = np.argsort(x, kind="stable")
    bins = min(_MOST_BINS, x.size // _FEWEST_IN_BIN)
    if values.size <= _MOST_BINS:
        parts = [np.flatnonzero(x == one) for one in values]
    else:
        parts = np.array_split(order, max(1, bins))
    means = np.array([(x[part].mean(), y[part].mean()) for part in parts]).reshape(-1, 2)
    axis.plot(*means.T, color=colour, linewidth=1.5, label=label)
    axis.tick_params(labelsize=7)


def _columns(table: Table, name: str) -> list[tuple[str, Floats]]:
    """Axis and numbers of a column, or of those of its name along each axis."""
    along = [(axis, f"{name}.{axis}") for axis in AXES if f"{name}.{axis}" in table.columns]
    return [(axis, table.column(one)) for axis, one in along] or [("", table.column(name))]


def _logarithmic(axis: Axes, side: str) -> None:
    """Make one axis logarithmic, with plain numbers."""
    axis.set(**{f"{side}scale": "log"})
    ticks = axis.xaxis if side == "x" else axis.yaxis
    ticks.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    ticks.set_major_formatter(StrMethodFormatter("{x:g}"))
    ticks.set_minor_formatter(NullFormatter())


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
