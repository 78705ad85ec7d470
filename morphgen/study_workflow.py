"""Whole studies: scenarios are drawn, measured and written down, here or on a cluster."""

from __future__ import annotations

import contextlib
import math
import statistics
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from morphgen.descriptors import left_out, possible_kinds
from morphgen.descriptors.parts import Labels
from morphgen.errors import InputError, StoreError, WorkerError
from morphgen.excursion.model import ExcursionModel
from morphgen.progress import Progress, silent
from morphgen.studies import (
    Job,
    Row,
    StudyFolder,
    StudyRequest,
    job_of,
    require_parquet,
    row_of,
    run_job,
    scenarios,
    write_table,
)
from morphgen.study_plan import State, StudyPlan, memory_of, probed, requirements, state_of
from morphgen.tiles import generate, open_labels
from morphgen.tiles.cluster import PATIENCE, Access, Cluster, connected
from morphgen.tiles.remote import is_url, place_of
from morphgen.tiles.spread import spread
from morphgen.tiles.store import exclusive

if TYPE_CHECKING:
    from distributed import Client

STAGE = "scenarios"


@dataclass(frozen=True)
class Studied:
    """What `study` did.

    Attributes
    ----------
    table : Path
        The Parquet file.
    scenarios, computed : int
        Number of scenarios, and of those that were computed now.
    failed : tuple of Row
        Rows of the scenarios that failed, with their errors.
    titles : dict of int to str
        Number and values of every scenario, for messages.
    """

    table: Path
    scenarios: int
    computed: int
    failed: tuple[Row, ...]
    titles: dict[int, str]


def study(
    model: ExcursionModel,
    request: StudyRequest,
    out: str | Path,
    *,
    resume: bool = False,
    workers: int | None = None,
    client: Client | None = None,
    scheduler: str | None = None,
    scheduler_file: str | Path | None = None,
    patience: float = PATIENCE,
    allow_full_disk: bool = False,
    progress: Progress = silent,
    started: Callable[[StudyPlan], object] = lambda plan: None,
) -> Studied:
    """Vary a model, and write what is measured on every variant to a table.

    Every scenario becomes a row as soon as it is done. A scenario that fails does not end the
    others. Volumes are computed with NumPy; the numbers depend on the model and the study alone.

    Parameters
    ----------
    model : ExcursionModel
        The model.
    request : StudyRequest
        What is varied and measured.
    out : str or Path
        Folder for ``study.parquet``, the rows, and the volumes if they are kept.
    resume : bool
        Continue what lies there: nothing, a study that was begun, or one that is complete.
        Scenarios that failed are tried again; those whose row or kept volume is damaged, was
        changed or is of something else are computed again.
    workers : int, optional
        Number of processes; by default one per CPU, as far as scenarios and memory go.
    client, scheduler, scheduler_file, patience
        As in `morphgen.generate`. Volumes that are kept need a file system that all workers
        share.
    allow_full_disk : bool
        Begin even where rows and volumes will probably not fit onto the disk.
    progress : callable
        Told (stage, points checked, points), then (stage, scenarios done, scenarios).
    started : callable
        Told the `StudyPlan` once the request was found valid, before anything is computed.

    Returns
    -------
    Studied

    Raises
    ------
    InputError
        If a scenario is impossible, a package is missing, a scenario does not fit into memory, or
        the study onto the disk.
    StoreError
        If the folder holds something else, or another run is writing it.
    GenerationError
        If the cluster is lost, or a row cannot be written. What was written stays, and
        ``resume`` continues.
    """
    access = Access(workers, client, scheduler, scheduler_file, patience)
    jobs = study_jobs(model, request, out, progress)
    folder = StudyFolder(out, model, request)
    folder.check(resume=resume)
    with connected(access) as cluster:
        # a request that is refused leaves no folder behind
        need = memory_of(jobs)
        requirements(folder, state_of(folder, jobs), need, workers, cluster, allow_full_disk)
        with exclusive(out):
            # another run may have begun meanwhile
            folder.check(resume=resume)
            state = state_of(folder, jobs)
            costs = requirements(folder, state, need, workers, cluster, allow_full_disk)
            started(costs)
            folder.begin()
            rows = _compute(folder, state, costs.workers, cluster, progress)
            write_table(rows, folder.table)
    return Studied(
        table=folder.table,
        scenarios=len(jobs),
        computed=len(state.waiting),
        failed=tuple(row for row in rows if row.error),
        titles={job.scenario.number: job.scenario.title for job in jobs},
    )


