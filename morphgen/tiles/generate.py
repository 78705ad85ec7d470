"""Generating a volume into a store."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from morphgen.excursion.model import ExcursionModel
from morphgen.fields.blocks import Index
from morphgen.progress import Progress, silent
from morphgen.tiles.backends import Backend
from morphgen.tiles.execute import Executor, InProcess, write_blocks
from morphgen.tiles.plan import Plan, requirements
from morphgen.tiles.processes import LocalProcesses
from morphgen.tiles.request import Order, Request
from morphgen.tiles.shards import clean
from morphgen.tiles.store import (
    ARRAY,
    VolumeInfo,
    create,
    exclusive,
    open_volume,
    restore_array,
)


@dataclass(frozen=True)
class Generated:
    """What `generate` did.

    Attributes
    ----------
    path : Path
        Folder of the store.
    shape : tuple of 3 ints
        Voxels along (z, y, x).
    blocks, written : int
        Number of blocks of the volume, and of those that were written now.
    voxels : int
        Number of voxels that were written now.
    seconds : float
        Wall-clock time, from the request to the last block.
    workers : int
        Number of processes that computed.
    backend : Backend
        Library and device.
    """

    path: Path
    shape: Index
    blocks: int
    written: int
    voxels: int
    seconds: float
    workers: int
    backend: Backend

    @property
    def voxels_per_second(self) -> float:
        """Voxels written per second; 0 if there was nothing to do."""
        return self.voxels / self.seconds if self.seconds > 0.0 else 0.0


def generate(
    model: ExcursionModel,
    path: str | Path,
    *,
    shape: Sequence[int],
    seed: int = 0,
    periodic: Sequence[str] = (),
    backend: str = "auto",
    device: str | None = None,
    workers: int | None = None,
    chunk: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress = silent,
    started: Callable[[Plan], object] = lambda plan: None,
) -> Generated:
    """Draw a volume from a model, into a Zarr store on this machine's disk.

    The label of a voxel depends on the model, the seed and the periodic axes alone, never on the
    number of workers or on what happened on the way.

    Parameters
    ----------
    model : ExcursionModel
        The model.
    path : str or Path
        Folder of the store.
    shape : sequence of 3 ints
        Voxels along (z, y, x).
    seed : int
        Seed of the noise, 0 to 2**64 - 1.
    periodic : sequence of str
        Axes among ``z``, ``y``, ``x`` along which opposite faces of the volume fit together.
    backend, device : str
        See `morphgen.tiles.resolve`. A store that is continued keeps its own, unless another one
        is named.
    workers : int, optional
        Number of processes; by default one per CPU that this process may use, as far as blocks
        and memory go. With one, the blocks are computed in this process.
    chunk : int, optional
        Edge of the inner chunks in voxels, a divisor of the model's block edge.
    resume : bool
        Continue what lies there: nothing, a store that was begun, or one that is complete.
    overwrite : bool
        Replace a volume store that lies there: its array ``0`` is deleted with its whole folder.
        Other files in the store's folder stay.
    progress : callable
        Told (stage, blocks done, blocks of the volume).
    started : callable
        Told the `Plan` once the request was found valid, before anything is written.

    Returns
    -------
    Generated

    Raises
    ------
    InputError
        If the request is invalid or cannot fit into the memory or onto the disk.
    StoreError
        If something lies at ``path`` that must not be replaced or cannot be continued, or if
        another run is writing it.
    BackendError
        If the backend or the device is not there.
    GenerationError
        If a block could not be computed or written. What was written stays, and ``resume``
        continues.
    KeyboardInterrupt
        If the user interrupts; likewise.
    """
    began = time.perf_counter()
    request = Request(
        model, Path(path), shape, seed, periodic, backend, device, workers, chunk, resume, overwrite
    )
    target = Path(path)
    if not target.is_dir():
        # a request that is refused leaves no folder behind
        requirements(request.checked(), target, workers)
    with exclusive(target):
        order = request.checked()
        costs = requirements(order, target, workers)
        started(costs)
        volume = _opened(target, order)
        if order.remaining:
            executor = _executor(costs)
            write_blocks(volume, order.missing, executor, progress, workers=costs.workers)
    return Generated(
        path=target,
        shape=volume.shape,
        blocks=volume.blocks,
        written=order.remaining,
        voxels=volume.grid.voxels_in(order.missing),
        seconds=time.perf_counter() - began,
        workers=costs.workers,
        backend=order.record.backend,
    )


def _opened(target: Path, order: Order) -> VolumeInfo:
    """Store in which exactly the missing blocks have no shard."""
    if order.existing is None:
        create(target, order.record)
        return open_volume(target)
    restore_array(order.existing)
    clean(target / ARRAY, order.record.grid, order.missing)
    return order.existing


def _executor(costs: Plan) -> Executor:
    if costs.workers == 1:
        return InProcess()
    return LocalProcesses(costs.workers, costs.backend)
