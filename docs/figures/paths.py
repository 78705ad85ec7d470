"""Descriptors of passage: geodesic tortuosity, diffusion, conduction."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from scipy.ndimage import label as connected
from scipy.sparse import coo_array
from scipy.sparse.linalg import spsolve
from skimage.graph import MCP_Geometric
from specimen import COLORS, GRAIN, MARK, PHASES, PORE, bare, canvas, label, save, show, volume

import morphgen as mg
from morphgen import descriptors
from morphgen.fields.laws import Gaussian
from morphgen.fields.parametric import GaussianKernel

EDGE = 40
CONDUCTIVITIES = {0: 0.0, 1: 1.0, 2: 0.1}


@cache
def section() -> np.ndarray:
    """A section that can be crossed: in a plane, a phase must fill more than half for that."""
    law = Gaussian()
    fields = (
        mg.Field(GaussianKernel(6.0), law, law.threshold(0.55)),
        mg.Field(GaussianKernel(5.0), law, law.threshold(0.4)),
    )
    model = mg.ExcursionModel(PHASES, (GRAIN, 2, PORE), fields)
    return mg.section_sampler(model, (140, 140)).labels(seed=1)


def draw(folder: Path) -> None:
    """Draw all of them."""
    _geodesic(folder)
    _diffusion(folder)
    _conduction(folder)


def _geodesic(folder: Path) -> None:
    labels = section()
    free = labels != PORE
    figure, (left, right) = canvas(2, 2.9, (1.0, 1.5))
    show(left, labels, "shortest paths outside the pores")
    paths = MCP_Geometric(np.where(free, 1.0, np.inf))
    costs, _ = paths.find_costs([(0, int(x)) for x in np.flatnonzero(free[0])])
    ends = [x for x in range(4, labels.shape[1], 8) if np.isfinite(costs[-1, x])]
    for x in ends:
        down, along = np.array(paths.traceback((labels.shape[0] - 1, x))).T
        left.plot(along, down, color="black", linewidth=1.1)
    solid = np.where(volume(EDGE) == PORE, np.uint8(0), np.uint8(1))
    for flags, name, color in (
        (solid, "grains and binder", "0.35"),
        (volume(EDGE), "grains", COLORS[1]),
    ):
        found = descriptors.geodesic_tortuosities(flags, 1, 0)
        right.hist(found, 40, (1.0, 1.8), density=True, color=color, alpha=0.6, label=name)
        right.axvline(found.mean(), color=color, linestyle="--", linewidth=1.2)
    right.legend(frameon=False, fontsize=8)
    right.set_yticks([])
    label(right, "geodesic tortuosity; dashed: mean", "the volume along z")
    save(figure, folder, "geodesic_tortuosity")


def potential(conductivity: np.ndarray) -> np.ndarray:
    """Potential of a plane between electrodes above (1) and below (0); NaN where none leads to."""
    numbered, _ = connected(conductivity > 0.0)
    through = np.intersect1d(numbered[0], numbered[-1])
    conductivity = np.where(np.isin(numbered, through[through > 0]), conductivity, 0.0)
    rows, columns = conductivity.shape
    place = np.arange(rows * columns).reshape(rows, columns)
    links = []
    for first, second in ((np.s_[:-1], np.s_[1:]), (np.s_[:, :-1], np.s_[:, 1:])):
        a, b = conductivity[first], conductivity[second]
        both = (a > 0.0) & (b > 0.0)
        strength = 2.0 * a[both] * b[both] / (a[both] + b[both])
        links.append((place[first][both], place[second][both], strength))
    start, end, strength = (np.concatenate(part) for part in zip(*links, strict=True))
    diagonal = np.where(conductivity > 0.0, 0.0, 1.0).reshape(-1)
    np.add.at(diagonal, start, strength)
    np.add.at(diagonal, end, strength)
    diagonal[place[0]] += 2.0 * conductivity[0]
    diagonal[place[-1]] += 2.0 * conductivity[-1]
    known = np.zeros(rows * columns)
    known[place[0]] = 2.0 * conductivity[0]
    every = np.arange(rows * columns)
    matrix = coo_array(
        (
            np.concatenate([diagonal, -strength, -strength]),
            (np.concatenate([every, start, end]), np.concatenate([every, end, start])),
        )
    ).tocsc()
    found = spsolve(matrix, known).reshape(rows, columns)
    return np.where(conductivity > 0.0, found, np.nan)


def _flux(values: np.ndarray) -> np.ndarray:
    """Size of the flux at each pixel where the conductivity is 1."""
    found = np.zeros(values.shape)
    for axis in (0, 1):
        steps = np.nan_to_num(np.diff(values, axis=axis))
        none = np.zeros_like(np.take(values, [0], axis))
        before, after = np.concatenate([none, steps], axis), np.concatenate([steps, none], axis)
        found += (0.5 * (before + after)) ** 2
    return np.where(np.isnan(values), np.nan, np.sqrt(found))


def _diffusion(folder: Path) -> None:
    labels = section()
    own = (labels != PORE).astype(float)
    figure, (left, middle, right) = canvas(3, 2.6, (1.15, 1.15, 1.2))
    found = potential(own)
    shown = left.imshow(found, cmap="viridis", vmin=0.0, vmax=1.0)
    bare(left, "concentration")
    figure.colorbar(shown, ax=left, shrink=0.75).ax.tick_params(labelsize=7)
    flux = _flux(found) * labels.shape[0]
    shown = middle.imshow(flux, cmap="magma", vmin=0.0, vmax=3.0)
    bare(middle, "flux")
    figure.colorbar(shown, ax=middle, shrink=0.75, extend="max").ax.tick_params(labelsize=7)
    solid = np.where(volume(EDGE) == PORE, np.uint8(0), np.uint8(1))
    names, values, factors = [], [], []
    for flags, name in ((solid, "grains\nand binder"), (volume(EDGE), "grains")):
        diffusivity = descriptors.effective_diffusivity(flags, GRAIN, 0)
        names.append(name)
        values.append(diffusivity)
        share = float(np.mean(flags == GRAIN))
        factors.append(descriptors.tortuosity_factor(share, diffusivity))
    bars = right.bar(names, values, color=["0.6", COLORS[1]], edgecolor="0.3", width=0.6)
    right.bar_label(bars, [f"τ = {factor:.2f}" for factor in factors], fontsize=8)
    right.set_ylim(0.0, 1.2 * max(values))
    label(right, "", "effective diffusivity along z")
    save(figure, folder, "effective_diffusivity")


def _conduction(folder: Path) -> None:
    labels = section()
    table = np.array([CONDUCTIVITIES[one] for one in range(3)])
    figure, (left, middle, right) = canvas(3, 2.6, (1.0, 1.15, 1.2))
    show(left, labels, "conductivity 1, 0.1 and 0")
    found = potential(table[labels])
    shown = middle.imshow(found, cmap="viridis", vmin=0.0, vmax=1.0)
    bare(middle, "potential")
    figure.colorbar(shown, ax=middle, shrink=0.75).ax.tick_params(labelsize=7)
    ratios = np.array([0.0, 0.1, 0.3, 1.0])
    values = [
        descriptors.effective_conductivity(volume(EDGE), {0: 0.0, 1: 1.0, 2: float(ratio)}, 0)
        for ratio in ratios
    ]
    right.plot(ratios, values, "o-", color=MARK, markersize=4, linewidth=1.2)
    right.set_ylim(bottom=0.0)
    label(right, "conductivity of the binder", "effective conductivity along z")
    save(figure, folder, "effective_conductivity")
