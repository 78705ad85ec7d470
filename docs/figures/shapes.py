"""Descriptors of shape: triple-phase boundary, Euler numbers, clusters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from cc3d import connected_components
from scipy.ndimage import gaussian_filter, maximum_filter, zoom
from specimen import (
    COLORS,
    GRAIN,
    MARK,
    PHASES,
    bare,
    canvas,
    legend,
    save,
    surfaces,
    volume,
)

import morphgen as mg
from morphgen import descriptors

BODY = (mg.Phase(0, "empty"), mg.Phase(1, "body", "#e69f00"))


def draw(folder: Path) -> None:
    """Draw all of them."""
    _boundary(folder)
    _euler(folder)
    _section_euler(folder)
    _clusters(folder)


def _boundary(folder: Path) -> None:
    # finer, so that a line is no wider than it must be
    part = volume()[:40, :40, :40]
    smooth = [gaussian_filter((part == phase.label).astype(float), 1.0) for phase in PHASES]
    labels = np.argmax([zoom(one, 3, order=1) for one in smooth], axis=0).astype(np.uint8)
    near = [maximum_filter(labels == phase.label, 5) for phase in PHASES]
    meets = near[0] & near[1] & near[2]
    shown = np.where(meets, np.uint8(3), labels)
    figure, (left, right) = canvas(2, 3.5)
    surfaces(left, labels, "three phases, the pores cut away")
    length = descriptors.triple_phase_boundary_densities(volume(), [0, 1, 2])[0, 1, 2]
    lines = (*PHASES, mg.Phase(3, "boundary", MARK))
    surfaces(right, shown, f"where all three meet: {float(length):.5f} per voxel²", lines)
    legend(figure, *((phase.name, phase.color) for phase in lines))
    save(figure, folder, "triple_phase_boundary")


def _number(labels: np.ndarray) -> float:
    """Euler number of a body in the middle of an image."""
    return float(descriptors.euler_density(labels, 1)) * float(np.prod(np.array(labels.shape) - 1))


def _euler(folder: Path) -> None:
    z, y, x = np.indices((64, 64, 64)) - 31.5
    distance = np.sqrt(x**2 + y**2 + z**2)
    ring = np.sqrt((np.hypot(x, y) - 19.0) ** 2 + z**2) < 7.0
    bar = (np.abs(x) < 19.0) & (np.hypot(y, z) < 5.0)
    shell = (distance < 24.0) & (distance > 17.0)
    bodies = {"a ball": distance < 22.0, "a ring": ring, "with a bar": ring | bar, "a shell": shell}
    figure, axes = canvas(4, 2.3)
    for axis, (name, body) in zip(axes, bodies.items(), strict=True):
        labels = body.astype(np.uint8)
        number = _number(labels)
        # a window into the shell: what is inside must be seen
        shown = np.where((z < 0) & (y > 0) & (x > 0), 0, labels) if name == "a shell" else labels
        seen = tuple(slice(at.min() - 1, at.max() + 2) for at in np.nonzero(body))
        surfaces(axis, shown[seen].astype(np.uint8), f"{name}: {round(number)}", BODY)
    save(figure, folder, "euler_number")


def _section_euler(folder: Path) -> None:
    y, x = np.indices((64, 64)) - 31.5
    disc, hole = np.hypot(y, x) < 24.0, np.hypot(y, x) < 12.0
    holes = (np.hypot(y, x - 9.0) < 6.0) | (np.hypot(y, x + 9.0) < 6.0)
    parts = (np.hypot(y, x - 16.0) < 11.0) | (np.hypot(y, x + 16.0) < 11.0)
    shapes = {
        "a disc": disc,
        "two discs": parts,
        "a ring": disc & ~hole,
        "two holes": disc & ~holes,
    }
    figure, axes = canvas(4, 2.1)
    for axis, (name, shape) in zip(axes, shapes.items(), strict=True):
        labels = shape.astype(np.uint8)
        number = float(descriptors.section_euler_density(labels, 1)) * 63.0 * 63.0
        axis.imshow(np.where(shape[..., None], _rgb(COLORS[GRAIN]), 1.0))
        bare(axis, f"{name}: {round(number)}")
    save(figure, folder, "section_euler_number")


def _rgb(color: str) -> list[float]:
    return [int(color[place : place + 2], 16) / 255.0 for place in (1, 3, 5)]


def _clusters(folder: Path) -> None:
    labels = volume()
    numbered = connected_components(labels == 2, connectivity=6)
    sizes = np.bincount(numbered.reshape(-1))
    sizes[0] = 0
    shown = np.where(numbered == sizes.argmax(), 1, np.where(numbered > 0, 2, 0)).astype(np.uint8)
    found = descriptors.clusters(labels, 2)
    colors = (
        mg.Phase(0, "all else"),
        mg.Phase(1, "largest cluster", COLORS[2]),
        mg.Phase(2, "other clusters", MARK),
    )
    figure, (left, right) = canvas(2, 3.5)
    surfaces(left, labels, "three phases, the pores cut away")
    title = f"the binder alone: largest cluster {found.largest_share():.2f} of it"
    surfaces(right, shown, title, colors)
    legend(
        figure,
        ("grain", COLORS[1]),
        ("binder, largest cluster", COLORS[2]),
        ("binder, other clusters", MARK),
    )
    save(figure, folder, "connected_fraction")
