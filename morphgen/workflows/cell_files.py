"""Cell parameters as files: BPX, filled into a user's cell or alone, and parameters of PyBaMM."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from morphgen.errors import InputError
from morphgen.strict_json import read_json
from morphgen.validation.files import write_whole
from morphgen.workflows.cell_parameters import SEPARATOR, CellParameters

PYBAMM = ".pybamm.json"
RADIUS = "Particle radius [m]"
# of the BPX standard that the names of fields are taken from
_BPX_VERSION = "1.1.0"
# relative difference of radii that is not worth a word
_AGREES = 1e-3


@dataclass(frozen=True)
class Filled:
    """What was written into a field.

    Attributes
    ----------
    name : str
        The field.
    value : float
        Its value.
    standard_error : float, optional
        Of the value, if known.
    before : object
        What a template had there; None without a template.
    """

    name: str
    value: float
    standard_error: float | None = None
    before: object = None


@dataclass(frozen=True)
class CellFile:
    """A file of cell parameters.

    Attributes
    ----------
    path : Path
        The file.
    fields : tuple of Filled
        What was written into it.
    notes : tuple of str
        What its reader should know.
    """

    path: Path
    fields: tuple[Filled, ...]
    notes: tuple[str, ...] = ()


def write_cell_parameters(
    parameters: CellParameters,
    target: str | os.PathLike[str],
    *,
    template: str | os.PathLike[str] | None = None,
    material: str | None = None,
    thickness: float | None = None,
    particle_radius: bool = False,
    overwrite: bool = False,
) -> CellFile:
    """Write cell parameters as BPX, or, into a file ending in .pybamm.json, as PyBaMM's.

    Parameters
    ----------
    parameters : CellParameters
        Parameters of one component.
    target : path
        JSON file to write.
    template : path, optional
        BPX file of a cell, of any version. Its fields of the component are replaced and no field
        is added; everything else keeps its value. Without it a BPX file of the model "Partial" is
        written that has the measured fields of the component alone: valid for a separator with a
        thickness; an electrode wants its other fields first.
    material : str, optional
        Which of the materials of a blended electrode of the template is the active one.
    thickness : float, optional
        Thickness of the component in m, to be written, too.
    particle_radius : bool
        Whether the particle radius of BPX is replaced by that of balls of the measured fraction
        and surface area. PyBaMM's always is.
    overwrite : bool
        Whether the file may be replaced.

    Returns
    -------
    CellFile

    Raises
    ------
    InputError
        If the template is no BPX file with this component and material, an option does not fit,
        or a file cannot be read or written.
    """
    path = Path(target)
    pybamm = path.name.endswith(PYBAMM)
    if pybamm and (template is not None or material is not None):
        raise InputError(f"{path.name} is for PyBaMM, which has no templates; write a .bpx.json")
    if template is None and material is not None:
        raise InputError(f"material {material!r} is one of a template; give that, or leave it out")
    if template is not None and path.resolve() == Path(template).resolve():
        raise InputError(f"{path} is the template; choose another name")
    wanted = _wanted(parameters, pybamm, thickness, particle_radius)
    content: dict[str, Any] = {one.name: one.value for one in wanted}
    fields: tuple[Filled, ...] = tuple(wanted)
    notes: tuple[str, ...] = ()
    if template is not None:
        content, fields, notes = _filled(template, parameters, material, wanted)
    elif not pybamm:
        content = _partial(parameters, content)
    _write(path, content, overwrite)
    return CellFile(path, fields, notes)


def _wanted(
    parameters: CellParameters, pybamm: bool, thickness: float | None, particle_radius: bool
) -> list[Filled]:
    """Fields with their values, by the names of the format."""
    place = _place(parameters.component)
    if pybamm:
        found = [Filled(name, value) for name, value in parameters.pybamm().items()]
    else:
        fields = parameters.bpx().items()
        found = [Filled(name, one.value, one.standard_error) for name, one in fields]
        if particle_radius:
            if parameters.particle_radius is None:
                raise InputError("a separator has no particles; leave the particle radius out")
            found.append(Filled(RADIUS, parameters.particle_radius))
    if thickness is not None:
        if not (math.isfinite(thickness) and thickness > 0.0):
            raise InputError(f"thickness is {thickness} m; expected a positive length")
        found.append(Filled(f"{place} thickness [m]" if pybamm else "Thickness [m]", thickness))
    return found


def _place(component: str) -> str:
    """Name of a component in BPX and PyBaMM."""
    place = component.capitalize()
    return place if component == SEPARATOR else f"{place} electrode"


def _partial(parameters: CellParameters, fields: dict[str, float]) -> dict[str, Any]:
    """BPX of a component alone."""
    place = _place(parameters.component)
    return {
        "Header": {
            "BPX": _BPX_VERSION,
            "Title": f"{place} of a microstructure",
            "Description": f"{parameters.origin}; morphgen {version('morphgen')}",
            "Model": "Partial",
        },
        "Parameterisation": {place: fields},
    }


def _filled(
    template: str | os.PathLike[str],
    parameters: CellParameters,
    material: str | None,
    wanted: list[Filled],
) -> tuple[dict[str, Any], tuple[Filled, ...], tuple[str, ...]]:
    """A template with fields of a component replaced, what was replaced, and notes."""
    content, electrode, particle = _parts(template, parameters.component, material)
    place = _place(parameters.component)
    done, lacking = [], []
    for one in wanted:
        home = next((part for part in (electrode, particle) if one.name in part), None)
        if home is None:
            lacking.append(one.name)
            continue
        done.append(replace(one, before=home[one.name]))
        home[one.name] = one.value
    if not done:
        raise InputError(f"{template}: {place} has no field {', '.join(lacking)}; is it BPX?")
    notes = []
    if lacking:
        notes.append(f"{place} of the template has no {', '.join(lacking)}: left out")
    return content, tuple(done), (*notes, *_disagreement(parameters, particle.get(RADIUS)))


def _disagreement(parameters: CellParameters, radius: object) -> tuple[str, ...]:
    """Say which active fraction a cell model takes, where that is not the measured one."""
    own, active = parameters.particle_radius, parameters.active_fraction
    if own is None or active is None or not isinstance(radius, (int, float)):
        return ()
    if math.isclose(radius, own, rel_tol=_AGREES):
        return ()
    return (
        f"with the template's particle radius R = {radius:.3g} m and the surface area a, PyBaMM "
        f"takes an active fraction a R / 3 = {active.value * radius / own:.3g}; measured is "
        f"{active.value:.3g}, which R = {own:.3g} m (--particle-radius) would give",
    )


def check_template(
    template: str | os.PathLike[str], component: str, material: str | None = None
) -> None:
    """Refuse a template that cannot be filled, before anything is measured.

    Parameters
    ----------
    template, material
        As for `write_cell_parameters`.
    component : str
        "negative", "positive" or "separator".

    Raises
    ------
    InputError
        If it cannot be read or is no BPX file with this component and material.
    """
    _parts(template, component, material)


def _parts(
    template: str | os.PathLike[str], component: str, material: str | None
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """A template, its part of a component, and that of the component's particles."""
    content = read_json(template)
    if not isinstance(content, dict) or "BPX" not in _part(content, "Header"):
        raise InputError(f"{template} is no BPX file: it has no Header with the version of BPX")
    place = _place(component)
    electrode = _part(_part(content, "Parameterisation"), place)
    if not electrode:
        raise InputError(f"{template} has no {place!r}; give a cell that has one")
    return content, electrode, _material(electrode, material, f"{template}: {place}")


def _part(content: dict[str, Any], name: str) -> dict[str, Any]:
    part = content.get(name)
    return part if isinstance(part, dict) else {}


def _material(electrode: dict[str, Any], material: str | None, where: str) -> dict[str, Any]:
    """Part of an electrode that holds the fields of its particles."""
    particles = _part(electrode, "Particle")
    if not particles:
        if material is not None:
            raise InputError(f"{where} is no blend of materials; leave out {material!r}")
        return electrode
    if not isinstance(particles.get(material or ""), dict):
        raise InputError(
            f"{where} is a blend of {', '.join(particles)}; say which of them the active material "
            f"is (material {material!r} is none)"
        )
    found: dict[str, Any] = particles[material or ""]
    return found


def _write(path: Path, content: dict[str, Any], overwrite: bool) -> None:
    """Write JSON, whole or not at all."""
    if path.is_dir() or not path.parent.is_dir():
        raise InputError(f"{path} is a folder, or its folder does not exist; choose another name")
    text = json.dumps(content, indent=4, ensure_ascii=False, allow_nan=False) + "\n"
    write_whole(path, text.encode, overwrite)
