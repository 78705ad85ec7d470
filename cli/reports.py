"""Reports that a command writes: as a page, on paper, as a folder of figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from morphgen.errors import InputError

from .inputs import check_output

if TYPE_CHECKING:
    from morphgen.validation.pages import Document

    from .screen import Screen

Pdf = Annotated[
    Path | None,
    typer.Option("--pdf", metavar="FILE", show_default=False, help="The same on A4 pages."),
]
Figures = Annotated[
    Path | None,
    typer.Option(
        "--figures",
        metavar="FOLDER",
        show_default=False,
        help="Folder for its figures as PNG files.",
    ),
]


@dataclass(frozen=True)
class Reports:
    """Where a report goes; None where it is not wanted."""

    page: Path | None
    pdf: Path | None
    figures: Path | None

    @property
    def wanted(self) -> bool:
        """Whether there is anything to write."""
        return any((self.page, self.pdf, self.figures))

    def check(self, overwrite: bool, taken: Sequence[Path], others: Sequence[Path] = ()) -> None:
        """Refuse what could not be written, before anything is computed.

        Parameters
        ----------
        overwrite : bool
            Whether existing files may be replaced.
        taken : sequence of Path
            Inputs, which are never replaced.
        others : sequence of Path
            Other outputs of the command.

        Raises
        ------
        InputError
            A file or folder exists, is an input or given twice, or its folder does not exist.
        """
        from morphgen.validation.files import check_folder

        for file in (self.page, self.pdf):
            if file is not None:
                check_output(file, overwrite, taken)
        if self.figures is not None:
            check_folder(self.figures, overwrite)
            if not self.figures.resolve().parent.is_dir():
                raise InputError(
                    f"the folder {self.figures.resolve().parent} does not exist; create it first"
                )
        given = [one for one in (*others, self.page, self.pdf, self.figures) if one is not None]
        for number, one in enumerate(given):
            if one.resolve() in [other.resolve() for other in given[:number]]:
                raise InputError(f"{one} is given for two outputs; give two names")

    def write(self, document: Document, overwrite: bool) -> None:
        """Write what is wanted."""
        from morphgen.validation.writing import write_figures, write_pdf, write_report

        if self.page is not None:
            write_report(self.page, document, overwrite)
        if self.pdf is not None:
            write_pdf(self.pdf, document, overwrite)
        if self.figures is not None:
            write_figures(self.figures, document, overwrite)

    def tell(self, screen: Screen) -> None:
        """Say what was written."""
        for name, place in (("report", self.page), ("pages", self.pdf), ("figures", self.figures)):
            if place is not None:
                screen.line(f"{name} written to {place}")
