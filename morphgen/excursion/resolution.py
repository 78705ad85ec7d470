"""A model on other voxels than those of its sections: what that loses, and what it invents.

Kernels and correlations are functions of length, so that a model is defined on any lattice of
voxels; its kernels are sampled there and normalised anew. A label is that of a point: coarser
voxels show the same structure at fewer points, and every closed form in lengths is unchanged.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from morphgen.errors import ModelError
from morphgen.fields.sampling import COVARIANCE_ERROR, synthesis_error

if TYPE_CHECKING:
    from morphgen.excursion.model import ExcursionModel

Sizes = tuple[float, float, float]

# mean run in voxels below which necks and surface are lost: see benchmarks/resolution.py
SHORTEST_RUN = 8.0
# a side of fewer correlation lengths shows one or two features
FEWEST_LENGTHS = 8.0
# correlation of neighbours below which a field is noise
_LEAST_CORRELATION = 0.05
_NOTICEABLE = 0.05


def resized(model: ExcursionModel, size: float | Sequence[float]) -> ExcursionModel:
    """Return a model on voxels of another size; see `ExcursionModel.at_voxel_size`."""
    found = replace(model, voxel_size=_sizes(size))
    check_lattice(found)
    return found


def check_lattice(model: ExcursionModel) -> None:
    """Refuse a model that its voxels cannot show.

    Raises
    ------
    ModelError
        If neighbouring voxels of a field hardly correlate, or kernels reach farther than a block
        can hold.
    """
    for number in range(len(model.fields)):
        closest = max(_neighbours(model, number))
        if closest < _LEAST_CORRELATION:
            raise ModelError(
                f"voxels of {_shown(model.voxel_size)} {model.unit} are too coarse: neighbours in "
                f"{_name(model, number)} correlate by {closest:.2g}, expected at least "
                f"{_LEAST_CORRELATION}; choose smaller ones"
            )
    # refuses kernels that reach farther than a block can hold
    assert model.block_edge


def shortest_runs(model: ExcursionModel) -> tuple[float, ...]:
    """Mean run of every field in voxels, along the axis on which it is shortest.

    A field's run is that of its excursion set or of what the set leaves, whichever is shorter:
    min(p, 1 - p) / (p - C(voxel)). Below `SHORTEST_RUN` voxels surface and necks are lost.
    """
    probabilities = [field.probability for field in model.fields]
    return tuple(
        min(p, 1.0 - p) / max(_changes(model, number)) for number, p in enumerate(probabilities)
    )


def is_thin(model: ExcursionModel, shape: Sequence[int]) -> bool:
    """Whether a side of a volume is under `FEWEST_LENGTHS` correlation lengths of a field.

    The correlation length is the distance at which the correlation has fallen to exp(-1/2).
    """
    parts = np.diag(np.asarray(shape) * model.voxel_size / FEWEST_LENGTHS)
    return any(
        np.max(np.asarray(model.correlation(number, parts))) > math.exp(-0.5)
        for number in range(len(model.fields))
    )


def resolution_notes(model: ExcursionModel, size: float | Sequence[float]) -> tuple[str, ...]:
    """What voxels of another size than those of the sections lose or invent.

    Parameters
    ----------
    model : ExcursionModel
        A model; its sections are those of its provenance, or of its own voxel size without one.
    size : float or sequence of 3 floats
        Voxel size, in the model's unit.

    Returns
    -------
    tuple of str
        Notes to be read by people; none where the voxels are those of the sections.
    """
    seen, found = section_pixels(model), resized(model, size)
    notes = []
    if max(found.voxel_size) > max(seen) * (1.0 + 1e-6):
        times = max(found.voxel_size) / max(seen)
        notes.append(f"voxels {times:.3g} times those of the sections: what is narrower is lost")
        notes += _short_runs(found)
    if min(found.voxel_size) < min(seen) * (1.0 - 1e-6):
        notes.append(
            f"voxels finer than those of the sections, {_shown(seen)} {model.unit}: what they show "
            "beyond is the smoothness or roughness of the model's covariances, which no section saw"
        )
        notes += _growing_surfaces(found, min(seen))
    if notes:
        notes += _narrow_kernels(found)
    return tuple(notes)


def section_pixels(model: ExcursionModel) -> tuple[float, ...]:
    """Pixel sizes of the sections that a model was calibrated on, in its unit."""
    sources = () if model.provenance is None else model.provenance.sources
    sizes = {size for source in sources for size in source.pixel_size}
    return tuple(sorted(sizes or set(model.voxel_size)))


def _short_runs(model: ExcursionModel) -> list[str]:
    return [
        f"{_name(model, number)} has features of {run:.2g} voxels, and loses surface and necks "
        f"below {SHORTEST_RUN:g}"
        for number, run in enumerate(shortest_runs(model))
        if run < SHORTEST_RUN
    ]


def _growing_surfaces(model: ExcursionModel, seen: float) -> list[str]:
    """Fields with more faces per volume along the finer axes than voxels of a size show."""
    z, y, x = (max(size, seen) for size in model.voxel_size)
    before = replace(model, voxel_size=(z, y, x))
    finer = np.asarray(model.voxel_size) < seen * (1.0 - 1e-6)
    notes = []
    for number in range(len(model.fields)):
        old, new = (
            np.sum((np.asarray(_changes(one, number)) / one.voxel_size)[finer])
            for one in (before, model)
        )
        if new / old > 1.0 + _NOTICEABLE:
            notes.append(f"{_name(model, number)} has {new / old:.3g} times the surface on them")
    return notes


def _narrow_kernels(model: ExcursionModel) -> list[str]:
    pairs = zip(model.noises, model.samplings, strict=True)
    error = max(synthesis_error(one.kernel, model.voxel_size, lattice) for one, lattice in pairs)
    if error <= COVARIANCE_ERROR:
        return []
    return [f"a kernel is too narrow for them, and correlations err by up to {error:.1g}"]


def _changes(model: ExcursionModel, number: int) -> list[float]:
    """P(voxel inside, neighbour outside) of a field along each axis: p - C(voxel size)."""
    field = model.fields[number]
    correlations = np.asarray(_neighbours(model, number))
    joint = np.asarray(field.joint_exceedance(correlations))
    return [field.probability - float(one) for one in joint]


def _neighbours(model: ExcursionModel, number: int) -> list[float]:
    """Correlation of a field at neighbouring voxels, along each axis."""
    found = np.asarray(model.correlation(number, np.diag(model.voxel_size)))
    return [float(value) for value in found]


def _name(model: ExcursionModel, number: int) -> str:
    names = {phase.label: phase.name for phase in model.phases}
    return f"the field of {names[model.order[number]]!r}"


def _sizes(size: float | Sequence[float]) -> Sizes:
    sizes = np.atleast_1d(np.asarray(size, dtype=float)).tolist()
    if len(sizes) not in (1, 3):
        raise ModelError(f"voxel size {size!r}: expected one number, or three (z, y, x)")
    z, y, x = sizes * 3 if len(sizes) == 1 else sizes
    return z, y, x


def _shown(sizes: Sequence[float]) -> str:
    return " x ".join(f"{size:.4g}" for size in dict.fromkeys(sizes))
