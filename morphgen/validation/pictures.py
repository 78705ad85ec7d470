"""Pictures of sections and volumes in the colours of their phases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from morphgen.images import Section, Volume
from morphgen.phases import Phase, phase_colors
from morphgen.validation.rendering import WIDTH, Picture, colored, nice_length, picture, safe
from morphgen.validation.shown_volumes import LONGEST_EDGE
from morphgen.validation.surface_view import cut_away, outline, render
from morphgen.validation.words import lengths_in, number

LONGEST_SIDE = 640

_AXES = {"z": 0, "y": 1, "x": 2}
# directions of x, y and z on paper: x runs to the lower right, y to the lower left, z down
_RIGHT, _LEFT, _DOWN = np.array([0.866, -0.5]), np.array([-0.866, -0.5]), np.array([0.0, -1.0])


def section_pair(
    section: Section, simulated: NDArray[np.uint8], phases: Sequence[Phase]
) -> Picture:
    """Draw a section beside a simulated one, at the same scale.

    Parameters
    ----------
    section : Section
        The real section.
    simulated : array of uint8
        A simulated section of the same shape.
    phases : sequence of Phase
        The phases, for names and colours.

    Returns
    -------
    Picture
    """
    part, cropped = _middle(section.labels.shape)
    rows, columns = section.labels[part].shape
    height, width = rows * section.pixel_size[0], columns * section.pixel_size[1]
    figure = Figure(
        figsize=(WIDTH, 0.47 * WIDTH * min(1.6, height / width) + 0.8), layout="constrained"
    )
    for axis, labels, name in zip(
        figure.subplots(1, 2),
        (section.labels[part], simulated[part]),
        ("Section", "Simulated section"),
        strict=True,
    ):
        _show(axis, colored(labels, phases), (width, height), section.unit)
        axis.set_title(name, fontsize=11)
    _legend(figure, phases)
    caption = f"{section.source} and the first of the simulated sections."
    if cropped:
        caption += f" Only the middle {rows} × {columns} pixels of both are shown."
    size = f"{rows} by {columns} pixels"
    alt = f"A real and a simulated section side by side, {size}, in {_names(phases)}"
    return picture(figure, "side-by-side", alt, caption, photo=True)


def one_section(section: Section) -> Picture:
    """Draw the middle of a section, up to 640 pixels a side.

    Parameters
    ----------
    section : Section
        The section.

    Returns
    -------
    Picture
    """
    part, cropped = _middle(section.labels.shape)
    labels = section.labels[part]
    height, width = (
        side * size for side, size in zip(labels.shape, section.pixel_size, strict=True)
    )
    figure = Figure(
        figsize=(0.7 * WIDTH, 0.7 * WIDTH * min(1.6, height / width) + 0.6), layout="constrained"
    )
    _show(figure.subplots(), colored(labels, section.phases), (width, height), section.unit)
    _legend(figure, section.phases)
    alt = f"A section in the plane {section.plane}, in {_names(section.phases)}"
    rows, columns = section.labels.shape
    caption = f"Section in the plane {section.plane} ({section.source}), {rows} × {columns} pixels"
    caption += f", of which the middle {labels.shape[0]} × {labels.shape[1]}." if cropped else "."
    return picture(figure, "section", alt, caption, photo=True)


def three_slices(volume: Volume, name: str) -> Picture:
    """Draw the middle slices of a volume normal to z, y and x.

    Parameters
    ----------
    volume : Volume
        The volume.
    name : str
        What it is.

    Returns
    -------
    Picture
    """
    figure = Figure(figsize=(WIDTH, 3.1), layout="constrained")
    _, height, width = np.array(volume.labels.shape) * np.array(volume.voxel_size)
    # panels as wide and as high as the slices, so that all have one scale
    axes = figure.subplots(1, 3, width_ratios=[width, width, height])
    for axis, plane in zip(axes, ("xy", "xz", "yz"), strict=True):
        rows, columns = _AXES[plane[1]], _AXES[plane[0]]
        image = np.take(
            volume.labels, volume.labels.shape[3 - rows - columns] // 2, 3 - rows - columns
        )
        part, _ = _middle(image.shape)
        size = (volume.voxel_size[rows], volume.voxel_size[columns])
        shown = image[part]
        extent = (shown.shape[1] * size[1], shown.shape[0] * size[0])
        _show(axis, colored(shown, volume.phases), extent, volume.unit)
        axis.set_title(f"{plane[1]} down, {plane[0]} to the right", fontsize=10)
    _legend(figure, volume.phases)
    what = name[0].lower() + name[1:]
    alt = f"Three orthogonal slices through the middle of the {what}, in {_names(volume.phases)}"
    return picture(figure, "slices", alt, f"Slices through the middle of the {what}.", photo=True)


def same_part(volumes: Mapping[str, Volume]) -> dict[str, Volume]:
    """Middle of each volume, of the largest size that all hold within the limit of voxels."""
    size = np.min(
        [
            np.minimum(one.labels.shape, LONGEST_EDGE) * np.array(one.voxel_size)
            for one in volumes.values()
        ],
        axis=0,
    )
    found = {}
    for name, one in volumes.items():
        sides = np.maximum(1, np.round(size / np.array(one.voxel_size)).astype(int))
        starts = [(whole - side) // 2 for whole, side in zip(one.labels.shape, sides, strict=True)]
        part = tuple(
            slice(start, start + side) for start, side in zip(starts, sides.tolist(), strict=True)
        )
        found[name] = replace(one, labels=one.labels[part])
    return found


def phase_surfaces(volumes: Mapping[str, Volume]) -> Picture:
    """Draw volumes side by side, shaded and with one phase cut away, at one scale.

    Parameters
    ----------
    volumes : mapping of str to Volume
        One or two volumes of the same phases and the same unit, with their titles. The middle of
        each is shown: as much as all of them hold, at most 144 voxels along an axis.

    Returns
    -------
    Picture
    """
    shown = same_part(volumes)
    first = next(iter(shown.values()))
    hidden = cut_away(first.phases)
    edges = _edges(first)
    left, right, bottom = outline(edges)
    width = 0.5 * WIDTH
    height = 0.92 * width * min(1.6, -bottom / (right - left)) + 0.8
    figure = Figure(figsize=(width * len(shown), height), layout="constrained")
    grid = figure.subplots(1, len(shown), squeeze=False)[0]
    for axis, (name, volume) in zip(grid, shown.items(), strict=True):
        image = render(volume.labels, volume.voxel_size, volume.phases, hidden.label)
        axis.imshow(image, extent=(left, right, bottom, 0.0))
        _box(axis, edges, volume.unit)
        axis.set_title(safe(name), fontsize=10)
    _legend(figure, first.phases, hidden)
    size = " × ".join(number(float(edge)) for edge in edges)
    names = " and ".join(name.lower() for name in shown)
    alt = (
        f"Three-dimensional view of {names}: shaded surfaces of "
        f"{_names([one for one in first.phases if one != hidden])}, looked at from a corner"
    )
    caption = (
        f"Seen from a corner, with {hidden.name} cut away: boxes of {size} "
        f"{lengths_in(first.unit)} (z, y, x) from the middle of each volume. Darker is deeper."
    )
    return picture(figure, "phase-surfaces", alt, caption, photo=True)


def _edges(volume: Volume) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.array(volume.labels.shape) * np.array(volume.voxel_size)
    return found


def _box(axis: Axes, edges: NDArray[np.float64], unit: str) -> None:
    """Draw the edges of a box that are seen, with their lengths; its rear corner is at (0, 0)."""
    z, y, x = edges
    along_z, along_y, along_x = z * _DOWN, y * _LEFT, x * _RIGHT
    near = along_x + along_y
    corners = [0.0 * _DOWN, along_x, along_x + along_z, near + along_z, along_y + along_z, along_y]
    paths = [[*corners, corners[0]], *([near, end] for end in (along_x, along_y, near + along_z))]
    for path in paths:
        axis.plot(*np.array(path).T, color="0.25", linewidth=0.6)
    axis.set_aspect("equal")
    axis.axis("off")
    left, right, bottom = outline(edges)
    gap = 0.02 * (right - left)
    axis.set_xlim(left - 4 * gap, right + gap)
    axis.set_ylim(bottom - 3 * gap, gap)
    words = [f"{name}: {number(edge)}" for name, edge in zip("zyx", edges.tolist(), strict=True)]
    at = {"x": along_y + along_z + 0.5 * along_x, "y": along_x + along_z + 0.5 * along_y}
    for name, side, length in (("x", "right", words[2]), ("y", "left", words[1])):
        place = at[name]
        text = f"{length} {lengths_in(unit)}"
        axis.text(place[0], place[1] - gap, text, ha=side, va="top", fontsize=7.5)
    middle = along_y + 0.5 * along_z
    text = f"{words[0]} {lengths_in(unit)}"
    axis.text(middle[0] - gap, middle[1], text, ha="right", va="center", rotation=90, fontsize=7.5)


def _show(axis: Axes, image: NDArray[np.float64], extent: tuple[float, float], unit: str) -> None:
    """Draw an image with a scale bar below it."""
    width, height = extent
    axis.imshow(image, extent=(0.0, width, height, 0.0), interpolation="nearest")
    axis.set_xticks([])
    axis.set_yticks([])
    bar = nice_length(width)
    below = 1.03 * height
    axis.plot([0.0, bar], [below, below], color="black", linewidth=3.0, clip_on=False)
    axis.set_xlim(0.0, width)
    axis.set_ylim(height, 0.0)
    text = f"{number(bar, 1)} {lengths_in(unit)}"
    axis.text(bar + 0.02 * width, below, text, va="center", fontsize=9)


def _middle(shape: Sequence[int]) -> tuple[tuple[slice, slice], bool]:
    """Part of an image that is shown, and whether it is less than the whole."""
    starts = [max(0, (side - LONGEST_SIDE) // 2) for side in shape]
    rows, columns = (slice(start, start + LONGEST_SIDE) for start in starts)
    return (rows, columns), any(side > LONGEST_SIDE for side in shape)


def _legend(figure: Figure, phases: Sequence[Phase], hidden: Phase | None = None) -> None:
    handles = [
        Patch(
            facecolor="white" if phase == hidden else color,
            edgecolor="black",
            linewidth=0.5,
            label=safe(phase.name) + (" (cut away)" if phase == hidden else ""),
        )
        for phase, color in zip(phases, phase_colors(phases), strict=True)
    ]
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=min(4 if figure.get_figwidth() > 0.6 * WIDTH else 2, len(handles)),
        frameon=False,
        fontsize=9,
    )


def _names(phases: Sequence[Phase]) -> str:
    return ", ".join(phase.name for phase in phases)
