"""What a study costs, and what of it is there."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from morphgen.errors import InputError, MorphgenError
from morphgen.excursion.model import ExcursionModel
from morphgen.studies import (
    Job,
    Row,
    StudyFolder,
    cautions,
    library_memory,
    measuring_memory,
    probe_shape,
    run_job,
    versions_of,
)
from morphgen.tiles import BlockGrid, open_volume
from morphgen.tiles.backends import Backend
from morphgen.tiles.cluster import Cluster
from morphgen.tiles.estimates import disk_expected, free_space
from morphgen.tiles.memory import available_memory, usable_cpus, worker_memory
from morphgen.tiles.metadata import inner_chunk
from morphgen.tiles.plan import shown_bytes

# of a scenario in rows/ and in the table
_ROW_BYTES = 4096


@dataclass(frozen=True)
class StudyPlan:
    """Cost of a study.

    Attributes
    ----------
    scenarios, remaining : int
        Number of scenarios, and of those that are to be computed.
    again : int
        Number of these whose row or kept volume is there, but damaged, incomplete, changed, or of
        something else.
    cautions : tuple of str
        What the volumes are too coarse or too small for.
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
        more than the order of magnitude. None if none was asked for, or the small volume failed.
    trouble : str
        Why the small volume failed; empty if it did not, or there was none.
    """

    scenarios: int
    remaining: int
    again: int
    cautions: tuple[str, ...]
    workers: int
    worker_memory: int
    memory_available: int
    disk_expected: int
    disk_free: int
    cluster: str | None = None
    seconds: float | None = None
    trouble: str = ""


@dataclass(frozen=True)
class State:
    """What of a study is there: rows that are to stay, and what is still to be computed."""

    jobs: tuple[Job, ...]
    rows: dict[int, Row]
    waiting: tuple[Job, ...]
    again: int


def state_of(folder: StudyFolder, jobs: tuple[Job, ...]) -> State:
    """State of a study, from the rows and the volumes in its folder."""
    found = {job.scenario.number: folder.row(job.scenario.number) for job in jobs}
    rows = {number: row for number, row in found.items() if row is not None}
    waiting, again = [], 0
    for job in jobs:
        number = job.scenario.number
        failed = number in rows and rows[number].error
        if number not in rows or failed or not _is_kept(job):
            waiting.append(job)
            again += folder.has_file(number) and not failed
    return State(jobs, rows, tuple(waiting), again)


def _is_kept(job: Job) -> bool:
    """Whether the volume of a scenario is whole, if it is to be kept."""
    if job.store is None:
        return True
    try:
        found = open_volume(job.store)
    except MorphgenError:
        return False
    same = (found.model, found.seed, found.shape) == (
        job.scenario.model, job.scenario.seed, job.shape
    )  # fmt: skip
    return same and found.complete


def memory_of(jobs: Sequence[Job]) -> int:
    """Largest memory that a process needs for any of these scenarios, in bytes."""
    # what a scenario needs depends on its kernels
    different = {_kernels(job.scenario.model): job for job in jobs}
    return max(job_memory(job) for job in different.values())


def requirements(
    folder: StudyFolder,
    state: State,
    need: int,
    workers: int | None,
    cluster: Cluster | None,
    allow_full_disk: bool,
) -> StudyPlan:
    """Costs without a time, where each process needs so many bytes.

    Raises
    ------
    InputError
        If the study fits not into the memory or onto the disk, or workers of the cluster have
        other packages than this process.
    """
    room = available_memory() if cluster is None else cluster.memory
    if cluster is not None:
        cluster.check(Backend(), need)
        _check_packages(cluster, folder.record)
        count = cluster.threads
    else:
        count = _processes(workers, need, room, len(state.waiting))
    disk, free = _disk(state.waiting), free_space(folder.path)
    if disk > free and not allow_full_disk:
        raise InputError(
            f"{folder.path}: the study takes about {shown_bytes(disk)}, the disk has "
            f"{shown_bytes(free)} free; choose another disk, keep no volumes if it keeps them, or "
            "begin all the same with --yes (allow_full_disk=True)"
        )
    return StudyPlan(
        scenarios=len(state.jobs),
        remaining=len(state.waiting),
        again=state.again,
        cautions=cautions([job.scenario for job in state.jobs]),
        workers=count,
        worker_memory=need,
        memory_available=room,
        disk_expected=disk,
        disk_free=free,
        cluster=None if cluster is None else cluster.address,
    )


def _check_packages(cluster: Cluster, record: Mapping[str, Any]) -> None:
    """Refuse workers whose packages would measure other numbers than the record tells of."""
    wanted, kinds = record["versions"], record["study"]["descriptors"]
    answers = cluster.client.run(versions_of, kinds, on_error="return")
    for address, found in answers.items():
        if found != wanted:
            raise InputError(
                f"worker {address} has {found}, this process {wanted}; start it in the "
                "environment of this process"
            )


def _kernels(model: ExcursionModel) -> Hashable:
    return model.noises, model.voxel_size, model.shared is None


def _disk(waiting: Sequence[Job]) -> int:
    """Bytes that scenarios should take, with their volumes if they are kept."""
    volumes: dict[int, int] = {}
    for job in waiting:
        point, sample = job.scenario.point, job.scenario.sample
        if job.store is not None and point not in volumes:
            grid = BlockGrid(job.shape, sample.block_edge)
            volumes[point] = disk_expected(sample.model, grid, inner_chunk(grid.edge), len(grid))
    return sum(_ROW_BYTES + volumes.get(job.scenario.point, 0) for job in waiting)


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


def probed(waiting: Sequence[Job]) -> tuple[float, str]:
    """Seconds of a scenario, from a smaller volume of the first one, and why that failed."""
    if not waiting:
        return 0.0, ""
    first = waiting[0]
    small = replace(first, shape=probe_shape(first.shape), store=None, keep=None)
    # the first one loads what the others need
    run_job(replace(small, shape=(8, 8, 8)))
    row = run_job(small)
    return row.seconds * math.prod(first.shape) / math.prod(small.shape), row.error


def job_memory(job: Job) -> int:
    """Largest memory that a process needs for a scenario, in bytes."""
    # the labels of the volume are there while its blocks are drawn
    drawing = worker_memory(job.scenario.sample, Backend()) + math.prod(job.shape)
    return max(drawing + library_memory(job), measuring_memory(job))
