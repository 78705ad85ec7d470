"""``morphgen export``: a volume in the format of another program."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from morphgen.errors import InputError

from .cell import (
    Active,
    Axis,
    CellOptions,
    Component,
    Electrolyte,
    Electronic,
    Material,
    Radius,
    Template,
    Thickness,
    export_cell,
)
from .generate import terminated_as_interrupted
from .options import Debug, Json, Overwrite, Quiet
from .screen import Screen

Source = Annotated[
    str,
    typer.Argument(
        metavar="VOLUME",
        show_default=False,
        help="Zarr store: folder or URL; for .json also what describe --out wrote.",
    ),
]
Target = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        show_default=False,
        help="File to write: .tif (OME-TIFF), .vti (ParaView), .mhd, .nrrd, .h5, .npy, .raw "
        "with a text beside it, surfaces as .stl or .ply, one file for each phase, or what a "
        "cell model wants to know as .json (BPX) or .pybamm.json.",
    ),
]
Level = Annotated[
    int, typer.Option("--level", metavar="N", help="Level: 0 is the volume, 1 is coarser.")
]
Labels = Annotated[
    list[int] | None,
    typer.Option(
        "--phase",
        metavar="LABEL",
        show_default=False,
        help="Phase of which the surface is written; may be repeated.  [default: all]",
    ),
]


def export(
    volume: Source,
    file: Target,
    level: Level = 0,
    phase: Labels = None,
    component: Component = None,
    electrolyte: Electrolyte = None,
    active: Active = None,
    axis: Axis = None,
    electronic: Electronic = None,
    template: Template = None,
    material: Material = None,
    thickness: Thickness = None,
    particle_radius: Radius = False,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Write a volume in a format of another program, in bounded memory.

    Or what cell models want to know of it: porosity, transport efficiency, surface area.
    """
    from morphgen.tiles import open_volume
    from morphgen.tiles.export import export as write

    screen = Screen(as_json, quiet)
    options = CellOptions(
        component, electrolyte, active, axis, electronic, template, material, thickness,
        particle_radius,
    )  # fmt: skip
    if file.suffix.lower() == ".json":
        if level or phase:
            raise InputError(f"{file.name} holds no voxels; leave out --level and --phase")
        export_cell(volume, file, options, overwrite, screen)
        return
    options.refuse(file)
    with terminated_as_interrupted(), screen.progress() as progress:
        found = write(
            open_volume(volume),
            file,
            level=level,
            phases=phase,
            overwrite=overwrite,
            progress=progress,
        )
    for written in found.files:
        screen.line(f"written: {written} ({written.stat().st_size:,} bytes)")
    screen.result({"files": [str(one) for one in found.files], "phases": list(found.phases)})
