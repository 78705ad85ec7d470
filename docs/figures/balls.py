"""Descriptors by balls: contact distances, phase sizes, intrusion and constrictivity."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.ndimage import distance_transform_edt
from scipy.ndimage import label as connected
from specimen import (
    COLORS,
    GRAIN,
    MARK,
    PHASES,
    PORE,
    bare,
    canvas,
    label,
    legend,
    save,
    show,
    volume,
)

from morphgen import descriptors

RADII = np.arange(1.0, 12.01)
SIDE = 80


def draw(folder: Path) -> None:
    """Draw all of them."""
    _contact(folder)
    _sizes(folder)
    _intrusion(folder)


def _contact(folder: Path) -> None:
    labels = volume()
    distance = np.asarray(distance_transform_edt(labels != GRAIN))[40]
    figure, (left, middle, right) = canvas(3, 2.6, (1.0, 1.15, 1.3))
    show(left, labels[40], "slice")
    shown = middle.imshow(np.where(labels[40] == GRAIN, np.nan, distance), cmap="viridis")
    bare(middle, "distance to the grains")
    figure.colorbar(shown, ax=middle, shrink=0.8).ax.tick_params(labelsize=7)
    for phase in PHASES:
        shares = descriptors.spherical_contact_distribution(labels, phase.label, radii=RADII)
        color = "0.55" if phase.label == PORE else phase.color
        right.plot(RADII, shares, color=color, linewidth=1.4, label=f"to {phase.name}")
    right.set_ylim(0.0, 1.02)
    right.legend(frameon=False, fontsize=8)
    label(right, "radius (voxels)", "spherical contact distribution")
    save(figure, folder, "spherical_contact")


def _opened(flags: np.ndarray, radius: float, seeds: np.ndarray | None = None) -> np.ndarray:
    """What balls in a plane cover: all that fit, or those that can be pushed in from the seeds."""
    fits = np.asarray(distance_transform_edt(np.pad(flags, 40, mode="edge")))[40:-40, 40:-40]
    centres = fits >= radius
    if seeds is not None:
        numbered, _ = connected(centres, np.ones((3, 3)))
        reached = np.unique(numbered[seeds & centres])
        centres &= np.isin(numbered, reached[reached > 0])
    if not centres.any():
        return centres
    return np.asarray(distance_transform_edt(~centres)) < radius


def _sizes(folder: Path) -> None:
    labels = volume(SIDE)
    flags = labels[SIDE // 2] == GRAIN
    size = np.zeros(flags.shape)
    for radius in RADII:
        size[_opened(flags, radius)] = radius
    figure, (left, middle, right) = canvas(3, 2.6, (1.0, 1.15, 1.3))
    show(left, labels[SIDE // 2], "slice")
    shown = middle.imshow(np.where(flags, size, np.nan), cmap="viridis")
    bare(middle, "largest disc that covers a point")
    figure.colorbar(shown, ax=middle, shrink=0.8).ax.tick_params(labelsize=7)
    for phase in PHASES:
        sizes = descriptors.continuous_phase_size_distribution(labels, phase.label, radii=RADII)
        color = "0.55" if phase.label == PORE else phase.color
        right.plot(RADII, sizes.shares, color=color, linewidth=1.4, label=phase.name)
        right.plot([sizes.median()], [0.5], "o", color=color, markersize=4)
    right.set_xlim(0.0, 12.0)
    right.legend(frameon=False, fontsize=8)
    label(right, "radius (voxels); dots: medians", "share covered by balls")
    save(figure, folder, "phase_size")


def _intrusion(folder: Path) -> None:
    labels = volume(SIDE)
    flags, radius = labels[SIDE // 2] == GRAIN, 4.0
    top = np.zeros(flags.shape, dtype=bool)
    top[0] = True
    image = np.ones((*flags.shape, 3))
    reached = _opened(flags, radius, top)
    colors = ((flags, "#f6d99b"), (_opened(flags, radius), COLORS[GRAIN]), (reached, MARK))
    for where, color in colors:
        image[where] = [int(color[place : place + 2], 16) / 255.0 for place in (1, 3, 5)]
    figure, (left, right) = canvas(2, 3.1, (1.0, 1.4))
    left.imshow(image)
    bare(left, f"discs of radius {radius:g} from above")
    sizes = descriptors.continuous_phase_size_distribution(labels, GRAIN, radii=RADII)
    intrusion = descriptors.simulated_intrusion(labels, GRAIN, 0, radii=RADII)
    right.plot(RADII, sizes.shares, color=COLORS[GRAIN], linewidth=1.4, label="balls that fit")
    right.plot(RADII, intrusion.shares, color=MARK, linewidth=1.4, label="balls that enter")
    for one, color in ((sizes, COLORS[GRAIN]), (intrusion, MARK)):
        right.plot([one.median(), one.median()], [0.0, 0.5], "--", color=color, linewidth=1.0)
    share = descriptors.constrictivity(sizes, intrusion)
    right.set_xlim(0.0, 12.0)
    right.set_ylim(0.0, 1.02)
    right.legend(frameon=False, fontsize=8)
    label(right, "radius (voxels)", f"grains in 3D: constrictivity {share:.2f}")
    legend(
        figure,
        ("phase", "#f6d99b"),
        ("covered by discs that fit", COLORS[GRAIN]),
        ("by discs that enter", MARK),
    )
    save(figure, folder, "intrusion")
