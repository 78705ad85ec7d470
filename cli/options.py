"""Options and arguments that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

# as morphgen.tiles has it, which takes too long to load for --help
PATIENCE = 300.0

SectionFiles = Annotated[
    list[Path],
    typer.Argument(
        metavar="SECTION",
        show_default=False,
        help="Segmented images (TIFF, PNG, BMP, NPY); every page of a stack is a section.",
    ),
]
ModelFile = Annotated[
    Path, typer.Argument(metavar="MODEL", show_default=False, help="Model file (JSON).")
]
Planes = Annotated[
    list[str] | None,
    typer.Option(
        "--plane",
        metavar="xy|xz|yz",
        show_default=False,
        help="Plane of the sections: rows and columns are (y, x) for xy, (z, x) for xz, (z, y) "
        "for yz. Once for all, or once for each file in order.  [default: xy]",
    ),
]
VoxelSize = Annotated[
    str | None,
    typer.Option(
        "--voxel-size",
        metavar="LENGTH",
        show_default=False,
        help="Pixel or voxel size with its unit (nm, um, mm, cm, m), such as 0.065um; where they "
        "differ rows,columns or z,y,x, such as 0.2um,0.1um,0.1um.  [default: what the file states]",
    ),
]
Phases = Annotated[
    str | None,
    typer.Option(
        "--phases",
        metavar="VALUE=NAME,...",
        show_default=False,
        help="Which value or #rrggbb is which phase.",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        metavar="N",
        show_default=False,
        help="Processes.  [default: one for each CPU, as far as memory goes]",
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        metavar="tcp://HOST:PORT",
        show_default=False,
        help="Dask scheduler whose workers compute, instead of processes of this machine.",
    ),
]
SchedulerFile = Annotated[
    Path | None,
    typer.Option(
        "--scheduler-file",
        metavar="FILE",
        show_default=False,
        help="File in which a Dask scheduler wrote its address.",
    ),
]
Patience = Annotated[
    float,
    typer.Option(
        "--patience",
        metavar="SECONDS",
        help="How long to wait while the cluster has no worker at all.",
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")]
Json = Annotated[
    bool, typer.Option("--json", help="Print the result as JSON, and nothing else, to stdout.")
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print errors only (and JSON, if wanted).")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


def example(*lines: str) -> str:
    """Epilogue of a help text: one command, as it is typed."""
    # \b keeps the lines as they are
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)
