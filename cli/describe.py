"""``morphgen describe``: what is measured on an image."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from morphgen.errors import InputError

from .inputs import check_output, parse_conductivities, parse_voxel_size
from .options import (
    PATIENCE,
    Debug,
    Json,
    Overwrite,
    Patience,
    Phases,
    Quiet,
    Scheduler,
    SchedulerFile,
    VoxelSize,
    Workers,
)
from .screen import Screen, figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from morphgen.descriptors import Description, Reading, Subvolumes
    from morphgen.images import Section, Volume
    from morphgen.tiles import VolumeInfo

ImageOrStore = Annotated[
    str,
    typer.Argument(
        metavar="VOLUME_OR_IMAGE",
        show_default=False,
        help="Segmented image or stack (TIFF, PNG, BMP, NPY), or Zarr store: a folder or a URL.",
    ),
]


Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", show_default=False, help="JSON file to write."),
]
Sections = Annotated[
    bool, typer.Option("--sections", help="The pages of a stack are sections, not one volume.")
]
Descriptors = Annotated[
    str | None,
    typer.Option(
        "--descriptors",
        metavar="NAME,...",
        show_default=False,
        help="What to measure, such as volume_fraction,interface_area.  [default: all]",
    ),
]
MaxLag = Annotated[
    int | None,
    typer.Option(
        "--max-lag", metavar="N", show_default=False, help="Largest lag of C_ij in voxels."
    ),
]
Ionic = Annotated[
    str | None,
    typer.Option(
        "--ionic",
        metavar="PHASE=VALUE,...",
        show_default=False,
        help="Conductivities for ions, for the effective one; phases that are left out have none.",
    ),
]
Electronic = Annotated[
    str | None,
    typer.Option(
        "--electronic",
        metavar="PHASE=VALUE,...",
        show_default=False,
        help="Conductivities for electrons, as --ionic.",
    ),
]
Plane = Annotated[str, typer.Option("--plane", metavar="xy|xz|yz", help="Plane of a section.")]
Chunk = Annotated[
    int | None,
    typer.Option(
        "--chunk",
        metavar="N",
        show_default=False,
        help="Edge of the parts that a volume is measured by, in voxels.  [default: 128]",
    ),
]
Cubes = Annotated[
    int | None,
    typer.Option(
        "--subvolumes",
        metavar="N",
        show_default=False,
        help="Largest number of the cubes of a volume on which is measured what must be seen "
        "whole, such as tortuosity.  [default: 8]",
    ),
]
CubeEdge = Annotated[
    int | None,
    typer.Option(
        "--subvolume-edge",
        metavar="N",
        show_default=False,
        help="Their edge, in voxels of the finest axis.  [default: 96]",
    ),
]


def describe(
    image: ImageOrStore,
    out: Out = None,
    sections: Sections = False,
    descriptors: Descriptors = None,
    max_lag: MaxLag = None,
    ionic: Ionic = None,
    electronic: Electronic = None,
    plane: Plane = "xy",
    voxel_size: VoxelSize = None,
    phases: Phases = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    scheduler_file: SchedulerFile = None,
    patience: Patience = PATIENCE,
    chunk: Chunk = None,
    subvolumes: Cubes = None,
    subvolume_edge: CubeEdge = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Measure the descriptors of a section, of several sections, or of a volume.

    Numbers are printed; curves are in the JSON. A volume is measured part by part.
    """
    from morphgen.workflows import describe as measured

    screen = Screen(as_json, quiet)
    if out is not None:
        check_output(out, overwrite, [] if "://" in image else [Path(image)])
    kinds = None if descriptors is None else [name.strip() for name in descriptors.split(",")]
    currents = (
        parse_conductivities(ionic, "--ionic"),
        parse_conductivities(electronic, "--electronic"),
    )
    subject: VolumeInfo | Volume | Section | list[Section]
    if "://" in image or Path(image).is_dir():
        _check_left_out(image, sections, voxel_size, phases)
        subject = _opened(image)
    else:
        subject = _read(Path(image), sections, plane, voxel_size, phases)
    with screen.progress() as progress:
        found = measured(
            subject, kinds=kinds, max_lag=max_lag, chunk=chunk, workers=workers,
            ionic=currents[0], electronic=currents[1],
            subvolumes=subvolumes, subvolume_edge=subvolume_edge,
            scheduler=scheduler, scheduler_file=scheduler_file, patience=patience,
            progress=progress,
        )  # fmt: skip
    record = found.to_dict()
    if out is not None:
        write_json(out, record, overwrite)
    show(screen, found)
    if out is not None:
        screen.line(f"descriptors written to {out}")
    screen.result({**record, "out": out})


