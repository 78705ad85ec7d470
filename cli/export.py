"""``morphgen export``: a volume in the format of another program."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import Debug, Json, Overwrite, Quiet
from .screen import Screen


def export(
    volume: Annotated[
        str,
        typer.Argument(metavar="VOLUME", show_default=False, help="Zarr store: folder or URL."),
    ],
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            show_default=False,
            help="File to write: .tif (OME-TIFF), .vti (ParaView), .mhd, .nrrd, .h5, .npy, .raw "
            "with a text beside it, or surfaces as .stl or .ply, one file for each phase.",
        ),
    ],
    level: Annotated[
        int, typer.Option("--level", metavar="N", help="Level: 0 is the volume, 1 is coarser.")
    ] = 0,
    phase: Annotated[
        list[int] | None,
        typer.Option(
            "--phase",
            metavar="LABEL",
            show_default=False,
            help="Phase of which the surface is written; may be repeated.  [default: all]",
        ),
    ] = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Write a volume in a format of another program, in bounded memory."""
    from morphgen.tiles import open_volume
    from morphgen.tiles.export import export as write

    screen = Screen(as_json, quiet)
    with screen.progress() as progress:
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
