"""What commands are given: images, lengths, and places to write to."""

from __future__ import annotations

import os
import re
import string
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from morphgen.errors import InputError

if TYPE_CHECKING:
    from morphgen.images import Section

_BETWEEN = re.compile(r",|[x×](?=\s*[0-9.])")


def check_output(path: Path, overwrite: bool, inputs: Sequence[Path] = ()) -> None:
    """Refuse a place where a file cannot or must not be written, before any work is done.

    Raises
    ------
    InputError
        It is one of the command's own inputs or lies within one, something lies there, or its
        folder is missing or write-protected.
    """
    for given in inputs:
        if _within(path, given):
            raise InputError(f"{path} would overwrite the input {given}; choose another name")
    if path.is_dir():
        raise InputError(f"{path} is a folder; give the name of a file")
    if path.exists() and not overwrite:
        raise InputError(f"{path} exists; choose another name, or add --overwrite")
    if not path.parent.is_dir():
        raise InputError(f"the folder {path.parent} does not exist; create it first")
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"the folder {path.parent} is write-protected; choose another one")


def parse_voxel_size(text: str | None) -> tuple[float | tuple[float, ...] | None, str | None]:
    """Read ``0.065um``, or a length per axis: voxel_size and unit.

    Two lengths are those of rows and columns, as in ``0.1um,0.065um``; three are those along z, y
    and x, as in ``0.2um,0.1um,0.1um``.

    Raises
    ------
    InputError
        The text is no length, or one has no unit or another kind of unit.
    """
    from morphgen.images import UNITS, parse_length
    from morphgen.images.lengths import VOXEL, convert

    if text is None:
        return None, None
    parts = _BETWEEN.split(text)
    if len(parts) == 1:
        return _length(text)
    if len(parts) > 3 or not all(part.strip().endswith((*UNITS, "µm", "μm")) for part in parts):
        raise InputError(
            f"--voxel-size {text!r}: write a decimal point, as in 1.5um, and a unit with each of "
            "two sizes (rows, columns) or three (z, y, x), as in 0.2um,0.1um,0.1um"
        )
    lengths = [parse_length(part) for part in parts]
    unit = lengths[0][1]
    if any(own != unit and VOXEL in (unit, own) for _, own in lengths):
        raise InputError(f"--voxel-size {text!r} mixes voxels and lengths; give lengths")
    return tuple(convert(size, own, unit) for size, own in lengths), unit


def _length(text: str) -> tuple[float, str]:
    """Read one length; a bare number is refused, for it could be of any unit."""
    from morphgen.images import parse_length

    if text.strip()[-1:] in {*string.digits, "."}:
        raise InputError(
            f"--voxel-size {text!r} has no unit; write {text.strip()}um, with nm, um, mm, cm or m, "
            "or leave it out to work in voxels (1voxel where the file states a size)"
        )
    return parse_length(text)


def parse_conductivities(text: str | None, option: str) -> dict[str, float] | None:
    """Conductivity by name of phase, of "electrolyte=10,pore=0"; None if nothing is given."""
    if text is None:
        return None
    found: dict[str, float] = {}
    for entry in text.split(","):
        name, _, number = entry.rpartition("=")
        try:
            found[name.strip()] = float(number)
        except ValueError:
            name = ""
        if not name:
            raise InputError(
                f"{option} is {text!r}; expected names and numbers such as electrolyte=10,pore=0"
            )
    return found


def edge_of_voxels(text: str, unit: str) -> float:
    """Read the edge of cubic voxels, such as ``0.03um``, in a model's unit.

    Raises
    ------
    InputError
        The text is no length, or one that cannot be compared with the model's.
    """
    from morphgen.images.lengths import VOXEL, convert

    size, own = _length(text)
    if (own == VOXEL) != (unit == VOXEL):
        raise InputError(
            f"--voxel-size {text!r}: the model's lengths are in {unit}; give a length in that"
        )
    return convert(size, own, unit)


def per_file(planes: Sequence[str] | None, count: int) -> list[str]:
    """Plane of each file.

    Raises
    ------
    InputError
        There are neither one nor as many planes as files.
    """
    if not planes:
        return ["xy"] * count
    if len(planes) not in (1, count):
        raise InputError(
            f"--plane is given {len(planes)} times for {count} sections; give it once for all, "
            "or once for each file"
        )
    return list(planes) * (count if len(planes) == 1 else 1)


def read_files(
    files: Sequence[Path],
    planes: Sequence[str] | None,
    voxel_size: str | None,
    phases: str | None,
) -> list[Section]:
    """Read all sections of all files, in the unit of the first one.

    Raises
    ------
    InputError
        A file cannot be read or is given twice, or an option does not fit.
    """
    from morphgen.images import read_sections, section_in_unit

    size, unit = parse_voxel_size(voxel_size)
    read = [
        read_sections(
            file,
            plane=plane,
            voxel_size=size,
            unit=unit,
            phases=phases,
            absent="refuse" if len(files) == 1 else "allow",
        )
        for file, plane in zip(files, per_file(planes, len(files)), strict=True)
    ]
    check_different(files, read)
    sections = [section_in_unit(page, read[0][0].unit) for pages in read for page in pages]
    _check_presence(sections)
    return sections


def check_different(files: Sequence[Path], read: Sequence[Sequence[Section]]) -> None:
    """Refuse files with the same content: they would count as independent samples.

    Raises
    ------
    InputError
        Two files are equal.
    """
    seen: dict[str, Path] = {}
    for file, pages in zip(files, read, strict=True):
        known = seen.setdefault(pages[0].sha256, file)
        if known is not file:
            raise InputError(
                f"{file} holds the same section as {known}: no second sample; give it once"
            )


def _check_presence(sections: Sequence[Section]) -> None:
    """Refuse a phase that none of the sections holds."""
    shares = [section.fractions() for section in sections]
    for phase in sections[0].phases:
        if not any(share.get(phase.label) for share in shares):
            raise InputError(
                f"phase {phase.name!r} is in no section; leave it out of --phases, or correct "
                "its value"
            )


def _within(path: Path, given: Path) -> bool:
    if path.exists() and given.exists() and path.samefile(given):
        return True
    place, source = path.resolve(), given.resolve()
    return place == source or source in place.parents
