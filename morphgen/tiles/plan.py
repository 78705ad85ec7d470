"""What a volume will cost, before anything starts."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from morphgen.errors import InputError
from morphgen.excursion.model import ExcursionModel
from morphgen.fields.blocks import Index
from morphgen.tiles.backends import Backend
from morphgen.tiles.estimates import (
    disk_bound,
    disk_expected,
    free_space,
    halo_overhead,
    rough_seconds,
    seconds,
)
from morphgen.tiles.memory import available_memory, worker_memory
from morphgen.tiles.request import Order, Request

# work that a single process does while others would still be starting
_SHORT_SECONDS = 4.0


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
        Voxels that are convolved for every voxel of the volume, on average over fields.
    workers : int
        Number of processes.
    backend : Backend
        Library and device.
    worker_memory, memory_available : int
        Peak memory of a worker and memory that there is, in bytes.
    disk_bound, disk_expected : int
        Bytes of the remaining blocks without compression, and what they should take with it.
    disk_free : int
        Free bytes where the store is, or will be.
    seconds : float or None
        Estimated time, from a calibration of a second; None if none was asked for.
    """

    shape: Index
    block_edge: int
    chunk: int
    blocks: int
    remaining: int
    halo_overhead: float
    workers: int
    backend: Backend
    worker_memory: int
    memory_available: int
    disk_bound: int
    disk_expected: int
    disk_free: int
    seconds: float | None = None

    def lines(self) -> list[str]:
        """Plan as lines to be read by people."""
        done = self.blocks - self.remaining
        z, y, x = self.shape
        lines = [
            f"volume     {z} x {y} x {x} voxels, {math.prod(self.shape):,}",
            f"blocks     {self.blocks} of {self.block_edge}^3 voxels, in chunks of {self.chunk}^3"
            + (f"; {done} are written, {self.remaining} remain" if done else ""),
            f"halo       {self.halo_overhead:.2f} voxels convolved for each voxel of the volume",
            f"workers    {self.workers}, {self.backend.name} on {self.backend.device}",
            f"memory     {_bytes(self.worker_memory)} per worker, "
            f"{_bytes(self.workers * self.worker_memory)} together; "
            f"{_bytes(self.memory_available)} available",
            f"disk       about {_bytes(self.disk_expected)} compressed, never more than "
            f"{_bytes(self.disk_bound)}; {_bytes(self.disk_free)} free",
        ]
        if self.seconds is not None:
            lines.append(
                f"time       about {_duration(self.seconds)}, by a calibration of a second"
            )
        return lines


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
    resume: bool = False,
    overwrite: bool = False,
) -> Plan:
    """Predict what `generate` would need, and refuse what it would refuse.

    Parameters
    ----------
    model : ExcursionModel
        The model.
    shape : sequence of 3 ints
        Voxels along (z, y, x).
    path : str or Path, optional
        Where the store is to lie. Without it, the disk is that of the current folder, and no
        store is in the way.
    seed, periodic, chunk, workers, backend, device, resume, overwrite
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
    target = None if path is None else Path(path)
    order = Request(
        model, target, shape, seed, periodic, backend, device, workers, chunk, resume, overwrite
    ).checked()
    found = requirements(order, target or Path(), workers)
    count = found.remaining
    sample = order.record.realization()
    time = seconds(sample, count, found.workers, found.backend) if count else 0.0
    return replace(found, seconds=time)


def requirements(order: Order, path: Path, workers: int | None) -> Plan:
    """Plan without a time, for the blocks that remain to be computed.

    Raises
    ------
    InputError
        If they do not fit into the memory or onto the disk.
    """
    record, blocks = order.record, order.remaining
    model, grid, backend = record.model, record.grid, record.backend
    sample = record.realization()
    need, room = worker_memory(sample, backend), available_memory()
    short = rough_seconds(sample, blocks) < _SHORT_SECONDS
    count = _workers(workers, blocks, need, room, backend, short=short)
    expected, free = disk_expected(model, grid, record.chunk, blocks), free_space(path)
    if expected > free:
        raise InputError(
            f"{path}: the volume takes about {_bytes(expected)}, the disk has {_bytes(free)} free; "
            "choose a smaller shape, or another disk"
        )
    return Plan(
        shape=grid.shape,
        block_edge=grid.edge,
        chunk=record.chunk,
        blocks=len(grid),
        remaining=blocks,
        halo_overhead=halo_overhead(sample, grid),
        workers=count,
        backend=backend,
        worker_memory=need,
        memory_available=room,
        disk_bound=disk_bound(grid, record.chunk, blocks),
        disk_expected=expected,
        disk_free=free,
    )


def usable_cpus() -> int:
    """Number of CPUs that this process may use."""
    return len(os.sched_getaffinity(0))


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
            f"{wanted or 1} workers need {_bytes((wanted or 1) * need)} of memory, "
            f"{_bytes(room)} is available; {remedy}, or a larger machine"
        )
    if wanted is None:
        # several processes take turns on one CUDA device, or start more slowly than one works
        wanted = 1 if backend.on_gpu or short else usable_cpus()
    return min(wanted, blocks, fitting)


def _bytes(count: int) -> str:
    """Size for people: 1.5 GiB."""
    size, units = float(count), ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
    while size >= 1000.0 and len(units) > 1:
        size, units = size / 1024.0, units[1:]
    return f"{size:.3g} {units[0]}"


def _duration(seconds: float) -> str:
    """Duration for people: one figure and its unit."""
    for name, length in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.2g} {name}"
    return f"{seconds:.2g} seconds"
