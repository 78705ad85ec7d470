"""From an image or a store to its descriptors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from morphgen.descriptors import (
    Description,
    Frame,
    Reading,
    Wanted,
    chosen_kinds,
    conductivities_by_label,
    left_out,
    measure_sections,
)
from morphgen.errors import InputError
from morphgen.images import Section, Volume, read_section, read_volume
from morphgen.phases import Phase
from morphgen.progress import Progress, silent
from morphgen.tiles import VolumeInfo
from morphgen.tiles.cluster import PATIENCE, Access
from morphgen.tiles.measuring import measured_volume
from morphgen.tiles.windows import stored_labels

if TYPE_CHECKING:
    from distributed import Client


# of two-point coverage in pixels, by the number of axes of an image
_LARGEST_LAG = {2: 60, 3: 40}


def describe(
    image: VolumeInfo | Volume | Section | Sequence[Section] | NDArray[np.uint8],
    *,
    voxel_size: float | None = None,
    unit: str | None = None,
    phases: str | None = None,
    kinds: Sequence[str] | None = None,
    max_lag: int | None = None,
    ionic: Mapping[str, float] | None = None,
    electronic: Mapping[str, float] | None = None,
    chunk: int | None = None,
    workers: int | None = None,
    client: Client | None = None,
    scheduler: str | None = None,
    scheduler_file: str | Path | None = None,
    patience: float = PATIENCE,
    progress: Progress = silent,
) -> Description:
    """Measure the descriptors of a volume, of a section, or of several sections together.

    Parameters
    ----------
    image : VolumeInfo, Volume, Section, sequence of Section, or array of two or three axes
        What to measure. Sections must have one shape, plane and pixel size; they are pooled, and
        their scatter gives standard errors. A volume in a store, as `open_volume` gives it, is
        read part by part.
    voxel_size, unit, phases
        As for `read_volume`, for an array.
    kinds : sequence of str, optional
        Descriptors to measure, names of `morphgen.descriptors.KINDS`; by default all that such
        an image has and whose packages are installed.
    max_lag : int, optional
        Largest lag in voxels; by default 60 in sections and 40 in volumes, and at most half the
        shortest side.
    ionic, electronic : mapping of str to float, optional
        Conductivities for ions and electrons of phases, by name, in any unit; phases that are not
        named do not conduct. Effective conductivities of a volume are measured where they are
        given.
    chunk : int, optional
        Edge of the parts of a volume in voxels, 128 by default. It changes time and memory, not
        the result.
    workers, client, scheduler, scheduler_file, patience
        Who measures a volume, as for `generate`; by default this process measures an array.
    progress : Progress
        Told about the parts of a volume.

    Returns
    -------
    Description

    Raises
    ------
    InputError
        If the image, a kind, the largest lag, a conductivity or the chunk cannot be used,
        sections differ, or there is too little memory.
    StoreError
        If blocks of a volume in a store are missing or cannot be read.
    GenerationError
        If a worker or the cluster is lost.
    """
    access = Access(workers, client, scheduler, scheduler_file, patience)
    if isinstance(image, VolumeInfo):
        frame = _frame_of_store(image)
        wanted = _wanted(frame, image.model.phases, kinds, max_lag, ionic, electronic)
        stored = stored_labels(image)
        readings = measured_volume(stored, frame, wanted, access, chunk=chunk, progress=progress)
        return _description(image.location, image.model.phases, frame, wanted, readings)
    sections, volume = _read(image, voxel_size, unit, phases)
    first = sections[0] if volume is None else volume
    frame = _frame_of(first)
    wanted = _wanted(frame, first.phases, kinds, max_lag, ionic, electronic)
    if volume is not None:
        readings = measured_volume(
            volume.labels, frame, wanted, access, chunk=chunk, progress=progress
        )
    elif access != Access():
        raise InputError("workers and clusters measure volumes; sections are measured without")
    else:
        readings = measure_sections([one.labels for one in sections], frame, wanted)
    images = max(1, len(sections))
    return _description(first.source, first.phases, frame, wanted, readings, images)


def _read(
    image: Volume | Section | Sequence[Section] | NDArray[np.uint8],
    voxel_size: float | None,
    unit: str | None,
    phases: str | None,
) -> tuple[Sequence[Section], Volume | None]:
    if isinstance(image, Volume):
        return (), image
    if isinstance(image, Section):
        return (image,), None
    if not isinstance(image, np.ndarray):
        _check_alike(image)
        return image, None
    if image.ndim == 3:
        return (), read_volume(image, voxel_size=voxel_size, unit=unit, phases=phases)
    return (read_section(image, voxel_size=voxel_size, unit=unit, phases=phases),), None


def _description(
    source: str,
    phases: tuple[Phase, ...],
    frame: Frame,
    wanted: Wanted,
    readings: tuple[Reading, ...],
    images: int = 1,
) -> Description:
    return Description(
        source=source,
        shape=frame.shape,
        images=images,
        spacing=frame.spacing,
        axes=frame.axes,
        unit=frame.unit,
        phases=phases,
        readings=readings,
        left_out=left_out(len(frame.shape), wanted.kinds),
    )


def _check_alike(sections: Sequence[Section]) -> None:
    if not sections:
        raise InputError("no section to measure; give one at least")
    first = _frame_of(sections[0])
    for section in sections:
        if _frame_of(section) != first:
            raise InputError(
                f"{section.source} differs from {sections[0].source} in shape, plane, pixel size, "
                "unit or phases; describe them one by one"
            )


def _frame_of(image: Section | Volume) -> Frame:
    labels = tuple(phase.label for phase in image.phases)
    if isinstance(image, Volume):
        return Frame(image.labels.shape, image.voxel_size, "zyx", labels, image.unit)
    axes = image.plane[1] + image.plane[0]
    return Frame(image.labels.shape, image.pixel_size, axes, labels, image.unit)


def _frame_of_store(volume: VolumeInfo) -> Frame:
    labels = tuple(phase.label for phase in volume.model.phases)
    return Frame(volume.shape, volume.voxel_size, "zyx", labels, volume.unit)


def _wanted(
    frame: Frame,
    phases: Sequence[Phase],
    kinds: Sequence[str] | None,
    max_lag: int | None,
    *currents: Mapping[str, float] | None,
) -> Wanted:
    ionic, electronic = (conductivities_by_label(given, phases) for given in currents)
    chosen = chosen_kinds(len(frame.shape), kinds, ionic, electronic)
    return Wanted(chosen, _reach(frame.shape, max_lag), ionic, electronic)


def _reach(shape: Sequence[int], max_lag: int | None) -> int:
    longest = min(shape) - 1
    if max_lag is None:
        return max(1, min(_LARGEST_LAG[len(shape)], min(shape) // 2))
    if not 1 <= max_lag <= longest:
        raise InputError(f"max_lag is {max_lag} voxels; expected 1 to {longest}")
    return max_lag
