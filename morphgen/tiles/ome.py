"""Image-label metadata of OME-Zarr 0.5 (ngff.openmicroscopy.org/0.5), for viewers.

A volume is a label image of its own, not one of an image beside it: there is no ``source``.
"""

from __future__ import annotations

from typing import Any

from morphgen.excursion.model import ExcursionModel
from morphgen.phases import phase_colors

AXES = ("z", "y", "x")

_UNITS = {
    "nm": "nanometer",
    "um": "micrometer",
    "mm": "millimeter",
    "cm": "centimeter",
    "m": "meter",
}
_METHODS = {
    "majority": "most frequent label of 2 x 2 x 2 voxels, the first of them among equals",
    "nearest": "first of 2 x 2 x 2 voxels",
}


def ome_attributes(model: ExcursionModel, levels: int, downsample: str) -> dict[str, Any]:
    """Attribute ``ome`` of a volume's group.

    Parameters
    ----------
    model : ExcursionModel
        Voxel size, unit and phases.
    levels : int
        Number of coarser levels.
    downsample : {"majority", "nearest"}
        How they are made.
    """
    unit = {"unit": _UNITS[model.unit]} if model.unit in _UNITS else {}
    scales: dict[str, Any] = {
        "name": "labels",
        "axes": [{"name": axis, "type": "space", **unit} for axis in AXES],
        "datasets": [_dataset(model, level) for level in range(levels + 1)],
    }
    if levels:
        scales |= {"type": downsample, "metadata": {"description": _METHODS[downsample]}}
    return {"version": "0.5", "multiscales": [scales], "image-label": _image_label(model)}


def _dataset(model: ExcursionModel, level: int) -> dict[str, Any]:
    """Level with its voxel size, and the place of its first voxel's centre.

    A voxel of a coarse level stands for 2^level voxels along each axis, and its centre lies
    between theirs (github.com/ome/ngff/issues/494).
    """
    scale = [size * 2.0**level for size in model.voxel_size]
    steps: list[dict[str, Any]] = [{"type": "scale", "scale": scale}]
    if level:
        shift = [size * (2.0**level - 1.0) / 2.0 for size in model.voxel_size]
        steps.append({"type": "translation", "translation": shift})
    return {"path": str(level), "coordinateTransformations": steps}


def _image_label(model: ExcursionModel) -> dict[str, Any]:
    colors = zip(model.phases, phase_colors(model.phases), strict=True)
    return {
        "colors": [
            {"label-value": phase.label, "rgba": [*bytes.fromhex(color[1:]), 255]}
            for phase, color in colors
        ],
        "properties": [{"label-value": p.label, "name": p.name} for p in model.phases],
    }
