"""Descriptors that look along lines: fractions, coverage, interfaces, chords, lineal path."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from specimen import COLORS, GRAIN, MARK, PHASES, canvas, label, phase_legend, save, section, show

from morphgen import descriptors

LAG = 40


def draw(folder: Path) -> None:
    """Draw all of them."""
    _fractions(folder)
    _coverage(folder)
    _interfaces(folder)
    _chords(folder)
    _lineal_path(folder)


def _fractions(folder: Path) -> None:
    figure, (left, right) = canvas(2, 2.3, (1.0, 1.6))
    show(left, section(), "section")
    shares = descriptors.two_point_coverage(section(), max_lag=1).fractions()
    start = 0.0
    for phase, share in zip(PHASES, shares.tolist(), strict=True):
        right.barh(0.0, share, left=start, color=phase.color, edgecolor="0.3", height=0.5)
        right.text(start + 0.5 * share, 0.42, f"{share:.3f}", ha="center", fontsize=8)
        start += share
    right.set_ylim(-0.6, 0.8)
    right.set_yticks([])
    label(right, "share of the pixels", "volume fractions")
    phase_legend(figure)
    save(figure, folder, "volume_fraction")


def _coverage(folder: Path) -> None:
    figure, (left, middle, right) = canvas(3, 2.6)
    show(left, section(), "pairs of points at one lag")
    random = np.random.default_rng(2)
    for y, x in random.uniform(12.0, 115.0, (14, 2)):
        turn = random.uniform(0.0, 2.0 * np.pi)
        other = (x + 15.0 * np.cos(turn), y + 15.0 * np.sin(turn))
        left.plot([x, other[0]], [y, other[1]], "o-", color="black", markersize=2.5, linewidth=0.8)
    radial = descriptors.two_point_coverage(section(), max_lag=LAG).radial()
    fractions = radial.values[:, :, 0].diagonal()
    pairs = [(0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)]
    for i, j in pairs:
        style = {"color": COLORS[j] if i != j else COLORS[i], "linestyle": "-" if i == j else "--"}
        name = f"{PHASES[i].name}–{PHASES[j].name}"
        style["color"] = "0.55" if style["color"] == COLORS[0] else style["color"]
        if (i, j) == (0, 2):
            style["linestyle"] = ":"
        middle.plot(radial.lag, radial.values[i, j], linewidth=1.3, label=name, **style)
        product = fractions[i] * fractions[j]
        right.plot(radial.lag, radial.values[i, j] - product, linewidth=1.3, **style)
        middle.plot([LAG, LAG + 3], [product, product], color="black", linewidth=1.0)
    label(middle, "lag (pixels)", "two-point coverage C")
    label(right, "lag (pixels)", "covariance C − p·p")
    right.axhline(0.0, color="0.7", linewidth=0.6)
    figure.legend(loc="outside lower center", ncols=6, frameon=False, fontsize=7.5)
    save(figure, folder, "two_point_coverage")


def _interfaces(folder: Path) -> None:
    figure, (left, right) = canvas(2, 2.7, (1.0, 1.3))
    part = section()[20:68, 20:68]
    show(left, part, "where a row meets an interface")
    for row in range(3, 48, 6):
        left.axhline(row, color="black", linewidth=0.5)
        meets = np.flatnonzero(part[row, 1:] != part[row, :-1]) + 0.5
        left.plot(meets, np.full(meets.size, row), "o", color=MARK, markersize=3.0)
    found = descriptors.interface_densities(section(), [0, 1, 2])
    names = ["pore–grain", "pore–binder", "grain–binder"]
    values = [float(found[i, j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    bars = right.barh(names, values, color="0.75", edgecolor="0.3", height=0.55)
    right.bar_label(bars, fmt="%.4f", padding=3, fontsize=8)
    right.set_xlim(0.0, 1.25 * max(values))
    right.invert_yaxis()
    label(right, "area per volume (1/pixel)", "interface areas")
    phase_legend(figure)
    save(figure, folder, "interface_area")


def _chords(folder: Path) -> None:
    figure, (left, right) = canvas(2, 2.7, (1.0, 1.5))
    part = section()[:90, :90]
    show(left, part, "chords of the grains along x")
    for row in range(4, 90, 9):
        inside = np.concatenate([[False], part[row] == GRAIN, [False]])
        starts, ends = np.flatnonzero(np.diff(inside.astype(int))).reshape(-1, 2).T
        for start, end in zip(starts, ends, strict=True):
            whole = start > 0 and end < part.shape[1]
            style = {"color": MARK} if whole else {"color": "black", "linestyle": ":"}
            left.plot([start - 0.5, end - 0.5], [row, row], linewidth=2.0, **style)
    for phase in PHASES[1:]:
        chords = descriptors.chord_lengths(section(400), phase.label, 1)
        right.plot(
            chords.lengths,
            chords.distribution(),
            color=phase.color,
            linewidth=1.4,
            label=phase.name,
        )
        right.axvline(float(chords.mean()), color=phase.color, linestyle="--", linewidth=1.0)
    right.set_xlim(0.0, 60.0)
    label(right, "chord length (pixels); dashed: mean", "chord length distribution")
    phase_legend(figure)
    save(figure, folder, "chord_length")


def _lineal_path(folder: Path) -> None:
    figure, (left, right) = canvas(2, 2.7, (1.0, 1.5))
    part = section()[30:100, 30:100]
    show(left, part, "segments of one length")
    random = np.random.default_rng(4)
    for row, start in random.integers(2, (68, 56), (22, 2)):
        within = bool(np.all(part[row, start : start + 12] == GRAIN))
        style = {"color": MARK} if within else {"color": "black", "linestyle": ":"}
        left.plot([start, start + 11], [row, row], linewidth=2.0, **style)
    coverage = descriptors.two_point_coverage(section(400), max_lag=LAG).radial()
    for phase in PHASES[1:]:
        path = descriptors.lineal_path(section(400), phase.label, 1)
        right.plot(path.lengths, path.values(), color=phase.color, linewidth=1.4)
        place = phase.label
        right.plot(
            coverage.lag, coverage.values[place, place], ":", color=phase.color, linewidth=1.2
        )
    right.set_xlim(0.0, LAG)
    label(right, "length (pixels); dotted: two-point coverage", "lineal path function")
    phase_legend(figure)
    save(figure, folder, "lineal_path")
