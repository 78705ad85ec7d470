"""``morphgen study``: many variants of a model, and a table of what was measured on them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .codes import FAILED, RESUMABLE
from .generate import terminated_as_interrupted
from .options import (
    PATIENCE,
    Debug,
    Json,
    ModelFile,
    Patience,
    Quiet,
    Scheduler,
    SchedulerFile,
    Workers,
)
from .screen import Screen, trouble

if TYPE_CHECKING:
    from morphgen.study_plan import StudyPlan
    from morphgen.study_workflow import Studied

_SHOWN = 10

StudyFile = Annotated[
    Path,
    typer.Argument(
        metavar="STUDY.toml",
        show_default=False,
        help="What is varied, by which design, and what is measured (TOML).",
    ),
]
Folder = Annotated[
    Path,
    typer.Option(
        "--out",
        metavar="DIR",
        show_default=False,
        help="Folder for study.parquet and the rows, absent or empty.",
    ),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Continue what is there: nothing, a part, or all of it; what failed is tried again.",
    ),
]
Yes = Annotated[
    bool,
    typer.Option("--yes", help="Begin even if rows and volumes will probably not fit on the disk."),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Count the scenarios, say what they cost, write nothing.")
]


def study(
    model: ModelFile,
    request: StudyFile,
    out: Folder,
    workers: Workers = None,
    scheduler: Scheduler = None,
    scheduler_file: SchedulerFile = None,
    patience: Patience = PATIENCE,
    resume: Resume = False,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Vary the parameters of a model, and measure a volume of every variant.

    Every scenario becomes a row of the table as soon as it is done.
    """
    from morphgen.errors import GenerationError
    from morphgen.excursion import load_model
    from morphgen.studies import read_study
    from morphgen.study_workflow import plan_study
    from morphgen.study_workflow import study as run

    screen = Screen(as_json, quiet)
    asked = load_model(model), read_study(request), out
    where: dict[str, Any] = {
        "workers": workers,
        "scheduler": scheduler,
        "scheduler_file": scheduler_file,
        "patience": patience,
    }
    options = {"resume": resume, "allow_full_disk": yes, **where}
    if dry_run:
        with screen.progress() as progress:
            plan = plan_study(*asked, progress=progress, **options)
        show_plan(screen, plan)
        return
    again = _command(model, request, out, where, yes)
    try:
        with terminated_as_interrupted(), screen.progress() as progress:
            done = run(
                *asked,
                progress=progress,
                started=lambda plan: _note_plan(screen, plan),
                **options,
            )
    except KeyboardInterrupt as error:
        trouble(f"interrupted; continue with\n{again}")
        raise typer.Exit(RESUMABLE) from error
    except GenerationError as error:
        raise GenerationError(f"{error}; continue with\n{again}") from error
    tell(screen, done, debug=debug)


def _command(model: Path, request: Path, out: Path, where: Mapping[str, object], yes: bool) -> str:
    """Command line that continues."""
    words = ["morphgen", "study", str(model), str(request), "--out", str(out)]
    for name, value in where.items():
        if value is not None and (name, value) != ("patience", PATIENCE):
            words += [f"--{name.replace('_', '-')}", str(value)]
    return shlex.join([*words, *(["--yes"] if yes else []), "--resume"])


def _note_plan(screen: Screen, plan: StudyPlan) -> None:
    """Tell, before anything is computed, what it costs and what to beware of."""
    screen.note(plan_lines(plan)[0])
    for text in warnings(plan):
        screen.note(f"warning: {text}")


def show_plan(screen: Screen, plan: StudyPlan) -> None:
    """Print what a study costs; exit code 1 if a small volume of it failed."""
    for line in plan_lines(plan):
        screen.line(line)
    for text in warnings(plan):
        screen.note(f"warning: {text}")
    screen.result(asdict(plan))
    if plan.trouble:
        trouble(f"error: a small volume of the first scenario failed: {plan.trouble}")
        raise typer.Exit(FAILED)


def warnings(plan: StudyPlan) -> list[str]:
    """What to beware of in a study."""
    if not plan.again:
        return list(plan.cautions)
    what = "scenario was" if plan.again == 1 else "scenarios were"
    return [
        f"{plan.again} {what} computed before, but the row or the kept volume is missing, damaged, "
        "changed, or of something else: computed again",
        *plan.cautions,
    ]


def plan_lines(plan: StudyPlan) -> list[str]:
    """Costs of a study, to be read by people."""
    from morphgen.tiles.plan import shown_bytes, shown_duration

    whose = f" of {plan.cluster}" if plan.cluster else ""
    room = (
        f"{shown_bytes(plan.memory_available)} available"
        if plan.memory_available
        else "no limit known"
    )
    lines = [
        f"scenarios  {plan.scenarios}, {plan.remaining} to compute, "
        f"{plan.workers} at a time{whose}",
        f"memory     {shown_bytes(plan.worker_memory)} per worker, {room}",
        f"disk       about {shown_bytes(plan.disk_expected)}, {shown_bytes(plan.disk_free)} free",
    ]
    if plan.seconds is not None:
        lines.append(f"time       very roughly {shown_duration(plan.seconds)}")
    return lines


def tell(screen: Screen, done: Studied, *, debug: bool = False) -> None:
    """Print where the table is, and which scenarios failed; exit code 1 if any did."""
    screen.line(f"{done.table}: {done.scenarios} scenarios, {done.computed} computed now")
    for row in done.failed[:_SHOWN]:
        trouble(f"{done.titles[row.scenario]} failed: {row.error}")
        if debug and row.trace:
            trouble(row.trace)
    if len(done.failed) > _SHOWN:
        trouble(f"and {len(done.failed) - _SHOWN} more: see the column `error` of the table")
    screen.result(
        {
            "table": done.table,
            "scenarios": done.scenarios,
            "computed": done.computed,
            "failed": [{"scenario": row.scenario, "error": row.error} for row in done.failed],
        }
    )
    if done.failed:
        raise typer.Exit(FAILED)
