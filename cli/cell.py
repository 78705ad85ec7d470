"""Cell parameters of ``morphgen export``: BPX and PyBaMM."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from morphgen.errors import InputError

from .inputs import check_output, parse_conductivities, parse_voxel_size
from .screen import Screen, figure

if TYPE_CHECKING:
    from morphgen.descriptors import Description
    from morphgen.workflows import Roles
    from morphgen.workflows.cell_files import CellFile

_PANEL = "Cell models"

Component = Annotated[
    str | None,
    typer.Option(
        "--component",
        metavar="negative|positive|separator",
        show_default=False,
        rich_help_panel=_PANEL,
        help="For .json: what of a cell the volume is.",
    ),
]
Electrolyte = Annotated[
    str | None,
    typer.Option(
        "--electrolyte",
        metavar="PHASE",
        show_default=False,
        rich_help_panel=_PANEL,
        help="For .json: phase that carries the ions, pore or solid electrolyte, by its name.",
    ),
]
Active = Annotated[
    str | None,
    typer.Option(
        "--active",
        metavar="PHASE",
        show_default=False,
        rich_help_panel=_PANEL,
        help="For .json of an electrode: the active material, by its name.",
    ),
]
Axis = Annotated[
    str | None,
    typer.Option(
        "--axis",
        metavar="z|y|x",
        show_default=False,
        rich_help_panel=_PANEL,
        help="For .json: axis from one current collector to the other.  [default: z]",
    ),
]
Electronic = Annotated[
    str | None,
    typer.Option(
        "--electronic",
        metavar="PHASE=VALUE,...",
        show_default=False,
        rich_help_panel=_PANEL,
        help="For .json: electronic conductivities in S/m, for the effective one.",
    ),
]
Template = Annotated[
    Path | None,
    typer.Option(
        "--template",
        metavar="CELL.json",
        show_default=False,
        rich_help_panel=_PANEL,
        help="For .json: BPX file of a cell, to be filled with what was measured.",
    ),
]
Material = Annotated[
    str | None,
    typer.Option(
        "--material",
        metavar="NAME",
        show_default=False,
        rich_help_panel=_PANEL,
        help="For --template: material of a blended electrode that --active is.",
    ),
]
Thickness = Annotated[
    str | None,
    typer.Option(
        "--thickness",
        metavar="LENGTH",
        show_default=False,
        rich_help_panel=_PANEL,
        help="For .json: thickness of the component, such as 85um.",
    ),
]
Radius = Annotated[
    bool,
    typer.Option(
        "--particle-radius",
        rich_help_panel=_PANEL,
        help="For .json: the radius of particles, too, that agrees with fraction and surface.",
    ),
]


@dataclass(frozen=True)
class CellOptions:
    """Options that belong to cell parameters."""

    component: str | None = None
    electrolyte: str | None = None
    active: str | None = None
    axis: str | None = None
    electronic: str | None = None
    template: Path | None = None
    material: str | None = None
    thickness: str | None = None
    particle_radius: bool = False

    def refuse(self, file: Path) -> None:
        """Refuse options of cell parameters for a file of another format."""
        for name, value in vars(self).items():
            if value:
                option = "--" + name.replace("_", "-")
                raise InputError(f"{option} is for a .json of cell parameters, not for {file.name}")


def export_cell(
    source: str, file: Path, options: CellOptions, overwrite: bool, screen: Screen
) -> None:
    """Write what a cell model wants to know of a volume."""
    from morphgen.workflows import Roles, cell_parameters, check_template, write_cell_parameters

    for name in ("component", "electrolyte"):
        if getattr(options, name) is None:
            raise InputError(f"{file.name}: cell parameters want --{name}; --help shows an example")
    axis = options.axis or "z"
    roles = Roles(options.component or "", options.electrolyte or "", options.active, axis)
    inputs = [] if options.template is None else [options.template]
    check_output(file, overwrite, [*inputs, *([] if "://" in source else [Path(source)])])
    if options.template is not None:
        check_template(options.template, roles.component, options.material)
    thickness = None if options.thickness is None else _metres(options.thickness)
    found = _described(source, roles, options.electronic, screen)
    parameters = cell_parameters(
        found, roles.component, electrolyte=roles.electrolyte, active=roles.active, axis=axis
    )
    written = write_cell_parameters(
        parameters, file, template=options.template, material=options.material,
        thickness=thickness, particle_radius=options.particle_radius, overwrite=overwrite,
    )  # fmt: skip
    _show(written, parameters.origin, screen)


def _metres(text: str) -> float:
    from morphgen.images.lengths import VOXEL, convert

    size, unit = parse_voxel_size(text)
    if unit is None or unit == VOXEL or not isinstance(size, float):
        raise InputError(f"--thickness {text!r} is no length; write one such as 85um")
    return convert(size, unit, "m")


def _described(source: str, roles: Roles, electronic: str | None, screen: Screen) -> Description:
    """Descriptors of a volume, measured now or read from a file."""
    from morphgen.tiles import open_volume
    from morphgen.workflows import describe, read_description

    if "://" not in source and Path(source).is_file():
        if Path(source).suffix.lower() != ".json":
            raise InputError(f"{source} is no store; measure it with morphgen describe --out first")
        if electronic is not None:
            raise InputError(f"{source} is measured; give --electronic to morphgen describe")
        return read_description(source)
    if electronic is not None and roles.component == "separator":
        raise InputError("a separator has no electronic conductivity; leave out --electronic")
    volume = open_volume(source)
    roles.phases(source, volume.model.phases, volume.unit)
    currents = parse_conductivities(electronic, "--electronic")
    kinds = [*roles.kinds, *([] if currents is None else ["effective_electronic_conductivity"])]
    with screen.progress() as progress:
        return describe(volume, kinds=kinds, electronic=currents, progress=progress)


def _show(written: CellFile, origin: str, screen: Screen) -> None:
    screen.line(origin)
    rows = []
    for one in written.fields:
        before = f"{one.before:.3g}" if isinstance(one.before, (int, float)) else ""
        rows.append((one.name, figure(one.value, one.standard_error), before))
    screen.table(("field", "value", "before"), rows, right=(1, 2))
    for note in written.notes:
        screen.note(note)
    screen.line(f"written: {written.path}")
    fields = {
        one.name: {"value": one.value, "standard_error": one.standard_error, "before": one.before}
        for one in written.fields
    }
    screen.result({"files": [str(written.path)], "fields": fields, "notes": list(written.notes)})
