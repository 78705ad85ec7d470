"""What sections are shown beside: the closed form of a model, and slices of a volume."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from morphgen.descriptors.readings import Key
from morphgen.excursion import ExcursionModel
from morphgen.images import Volume
from morphgen.validation.measure import (
    LAGGED,
    Floats,
    Labels,
    Plane,
    Readings,
    View,
    measure,
    values_at,
)
from morphgen.validation.specimens import ReferenceVolume, SectionSet

SLICES = 16
_DIRECTIONS = 32
_HEIGHTS = 12
_ALL: tuple[Plane, ...] = ("xy", "xz", "yz")
_AXES = {"z": 0, "y": 1, "x": 2}

Specimen = SectionSet | ReferenceVolume


def closed_forms(specimen: Specimen, readings: Readings) -> dict[Key, Floats]:
    """What a model implies exactly: fractions, C_ij and C_ij - p_i p_j, as they were measured.

    Parameters
    ----------
    specimen : SectionSet or ReferenceVolume
        What was measured, with its model.
    readings : dict
        Readings of it.

    Returns
    -------
    dict
        Arrays by the keys of the readings that have a closed form.
    """
    model = specimen.model
    fractions = model.volume_fractions()
    place = {phase.label: number for number, phase in enumerate(model.phases)}
    found: dict[Key, Floats] = {}
    coverage: dict[tuple[str, bytes], Floats] = {}
    for key, reading in readings.items():
        if key.kind == "volume_fraction":
            found[key] = np.array([fractions[key.phases[0]]])
        elif key.kind in LAGGED and reading.x is not None:
            lags = (key.direction, reading.x.tobytes())
            if lags not in coverage:
                coverage[lags] = _coverage(specimen, reading.x, key.direction)
            i, j = (place[label] for label in key.phases)
            values = coverage[lags][i, j]
            product = fractions[key.phases[0]] * fractions[key.phases[1]]
            found[key] = values - product if key.kind == "covariance" else values
    return found


def volume_values(
    model: ExcursionModel, volume: Volume, views: Sequence[View], like: Readings, max_lag: float
) -> dict[Key, Floats]:
    """Measure a volume as sections are: its fractions on all voxels, the rest on slices.

    Slices are evenly spaced, at most 16 of a plane; of all three planes for an isotropic model,
    of the sections' planes otherwise.

    Parameters
    ----------
    model : ExcursionModel
        The model, for its phases and symmetry.
    volume : Volume
        The volume.
    views : sequence of View
        The sections, for their planes.
    like : dict
        Readings of the sections, for their lags and lengths.
    max_lag : float
        Largest lag.

    Returns
    -------
    dict
        Arrays by `Key`, at the lags and lengths of the sections; NaN beyond what fits into the
        volume.
    """
    planes: Sequence[Plane] = _ALL if model.isotropic else sorted({view.plane for view in views})
    cuts = [cut for plane in planes for cut in _cuts(volume, plane, max_lag)]
    labels = [phase.label for phase in model.phases]
    found = measure([image for image, _ in cuts], [view for _, view in cuts], labels)
    values = {key: values_at(found[key], one.x) for key, one in like.items() if key in found}
    for label, fraction in volume.fractions().items():
        values[Key("volume_fraction", (label,))] = np.array([fraction])
    return values


def misfits(observed: Readings, reference: Mapping[Key, Floats]) -> dict[str, float]:
    """Largest difference of C_ij - p_i p_j over all lags beyond 0, per pair "i-j"."""
    found = {}
    for key, reading in observed.items():
        if key.kind == "covariance" and not key.direction and reading.x is not None:
            gap = np.abs(reading.values - reference[key])[reading.x > 0.0]
            known = gap[np.isfinite(gap)]
            found["-".join(map(str, key.phases))] = float(known.max(initial=0.0))
    return found


def _coverage(specimen: Specimen, lag: Floats, direction: str) -> Floats:
    """C_ij of a model at lags as they are pooled in a specimen, shape (n, n, K)."""
    model = specimen.model
    fractions = model.volume_fractions()
    found = np.zeros((len(model.phases), len(model.phases), lag.size))
    apart = lag > 0.0
    own = np.diag([fractions[phase.label] for phase in model.phases])
    found[..., ~apart] = own[..., None]
    if model.isotropic:
        found[..., apart] = np.asarray(model.two_point_coverage(lag[apart]))
    elif direction:
        found[..., apart] = _mean_over(model, lag[apart], np.eye(3)[[_AXES[direction]]])
    elif isinstance(specimen, SectionSet):
        area = np.array([view.area for view in specimen.views])
        planes = [
            _mean_over(model, lag[apart], _plane_directions(view.plane)) for view in specimen.views
        ]
        found[..., apart] = np.tensordot(area / area.sum(), np.array(planes), axes=1)
    else:
        found[..., apart] = _mean_over(model, lag[apart], _sphere_directions())
    return found


def _mean_over(model: ExcursionModel, lag: Floats, directions: Floats) -> Floats:
    """C_ij averaged over unit vectors (z, y, x), shape (n, n, K)."""
    offsets = lag[:, None, None] * directions
    mean: Floats = np.asarray(model.two_point_coverage(offsets)).mean(axis=-1)
    return mean


def _plane_directions(plane: Plane) -> Floats:
    angle = (np.arange(_DIRECTIONS) + 0.5) * (np.pi / 2 / _DIRECTIONS)
    directions = np.zeros((_DIRECTIONS, 3))
    directions[:, _AXES[plane[0]]] = np.cos(angle)
    directions[:, _AXES[plane[1]]] = np.sin(angle)
    return directions


def _sphere_directions() -> Floats:
    """Directions of an eighth of the sphere, evenly by height and angle."""
    height = (np.arange(_HEIGHTS) + 0.5) / _HEIGHTS
    angle = (np.arange(_HEIGHTS) + 0.5) * (np.pi / 2 / _HEIGHTS)
    z, phi = np.meshgrid(height, angle)
    across = np.sqrt(1.0 - z**2)
    return np.stack([z, across * np.sin(phi), across * np.cos(phi)], axis=-1).reshape(-1, 3)


def _cuts(volume: Volume, plane: Plane, max_lag: float) -> list[tuple[Labels, View]]:
    """Slices of a volume with a phase in them, each with its view."""
    rows, columns = _AXES[plane[1]], _AXES[plane[0]]
    normal = 3 - rows - columns
    stack = np.moveaxis(volume.labels, normal, 0)
    size = (volume.voxel_size[rows], volume.voxel_size[columns])
    shape = (stack.shape[1], stack.shape[2])
    lag = min(int(max_lag / min(size) + 1e-9), min(shape) - 1)
    chosen = np.unique(np.linspace(0, stack.shape[0] - 1, SLICES + 2)[1:-1].round().astype(int))
    images = [np.ascontiguousarray(stack[k]) for k in chosen]
    masks = [image != 255 for image in images]
    return [
        (image, View(shape, plane, size, None if mask.all() else mask, lag))
        for image, mask in zip(images, masks, strict=True)
        if mask.any()
    ]
