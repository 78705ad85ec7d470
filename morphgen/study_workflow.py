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
from morphgen.errors import InputError, WorkerError
from morphgen.excursion.model import ExcursionModel
from morphgen.progress import Progress, silent
from morphgen.studies import (
    Job,
    Row,
    StudyFolder,
    StudyRequest,
    job_of,
    library_memory,
    measuring_memory,
    probe_shape,
    require_parquet,
    row_of,
    run_job,
    scenarios,
    write_table,
)
from morphgen.tiles import BlockGrid, generate, open_labels
from morphgen.tiles.backends import Backend
from morphgen.tiles.cluster import PATIENCE, Access, Cluster, connected
from morphgen.tiles.estimates import disk_expected, free_space
from morphgen.tiles.memory import available_memory, usable_cpus, worker_memory
from morphgen.tiles.metadata import inner_chunk
from morphgen.tiles.spread import spread
from morphgen.tiles.store import exclusive

if TYPE_CHECKING:
    from distributed import Client

STAGE = "scenarios"
# of a scenario in rows/ and in the table
_ROW_BYTES = 4096


@dataclass(frozen=True)
class StudyPlan:
    """Cost of a study.

    Attributes
    ----------
    scenarios, remaining : int
        Number of scenarios, and of those without a row.
    workers : int
        Number of processes; on a cluster, of threads of its workers.
    worker_memory, memory_available : int
        Peak memory of a worker and memory that there is, in bytes; on a cluster, what its workers
        may use together, 0 if they have no limit.
    disk_expected, disk_free : int
        Bytes that the remaining scenarios should take, and free bytes.
    cluster : str or None
        Address of the scheduler, if there is one.
    seconds : float or None
        Estimated time: from the rows that are there, or else from a small volume, which tells no
        more than the order of magnitude. None if none was asked for.
    """

    scenarios: int
    remaining: int
    workers: int
    worker_memory: int
    memory_available: int
    disk_expected: int
    disk_free: int
    cluster: str | None = None
    seconds: float | None = None


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
        Scenarios that failed are tried again.
    workers : int, optional
        Number of processes; by default one per CPU, as far as scenarios and memory go.
    client, scheduler, scheduler_file, patience
        As in `morphgen.generate`. Volumes that are kept need a file system that all workers
        share.
    progress : callable
        Told (stage, scenarios done, scenarios).
    started : callable
        Told the `StudyPlan` once the request was found valid, before anything is computed.

    Returns
    -------
    Studied

    Raises
    ------
    InputError
        If a scenario is impossible, a package is missing, or a scenario does not fit into memory.
    StoreError
        If the folder holds something else, or another run is writing it.
    GenerationError
        If the cluster is lost. What was written stays, and ``resume`` continues.
    """
    access = Access(workers, client, scheduler, scheduler_file, patience)
    jobs = study_jobs(model, request, out)
    folder = StudyFolder(out)
    folder.check(model, request, resume=resume)
    with connected(access) as cluster:
        # a request that is refused leaves no folder behind
        _requirements(folder, jobs, jobs, workers, cluster)
        with exclusive(out):
            # another run may have begun meanwhile
            folder.check(model, request, resume=resume)
            rows = {job.scenario.number: folder.row(job.scenario.number) for job in jobs}
            waiting = [job for job in jobs if _to_do(rows[job.scenario.number])]
            costs = _requirements(folder, jobs, waiting, workers, cluster)
            started(costs)
            folder.begin(model, request)
            _compute(folder, waiting, rows, costs.workers, cluster, progress)
            table = [row for _, row in sorted(rows.items()) if row is not None]
            write_table(table, folder.table)
    return Studied(
        table=folder.table,
        scenarios=len(jobs),
        computed=len(waiting),
        failed=tuple(row for row in table if row.error),
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
) -> StudyPlan:
    """Predict what `study` would need, and refuse what it would refuse; nothing is written.

    Parameters and errors are those of `study`.
    """
    access = Access(workers, client, scheduler, scheduler_file, patience)
    jobs = study_jobs(model, request, out)
    folder = StudyFolder(out)
    folder.check(model, request, resume=resume)
    with connected(access) as cluster:
        rows = {job.scenario.number: folder.row(job.scenario.number) for job in jobs}
        waiting = [job for job in jobs if _to_do(rows[job.scenario.number])]
        costs = _requirements(folder, jobs, waiting, workers, cluster)
        known = [row.seconds for row in rows.values() if row is not None and not row.error]
        each = statistics.fmean(known) if known else _probed(waiting)
        return replace(costs, seconds=each * math.ceil(len(waiting) / costs.workers))


def study_jobs(model: ExcursionModel, request: StudyRequest, out: str | Path) -> tuple[Job, ...]:
    """Jobs of all scenarios, after everything that can be checked was found right.

    Raises
    ------
    InputError
        As `study`.
    """
    require_parquet()
    obstacles = left_out(3, possible_kinds(3))
    for kind in request.descriptors:
        if kind in obstacles:
            raise InputError(f"{kind}: {obstacles[kind]}")
    # other machines have other current folders
    folder = StudyFolder(Path(out).absolute())
    found = []
    for one in scenarios(model, request):
        store = folder.volume(one.number) if request.keep_volumes else None
        found.append(job_of(one, request, store, keep_volume if request.keep_volumes else None))
    return tuple(found)


def keep_volume(
    model: ExcursionModel, shape: tuple[int, int, int], seed: int, store: Path
) -> Labels:
    """Write a volume, or what is missing of it, and read its labels."""
    generate(model, store, shape=shape, seed=seed, backend="numpy", workers=1, resume=True)
    return np.asarray(open_labels(store)[...])


def _compute(
    folder: StudyFolder,
    waiting: Sequence[Job],
    rows: dict[int, Row | None],
    workers: int,
    cluster: Cluster | None,
    progress: Progress,
) -> None:
    """Compute scenarios, and write each row as soon as it is there."""
    done = len(rows) - len(waiting)
    progress(STAGE, done, len(rows))
    with contextlib.closing(_rows(waiting, workers, cluster)) as found:
        for row in found:
            folder.write(row)
            rows[row.scenario] = row
            done += 1
            progress(STAGE, done, len(rows))


def _to_do(row: Row | None) -> bool:
    return row is None or bool(row.error)


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
        return row_of(job.scenario, {}, str(error), 0.0)
    return row


def _spread(
    jobs: Iterator[Job], workers: int, cluster: Cluster | None
) -> Generator[Row, None, None]:
    return spread(run_job, jobs, workers=workers, cluster=cluster, apart=True, again="resume")


def _requirements(
    folder: StudyFolder,
    jobs: Sequence[Job],
    waiting: Sequence[Job],
    workers: int | None,
    cluster: Cluster | None,
) -> StudyPlan:
    """Costs without a time; InputError if a scenario does not fit into the memory."""
    backend = Backend()
    need = max(
        max(
            worker_memory(job.scenario.sample, backend) + library_memory(job),
            measuring_memory(job),
        )
        for job in jobs
    )
    disk = _ROW_BYTES * len(waiting)
    for job in waiting:
        if job.store is not None:
            sample = job.scenario.sample
            grid = BlockGrid(job.shape, sample.block_edge)
            disk += disk_expected(sample.model, grid, inner_chunk(grid.edge), len(grid))
    room = available_memory() if cluster is None else cluster.memory
    if cluster is not None:
        cluster.check(backend, need)
        count = cluster.threads
    else:
        count = _processes(workers, need, room, len(waiting))
    address = None if cluster is None else cluster.address
    free = free_space(folder.path)
    return StudyPlan(len(jobs), len(waiting), count, need, room, disk, free, address)


def _processes(workers: int | None, need: int, room: int, remaining: int) -> int:
    if workers is not None and workers < 1:
        raise InputError(f"workers is {workers}: expected 1 or more")
    fitting = room // need
    if fitting < (workers or 1):
        raise InputError(
            f"{workers or 1} workers need {(workers or 1) * need / 2**30:.3g} GiB of memory, "
            f"{room / 2**30:.3g} GiB are free; choose fewer workers or smaller volumes"
        )
    return workers or max(1, min(usable_cpus(), fitting, remaining))


def _probed(waiting: Sequence[Job]) -> float:
    """Seconds of a scenario, from a smaller volume of the first one."""
    if not waiting:
        return 0.0
    first = waiting[0]
    small = replace(first, shape=probe_shape(first.shape), store=None, keep=None)
    # the first one loads what the others need
    run_job(replace(small, shape=(8, 8, 8)))
    return run_job(small).seconds * math.prod(first.shape) / math.prod(small.shape)
