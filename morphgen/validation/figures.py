"""Figures of a comparison and of a calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations_with_replacement

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

from morphgen.descriptors import KINDS
from morphgen.excursion import ExcursionModel
from morphgen.validation.calibration_curves import CalibrationCurves
from morphgen.validation.comparison import Comparison, Quantity
from morphgen.validation.rendering import (
    CLOSED_FORM,
    OBSERVED,
    OFF,
    SIMULATED,
    VOLUME,
    WIDTH,
    Picture,
    panels,
    picture,
    safe,
)
from morphgen.validation.specimens import Place
from morphgen.validation.words import curve_heading, lengths_in, names_of, pair_name, title

MOST_ROWS = 40
MOST_PANELS = 12
# letters above a panel of a third of a page
_LONGEST_TITLE = 32
_TICKS = (0, 1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 50, 100, 200, 500, 1000, 10000)

# curves that run from 0 to 1
_SHARES = frozenset(
    {
        "chord_length_distribution",
        "lineal_path",
        "spherical_contact",
        "phase_size_distribution",
        "intrusion_distribution",
        "geodesic_tortuosity_distribution",
    }
)
_READING = {
    "covariance": " Free of most of the error of the fractions, it shows the shape alone.",
    "chord_length_distribution": " Chords that touch the border are left out on both sides. "
    "Lengths up to which fewer than 5 % or more than 95 % of the simulated chords reach are not "
    "judged.",
}


def curves(
    comparison: Comparison, model: ExcursionModel, kind: str, where: Place = "sections"
) -> Picture:
    """Draw all curves of a kind with their bands, one panel for each pair, phase or direction.

    Parameters
    ----------
    comparison : Comparison
        The comparison.
    model : ExcursionModel
        The model, for the names of the phases.
    kind : str
        Kind of the curves, one of `morphgen.descriptors.KINDS` with an argument.
    where : {"sections", "volume"}
        What they were measured on.

    Returns
    -------
    Picture
    """
    names = names_of(model.phases)
    every = [one for one in comparison.quantities if (one.kind, one.where) == (kind, where)]
    shown = _chosen(every)
    known = KINDS[kind]
    figure, axes = panels(len(shown), 3, (WIDTH / 3, 1.45))
    unit = lengths_in(comparison.unit) if known.argument_power else ""
    for axis, curve in zip(axes, shown, strict=True):
        _draw_curve(axis, curve)
        if kind in _SHARES:
            axis.set_ylim(0.0, 1.0)
        else:
            _limit(axis, curve)
        axis.set_title(_fitting(_panel_title(curve, names)), fontsize=8.5)
        axis.set_xlabel(f"{known.argument} ({unit})" if unit else known.argument, fontsize=8)
    heading = curve_heading(kind) + (", of the volume" if where == "volume" else ", on sections")
    _curve_legend(figure, shown)
    return picture(
        figure,
        f"{kind.replace('_', '-')}-{where}",
        f"{heading} against {known.argument}, one panel for each of "
        f"{', '.join(_panel_title(one, names) for one in shown)}. {_outside_words(shown, names)}",
        f"{heading}. Black: the specimen, with two standard errors in grey. Blue: mean of the "
        "simulations, with the band in which all points of all quantities are expected together. "
        "Crosses mark points outside." + _READING.get(kind, "") + _omitted(len(every) - len(shown)),
    )


def deviations(
    quantities: Sequence[Quantity], comparison: Comparison, model: ExcursionModel
) -> Picture:
    """Draw the largest deviation of the first quantities, one below the other.

    Parameters
    ----------
    quantities : sequence of Quantity
        The quantities in their order; at most 40 are drawn.
    comparison : Comparison
        The comparison.
    model : ExcursionModel
        The model, for the names of the phases.

    Returns
    -------
    Picture
    """
    names = names_of(model.phases)
    shown = quantities[:MOST_ROWS]
    limit = 1.3 * comparison.critical
    known = [one.largest_deviation for one in shown if not one.one_sided]
    most = max([limit, *(1.15 * value for value in known)])
    figure = Figure(figsize=(WIDTH, 0.9 + 0.19 * len(shown)), layout="constrained")
    axis = figure.subplots()
    for row, one in enumerate(shown):
        color, marker = (SIMULATED, "o") if one.passed else (OFF, "X")
        end = min(one.largest_deviation, most)
        axis.plot([0.0, end], [row, row], color="0.8", linewidth=1.0, zorder=1)
        axis.plot([end], [row], marker, color=color, markersize=6, clip_on=False)
    axis.axvline(comparison.critical, color="black", linestyle="--", linewidth=1.0)
    axis.set_xscale("symlog", linthresh=2.0 * comparison.critical, linscale=2.0)
    axis.set_xlim(0.0, most)
    axis.xaxis.set_major_locator(FixedLocator(_ticks(axis)))
    axis.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_yticks(range(len(shown)), [safe(title(one, names)) for one in shown], fontsize=7.5)
    axis.set_ylim(len(shown) - 0.4, -0.6)
    axis.set_xlabel("largest deviation, in standard deviations; dashed: the limit", fontsize=9)
    axis.spines[["top", "right"]].set_visible(False)
    off = sum(not one.passed for one in comparison.quantities)
    return picture(
        figure,
        "deviations",
        f"Largest standardised deviation of each quantity; {off} of "
        f"{len(comparison.quantities)} lie beyond the limit of {comparison.critical:.2f}",
        (f"The {MOST_ROWS} farthest. " if len(quantities) > MOST_ROWS else "")
        + "For a curve the deviation is that of its worst point. A dot lies within the limit, a "
        "cross beyond it"
        + (
            ", at the right end where one side alone has a value."
            if len(known) < len(shown)
            else "."
        ),
    )


def calibration_fit(fit: CalibrationCurves, model: ExcursionModel) -> Picture:
    """Draw measured and fitted C_ij, and what is left between them beside the bound.

    Parameters
    ----------
    fit : CalibrationCurves
        The curves.
    model : ExcursionModel
        The model, for names and units.

    Returns
    -------
    Picture
    """
    names = names_of(model.phases)
    labels = [phase.label for phase in model.phases]
    pairs = list(combinations_with_replacement(range(len(labels)), 2))
    columns = min(3, len(pairs))
    rows = -(-len(pairs) // columns)
    figure = Figure(figsize=(WIDTH / 3 * max(columns, 2), 2.7 * rows), layout="constrained")
    grid = figure.add_gridspec(2 * rows, columns, height_ratios=[2.2, 1.0] * rows)
    for number, (i, j) in enumerate(pairs):
        row, column = divmod(number, columns)
        upper = figure.add_subplot(grid[2 * row, column])
        lower = figure.add_subplot(grid[2 * row + 1, column], sharex=upper)
        _draw_fit(upper, lower, fit, i, j)
        upper.set_title(_fitting(pair_name((labels[i], labels[j]), names)), fontsize=9)
        lower.set_xlabel(f"lag ({lengths_in(model.unit)})", fontsize=8)
    if fit.name:
        figure.suptitle(safe(f"Lags {fit.name}"), fontsize=11)
    _fit_legend(figure)
    worst = float(np.nanmax(np.abs(fit.model - fit.data)))
    where = f" {fit.name}" if fit.name else ""
    return picture(
        figure,
        "calibration-fit",
        f"Measured and fitted two-point coverage against lag{where} for every pair of phases, with "
        f"the residuals below; the largest residual is {worst:.2g}",
        "Above: C of the sections and of the model, with two standard errors of C − p·p. "
        "Below: model less sections. Grey: the least largest misfit at each lag that any "
        "independent fields could reach in this order; residuals within it are due to the model "
        "class.",
    )


def _chosen(curves: Sequence[Quantity]) -> list[Quantity]:
    """Curves that are drawn: of too many, those without a direction, then the farthest off."""
    first = sorted(curves, key=lambda one: (bool(one.direction), -one.largest_deviation))
    return sorted(first[:MOST_PANELS], key=lambda one: (one.direction, one.phases))


def _omitted(count: int) -> str:
    return f" {count} curves that are less far off stand in the table alone." if count else ""


def _ticks(axis: Axes) -> list[float]:
    """Ticks of deviations that leave room for each other's numbers."""
    found: list[float] = []
    last = -1.0
    for value in _TICKS:
        place = float(axis.transAxes.inverted().transform(axis.transData.transform((value, 0)))[0])
        if place - last >= 0.05 and place <= 1.0:
            found.append(value)
            last = place
    return found


