"""What is read: labelled sections and volumes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from morphgen.errors import InputError
from morphgen.images.lengths import VOXEL, convert, parse_unit, positive
from morphgen.phases import OUTSIDE, Phase

PLANES = ("xy", "xz", "yz")

Labels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Section:
    """A segmented plane section.

    Parameters
    ----------
    labels : array of uint8, shape (rows, columns)
        The phase of every pixel; 255 where the pixel lies outside the specimen. A writable array
        is copied; the section's own array is write-protected.
    plane : {"xy", "xz", "yz"}
        What rows and columns are: xy (y, x), xz (z, x), yz (z, y).
    pixel_size : tuple of two floats
        Distance between rows and between columns, in `unit`.
    unit : str
        nm, um, mm, cm, m, or voxel where the physical size is not known.
    phases : tuple of Phase
        The phases by rising label. A section of a stack may lack one of them.
    sha256 : str
        Hash of the bytes of the file, or of the labels where they came as an array.
    source : str
        File name without its folder, or "array".

    Raises
    ------
    InputError
        Labels of another type or shape, labels without a phase, or a value out of its range.
    """

    labels: Labels
    plane: str
    pixel_size: tuple[float, float]
    unit: str
    phases: tuple[Phase, ...]
    sha256: str
    source: str

    def __post_init__(self) -> None:
        check_plane(self.plane)
        object.__setattr__(self, "labels", _protected(self.labels, 2))
        rows, columns = _sizes(self.pixel_size, 2)
        object.__setattr__(self, "pixel_size", (rows, columns))
        _check_phases(self.labels, self.phases)
        parse_unit(self.unit)

    @property
    def mask(self) -> NDArray[np.bool_] | None:
        """True where a pixel belongs to the specimen; None where all of them do."""
        return _mask(self.labels)

    def fractions(self) -> dict[int, float]:
        """Area fraction of every phase among the pixels of the specimen, by label."""
        return _fractions(self.labels, self.phases)


@dataclass(frozen=True, eq=False)
class Volume:
    """A segmented volume, indexed (z, y, x).

    Parameters
    ----------
    labels : array of uint8, shape (z, y, x)
        The phase of every voxel; 255 where the voxel lies outside the specimen. A writable array
        is copied; the volume's own array is write-protected.
    voxel_size : tuple of three floats
        Voxel spacing along z, y and x, in `unit`.
    unit : str
        nm, um, mm, cm, m, or voxel where the physical size is not known.
    phases : tuple of Phase
        The phases by rising label.
    sha256 : str
        Hash of the bytes of the file, or of the labels where they came as an array.
    source : str
        File name without its folder, or "array".

    Raises
    ------
    InputError
        Labels of another type or shape, labels without a phase, or a value out of its range.
    """

    labels: Labels
    voxel_size: tuple[float, float, float]
    unit: str
    phases: tuple[Phase, ...]
    sha256: str
    source: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", _protected(self.labels, 3))
        planes, rows, columns = _sizes(self.voxel_size, 3)
        object.__setattr__(self, "voxel_size", (planes, rows, columns))
        _check_phases(self.labels, self.phases)
        parse_unit(self.unit)

    @property
    def mask(self) -> NDArray[np.bool_] | None:
        """True where a voxel belongs to the specimen; None where all of them do."""
        return _mask(self.labels)

    def fractions(self) -> dict[int, float]:
        """Volume fraction of every phase among the voxels of the specimen, by label."""
        return _fractions(self.labels, self.phases)


def section_in_unit(section: Section, unit: str) -> Section:
    """Express a section in another physical unit; unchanged where either unit is the voxel."""
    if section.unit == unit or VOXEL in (section.unit, unit):
        return section
    rows, columns = section.pixel_size
    sizes = (_converted(rows, section.unit, unit), _converted(columns, section.unit, unit))
    return replace(section, pixel_size=sizes, unit=unit)


def volume_in_unit(volume: Volume, unit: str) -> Volume:
    """Express a volume in another physical unit; unchanged where either unit is the voxel."""
    if volume.unit == unit or VOXEL in (volume.unit, unit):
        return volume
    z, y, x = (_converted(size, volume.unit, unit) for size in volume.voxel_size)
    return replace(volume, voxel_size=(z, y, x), unit=unit)


def check_plane(plane: str) -> None:
    """Refuse a plane that is not one of `PLANES`."""
    if plane not in PLANES:
        raise InputError(f"plane {plane!r} is unknown: expected one of {', '.join(PLANES)}")


def in_plane(
    voxel_size: float | Sequence[float] | None, plane: str
) -> float | Sequence[float] | None:
    """Of sizes along z, y and x, those along the rows and columns of a plane; others as given."""
    sizes = np.atleast_1d(np.asarray(voxel_size, dtype=float)).tolist()
    if len(sizes) != 3:
        return voxel_size
    return sizes["zyx".index(plane[1])], sizes["zyx".index(plane[0])]


def label_counts(labels: Labels) -> NDArray[np.int64]:
    """Count each of the 256 labels, a few rows at a time (bincount widens what it is given)."""
    counts = np.zeros(256, dtype=np.int64)
    flat = labels.reshape(-1)
    for start in range(0, flat.size, 1 << 20):
        counts += np.bincount(flat[start : start + (1 << 20)], minlength=256)
    return counts


def _converted(size: float, unit: str, to: str) -> float:
    # rounded, so that 65 nm and 0.065 um are the same number
    return float(f"{convert(size, unit, to):.12g}")


def _protected(labels: object, ndim: int) -> Labels:
    if not isinstance(labels, np.ndarray) or labels.dtype != np.uint8 or labels.ndim != ndim:
        raise InputError(f"labels must be a NumPy array of uint8 with {ndim} axes")
    if labels.flags.writeable or not labels.flags.c_contiguous:
        labels = np.array(labels, order="C")
        labels.flags.writeable = False
    return labels


def _sizes(sizes: tuple[float, ...], count: int) -> tuple[float, ...]:
    if len(sizes) != count:
        raise InputError(f"pixel size {sizes!r} must hold {count} numbers")
    return tuple(positive(float(size), size) for size in sizes)


def _check_phases(labels: Labels, phases: tuple[Phase, ...]) -> None:
    named = [phase.label for phase in phases]
    if named != sorted(set(named)):
        raise InputError(f"phases must have different labels in rising order, not {named}")
    without = set(np.flatnonzero(label_counts(labels))) - {*named, OUTSIDE}
    if without:
        raise InputError(f"labels {sorted(map(int, without))} have no phase; phases: {named}")


def _mask(labels: Labels) -> NDArray[np.bool_] | None:
    inside: NDArray[np.bool_] = labels != OUTSIDE
    return None if inside.all() else inside


def _fractions(labels: Labels, phases: tuple[Phase, ...]) -> dict[int, float]:
    counts = label_counts(labels)
    total = max(int(counts[:OUTSIDE].sum()), 1)
    return {phase.label: float(counts[phase.label] / total) for phase in phases}
