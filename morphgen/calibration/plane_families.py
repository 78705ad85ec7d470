"""Sections sorted by how their planes lie about an axis of symmetry."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from morphgen.calibration.tiling import specimen
from morphgen.errors import InputError
from morphgen.excursion.sections import PLANE_AXES
from morphgen.fields.kernels import AXES, Axis
from morphgen.images import Section


@dataclass(frozen=True, eq=False)
class PlaneFamily:
    """Sections whose planes lie alike about the axis: they show the same correlations.

    Attributes
    ----------
    planes : tuple of str
        The planes.
    with_axis : bool
        Whether the axis lies in the planes; the columns of the specimens then run along it.
        Otherwise the planes are normal to it, or there is no axis.
    steps : tuple of 2 floats
        Distance of rows and of columns of the specimens.
    specimens : tuple of ndarray
        Labels of the part of each section that holds the specimen.
    sources : tuple of str
        Where each section was read from.
    """

    planes: tuple[str, ...]
    with_axis: bool
    steps: tuple[float, float]
    specimens: tuple[np.ndarray, ...]
    sources: tuple[str, ...]

    @property
    def turns(self) -> bool:
        """Whether quarter turns leave the law unchanged; reflections always do."""
        return not self.with_axis and math.isclose(*self.steps)

    @property
    def sides(self) -> tuple[int, int]:
        """Least number of rows and of columns of the specimens."""
        rows, columns = (min(part.shape[axis] for part in self.specimens) for axis in range(2))
        return rows, columns


def plane_families(sections: Sequence[Section], axis: Axis | None) -> list[PlaneFamily]:
    """Sort sections into planes that contain the axis, first, and planes normal to it.

    Planes of other pixel sizes are families of their own.

    Parameters
    ----------
    sections : sequence of Section
        Sections of one material.
    axis : {"z", "y", "x"} or None
        Axis of symmetry; None for an isotropic model, to which all planes are alike.

    Raises
    ------
    InputError
        If no section contains the axis, or the sections do not belong together.
    """
    check_voxels(sections)
    groups: dict[tuple[bool, tuple[float, float]], list[tuple[Section, np.ndarray]]] = {}
    for section in sections:
        part, steps = specimen(section), section.pixel_size
        along = [AXES[number] for number in PLANE_AXES[section.plane]]
        with_axis = axis in along
        if along[0] == axis:
            part, steps = np.ascontiguousarray(part.T), (steps[1], steps[0])
        groups.setdefault((with_axis, steps), []).append((section, part))
    if axis is not None and not any(with_axis for with_axis, _ in groups):
        planes = [plane for plane in PLANE_AXES if axis in plane]
        raise InputError(
            f"no section contains the axis {axis}: correlations along it are not seen; add a "
            f"section of plane {' or '.join(planes)}, or take --symmetry isotropic"
        )
    ordered = sorted(groups.items(), key=lambda item: not item[0][0])
    return [
        PlaneFamily(
            tuple(sorted({section.plane for section, _ in members})),
            with_axis,
            steps,
            tuple(part for _, part in members),
            tuple(section.source for section, _ in members),
        )
        for (with_axis, steps), members in ordered
    ]


def check_voxels(sections: Sequence[Section]) -> None:
    """Refuse sections of different units, phases, or voxel sizes along one axis.

    Raises
    ------
    InputError
        If there is none, or two of them differ.
    """
    if not sections:
        raise InputError("no section is given; calibration needs at least one")
    first = sections[0]
    known: dict[int, tuple[float, str]] = {}
    for section in sections:
        if (section.unit, section.phases) != (first.unit, first.phases):
            raise InputError(
                f"{section.source} differs from {first.source} in unit or phases; bring sections "
                "alike"
            )
        for number, size in zip(PLANE_AXES[section.plane], section.pixel_size, strict=True):
            before, source = known.setdefault(number, (size, section.source))
            if size != before:
                raise InputError(
                    f"{section.source} has voxels of {size:g} {section.unit} along "
                    f"{AXES[number]}, {source} of {before:g}; check --plane and --voxel-size, or "
                    "resample"
                )
