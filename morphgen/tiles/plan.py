"""What a volume will cost, before anything starts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from morphgen.devices import find, find_apart
from morphgen.errors import InputError
from morphgen.excursion.model import ExcursionModel
from morphgen.excursion.profile import Profile
from morphgen.fields.blocks import Index
from morphgen.fields.sampling import COVARIANCE_ERROR
from morphgen.tiles.backends import Backend, resolve
from morphgen.tiles.cluster import PATIENCE, Access, Cluster, connected
from morphgen.tiles.estimates import (
    COARSE_SECONDS,
    disk_bound,
    disk_expected,
    free_space,
    halo_overhead,
    rough_seconds,
    seconds,
)
from morphgen.tiles.memory import (
    available_memory,
    device_memory,
    usable_cpus,
    worker_memory,
)
from morphgen.tiles.place import LocalPlace, Place
from morphgen.tiles.remote import place_of
from morphgen.tiles.request import Order, Request

if TYPE_CHECKING:
    from distributed import Client

# work that a single process does while others would still be starting
_SHORT_SECONDS = 6.0
# work that is not worth a calibration of a second
_QUICK_SECONDS = 15.0


@dataclass(frozen=True)
class Plan:
    """Cost of a volume.

    Attributes
    ----------
    shape : tuple of 3 ints
        Voxels along (z, y, x).
    block_edge, chunk : int
        Edges of the blocks and of the inner chunks, in voxels.
    blocks, remaining : int
        Number of blocks of the volume, and of those that are still to compute.
    halo_overhead : float
        What is convolved, blocks with their halos, over the volume; on average over fields.
    factors : tuple of tuples of 3 ints
        For each field, distance of the points that it is synthesised on, in voxels.
    synthesis_error : float
        What no correlation of two voxels errs by more than, over all fields.
    workers : int
        Number of processes; on a cluster, of threads of its workers.
    backend : Backend
        Library and device.
    worker_memory, memory_available : int
        Peak memory of a worker and memory that there is, in bytes; on a cluster, what its workers
        may use together, 0 if they have no limit.
    disk_bound, disk_expected : int
        Bytes of the remaining blocks without compression, and what they should take with it,
        together with those of coarser levels.
    disk_free : int or None
        Free bytes where the store is, or will be; None where that cannot be known.
    levels : int
        Number of coarser levels.
    cluster : str or None
        Address of the scheduler, if there is one.
    seconds : float or None
        Estimated time, from a calibration of a second; None if none was asked for.
    """

    shape: Index
    block_edge: int
    chunk: int
    blocks: int
    remaining: int
    halo_overhead: float
    factors: tuple[Index, ...]
    synthesis_error: float
    workers: int
    backend: Backend
    worker_memory: int
    memory_available: int
    disk_bound: int
    disk_expected: int
    disk_free: int | None
    levels: int = 0
    cluster: str | None = None
    seconds: float | None = None

    def lines(self) -> list[str]:
        """Plan as lines to be read by people."""
        done = self.blocks - self.remaining
        z, y, x = self.shape
        lines = [
            f"volume     {z} x {y} x {x} voxels, {math.prod(self.shape):,}",
            f"blocks     {self.blocks} of {self.block_edge}^3 voxels, in chunks of {self.chunk}^3"
            + (f"; {done} are written, {self.remaining} remain" if done else ""),
            f"halo       blocks and their halos are {self.halo_overhead:.2f} times the volume",
            f"synthesis  {self._synthesis()}",
            f"workers    {self.workers}{self._whose()}, "
            f"{self.backend.name} on {self.backend.device}",
            f"memory     {shown_bytes(self.worker_memory)} per worker, "
            f"{shown_bytes(self.workers * self.worker_memory)} together; {self._memory()}",
            f"disk       about {shown_bytes(self.disk_expected)} compressed, never more than "
            f"{shown_bytes(self.disk_bound)}; {self._room()}",
        ]
        if self.levels:
            lines.insert(2, f"levels     {self.levels}, each of half the resolution")
        if self.seconds is not None:
            lines.append(
                f"time       about {shown_duration(self.seconds)}, by a calibration of a second"
            )
        if self.backend.reason is not None:
            lines.append(f"no GPU     {self.backend.reason}")
        return lines

    def summary(self) -> str:
        """Plan in one line."""
        done = self.blocks - self.remaining
        z, y, x = self.shape
        parts = [
            f"{z} x {y} x {x} voxels: {_count(self.blocks, 'block')} of {self.block_edge}^3"
            + (f", {done} of them written" if done else "")
            + f", with their halos {self.halo_overhead:.2f} times the volume",
            f"{_count(self.workers, 'worker')}{self._whose()}, {self.backend.name} on "
            f"{self.backend.device}, up to {shown_bytes(self.worker_memory)} of memory each, "
            f"{self._memory()}",
            f"about {shown_bytes(self.disk_expected)} on disk, {self._room()}",
        ]
        if self.levels:
            parts.insert(1, _count(self.levels, "coarser level"))
        if self.seconds is not None:
            parts.append(f"about {shown_duration(self.seconds)}")
        return "; ".join(parts)

    def _synthesis(self) -> str:
        """Lattice that every field is synthesised on."""
        found = [
            "on every voxel"
            if factors == (1, 1, 1)
            else f"on a lattice of {' x '.join(map(str, factors))} voxels, interpolated"
            for factors in self.factors
        ]
        error = f"correlations err by up to {self.synthesis_error:.1g}"
        if self.synthesis_error > COVARIANCE_ERROR:
            error += ", since a kernel is too narrow for these voxels; choose smaller ones"
        return "; ".join([*dict.fromkeys(found), error])

    def _whose(self) -> str:
        return "" if self.cluster is None else f" of {self.cluster}"

    def _memory(self) -> str:
        room = self.memory_available
        return f"{shown_bytes(room)} available" if room else "no limit is set"

    def _room(self) -> str:
        return "room unknown" if self.disk_free is None else f"{shown_bytes(self.disk_free)} free"


def plan(
    model: ExcursionModel,
    shape: Sequence[int],
    *,
    path: str | Path | None = None,
    seed: int = 0,
    periodic: Sequence[str] = (),
    chunk: int | None = None,
    workers: int | None = None,
    backend: str = "auto",
    device: str | None = None,
    levels: int | str | None = None,
    downsample: str | None = None,
    exact: bool = False,
    profile: Profile | None = None,
    resume: bool = False,
    overwrite: bool = False,
    allow_full_disk: bool = False,
    client: Client | None = None,
    scheduler: str | None = None,
    scheduler_file: str | Path | None = None,
    patience: float = PATIENCE,
) -> Plan:
    """Predict what `generate` would need, and refuse what it would refuse.

    Parameters
    ----------
    model : ExcursionModel
        The model.
    shape : sequence of 3 ints
        Voxels along (z, y, x).
    path : str or Path, optional
        Where the store is to lie, a folder or a URL. Without it, the disk is that of the current
        folder, and no store is in the way.
    seed, periodic, chunk, workers, backend, device, levels, downsample, exact, profile, resume, \
    overwrite, allow_full_disk, client, scheduler, scheduler_file, patience
        As in `generate`. With ``resume``, the cost is that of the blocks that are still missing.

    Returns
    -------
    Plan

    Raises
    ------
    InputError
        As `generate`: the request is invalid, does not fit into the memory or onto the disk, or
        something lies at ``path`` that must not be replaced or cannot be continued.
    """
    with connected(Access(workers, client, scheduler, scheduler_file, patience)) as cluster:
        order = Request(
            model, path, shape, seed, periodic, backend, device, workers, chunk, resume, overwrite,
            levels, downsample, exact, resolver(workers, cluster), profile,
            cluster is not None,
        ).checked()  # fmt: skip
        found = requirements(order, path or Path(), workers, allow_full_disk, cluster)
        return with_time(order, found, cluster, always=True)


def resolver(workers: int | None, cluster: Cluster | None) -> Callable[..., Backend]:
    """Function that chooses the backend of one request, the first time that it is asked.

    Where several workers are asked for, this process tries no device itself: workers could not
    have one that it holds in compute mode EXCLUSIVE_PROCESS.
    """
    if cluster is not None:
        return cache(cluster.resolve)
    return cache(partial(resolve, apart=workers is not None and workers > 1))


def with_time(
    order: Order, found: Plan, cluster: Cluster | None = None, *, always: bool = False
) -> Plan:
    """Plan with an estimate of the time, unless the work takes little more than the estimate.

    Parameters
    ----------
    order, found : Order, Plan
        What is asked for, and its costs.
    cluster : Cluster, optional
        Where the calibration is to run, instead of here.
    always : bool
        Estimate the time of small work as well.
    """
    record, blocks, coarse = order.record, found.remaining, _coarse_voxels(order)
    sample = record.realization()
    quick = rough_seconds(sample, blocks) + coarse * COARSE_SECONDS
    if not always and quick < _QUICK_SECONDS:
        return found
    if not blocks and not coarse:
        return replace(found, seconds=0.0)
    asked = sample, blocks, found.workers, found.backend, record.grid, coarse
    time = seconds(*asked) if cluster is None else float(cluster.on_worker(seconds, *asked))
    return replace(found, seconds=time)


def requirements(
    order: Order,
    path: str | Path,
    workers: int | None,
    allow_full_disk: bool = False,
    cluster: Cluster | None = None,
) -> Plan:
    """Plan without a time, for the blocks that remain to be computed.

    Raises
    ------
    InputError
        If they do not fit into the memory or, unless that is allowed, onto the disk.
    """
    record, place = order.record, place_of(path)
    grid, backend, sample = record.grid, record.backend, record.realization()
    need = worker_memory(sample, backend)
    if cluster is not None:
        cluster.check(backend, need)
        _check_shared(place)
        count, room = cluster.threads, cluster.memory
    else:
        room = available_memory()
        count = _workers_here(order, place, workers, need, room)
        _check_device(backend, count, device_memory(sample, backend.name))
    expected, bound = _disk(order)
    free = _free_disk(place, expected, allow_full_disk)
    return Plan(
        shape=grid.shape,
        block_edge=grid.edge,
        chunk=record.chunk,
        blocks=len(grid),
        remaining=order.remaining,
        halo_overhead=halo_overhead(sample, grid),
        factors=tuple(one.factors for one in sample.samplings),
        synthesis_error=max(sample.synthesis_errors()),
        workers=count,
        backend=backend,
        worker_memory=need,
        memory_available=room,
        disk_bound=bound,
        disk_expected=expected,
        disk_free=free,
        levels=record.levels,
        cluster=None if cluster is None else cluster.address,
    )


def _workers_here(order: Order, place: Place, workers: int | None, need: int, room: int) -> int:
    """Number of workers on this machine, each of which needs so much of so much memory."""
    if not place.shared:
        return _alone(place, workers)
    coarse = _coarse_voxels(order) * COARSE_SECONDS
    short = rough_seconds(order.record.realization(), order.remaining) + coarse < _SHORT_SECONDS
    most = max(order.remaining_in(level) for level in range(order.record.levels + 1))
    return _workers(workers, most, need, room, order.record.backend, short=short)


def _free_disk(place: Place, expected: int, allow_full: bool) -> int | None:
    """Free bytes of a disk, refused if they are too few; None where that cannot be known."""
    free = free_space(place.path) if isinstance(place, LocalPlace) else None
    if free is not None and expected > free and not allow_full:
        raise InputError(
            f"{place.location}: the volume takes about {shown_bytes(expected)}, the disk has "
            f"{shown_bytes(free)} free; choose a smaller shape or another disk, or begin "
            "all the same with --yes (allow_full_disk=True)"
        )
    return free


def _disk(order: Order) -> tuple[int, int]:
    """Bytes that the missing blocks of all levels should take, and at most."""
    record, expected, bound = order.record, 0, 0
    for level in range(record.levels + 1):
        grid, blocks = record.grid_of(level), order.remaining_in(level)
        most = disk_bound(grid, record.chunk, blocks)
        # labels of half the resolution differ between neighbours up to twice as often
        guess = 2**level * disk_expected(record.model, grid, record.chunk, blocks)
        expected, bound = expected + min(most, guess), bound + most
    return expected, bound


def _coarse_voxels(order: Order) -> int:
    """Voxels of coarser levels that are to be written, at most."""
    grids = {level: order.record.grid_of(level) for level in range(1, order.record.levels + 1)}
    return sum(
        min(grid.voxels, order.remaining_in(level) * grid.edge**3) for level, grid in grids.items()
    )


def _alone(place: Place, workers: int | None) -> int:
    if workers is not None and workers > 1:
        raise InputError(
            f"{workers} workers: expected 1, since no other process sees {place.location}"
        )
    return 1


def _check_shared(place: Place) -> None:
    if not place.shared:
        raise InputError(
            f"{place.location} cannot be seen by the workers of a cluster; choose a folder or a "
            "URL that they share"
        )


def _workers(
    wanted: int | None, blocks: int, need: int, room: int, backend: Backend, *, short: bool
) -> int:
    if wanted is not None and wanted < 1:
        raise InputError(f"workers is {wanted}: expected at least 1")
    if blocks == 0:
        return 1
    fitting = room // need
    if fitting < max(1, wanted or 1):
        remedy = f"ask for {fitting} workers" if fitting else "choose a coarser voxel size"
        raise InputError(
            f"{wanted or 1} workers need {shown_bytes((wanted or 1) * need)} of memory, "
            f"{shown_bytes(room)} is available; {remedy}, or a larger machine"
        )
    if wanted is None:
        # several processes take turns on one CUDA device, or start more slowly than one works
        wanted = 1 if backend.on_gpu or short else usable_cpus()
    return min(wanted, blocks, fitting)


def _check_device(backend: Backend, workers: int, need: int) -> None:
    """Refuse blocks that do not fit on their GPU, and workers that have none of their own."""
    if not backend.on_gpu:
        return
    several = workers > 1
    found = find_apart(backend.name) if several else find(backend.name, backend.device)
    devices = found.devices
    if several and found.trouble is not None:
        raise InputError(
            f"{workers} workers: {backend.name} {found.trouble}; choose GPUs by "
            "CUDA_VISIBLE_DEVICES, or ask for one worker"
        )
    if several and backend.device != devices[0].name:
        raise InputError(
            f"{workers} workers on {backend.device}: workers take turns in all GPUs; ask for the "
            "device cuda, and choose GPUs by CUDA_VISIBLE_DEVICES"
        )
    taken = devices if several else [one for one in devices if one.name == backend.device]
    for number, device in enumerate(taken):
        share = len(range(number, workers, len(taken)))
        if device.free is not None and share * need > device.free:
            raise InputError(
                f"{device.name} ({device.model}) has {shown_bytes(device.free)} free, "
                f"{_count(share, 'worker')} there would need {shown_bytes(share * need)}; ask for "
                "fewer workers or the backend numpy, or end what uses the GPU"
            )


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" + ("" if number == 1 else "s")


def shown_bytes(count: int) -> str:
    """Size for people: 1.5 GiB."""
    size, units = float(count), ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
    while size >= 1000.0 and len(units) > 1:
        size, units = size / 1024.0, units[1:]
    return f"{size:.3g} {units[0]}"


def shown_duration(seconds: float) -> str:
    """Duration for people: one figure and its unit."""
    for name, length in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.2g} {name}"
    return f"{seconds:.2g} seconds"
