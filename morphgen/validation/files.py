"""Files that are written whole or not at all, and replaced only where that is allowed."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from morphgen.errors import InputError

CAPTIONS = "captions.txt"
_FIGURE = re.compile(r"\d\d-[a-z-]+\.png")

PathLike = str | os.PathLike[str]


def write_whole(path: PathLike, content: Callable[[], bytes], overwrite: bool = False) -> None:
    """Write a file by way of another one beside it.

    Parameters
    ----------
    path : path
        The file.
    content : callable
        Makes what the file is to hold; asked only if it may be written.
    overwrite : bool
        Whether an existing file is replaced.

    Raises
    ------
    InputError
        If the file exists and ``overwrite`` is not set, or cannot be written.
    """
    target = Path(path)
    if target.exists() and not overwrite:
        raise InputError(f"{target} exists; choose another name, or allow overwriting it")
    data = content()
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(data)
        partial.replace(target)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise InputError(f"{target} cannot be written: {error.strerror}") from error


def check_folder(target: Path, overwrite: bool) -> None:
    """Refuse a folder of figures that would lose something.

    Raises
    ------
    InputError
        If it is a file, holds other files than figures, or holds figures that may not be replaced.
    """
    if not target.exists():
        return
    if not target.is_dir() or target.is_symlink():
        raise InputError(f"{target} is no folder; choose another name")
    names = [one.name for one in target.iterdir()]
    foreign = [name for name in names if name != CAPTIONS and not _FIGURE.fullmatch(name)]
    if foreign:
        raise InputError(f"{target} holds {foreign[0]}; choose a folder for figures alone")
    if names and not overwrite:
        raise InputError(f"{target} holds figures; choose another folder, or allow overwriting it")
