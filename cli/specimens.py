"""Sections and volumes of a specimen, read with the phases and the unit of a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .inputs import check_different, parse_voxel_size, per_file
from .screen import Screen

if TYPE_CHECKING:
    from morphgen.excursion import ExcursionModel
    from morphgen.images import Section, Volume


@dataclass(frozen=True)
class GivenVolume:
    """What --volume names: a volume that is judged, or one that is only shown, or nothing.

    Attributes
    ----------
    judged, shown : Volume or None
        The volume; of a store its middle.
    whole_shape : tuple of int or None
        Shape of the store that it is the middle of.
    """

    judged: Volume | None = None
    shown: Volume | None = None
    whole_shape: tuple[int, int, int] | None = None


def model_phases(model: ExcursionModel) -> dict[int, str]:
    """What the values of an image mean where nothing else is said."""
    return {phase.label: phase.name for phase in model.phases}


def sections_of(
    screen: Screen,
    model: ExcursionModel,
    files: Sequence[Path],
    planes: Sequence[str] | None,
    voxel_size: str | None,
    phases: str | None,
) -> list[Section]:
    """Read sections with the phases and the unit of a model, and its size if a file has none."""
    from morphgen.images import section_in_unit

    read = _read(screen, model, files, planes, voxel_size, phases)
    check_different(files, read)
    return [section_in_unit(section, model.unit) for pages in read for section in pages]


def _read(
    screen: Screen,
    model: ExcursionModel,
    files: Sequence[Path],
    planes: Sequence[str] | None,
    voxel_size: str | None,
    phases: str | None,
) -> list[list[Section]]:
    from morphgen.images import read_sections

    size, unit = parse_voxel_size(voxel_size)
    names = phases or model_phases(model)
    found = []
    for file, plane in zip(files, per_file(planes, len(files)), strict=True):
        images = read_sections(
            file, plane=plane, voxel_size=size, unit=unit, phases=names, absent="allow"
        )
        if _lacks_size(model, images[0].unit, unit):
            rows, columns = ("zyx".index(axis) for axis in (plane[1], plane[0]))
            sizes = (model.voxel_size[rows], model.voxel_size[columns])
            images = read_sections(
                file, plane=plane, voxel_size=sizes, unit=model.unit, phases=names, absent="allow"
            )
            screen.note(_taken(file, model, sizes))
        found.append(images)
    return found


def volumes_of(
    screen: Screen,
    model: ExcursionModel,
    path: Path | None,
    sections: bool,
    voxel_size: str | None,
    phases: str | None,
) -> GivenVolume:
    """Volume that is judged, or volume that is only shown.

    Raises
    ------
    InputError
        There are no sections, and the volume was generated from the model itself.
    """
    from morphgen.errors import InputError
    from morphgen.images import volume_in_unit
    from morphgen.tiles import open_volume
    from morphgen.validation.volumes import LARGEST_SIDE
    from morphgen.workflows.drawing import central_part

    if path is None:
        return GivenVolume()
    if not path.is_dir():
        return GivenVolume(judged=_volume_image(screen, model, path, voxel_size, phases))
    whole = open_volume(path).shape
    if not _own(model, path):
        found = volume_in_unit(central_part(path, LARGEST_SIDE), model.unit)
        return GivenVolume(judged=found, whole_shape=whole)
    if not sections:
        raise InputError(
            f"{path} was generated from this very model, which proves nothing; give sections, or "
            "a volume of the specimen"
        )
    screen.note(f"{path.name} was generated from this very model: it is shown, not judged")
    found = volume_in_unit(central_part(path), model.unit)
    if found.labels.shape != whole:
        shape = " x ".join(map(str, found.labels.shape))
        screen.note(f"the middle {shape} of its {' x '.join(map(str, whole))} voxels are shown")
    return GivenVolume(shown=found, whole_shape=whole)


def _own(model: ExcursionModel, path: Path) -> bool:
    """Whether a store was generated from this model, whatever either says of its origin."""
    from morphgen.tiles import open_volume

    return open_volume(path).model.with_provenance(None) == model.with_provenance(None)


def _volume_image(
    screen: Screen, model: ExcursionModel, path: Path, voxel_size: str | None, phases: str | None
) -> Volume:
    from morphgen.images import read_volume, volume_in_unit

    size, unit = parse_voxel_size(voxel_size)
    names = phases or model_phases(model)
    found = read_volume(path, voxel_size=size, unit=unit, phases=names, absent="allow")
    if _lacks_size(model, found.unit, unit):
        sizes = model.voxel_size
        found = read_volume(path, voxel_size=sizes, unit=model.unit, phases=names, absent="allow")
        screen.note(_taken(path, model, sizes))
    return volume_in_unit(found, model.unit)


def _lacks_size(model: ExcursionModel, stated: str, asked: str | None) -> bool:
    return asked is None and stated == "voxel" and model.unit != "voxel"


def _taken(file: Path, model: ExcursionModel, sizes: Sequence[float]) -> str:
    size = " x ".join(f"{size:g}" for size in dict.fromkeys(sizes))
    return f"{file.name} states no pixel size: the model's is taken, {size} {model.unit}"
