"""Generating a volume into a store."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from morphgen.errors import InputError, StoreError
from morphgen.excursion.model import ExcursionModel
from morphgen.fields.blocks import Index
from morphgen.progress import Progress, silent
from morphgen.tiles.backends import Backend, resolve
from morphgen.tiles.execute import Executor, InProcess, write_blocks
from morphgen.tiles.grid import volume_shape
from morphgen.tiles.metadata import VolumeRecord, inner_chunk, package_versions
from morphgen.tiles.plan import Plan, requirements
from morphgen.tiles.processes import LocalProcesses
from morphgen.tiles.shards import clean
from morphgen.tiles.store import ARRAY, State, VolumeInfo, create, open_volume, state_of


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
        Replace a volume store that lies there.
    progress : callable
        Told (stage, blocks done, blocks of the volume).

    Returns
    -------
    Generated

    Raises
    ------
    InputError
        If the request is invalid or cannot fit into the memory or onto the disk.
    StoreError
        If something lies at ``path`` that must not be replaced or cannot be continued.
    BackendError
        If the backend or the device is not there.
    GenerationError
        If a block could not be computed or written. What was written stays, and ``resume``
        continues.
    KeyboardInterrupt
        If the user interrupts; likewise.
    """
    began = time.perf_counter()
    if resume and overwrite:
        raise InputError("resume and overwrite contradict each other; give one of them")
    target = Path(path)
    existing = _existing(target, resume=resume, overwrite=overwrite)
    record = _request(model, shape, seed, periodic, backend, device, chunk, existing)
    volume, missing, costs = _opened(target, record, existing, workers)
    if missing:
        write_blocks(volume, missing, _executor(costs), progress)
    return Generated(
        path=target,
        shape=record.shape,
        blocks=volume.blocks,
        written=len(missing),
        voxels=sum(_voxels(volume, index) for index in missing),
        seconds=time.perf_counter() - began,
        workers=costs.workers,
        backend=record.backend,
    )


def _existing(target: Path, *, resume: bool, overwrite: bool) -> VolumeInfo | None:
    """Store that is to be continued; StoreError if one lies in the way."""
    state = state_of(target)
    if state is State.ABSENT or overwrite:
        return None
    if not resume:
        raise StoreError(f"{target} exists; resume it, overwrite it, or choose another path")
    return open_volume(target) if state is State.READY else None


def _request(
    model: ExcursionModel,
    shape: Sequence[int],
    seed: int,
    periodic: Sequence[str],
    backend: str,
    device: str | None,
    chunk: int | None,
    existing: VolumeInfo | None,
) -> VolumeRecord:
    """What is asked for; StoreError if it is not what the existing store holds."""
    if existing is not None:
        backend = existing.backend.name if backend == "auto" else backend
        device = existing.backend.kind if device is None else device
        chunk = existing.record.chunk if chunk is None else chunk
    chosen = resolve(backend, device)
    record = VolumeRecord(
        model=model,
        seed=seed,
        shape=volume_shape(shape),
        periodic=tuple(periodic),
        chunk=inner_chunk(model.block_edge, chunk),
        backend=chosen,
        versions=package_versions(chosen),
    )
    different = [] if existing is None else record.differences(existing.record)
    if existing is not None and different:
        raise StoreError(
            f"{existing.path} cannot be continued: it has {'; '.join(different)}. "
            "Ask for the same, or choose another path"
        )
    return record


def _opened(
    target: Path, record: VolumeRecord, existing: VolumeInfo | None, workers: int | None
) -> tuple[VolumeInfo, list[Index], Plan]:
    """Store with a list of the blocks to write, once it is known that they fit."""
    grid = record.grid
    remaining = len(grid) if existing is None else len(existing.missing)
    costs = requirements(
        record.model,
        grid,
        target,
        record.backend,
        chunk=record.chunk,
        workers=workers,
        remaining=remaining,
    )
    if existing is None:
        create(target, record)
        return open_volume(target), list(grid), costs
    clean(target / ARRAY, existing.missing)
    return existing, list(existing.missing), costs


def _executor(costs: Plan) -> Executor:
    if costs.workers == 1:
        return InProcess()
    return LocalProcesses(costs.workers, costs.backend)


def _voxels(volume: VolumeInfo, index: Index) -> int:
    z, y, x = volume.grid.size(index)
    return z * y * x
