"""Exporting a volume: which format a file name asks for, and writing it whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from morphgen.errors import ExportError, InputError
from morphgen.progress import Progress, silent
from morphgen.tiles.export.meshes import SURFACES, write_surfaces
from morphgen.tiles.export.plain import (
    Writer,
    write_mhd,
    write_npy,
    write_nrrd,
    write_raw,
    write_vti,
)
from morphgen.tiles.export.slabs import header_of, slabs
from morphgen.tiles.export.tables import write_hdf5, write_tiff
from morphgen.tiles.place import LocalPlace
from morphgen.tiles.remote import place_of
from morphgen.tiles.volume import VolumeInfo

# what is written for a name's ending, and the endings of all its files, the named one first
_VOXELS: dict[str, tuple[Writer, tuple[str, ...]]] = {
    ".npy": (write_npy, (".npy",)),
    ".nrrd": (write_nrrd, (".nrrd",)),
    ".mhd": (write_mhd, (".mhd", ".raw")),
    ".raw": (write_raw, (".raw", ".txt")),
    ".vti": (write_vti, (".vti",)),
    ".tif": (write_tiff, (".tif",)),
    ".tiff": (write_tiff, (".tiff",)),
    ".h5": (write_hdf5, (".h5",)),
}

ENDINGS = (*_VOXELS, *SURFACES)


@dataclass(frozen=True)
class Exported:
    """What an export wrote.

    Attributes
    ----------
    files : tuple of Path
        The files, the named one first.
    phases : tuple of int
        For surfaces, the phase of each file.
    """

    files: tuple[Path, ...]
    phases: tuple[int, ...] = ()


def export(
    volume: VolumeInfo,
    target: str | os.PathLike[str],
    *,
    level: int = 0,
    phases: Sequence[int] | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Exported:
    """Write a volume in a format of another program, a few planes at a time.

    Parameters
    ----------
    volume : VolumeInfo
        A complete volume.
    target : path
        File to write; its ending is the format: .tif (OME-TIFF), .vti, .mhd (with .raw), .nrrd,
        .h5, .npy, .raw (with .txt), and the surfaces .stl and .ply, one file for each phase, with
        the label before the ending.
    level : int
        0 for the volume itself, more for a coarser level.
    phases : sequence of int, optional
        Labels of which the surface is written; all by default.
    overwrite : bool
        Whether files may be replaced.
    progress : Progress
        Told how many planes are read.

    Returns
    -------
    Exported

    Raises
    ------
    InputError
        If the format, the level or a phase is not known, a file exists, is a link or would lie
        within the store, or the format cannot number what there is.
    StoreError
        If the volume is not complete.
    ExportError
        If the disk is full or fails.
    BackendError
        If a package is missing.
    """
    path = Path(target)
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise InputError(f"{path.name}: the ending is no format; expected {', '.join(ENDINGS)}")
    header = header_of(volume, level)
    if ending in _VOXELS:
        if phases is not None:
            raise InputError(f"{ending} holds all phases; leave phases out, or write .stl or .ply")
        write, endings = _VOXELS[ending]
        files = tuple(path.with_suffix(one) if k else path for k, one in enumerate(endings))
        _check(volume, files, overwrite)
        _check_companions(files)
        with _finished(files) as drafts:
            write(drafts, header, slabs(volume, level, progress, drafts[0].parent))
        return Exported(files)
    labels = _labels(volume, phases)
    files = tuple(path.with_name(f"{path.stem}_{label}{path.suffix}") for label in labels)
    _check(volume, files, overwrite)
    with _finished(files) as drafts:
        planes = slabs(volume, level, progress, drafts[0].parent)
        write_surfaces(dict(zip(labels, drafts, strict=True)), header, planes)
    return Exported(files, labels)


def _labels(volume: VolumeInfo, phases: Sequence[int] | None) -> tuple[int, ...]:
    known = [phase.label for phase in volume.model.phases]
    for label in phases or ():
        if label not in known:
            raise InputError(f"phase {label} is not in the volume; its labels are {known}")
    return tuple(known if phases is None else dict.fromkeys(phases))


def _check(volume: VolumeInfo, files: Sequence[Path], overwrite: bool) -> None:
    folder = files[0].parent
    if not folder.is_dir():
        raise InputError(f"the folder {folder} does not exist; create it first")
    place = place_of(volume.location)
    if isinstance(place, LocalPlace) and folder.resolve().is_relative_to(place.path.resolve()):
        raise InputError(f"{files[0]} lies within the store; choose a folder outside it")
    for file in files:
        if file.is_symlink():
            raise InputError(f"{file} is a link; name the file that it leads to, or another one")
        if file.is_dir():
            raise InputError(f"{file} is a folder; choose another name")
        if file.exists() and not overwrite:
            raise InputError(f"{file} exists; choose another name, or allow overwriting it")


def _check_companions(files: Sequence[Path]) -> None:
    """Refuse to replace a file that belongs to another one: both .mhd and .txt go with a .raw."""
    there = [file for file in files if file.exists()]
    absent = [file for file in files if file not in there]
    if there and absent:
        raise InputError(
            f"{there[0]} exists without {absent[0].name}, so that it belongs to something else; "
            "choose another name, or delete it"
        )


@contextmanager
def _finished(files: Sequence[Path]) -> Iterator[tuple[Path, ...]]:
    """Drafts of files in a folder beside them, which take their places only when all are whole."""
    try:
        # the same file system, so that moving is renaming
        beside = tempfile.TemporaryDirectory(dir=files[0].parent, prefix=".export-")
    except OSError as error:
        raise InputError(f"{files[0]} cannot be written: {error.strerror}") from error
    try:
        with beside as folder:
            drafts = tuple(Path(folder) / file.name for file in files)
            yield drafts
            for draft in drafts:
                _reach_disk(draft)
            if len(files) > 1:
                # it may be a header, and must not describe the data of another volume
                files[0].unlink(missing_ok=True)
            # the named file last, for the same reason
            for draft, file in reversed(list(zip(drafts, files, strict=True))):
                draft.replace(file)
    except OSError as error:
        raise ExportError(f"{files[0]} cannot be written: {error.strerror or error}") from error


def _reach_disk(path: Path) -> None:
    """Wait until a file would survive a loss of power."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
