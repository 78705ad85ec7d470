"""What sections are shown beside: the closed form of a model, and slices of a volume."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations_with_replacement

import numpy as np

from morphgen.excursion import ExcursionModel
from morphgen.images import Volume
from morphgen.validation.measure import (
    Floats,
    Key,
    Labels,
    Measured,
    Plane,
    View,
    at_lags,
    measure,
)

SLICES = 16
_DIRECTIONS = 32
_ALL: tuple[Plane, ...] = ("xy", "xz", "yz")
_AXES = {"z": 0, "y": 1, "x": 2}


def closed_forms(model: ExcursionModel, views: Sequence[View], lag: Floats) -> dict[Key, Floats]:
    """Fractions, C_ij and C_ij - p_i p_j that a model implies, averaged over the sections.

    Parameters
    ----------
    model : ExcursionModel
        The model.
    views : sequence of View
        The sections, for their planes and areas.
    lag : array, shape (K,)
        Lags, in the model's unit.

    Returns
    -------
    dict
        Arrays by `Key`.
    """
    labels = [phase.label for phase in model.phases]
    fractions = model.volume_fractions()
    coverage = np.zeros((len(labels), len(labels), lag.size))
    apart = lag > 0.0
    coverage[..., ~apart] = np.diag([fractions[one] for one in labels])[..., None]
    coverage[..., apart] = _model_coverage(model, views, lag[apart])
    found = {Key("volume_fraction", (one,)): np.array([fractions[one]]) for one in labels}
    for i, j in combinations_with_replacement(range(len(labels)), 2):
        pair = (labels[i], labels[j])
        found[Key("two_point_coverage", pair)] = coverage[i, j]
        found[Key("covariance", pair)] = coverage[i, j] - fractions[pair[0]] * fractions[pair[1]]
    return found


def volume_values(
    model: ExcursionModel, volume: Volume, views: Sequence[View], like: Measured, max_lag: float
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
    like : Measured
        What was measured on the sections, for their lags and lengths.
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
    values = {key: _like(key, found, like) for key in like.values if key in found.values}
    for label, fraction in volume.fractions().items():
        values[Key("volume_fraction", (label,))] = np.array([fraction])
    return values


def misfits(observed: Measured, reference: Mapping[Key, Floats]) -> dict[str, float]:
    """Largest difference of C_ij - p_i p_j over all lags beyond 0, per pair "i-j"."""
    found = {}
    for key, values in observed.values.items():
        if key.kind == "covariance":
            gap = np.abs(values - reference[key])[observed.lag > 0.0]
            known = gap[np.isfinite(gap)]
            found["-".join(map(str, key.phases))] = float(known.max(initial=0.0))
    return found


def _model_coverage(model: ExcursionModel, views: Sequence[View], lag: Floats) -> Floats:
    if model.isotropic:
        return np.asarray(model.two_point_coverage(lag))
    area = np.array([view.area for view in views])
    planes = np.array([_plane_mean(model, view.plane, lag) for view in views])
    return np.tensordot(area / area.sum(), planes, axes=1)


def _plane_mean(model: ExcursionModel, plane: Plane, lag: Floats) -> Floats:
    """C_ij averaged over the directions of a plane, shape (n, n, K)."""
    angle = (np.arange(_DIRECTIONS) + 0.5) * (np.pi / 2 / _DIRECTIONS)
    offsets = np.zeros((lag.size, _DIRECTIONS, 3))
    offsets[..., _AXES[plane[0]]] = np.multiply.outer(lag, np.cos(angle))
    offsets[..., _AXES[plane[1]]] = np.multiply.outer(lag, np.sin(angle))
    mean: Floats = np.asarray(model.two_point_coverage(offsets)).mean(axis=-1)
    return mean


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


def _like(key: Key, found: Measured, like: Measured) -> Floats:
    """Values of a volume at the lags or lengths of the sections."""
    values = found.values[key]
    if key.kind in ("two_point_coverage", "covariance"):
        return at_lags(like.lag, found.lag, values)
    if key.kind == "chord_length_distribution":
        grid, wanted = found.lengths[key.direction], like.lengths[key.direction]
        return np.asarray(np.interp(wanted, grid, values))
    return values
