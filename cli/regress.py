"""``morphgen regress``: power laws from the table of a study."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from morphgen.errors import InputError

from .inputs import check_output
from .options import Debug, Json, Overwrite, Quiet
from .screen import Screen, figure

if TYPE_CHECKING:
    from morphgen.studies import Table
    from morphgen.studies.relations import Relation

TableFile = Annotated[
    Path,
    typer.Argument(
        metavar="STUDY", show_default=False, help="Folder of a study, or its Parquet file."
    ),
]


def regress(
    study: TableFile,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            show_default=False,
            help="Folder for regressions.json, predicted.png and responses.png.",
        ),
    ] = None,
    response: Annotated[
        str, typer.Option("--response", metavar="NAME", help="Descriptor that is predicted.")
    ] = "effective_diffusivity",
    predictors: Annotated[
        str,
        typer.Option(
            "--predictors", metavar="NAME,...", help="Descriptors or columns to predict it from."
        ),
    ] = "volume_fraction,constrictivity,mean_geodesic_tortuosity",
    phase: Annotated[
        list[str] | None,
        typer.Option(
            "--phase",
            metavar="NAME",
            show_default=False,
            help="Phase; may be repeated.  [default: all that were measured]",
        ),
    ] = None,
    confidence: Annotated[
        float, typer.Option("--confidence", metavar="P", help="Level of the intervals.")
    ] = 0.95,
    folds: Annotated[
        int, typer.Option("--folds", metavar="N", help="Parts held out, one after the other.")
    ] = 10,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Seed of the parts.")] = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Fit power laws to the table of a study, beside published ones.

    Points of the design are held out in turn, to say how well the laws predict them.
    """
    from morphgen.studies import read_table
    from morphgen.studies.relations import relate

    table = read_table(study)
    files = _files(out, overwrite)
    found = relate(
        table,
        response=response,
        predictors=[name for name in predictors.replace(" ", "").split(",") if name],
        phases=phase,
        confidence=confidence,
        folds=folds,
        seed=seed,
    )
    record = {"study": study, "relations": [one.to_dict() for one in found]}
    if files:
        _write(files, found, table, record, overwrite)
    _report(Screen(as_json, quiet), found, record, files)


def _report(
    screen: Screen,
    found: tuple[Relation, ...],
    record: dict[str, Any],
    files: dict[str, Path],
) -> None:
    for one in found:
        show(screen, one)
    if files:
        screen.line(f"written to {', '.join(str(one) for one in files.values())}")
    screen.result({**record, "files": list(files.values())})


def show(screen: Screen, one: Relation) -> None:
    """Print the laws of a phase, the best prediction first."""
    screen.line(
        f"{one.phase}: {len(one.data)} values of {one.response}"
        + (f", {one.left_out} left out without a logarithm" if one.left_out else "")
    )
    if one.problem:
        screen.line(f"no law: {one.problem}")
        return
    rows = [
        (
            fit.law.name,
            fit.law.text,
            figure(fit.held_out.r_squared),
            f"{fit.held_out.percentage_error:.1f} %",
            f"{fit.seen.percentage_error:.1f} %",
        )
        for fit in one.regressions
    ]
    rows += [
        (law.name, law.text, figure(found.r_squared), f"{found.percentage_error:.1f} %", "-")
        for law, found in one.published
    ]
    heads = ("law", "", "R^2 held out", "error held out", "error of the fit")
    screen.table(heads, rows, right=(2, 3, 4))
    first = one.regressions[0]
    ends = [f"{name} {low:.3g} to {high:.3g}" for name, (low, high) in first.intervals.items()]
    screen.line(f"{100 * first.confidence:g} % intervals: {', '.join(ends)}")


def _files(out: Path | None, overwrite: bool) -> dict[str, Path]:
    """Files to write, checked before any work."""
    if out is None:
        return {}
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; choose another folder")
    files = {name: out / name for name in ("regressions.json", "predicted.png", "responses.png")}
    for file in files.values() if out.exists() else ():
        check_output(file, overwrite)
    return files


def _write(
    files: dict[str, Path],
    found: tuple[Relation, ...],
    table: Table,
    record: dict[str, Any],
    overwrite: bool,
) -> None:
    """Make everything before anything is written."""
    from morphgen.studies.pictures import draw_predictions, draw_responses, png
    from morphgen.validation.comparison import plain
    from morphgen.validation.files import write_whole

    from .describe import write_json

    laws, *names = files.values()
    responses = [f"{one.response}.{one.phase}" for one in found]
    pictures = [png(draw_predictions(found)), png(draw_responses(table, responses))]
    try:
        laws.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{laws.parent} cannot be created: {error.strerror}") from error
    write_json(laws, plain(record), overwrite)
    for file, picture in zip(names, pictures, strict=True):
        write_whole(file, partial(bytes, picture), overwrite)
