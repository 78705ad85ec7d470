"""``morphgen describe``: what is measured on an image."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .inputs import check_output, parse_voxel_size
from .options import Debug, Json, Overwrite, Phases, Quiet, VoxelSize
from .screen import Screen, figure

if TYPE_CHECKING:
    from morphgen.descriptors import Description
    from morphgen.images import Section, Volume

ImageFile = Annotated[
    Path,
    typer.Argument(
        metavar="VOLUME_OR_IMAGE",
        show_default=False,
        help="Segmented image or stack (TIFF, PNG, BMP, NPY).",
    ),
]


def describe(
    image: ImageFile,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", show_default=False, help="JSON file to write."),
    ] = None,
    sections: Annotated[
        bool,
        typer.Option("--sections", help="The pages of a stack are sections, not one volume."),
    ] = False,
    descriptors: Annotated[
        str | None,
        typer.Option(
            "--descriptors",
            metavar="NAME,...",
            show_default=False,
            help="What to measure, such as volume_fraction,interface_area.  [default: all]",
        ),
    ] = None,
    max_lag: Annotated[
        int | None,
        typer.Option(
            "--max-lag", metavar="N", show_default=False, help="Largest lag of C_ij in voxels."
        ),
    ] = None,
    plane: Annotated[
        str, typer.Option("--plane", metavar="xy|xz|yz", help="Plane of a section.")
    ] = "xy",
    voxel_size: VoxelSize = None,
    phases: Phases = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Measure the descriptors of a section, of several sections, or of a volume.

    Numbers are printed; curves are in the JSON.
    """
    from morphgen.workflows import describe as measured

    screen = Screen(as_json, quiet)
    if out is not None:
        check_output(out, overwrite, [image])
    kinds = None if descriptors is None else [name.strip() for name in descriptors.split(",")]
    found = measured(
        _read(image, sections, plane, voxel_size, phases), kinds=kinds, max_lag=max_lag
    )
    record = found.to_dict()
    if out is not None:
        write_json(out, record, overwrite)
    show(screen, found)
    if out is not None:
        screen.line(f"descriptors written to {out}")
    screen.result({**record, "out": out})


def show(screen: Screen, found: Description) -> None:
    """Print the numbers of a description, and what was left out."""
    from morphgen.descriptors import KINDS
    from morphgen.descriptors.description import unit_of
    from morphgen.validation.words import names_of

    names = names_of(found.phases)
    shape = " x ".join(str(side) for side in found.shape)
    of = f"{found.images} sections of {shape} pixels" if found.images > 1 else f"{shape} voxels"
    screen.line(f"{found.source}: {of}")
    rows = []
    for one in found.readings:
        if one.x is None:
            kind = KINDS[one.key.kind]
            error = None if one.standard_error is None else float(one.standard_error[0])
            where = " | ".join(names[label] for label in one.key.phases)
            value = figure(float(one.values[0]), error)
            unit = unit_of(kind.power, found.unit)
            rows.append((kind.title, where, one.key.direction, value, unit))
    screen.table(("descriptor", "phase", "axis", "value", "unit"), rows, right=(3,))
    curves = sum(one.x is not None for one in found.readings)
    if curves:
        screen.line(f"besides, {curves} curves, which --out and --json write")
    for name, reason in found.left_out.items():
        if reason != "not asked for":
            screen.note(f"left out: {KINDS[name].title} ({reason})")


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
        return read_sections(image, plane=plane, voxel_size=size, unit=unit, phases=phases)
    return read_image(image, plane=plane, voxel_size=size, unit=unit, phases=phases)
