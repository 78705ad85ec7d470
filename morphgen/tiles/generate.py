"""Generating a volume into a store."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from morphgen.excursion.model import ExcursionModel
from morphgen.excursion.profile import Profile
from morphgen.fields.blocks import Index
from morphgen.progress import Progress, silent
from morphgen.tiles.backends import Backend
from morphgen.tiles.cluster import PATIENCE, Access, Cluster, connected
from morphgen.tiles.execute import Executor, InProcess, write_blocks
from morphgen.tiles.plan import Plan, requirements, resolver, with_time
from morphgen.tiles.processes import LocalProcesses
from morphgen.tiles.remote import place_of
from morphgen.tiles.request import Order, Request
from morphgen.tiles.store import create, exclusive, open_volume, restore
from morphgen.tiles.volume import VolumeInfo

if TYPE_CHECKING:
    from distributed import Client

# blocks of a level that are written sooner than processes start
_FEW_COARSE_BLOCKS = 16


@dataclass(frozen=True)
class Generated:
    """What `generate` did.

    Attributes
    ----------
    location : str
        Folder or URL of the store.
    shape : tuple of 3 ints
        Voxels along (z, y, x).
    blocks, written : int
        Number of blocks of the volume, and of those that were written now.
    levels, coarse_written : int
        Number of coarser levels, and of their blocks that were written now.
    voxels : int
        Number of voxels that were written now.
    seconds : float
        Wall-clock time, from the request to the last block.
    workers : int
        Number of processes that computed; on a cluster, of threads of its first workers.
    backend : Backend
        Library and device.
    """

    location: str
    shape: Index
    blocks: int
    written: int
    levels: int
    coarse_written: int
    voxels: int
    seconds: float
    workers: int
    backend: Backend

    @property
    def path(self) -> Path:
        """Folder of the store; `StoreError` if it is a URL."""
        return open_volume(self.location).path

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
    progress: Progress = silent,
    started: Callable[[Plan], object] = lambda plan: None,
) -> Generated:
    """Draw a volume from a model, into a Zarr store in a folder or at a URL.

    The label of a voxel depends on the model, the seed, the periodic axes, ``exact`` and the
    profile alone, never on the number of workers or on what happened on the way.

    Parameters
    ----------
    model : ExcursionModel
        The model.
    path : str or Path
        Folder of the store, or a URL that fsspec opens, such as ``s3://bucket/volume.zarr``.
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
    levels : int or "auto", optional
        Number of coarser levels to write beside the volume, each of half the resolution of the
        one before, in the arrays ``1``, ``2``, ...; ``auto`` ends with the first that is a single
        block. By default none, or those that a store that is continued has. Levels can be added
        to a store by continuing it; they are never taken away.
    downsample : {"majority", "nearest"}, optional
        How levels are made (see `morphgen.tiles.downsample`); by default by majority.
    exact : bool
        Whether every field is synthesised voxel by voxel, instead of a smooth one on a coarser
        lattice with an error of at most 0.002 in any correlation; see `Realization`.
    profile : Profile, optional
        Volume fractions that vary along an axis, instead of the model's; positions that are shares
        are those of the volume's length.
    resume : bool
        Continue what lies there: nothing, a store that was begun, or one that is complete.
    overwrite : bool
        Replace a volume store that lies there: its arrays are deleted with their whole folders.
        Other files in the store's folder stay.
    allow_full_disk : bool
        Begin even where the volume will probably not fit onto the disk.
    client : distributed.Client, optional
        Client of a Dask cluster whose workers compute, instead of processes of this machine. They
        must see the store under the same path, and have the versions of this process.
    scheduler, scheduler_file : str, optional
        Address of a Dask scheduler, or a file in which it wrote its address, to connect to.
    patience : float
        Seconds to wait while the cluster has no worker at all.
    progress : callable
        Told (stage, blocks done, blocks of the volume or the level).
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
        If a block could not be computed or written, or if the cluster is lost. What was written
        stays, and ``resume`` continues.
    KeyboardInterrupt
        If the user interrupts; likewise.
    """
    began = time.perf_counter()
    access = Access(workers, client, scheduler, scheduler_file, patience)
    with connected(access) as cluster:
        request = Request(
            model, path, shape, seed, periodic, backend, device, workers, chunk, resume, overwrite,
            levels, downsample, exact, resolver(workers, cluster), profile,
            cluster is not None,
        )  # fmt: skip
        if not place_of(path).held_without_trace():
            # a request that is refused leaves no folder behind
            requirements(request.checked(), path, workers, allow_full_disk, cluster)
        with exclusive(path):
            order = request.checked()
            costs = requirements(order, path, workers, allow_full_disk, cluster)
            costs = with_time(order, costs, cluster)
            started(costs)
            volume = _opened(path, order)
            coarse = _write(volume, order, costs, progress, cluster)
    return Generated(
        location=volume.location,
        shape=volume.shape,
        blocks=volume.blocks,
        written=order.remaining,
        levels=volume.levels,
        coarse_written=coarse,
        voxels=volume.grid.voxels_in(order.missing_in(0)),
        seconds=time.perf_counter() - began,
        workers=costs.workers,
        backend=order.record.backend,
    )


def _opened(path: str | Path, order: Order) -> VolumeInfo:
    """Store in which exactly the missing blocks have no shard."""
    if order.existing is None:
        create(path, order.record)
        return open_volume(path)
    volume = restore(order.existing, order.record.levels, order.record.downsample)
    place = place_of(path)
    with place.writing():
        for level in range(volume.levels + 1):
            place.clean(str(level), order.record.grid_of(level), order.missing_in(level))
    return volume


def _write(
    volume: VolumeInfo, order: Order, costs: Plan, progress: Progress, cluster: Cluster | None
) -> int:
    """Write every level after the one below it; number of blocks in the coarser ones."""
    coarse = 0
    for level in range(volume.levels + 1):
        missing = order.missing_in(level)
        if missing.size:
            executor = _executor(costs, level, missing.size, cluster)
            write_blocks(
                volume, missing, executor, progress,
                workers=costs.workers, level=level, device=costs.backend.device,
            )  # fmt: skip
        coarse += missing.size if level else 0
    return coarse


def _executor(costs: Plan, level: int, blocks: int, cluster: Cluster | None) -> Executor:
    if level and blocks <= _FEW_COARSE_BLOCKS:
        return InProcess()
    if cluster is not None:
        # loaded only with a cluster: it takes longer than a small volume
        from morphgen.tiles.distributed import Distributed  # noqa: PLC0415

        return Distributed(cluster.client, costs.backend, cluster.patience)
    if costs.workers == 1:
        return InProcess()
    return LocalProcesses(costs.workers, costs.backend)
