"""Pictures of sections and volumes in the colours of their phases."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Polygon
from matplotlib.transforms import Affine2D
from numpy.typing import NDArray

from morphgen.images import Section, Volume
from morphgen.phases import Phase, phase_colors
from morphgen.validation.rendering import Picture, colored, nice_length, picture, safe
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
    figure = Figure(figsize=(9.2, 4.4 * min(1.6, height / width) + 1.1), layout="constrained")
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
    return picture(figure, alt, caption, photo=True)


def three_slices(volume: Volume) -> Picture:
    """Draw the middle slices of a volume normal to z, y and x.

    Parameters
    ----------
    volume : Volume
        The volume.

    Returns
    -------
    Picture
    """
    figure = Figure(figsize=(10.2, 4.2), layout="constrained")
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
    alt = f"Three orthogonal slices through the middle of the volume, in {_names(volume.phases)}"
    return picture(figure, alt, "Slices through the middle of the volume.", photo=True)


def cube(volume: Volume) -> Picture:
    """Draw three faces of a volume in parallel projection.

    Each face is one image under an affine map: nothing is rendered in three dimensions.

    Parameters
    ----------
    volume : Volume
        The volume.

    Returns
    -------
    Picture
    """
    figure = Figure(figsize=(6.2, 6.0), layout="constrained")
    axis = figure.subplots()
    sizes = np.array(volume.labels.shape) * np.array(volume.voxel_size)
    z, y, x = sizes / sizes.max()
    top, left, right = volume.labels[0], volume.labels[:, -1, :], volume.labels[:, :, -1]
    faces = (
        (top, np.zeros(2), x * _RIGHT, y * _LEFT, 1.0),
        (left, y * _LEFT, x * _RIGHT, z * _DOWN, 0.86),
        (right, x * _RIGHT, y * _LEFT, z * _DOWN, 0.72),
    )
    for labels, corner, along_columns, along_rows, light in faces:
        _face(axis, colored(labels, volume.phases) * light, corner, along_columns, along_rows)
    axis.set_xlim(-0.87 * y - 0.1, 0.87 * x + 0.03)
    axis.set_ylim(-0.5 * (x + y) - z - 0.1, 0.03)
    axis.set_aspect("equal")
    axis.axis("off")
    _edge_lengths(axis, sizes, volume.unit)
    _legend(figure, volume.phases)
    shape = " × ".join(str(side) for side in volume.labels.shape)
    alt = f"The volume of {shape} voxels as a cube of which three faces are seen, in "
    return picture(
        figure, alt + _names(volume.phases), f"The volume, {shape} voxels (z, y, x).", photo=True
    )


def _face(
    axis: Axes,
    image: NDArray[np.float64],
    corner: NDArray[np.float64],
    along_columns: NDArray[np.float64],
    along_rows: NDArray[np.float64],
) -> None:
    """Draw an image on a parallelogram; its first pixel lies at the corner."""
    shape = np.array([[*along_columns, 0.0], [*along_rows, 0.0], [*corner, 1.0]]).T
    drawn = axis.imshow(
        image,
        extent=(0.0, 1.0, 1.0, 0.0),
        transform=Affine2D(shape) + axis.transData,
        interpolation="nearest",
    )
    sides = np.array([along_columns, along_rows])
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) @ sides + corner
    outline = Polygon(corners, closed=True, fill=False, edgecolor="black", linewidth=0.8)
    axis.add_patch(outline)
    drawn.set_clip_path(outline)


def _edge_lengths(axis: Axes, sizes: NDArray[np.float64], unit: str) -> None:
    z, y, x = sizes / sizes.max()
    bottom = z * _DOWN
    places = {
        "x": (y * _LEFT + bottom + 0.5 * x * _RIGHT, sizes[2]),
        "y": (x * _RIGHT + bottom + 0.5 * y * _LEFT, sizes[1]),
    }
    left = y * _LEFT + 0.5 * bottom
    text = f"z: {number(float(sizes[0]))} {lengths_in(unit)}"
    axis.text(left[0] - 0.02, left[1], text, ha="right", va="center", rotation=90, fontsize=9)
    for name, (place, length) in places.items():
        text = f"{name}: {number(float(length))} {lengths_in(unit)}"
        side = "right" if name == "x" else "left"
        axis.text(place[0], place[1] - 0.03, text, ha=side, va="top", fontsize=9)


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


def _legend(figure: Figure, phases: Sequence[Phase]) -> None:
    handles = [
        Patch(facecolor=color, edgecolor="black", linewidth=0.5, label=safe(phase.name))
        for phase, color in zip(phases, phase_colors(phases), strict=True)
    ]
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=min(4, len(handles)),
        frameon=False,
        fontsize=9,
    )


def _names(phases: Sequence[Phase]) -> str:
    return ", ".join(phase.name for phase in phases)
