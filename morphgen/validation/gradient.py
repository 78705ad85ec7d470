"""Volumes whose fractions vary along an axis, plane by plane beside their profile."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from morphgen.errors import InputError
from morphgen.excursion import GradedModel, fraction_scatter
from morphgen.fields.kernels import AXES, Axis
from morphgen.images import Volume
from morphgen.phases import phase_colors
from morphgen.validation.rendering import WIDTH, Picture, colored, picture, safe
from morphgen.validation.words import lengths_in

Floats = NDArray[np.float64]

# local models whose scatter is computed; it varies as smoothly as the fractions between them
_SCATTERS = 17
# of the section: its width over that of the curves, and its height over its width
_WIDER, _LOWEST, _HIGHEST = 1.5, 0.35, 1.5


@dataclass(frozen=True, eq=False)
class PlaneFractions:
    """Volume fractions of the planes across a gradient, beside those of its profile.

    Attributes
    ----------
    axis : {"z", "y", "x"}
        Axis of the gradient.
    places : array of float64, shape (N,)
        Distance of each plane from the first face, in the model's unit.
    found, expected : array of float64, shape (n, N)
        Fractions of the volume and of the profile, phases in the order of the model's.
    standard_deviation : array of float64, shape (n, N)
        Scatter of a plane's fraction about the profile, that of a section of the local model.
    """

    axis: Axis
    places: Floats
    found: Floats
    expected: Floats
    standard_deviation: Floats

    @property
    def deviations(self) -> Floats:
        """Deviations from the profile, in standard deviations, shape (n, N)."""
        return (self.found - self.expected) / self.standard_deviation


def plane_fractions(volume: Volume, graded: GradedModel, start: int = 0) -> PlaneFractions:
    """Measure a volume's fractions plane by plane across the axis of its gradient.

    Parameters
    ----------
    volume : Volume
        The volume.
    graded : GradedModel
        The model and the profile that it was drawn from.
    start : int
        First plane of the volume along the axis of the profile, in voxels.

    Returns
    -------
    PlaneFractions

    Raises
    ------
    InputError
        If the volume has other phases or another voxel size than the model.
    """
    model = graded.model
    labels = [phase.label for phase in model.phases]
    if [phase.label for phase in volume.phases] != labels or volume.voxel_size != model.voxel_size:
        raise InputError(
            f"{volume.source} has other phases or another voxel size than the graded model; give "
            "a volume that was drawn from it"
        )
    across = AXES.index(graded.profile.axis)
    planes = np.moveaxis(volume.labels, across, 0)
    places = graded.places(start, len(planes))
    expected = graded.fractions(places)
    section = list(volume.labels.shape)
    section[across] = 1
    known = np.linspace(places[0], places[-1], min(_SCATTERS, len(places)))
    scatters = [fraction_scatter(graded.at(place)).standard_deviations(section) for place in known]
    return PlaneFractions(
        axis=graded.profile.axis,
        places=places,
        found=np.stack([np.mean(planes == label, axis=(1, 2)) for label in labels]),
        expected=np.stack([expected[label] for label in labels]),
        standard_deviation=np.stack(
            [np.interp(places, known, [one[label] for one in scatters]) for label in labels]
        ),
    )


def gradient(volume: Volume, graded: GradedModel, start: int = 0) -> Picture:
    """Draw a section along a gradient, and the fractions of its planes beside the profile.

    Parameters
    ----------
    volume, graded, start
        As for `plane_fractions`.

    Returns
    -------
    Picture
    """
    planes = plane_fractions(volume, graded, start)
    image, extent = _section(volume, planes)
    # both panels are as high as the section is drawn
    aspect = min(max((extent[2] - extent[3]) / extent[1], _LOWEST), _HIGHEST)
    figure = Figure(figsize=(WIDTH, 0.5 * WIDTH * aspect + 1.0), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(_WIDER, 1.0), sharey=True)
    left.imshow(image, extent=extent, interpolation="nearest", aspect="auto")
    _label_section(left, volume, planes)
    _draw_fractions(right, volume, planes)
    left.set_box_aspect(aspect)
    right.set_box_aspect(_WIDER * aspect)
    _legend(figure, volume)
    worst = float(np.abs(planes.deviations).max())
    rows, columns = (
        n for axis, n in zip(AXES, volume.labels.shape, strict=True) if axis != planes.axis
    )
    return picture(
        figure,
        "gradient",
        f"Section of a volume whose fractions vary along {planes.axis}, and the fractions of its "
        f"planes, which follow the profile: the farthest is off by {worst:.2g} standard deviations",
        f"Left: a section along {planes.axis}. Right: fractions of {len(planes.places)} planes of "
        f"{rows} × {columns} voxels. Dashed: the profile, with two standard deviations of a "
        "plane's fraction, which follow from the model.",
        photo=True,
    )


def _section(
    volume: Volume, planes: PlaneFractions
) -> tuple[Floats, tuple[float, float, float, float]]:
    """First section along the axis, and its left, right, lower and upper ends."""
    across = AXES.index(planes.axis)
    labels = np.moveaxis(volume.labels, across, 0)[:, 0]
    half = 0.5 * volume.voxel_size[across]
    width = labels.shape[1] * volume.voxel_size[AXES.index(_to_the_right(planes))]
    ends = (0.0, width, planes.places[-1] + half, planes.places[0] - half)
    return colored(labels, volume.phases), ends


def _to_the_right(planes: PlaneFractions) -> Axis:
    return [axis for axis in AXES if axis != planes.axis][1]


def _label_section(axis: Axes, volume: Volume, planes: PlaneFractions) -> None:
    unit = lengths_in(volume.unit)
    axis.set_xlabel(f"{_to_the_right(planes)} ({unit})", fontsize=9)
    axis.set_ylabel(f"{planes.axis} ({unit})", fontsize=9)
    axis.tick_params(labelsize=8)


def _draw_fractions(axis: Axes, volume: Volume, planes: PlaneFractions) -> None:
    for k, color in enumerate(phase_colors(volume.phases)):
        band = 2.0 * planes.standard_deviation[k]
        low, high = planes.expected[k] - band, planes.expected[k] + band
        axis.fill_betweenx(planes.places, low, high, color=color, alpha=0.2, linewidth=0.0)
        axis.plot(planes.found[k], planes.places, color=color, linewidth=1.2)
        axis.plot(planes.expected[k], planes.places, color="0.4", linestyle="--", linewidth=1.2)
    axis.set_xlabel("volume fraction", fontsize=9)
    axis.set_xlim(left=0.0)
    axis.tick_params(labelsize=8)
    axis.spines[["top", "right"]].set_visible(False)


def _legend(figure: Figure, volume: Volume) -> None:
    handles: list[Line2D | Patch] = [
        Patch(facecolor=color, edgecolor="black", linewidth=0.5, label=safe(phase.name))
        for phase, color in zip(volume.phases, phase_colors(volume.phases), strict=True)
    ]
    handles.append(Line2D([], [], color="0.4", linestyle="--", label="profile"))
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=min(4, len(handles)),
        frameon=False,
        fontsize=9,
    )