def plan_study(
    model: ExcursionModel,
    request: StudyRequest,
    out: str | Path,
    *,
    resume: bool = False,
    workers: int | None = None,
    client: Client | None = None,
    scheduler: str | None = None,
    scheduler_file: str | Path | None = None,
    patience: float = PATIENCE,
    allow_full_disk: bool = False,
    progress: Progress = silent,
) -> StudyPlan:
    """Predict what `study` would need, and refuse what it would refuse; nothing is written.

    Parameters and errors are those of `study`.
    """
    access = Access(workers, client, scheduler, scheduler_file, patience)
    jobs = study_jobs(model, request, out, progress)
    folder = StudyFolder(out, model, request)
    folder.check(resume=resume)
    with connected(access) as cluster:
        state = state_of(folder, jobs)
        costs = requirements(folder, state, memory_of(jobs), workers, cluster, allow_full_disk)
        known = [row.seconds for row in state.rows.values() if not row.error]
        each, trouble = (statistics.fmean(known), "") if known else probed(state.waiting)
        rounds = math.ceil(len(state.waiting) / costs.workers)
        return replace(costs, seconds=None if trouble else each * rounds, trouble=trouble)


def study_jobs(
    model: ExcursionModel, request: StudyRequest, out: str | Path, progress: Progress = silent
) -> tuple[Job, ...]:
    """Jobs of all scenarios, after everything that can be checked was found right.

    Raises
    ------
    InputError
        As `study`.
    """
    require_parquet()
    if is_url(out):
        raise InputError(f"{out}: a study is written to a folder, not to a URL")
    # a path may begin as a URL does
    place_of(out)
    obstacles = left_out(3, possible_kinds(3))
    for kind in request.descriptors:
        if kind in obstacles:
            raise InputError(f"{kind}: {obstacles[kind]}")
    # other machines have other current folders
    folder = StudyFolder(Path(out).absolute(), model, request)
    found = []
    for one in scenarios(model, request, progress):
        store = folder.volume(one.number) if request.keep_volumes else None
        found.append(job_of(one, request, store, keep_volume if request.keep_volumes else None))
    return tuple(found)


def keep_volume(
    model: ExcursionModel, shape: tuple[int, int, int], seed: int, store: Path
) -> Labels:
    """Write a volume, or what is missing of it, and read its labels."""
    try:
        # whether all volumes fit onto the disk was asked before the first one
        generate(
            model, store, shape=shape, seed=seed, backend="numpy", workers=1, resume=True,
            allow_full_disk=True,
        )  # fmt: skip
    except StoreError as error:
        raise StoreError(f"{error}, or delete it and resume the study") from error
    return np.asarray(open_labels(store)[...])


def _compute(
    folder: StudyFolder, state: State, workers: int, cluster: Cluster | None, progress: Progress
) -> list[Row]:
    """Compute what is missing, and write each row as soon as it is there; rows of all scenarios."""
    rows, total = dict(state.rows), len(state.jobs)
    done = total - len(state.waiting)
    progress(STAGE, done, total)
    with contextlib.closing(_rows(state.waiting, workers, cluster)) as found:
        for row in found:
            folder.write(row)
            rows[row.scenario] = row
            done += 1
            progress(STAGE, done, total)
    return [rows[number] for number in sorted(rows)]


def _rows(jobs: Sequence[Job], workers: int, cluster: Cluster | None) -> Generator[Row, None, None]:
    """Rows of all jobs, in any order; a job whose worker is killed is tried once more, alone."""
    waiting = iter(jobs)
    while True:
        handed: dict[int, Job] = {}

        def tasks(handed: dict[int, Job] = handed) -> Iterator[Job]:
            for job in waiting:
                handed[job.scenario.number] = job
                yield job

        try:
            with contextlib.closing(_spread(tasks(), workers, cluster)) as found:
                for row in found:
                    del handed[row.scenario]
                    yield row
            return
        except WorkerError:
            # one of those that were under way, and nobody knows which
            suspects = list(handed.values())
        for job in suspects:
            yield _alone(job, cluster)


def _alone(job: Job, cluster: Cluster | None) -> Row:
    try:
        (row,) = _spread(iter([job]), 1, cluster)
    except WorkerError as error:
        return row_of(job.scenario, {}, str(error))
    return row


def _spread(
    jobs: Iterator[Job], workers: int, cluster: Cluster | None
) -> Generator[Row, None, None]:
    return spread(run_job, jobs, workers=workers, cluster=cluster, apart=True, again="resume")
