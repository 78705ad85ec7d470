"""From an image or a store to its descriptors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from morphgen.descriptors import (
    Description,
    Frame,
    Placement,
    Reading,
    Subvolumes,
    Wanted,
    chosen_kinds,
    conductivities_by_label,
    left_out,
    measure_sections,
)
from morphgen.descriptors.measures import whole_measures
from morphgen.descriptors.subvolumes import Windowed, cheap_and_other
from morphgen.errors import InputError
from morphgen.images import Section, Volume, large_labels, read_section, read_volume
from morphgen.images.phase_map import PhaseSpec
from morphgen.images.scale import resolve
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
    image: VolumeInfo | Volume | Section | Sequence[Section] | NDArray[Any] | Windowed,
    *,
    voxel_size: float | tuple[float, ...] | None = None,
    unit: str | None = None,
    phases: PhaseSpec | None = None,
    kinds: Sequence[str] | None = None,
    max_lag: int | None = None,
    ionic: Mapping[str, float] | None = None,
    electronic: Mapping[str, float] | None = None,
    chunk: int | None = None,
    subvolumes: int | None = None,
    subvolume_edge: int | None = None,
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
        read part by part; so is, if `phases` are given, a memory map of three axes or anything
        else that has a shape and a dtype and gives integers for a tuple of slices, such as an
        array of Zarr or h5py.
    voxel_size, unit, phases
        As for `read_volume` or `read_section`, for an array. A phase that is named may be absent.
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
    subvolumes, subvolume_edge : int, optional
        Largest number of the cubes of a volume on which is measured what must be seen whole, such
        as tortuosity, and their edge in voxels of the finest axis; 8 and 96 by default.
    workers, client, scheduler, scheduler_file, patience
        Who measures a volume, as for `generate`; by default this process measures a small array.
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
    given = {"edge": subvolume_edge, "most": subvolumes}
    chosen = {name: value for name, value in given.items() if value is not None}
    subject = _subject(image, voxel_size, unit, phases)
    frame = subject.frame
    wanted = _wanted(frame, subject.phases, kinds, max_lag, ionic, electronic)
    if subject.volume is not None:
        placement = Placement(**chosen)
        readings = measured_volume(
            subject.volume, frame, wanted, access,
            chunk=chunk, placement=placement, progress=progress,
        )  # fmt: skip
        return _description(subject, wanted, readings, _subvolumes(frame, wanted, placement))
    if chosen or access != Access():
        raise InputError(
            "workers, clusters and sub-volumes are for volumes; sections are measured without"
        )
    return _description(subject, wanted, measure_sections(subject.sections, frame, wanted))


@dataclass(frozen=True, eq=False)
class _Subject:
    """What is measured: the labels of a volume, or of sections."""

    source: str
    phases: tuple[Phase, ...]
    frame: Frame
    volume: Windowed | None
    sections: tuple[NDArray[np.uint8], ...] = ()


def _subject(
    image: object,
    voxel_size: float | tuple[float, ...] | None,
    unit: str | None,
    phases: PhaseSpec | None,
) -> _Subject:
    if isinstance(image, VolumeInfo):
        frame = _frame(image.shape, image.voxel_size, image.unit, image.model.phases)
        return _Subject(image.location, image.model.phases, frame, stored_labels(image))
    if isinstance(image, np.ndarray) and (phases is None or not isinstance(image, np.memmap)):
        read: Callable[..., Volume | Section] = read_volume if image.ndim == 3 else read_section
        image = read(image, voxel_size=voxel_size, unit=unit, phases=phases, absent="allow")
    if isinstance(image, Volume):
        frame = _frame(image.labels.shape, image.voxel_size, image.unit, image.phases)
        return _Subject(image.source, image.phases, frame, image.labels)
    if isinstance(image, Section):
        image = (image,)
    if isinstance(image, Sequence) and all(isinstance(one, Section) for one in image):
        return _of_sections(image)
    return _of_windows(image, voxel_size, unit, phases)


def _of_windows(
    image: Any,
    voxel_size: float | tuple[float, ...] | None,
    unit: str | None,
    phases: PhaseSpec | None,
) -> _Subject:
    """Take an array that is read window by window; refuse what is none."""
    kind = type(image).__name__
    # an array library's own arrays may be on a device
    if hasattr(image, "__dlpack__") and not isinstance(image, np.ndarray):
        raise InputError(f"the image is a {kind}; expected a NumPy array: copy it to the host")
    if not isinstance(getattr(image, "dtype", None), np.dtype) or not hasattr(image, "shape"):
        raise InputError(
            f"the image is a {kind}; expected an array, a Section or several, a Volume, or a "
            "volume as open_volume gives it"
        )
    if phases is None:
        raise InputError(
            f"the image is a {kind}, which is not read as a whole; give phases, such as "
            "'0=pore,1=solid'"
        )
    labels = large_labels(image, phases)
    sizes, unit = resolve(None, voxel_size, unit, labels.source, axes=3)
    return _Subject(
        labels.source, labels.phases, _frame(labels.shape, sizes, unit, labels.phases), labels
    )


def _of_sections(sections: Sequence[Section]) -> _Subject:
    _check_alike(sections)
    first = sections[0]
    labels = tuple(one.labels for one in sections)
    return _Subject(first.source, first.phases, _frame_of(first), None, labels)


def _subvolumes(frame: Frame, wanted: Wanted, placement: Placement) -> Subvolumes | None:
    """Where what must be seen whole was measured, unless that is the whole volume."""
    found = Subvolumes.of_boxes(placement.boxes(frame.shape, frame.spacing))
    _, others = cheap_and_other(frame.shape, whole_measures(wanted, frame))
    return found if others and found.shape != frame.shape else None


def _description(
    subject: _Subject,
    wanted: Wanted,
    readings: tuple[Reading, ...],
    subvolumes: Subvolumes | None = None,
) -> Description:
    frame, images = subject.frame, max(1, len(subject.sections))
    return Description(
        source=subject.source,
        shape=frame.shape,
        images=images,
        spacing=frame.spacing,
        axes=frame.axes,
        unit=frame.unit,
        phases=subject.phases,
        readings=readings,
        left_out=left_out(len(frame.shape), wanted.kinds),
        subvolumes=subvolumes,
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


def _frame_of(section: Section) -> Frame:
    axes = section.plane[1] + section.plane[0]
    shape = section.labels.shape
    return _frame(shape, section.pixel_size, section.unit, section.phases, axes)


def _frame(
    shape: tuple[int, ...],
    spacing: tuple[float, ...],
    unit: str,
    phases: Sequence[Phase],
    axes: str = "zyx",
) -> Frame:
    return Frame(shape, spacing, axes, tuple(phase.label for phase in phases), unit)


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
