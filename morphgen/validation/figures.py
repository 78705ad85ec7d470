"""Figures of a comparison and of a calibration."""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

from morphgen.excursion import ExcursionModel
from morphgen.validation.calibration_curves import CalibrationCurves
from morphgen.validation.comparison import Comparison, Quantity
from morphgen.validation.rendering import (
    CLOSED_FORM,
    OBSERVED,
    OFF,
    SIMULATED,
    VOLUME,
    Picture,
    panels,
    picture,
    safe,
)
from morphgen.validation.words import lengths_in, names_of, pair_name, title

_COVERAGE_TITLES = {
    "two_point_coverage": "Two-point coverage C",
    "covariance": "C less the product of the fractions",
}
MOST_ROWS = 40


def coverage_curves(comparison: Comparison, model: ExcursionModel, kind: str) -> Picture:
    """Draw C_ij, or C_ij - p_i p_j, of all pairs with their bands.

    Parameters
    ----------
    comparison : Comparison
        The comparison.
    model : ExcursionModel
        The model, for the names of the phases.
    kind : {"two_point_coverage", "covariance"}
        What to draw.

    Returns
    -------
    Picture
    """
    names = names_of(model.phases)
    curves = sorted(
        (one for one in comparison.quantities if one.kind == kind), key=lambda one: one.phases
    )
    figure, axes = panels(len(curves), 3, (3.3, 2.5))
    for axis, curve in zip(axes, curves, strict=True):
        _draw_curve(axis, curve)
        axis.set_title(safe(pair_name(curve.phases, names)), fontsize=9)
        axis.set_xlabel(f"lag ({lengths_in(comparison.unit)})", fontsize=8)
    figure.suptitle(_COVERAGE_TITLES[kind], fontsize=11)
    _curve_legend(figure, curves[0])
    return picture(
        figure,
        f"{_COVERAGE_TITLES[kind]} against lag, one panel for each pair of phases. "
        + _outside_words(curves, names),
        "Black: the sections. Blue: mean of the simulated sections, with the band in which all "
        "points of all quantities are expected together. Crosses mark points outside.",
    )


def chord_curves(comparison: Comparison, model: ExcursionModel) -> Picture:
    """Draw the cumulative chord length distributions of all phases with their bands.

    Parameters
    ----------
    comparison : Comparison
        The comparison.
    model : ExcursionModel
        The model, for the names of the phases.

    Returns
    -------
    Picture
    """
    names = names_of(model.phases)
    kind = "chord_length_distribution"
    curves = sorted(
        (one for one in comparison.quantities if one.kind == kind),
        key=lambda one: (one.direction, one.phases),
    )
    figure, axes = panels(len(curves), len(model.phases), (3.3, 2.5))
    for axis, curve in zip(axes, curves, strict=True):
        _draw_curve(axis, curve)
        axis.set_ylim(0.0, 1.0)
        name = f"{names[curve.phases[0]]} along {curve.direction}"
        axis.set_title(safe(name), fontsize=9)
        axis.set_xlabel(f"chord length ({lengths_in(comparison.unit)})", fontsize=8)
    figure.suptitle("Share of chords up to a length", fontsize=11)
    _curve_legend(figure, curves[0])
    return picture(
        figure,
        "Cumulative chord length distributions, one panel for each phase and direction. "
        + _outside_words(curves, names),
        "Chords that touch the border of a section are left out on both sides. Lengths up to "
        "which fewer than 5 % or more than 95 % of the simulated chords reach are not judged.",
    )