def _limit(axis: Axes, curve: Quantity) -> None:
    """Keep the curves large: a wide band may leave the panel."""
    known = np.array([*curve.observed, *curve.mean])
    known = known[np.isfinite(known)]
    if not known.size:
        return
    room = max(float(np.ptp(known)), 1e-12)
    low, high = axis.get_ylim()
    axis.set_ylim(max(low, known.min() - 0.75 * room), min(high, known.max() + 0.75 * room))


def _draw_curve(axis: Axes, curve: Quantity) -> None:
    x = np.array(curve.x)
    axis.fill_between(x, curve.lower, curve.upper, color=SIMULATED, alpha=0.22, linewidth=0.0)
    axis.plot(x, curve.mean, color=SIMULATED, linewidth=1.4)
    if curve.closed_form is not None:
        axis.plot(x, curve.closed_form, color=CLOSED_FORM, linewidth=1.2, linestyle="--")
    if curve.shown is not None:
        axis.plot(x, curve.shown, color=VOLUME, linewidth=1.4, linestyle="-.")
    observed, error = np.array(curve.observed), 2.0 * np.nan_to_num(curve.standard_error)
    low, high = observed - error, observed + error
    axis.fill_between(x, low, high, color=OBSERVED, alpha=0.18, linewidth=0.0)
    axis.plot(x, observed, color=OBSERVED, linewidth=1.2)
    off = np.array(curve.judged) & ((observed < curve.lower) | (observed > curve.upper))
    axis.plot(x[off], observed[off], "x", color=OFF, markersize=4, markeredgewidth=1.0)


