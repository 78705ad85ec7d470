"""``morphgen show``: pictures of a volume or a section."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from morphgen.errors import InputError

from .inputs import check_output, parse_voxel_size
from .options import Debug, Json, Overwrite, Phases, Quiet, VoxelSize
from .screen import Screen

if TYPE_CHECKING:
    from morphgen.images import Section, Volume
    from morphgen.validation.rendering import Picture

# --out names a folder
_FILES = (".png", ".svg", ".pdf", ".jpg", ".jpeg", ".tif", ".tiff")

Colors = Annotated[
    str | None,
    typer.Option(
        "--colors",
        metavar="PHASE=#RRGGBB,...",
        show_default=False,
        help="Colours of phases, by name or label.  [default: those of the model; otherwise safe "
        "for colour-blind eyes]",
    ),
]


def show(
    image: Annotated[
        str,
        typer.Argument(
            metavar="VOLUME_OR_IMAGE",
            show_default=False,
            help="Zarr store (a folder or a URL), of which the middle is shown (up to 256^3 "
            "voxels), or a segmented image or stack.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option("--out", metavar="FOLDER", show_default=False, help="Folder to write to."),
    ],
    colors: Colors = None,
    voxel_size: VoxelSize = None,
    phases: Phases = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Draw orthogonal sections of a volume and its phases in three dimensions, as PNG files."""
    from morphgen.images import Volume
    from morphgen.validation.files import write_whole

    screen = Screen(as_json, quiet)
    if out.suffix.lower() in _FILES and not out.is_dir():
        raise InputError(f"--out {out} looks like a file; name a folder for the pictures")
    shown = _colored(_read(image, voxel_size, phases), colors)
    names = ["slices", "phase-surfaces"] if isinstance(shown, Volume) else ["section"]
    files = [out / f"{name}.png" for name in names]
    for place in files if out.is_dir() else [out]:
        check_output(place, overwrite, [] if "://" in image else [Path(image)])
    drawn = _pictures(shown)
    if not out.is_dir():
        out.mkdir()
    for one, file in zip(drawn, files, strict=True):
        write_whole(file, partial(bytes, one.data), overwrite)
        screen.line(f"written: {file}")
    screen.result({"files": [str(file) for file in files], "alt": [one.alt for one in drawn]})


def _read(location: str, voxel_size: str | None, phases: str | None) -> Section | Volume:
    from morphgen.images import read_image
    from morphgen.workflows.drawing import central_part

    if "://" in location or Path(location).is_dir():
        return central_part(location)
    size, unit = parse_voxel_size(voxel_size)
    return read_image(location, voxel_size=size, unit=unit, phases=phases, absent="allow")


def _colored(image: Section | Volume, colors: str | None) -> Section | Volume:
    """The same image with other colours of its phases."""
    if colors is None:
        return image
    wanted: dict[str, str] = {}
    for entry in colors.split(","):
        phase, _, color = entry.rpartition("=")
        wanted[phase.strip()] = color.strip()
    phases = []
    for one in image.phases:
        by_label = wanted.pop(str(one.label), one.color)
        phases.append(replace(one, color=wanted.pop(one.name, by_label)))
    if wanted:
        known = ", ".join(f"{one.label} ({one.name})" for one in image.phases)
        raise InputError(f"--colors names {next(iter(wanted))!r}; expected one of {known}")
    return replace(image, phases=tuple(phases))


def _pictures(image: Section | Volume) -> list[Picture]:
    from morphgen.images import Volume
    from morphgen.validation.pictures import one_section, phase_surfaces, three_slices

    if isinstance(image, Volume):
        return [three_slices(image, "volume"), phase_surfaces({"Volume": image})]
    return [one_section(image)]
