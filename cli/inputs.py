"""What commands are given: images, lengths, and places to write to."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from morphgen.errors import InputError

if TYPE_CHECKING:
    from morphgen.images import Section


def check_output(path: Path, overwrite: bool) -> None:
    """Refuse a place where a file cannot or must not be written, before any work is done.

    Raises
    ------
    InputError
        Something lies there, or its folder is missing or write-protected.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder; give the name of a file")
    if path.exists() and not overwrite:
        raise InputError(f"{path} exists; choose another name, or add --overwrite")
    if not path.parent.is_dir():
        raise InputError(f"the folder {path.parent} does not exist; create it first")
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"the folder {path.parent} is write-protected; choose another one")


def parse_voxel_size(text: str | None) -> tuple[float | tuple[float, float] | None, str | None]:
    """Read ``0.065um``, or ``0.1,0.065um`` for rows and columns: voxel_size and unit.

    Raises
    ------
    InputError
        The text is no length.
    """
    from morphgen.images import parse_length

    if text is None:
        return None, None
    rows, comma, columns = text.partition(",")
    if not comma:
        return parse_length(text)
    across, unit = parse_length(columns)
    return (parse_length(f"{rows}{unit}")[0], across), unit


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
    """Read all sections of all files.

    Raises
    ------
    InputError
        A file cannot be read, or an option does not fit.
    """
    from morphgen.images import read_sections

    size, unit = parse_voxel_size(voxel_size)
    return [
        section
        for file, plane in zip(files, per_file(planes, len(files)), strict=True)
        for section in read_sections(file, plane=plane, voxel_size=size, unit=unit, phases=phases)
    ]
