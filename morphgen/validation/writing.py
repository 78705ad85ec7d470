"""Writing reports: one HTML file, a PDF, or a folder of figures, each whole or not at all."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from morphgen.errors import InputError
from morphgen.validation.files import CAPTIONS, PathLike, check_folder, write_whole
from morphgen.validation.pages import Document
from morphgen.validation.printing import pdf_of
from morphgen.validation.rendering import png, rare_letters


def html_of(document: Document) -> str:
    """HTML page of a report: one file without scripts and without links to other files."""
    environment = Environment(
        loader=PackageLoader("morphgen.validation", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.jinja").render(document=document)


def write_report(path: PathLike, document: Document, overwrite: bool = False) -> None:
    """Write a report as one HTML file.

    Parameters
    ----------
    path : path
        The file.
    document : Document
        The report.
    overwrite : bool
        Whether an existing file is replaced.

    Raises
    ------
    InputError
        If the file exists and ``overwrite`` is not set, or cannot be written.
    """
    write_whole(path, lambda: html_of(document).encode(), overwrite)


def write_pdf(path: PathLike, document: Document, overwrite: bool = False) -> None:
    """Write a report as a PDF of A4 pages; arguments and errors as of `write_report`."""
    write_whole(path, lambda: pdf_of(document), overwrite)


def write_figures(folder: PathLike, document: Document, overwrite: bool = False) -> None:
    """Write the figures of a report as PNG files, numbered in their order, with their captions.

    Parameters
    ----------
    folder : path
        Folder to make; an empty one may exist.
    document : Document
        The report.
    overwrite : bool
        Whether a folder that holds nothing but such figures is replaced.

    Raises
    ------
    InputError
        If the folder holds something and ``overwrite`` is not set, it holds other files, or it
        cannot be written.
    """
    target = Path(folder)
    check_folder(target, overwrite)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        partial.mkdir()
        _fill(partial, document)
        if target.is_dir():
            shutil.rmtree(target)
        partial.replace(target)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise InputError(f"{target} cannot be written: {error.strerror}") from error


def _fill(folder: Path, document: Document) -> None:
    captions = []
    for number, one in enumerate(document.pictures, 1):
        name = f"{number:02d}-{one.name}.png"
        with rare_letters():
            (folder / name).write_bytes(png(one.figure))
        captions.append(f"{name}\n{one.alt}.\n{one.caption}\n")
    (folder / CAPTIONS).write_text("\n".join(captions), encoding="utf-8")