def _opened(location: str) -> VolumeInfo:
    from morphgen.tiles import open_volume

    if "://" not in location and not (Path(location) / "zarr.json").is_file():
        raise InputError(f"{location} holds no volume; give an image or a Zarr store")
    return open_volume(location)


def _check_left_out(
    location: str, sections: bool, voxel_size: str | None, phases: str | None
) -> None:
    given = {"--sections": sections, "--voxel-size": voxel_size, "--phases": phases}
    for option, value in given.items():
        if value:
            raise InputError(f"{location} is a store, which says all of itself; leave out {option}")


def show(screen: Screen, found: Description) -> None:
    """Print the numbers of a description, and what was left out."""
    from morphgen.descriptors import KINDS
    from morphgen.descriptors.description import unit_of
    from morphgen.validation.words import names_of, unit_word

    names = names_of(found.phases)
    shape = " x ".join(str(side) for side in found.shape)
    points = "voxels" if len(found.shape) == 3 else "pixels"
    each = f"{found.images} sections of " if found.images > 1 else ""
    screen.line(f"{found.source}: {each}{shape} {points}")
    rows = []
    for one in found.readings:
        if one.x is None:
            kind = KINDS[one.key.kind]
            error = None if one.standard_error is None else float(one.standard_error[0])
            where = " | ".join(names[label] for label in one.key.phases)
            value = figure(float(one.values[0]), error)
            unit = unit_word(unit_of(kind.power, found.unit))
            rows.append((kind.title, where, one.key.direction, value, unit))
    screen.table(("descriptor", "phase", "axis", "value", "unit"), rows, right=(3,))
    if found.subvolumes is not None:
        screen.line(_places(found.subvolumes, found.readings))
    curves = sum(one.x is not None for one in found.readings)
    if curves:
        screen.line(f"besides, {curves} curves, which --out and --json write")
    reasons: dict[str, list[str]] = {}
    for name, reason in found.left_out.items():
        if reason != "not asked for":
            reasons.setdefault(reason, []).append(KINDS[name].title)
    for reason, titles in reasons.items():
        screen.note(f"left out ({reason}): {', '.join(titles)}")


def _places(subvolumes: Subvolumes, readings: Sequence[Reading]) -> str:
    """Say which values are those of sub-volumes."""
    from morphgen.descriptors import KINDS

    kinds = dict.fromkeys(one.key.kind for one in readings if one.subvolumes is not None)
    number = len(subvolumes.starts)
    shape = " x ".join(str(side) for side in subvolumes.shape)
    of = f"means over {number} sub-volumes" if number > 1 else "those of one sub-volume"
    titles = ", ".join(KINDS[kind].title for kind in kinds)
    return f"{of} of {shape} voxels, not of the whole: {titles}"


def write_json(path: Path, record: dict[str, object], overwrite: bool) -> None:
    """Write a JSON file, whole or not at all."""
    from morphgen.validation.files import write_whole

    text = json.dumps(record, indent=1, allow_nan=False) + "\n"
    write_whole(path, text.encode, overwrite)


def _read(
    image: Path, sections: bool, plane: str, voxel_size: str | None, phases: str | None
) -> Volume | Section | list[Section]:
    from morphgen.images import read_image, read_sections

    size, unit = parse_voxel_size(voxel_size)
    if sections:
        return read_sections(
            image, plane=plane, voxel_size=size, unit=unit, phases=phases, absent="allow"
        )
    return read_image(image, plane=plane, voxel_size=size, unit=unit, phases=phases, absent="allow")