def deviations(comparison: Comparison, model: ExcursionModel) -> Picture:
    """Draw the largest deviation of every quantity, the farthest at the top.

    Parameters
    ----------
    comparison : Comparison
        The comparison.
    model : ExcursionModel
        The model, for the names of the phases.

    Returns
    -------
    Picture
    """
    names = names_of(model.phases)
    shown = comparison.quantities[:MOST_ROWS]
    figure = Figure(figsize=(8.2, 0.9 + 0.2 * len(shown)), layout="constrained")
    axis = figure.subplots()
    for row, one in enumerate(shown):
        color, marker = (SIMULATED, "o") if one.passed else (OFF, "X")
        axis.plot([0.0, one.largest_deviation], [row, row], color="0.8", linewidth=1.0, zorder=1)
        axis.plot([one.largest_deviation], [row], marker, color=color, markersize=6)
    axis.axvline(comparison.critical, color="black", linestyle="--", linewidth=1.0)
    axis.set_xscale("symlog", linthresh=2.0 * comparison.critical, linscale=2.0)
    axis.set_xlim(0.0, max(1.15 * shown[0].largest_deviation, 1.3 * comparison.critical))
    axis.xaxis.set_major_locator(FixedLocator([0, 1, 2, 3, 4, 5, 7, 10, 20, 50, 100, 1000]))
    axis.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_yticks(range(len(shown)), [safe(title(one, names)) for one in shown], fontsize=8)
    axis.set_ylim(len(shown) - 0.4, -0.6)
    axis.set_xlabel("largest deviation, in standard deviations; dashed: the limit", fontsize=9)
    axis.spines[["top", "right"]].set_visible(False)
    off = sum(not one.passed for one in comparison.quantities)
    return picture(
        figure,
        f"Largest standardised deviation of each quantity; {off} of "
        f"{len(comparison.quantities)} lie beyond the limit of {comparison.critical:.2f}",
        "For a curve the deviation is that of its worst point. A dot lies within the limit, a "
        "cross beyond it.",
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
    figure = Figure(figsize=(3.3 * columns, 3.5 * rows), layout="constrained")
    grid = figure.add_gridspec(2 * rows, columns, height_ratios=[2.2, 1.0] * rows)
    for number, (i, j) in enumerate(pairs):
        row, column = divmod(number, columns)
        upper = figure.add_subplot(grid[2 * row, column])
        lower = figure.add_subplot(grid[2 * row + 1, column], sharex=upper)
        _draw_fit(upper, lower, fit, i, j)
        upper.set_title(safe(pair_name((labels[i], labels[j]), names)), fontsize=9)
        lower.set_xlabel(f"lag ({lengths_in(model.unit)})", fontsize=8)
    if fit.name:
        figure.suptitle(safe(f"Lags {fit.name}"), fontsize=11)
    _fit_legend(figure)
    worst = float(np.nanmax(np.abs(fit.model - fit.data)))
    where = f" {fit.name}" if fit.name else ""
    return picture(
        figure,
        f"Measured and fitted two-point coverage against lag{where} for every pair of phases, with "
        f"the residuals below; the largest residual is {worst:.2g}",
        "Above: C of the sections and of the model, with two standard errors of C − p·p. "
        "Below: model less sections. Grey: the least largest misfit at each lag that any "
        "independent fields could reach in this order; residuals within it are due to the model "
        "class.",
    )


def _draw_curve(axis: Axes, curve: Quantity) -> None:
    x = np.array(curve.x)
    axis.fill_between(x, curve.lower, curve.upper, color=SIMULATED, alpha=0.22, linewidth=0.0)
    axis.plot(x, curve.mean, color=SIMULATED, linewidth=1.4)
    if curve.closed_form is not None:
        axis.plot(x, curve.closed_form, color=CLOSED_FORM, linewidth=1.2, linestyle="--")
    if curve.volume is not None:
        axis.plot(x, curve.volume, color=VOLUME, linewidth=1.4, linestyle="-.")
    observed = np.array(curve.observed)
    axis.plot(x, observed, color=OBSERVED, linewidth=1.2)
    off = np.array(curve.judged) & ((observed < curve.lower) | (observed > curve.upper))
    axis.plot(x[off], observed[off], "x", color=OFF, markersize=4, markeredgewidth=1.0)


def _curve_legend(figure: Figure, curve: Quantity) -> None:
    handles: list[Line2D | Patch] = [
        Line2D([], [], color=OBSERVED, linewidth=1.2, label="sections"),
        Line2D([], [], color=SIMULATED, linewidth=1.4, label="simulated, mean"),
        Patch(color=SIMULATED, alpha=0.22, linewidth=0.0, label="band"),
    ]
    if curve.closed_form is not None:
        handles.append(Line2D([], [], color=CLOSED_FORM, linestyle="--", label="closed form"))
    if curve.volume is not None:
        handles.append(Line2D([], [], color=VOLUME, linestyle="-.", label="volume"))
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