def _fitting(words: str) -> str:
    """Title of a panel, on two lines where a pair of long names does not fit on one."""
    return safe(words if len(words) <= _LONGEST_TITLE else words.replace("–", "–\n", 1))


def _panel_title(curve: Quantity, names: Mapping[int, str]) -> str:
    along = f" along {curve.direction}" if curve.direction else ""
    return pair_name(curve.phases, names) + along


def _curve_legend(figure: Figure, shown: Sequence[Quantity]) -> None:
    handles: list[Line2D | Patch] = [
        Line2D([], [], color=OBSERVED, linewidth=1.2, label="specimen"),
        Line2D([], [], color=SIMULATED, linewidth=1.4, label="simulated, mean"),
        Patch(color=SIMULATED, alpha=0.22, linewidth=0.0, label="band"),
    ]
    if any(curve.closed_form is not None for curve in shown):
        handles.append(Line2D([], [], color=CLOSED_FORM, linestyle="--", label="closed form"))
    if any(curve.shown is not None for curve in shown):
        handles.append(Line2D([], [], color=VOLUME, linestyle="-.", label="volume"))
    if not all(curve.passed for curve in shown):
        handles.append(Line2D([], [], color=OFF, marker="x", linestyle="", label="outside"))
    figure.legend(
        handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, fontsize=8
    )


def _draw_fit(upper: Axes, lower: Axes, fit: CalibrationCurves, i: int, j: int) -> None:
    lag, data, error = fit.lag, fit.data[i, j], fit.standard_error[i, j]
    upper.fill_between(
        lag, data - 2 * error, data + 2 * error, color=OBSERVED, alpha=0.18, linewidth=0.0
    )
    upper.plot(lag, data, color=OBSERVED, linewidth=1.2)
    upper.plot(lag, fit.model[i, j], color=CLOSED_FORM, linewidth=1.4, linestyle="--")
    lower.fill_between(lag, -fit.bound, fit.bound, color="0.8", linewidth=0.0)
    lower.axhline(0.0, color="0.4", linewidth=0.6)
    lower.plot(lag, fit.model[i, j] - data, color=CLOSED_FORM, linewidth=1.2)
    for axis in (upper, lower):
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=8)
    upper.tick_params(labelbottom=False)


def _fit_legend(figure: Figure) -> None:
    handles = [
        Line2D([], [], color=OBSERVED, label="sections, two standard errors"),
        Line2D([], [], color=CLOSED_FORM, linestyle="--", label="model, closed form"),
        Patch(color="0.8", label="bound of the model class"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize=8)


def _outside_words(curves: list[Quantity], names: dict[int, str]) -> str:
    off = [title(one, names) for one in curves if not one.passed]
    return "All lie within their bands" if not off else "Outside their bands: " + "; ".join(off)
