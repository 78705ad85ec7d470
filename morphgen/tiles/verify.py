"""Comparing stored blocks with blocks that are computed again."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from morphgen.errors import InputError, StoreError
from morphgen.fields.blocks import Index
from morphgen.fields.pieces import Workspace
from morphgen.progress import Progress, silent
from morphgen.tiles.backends import Backend, resolve
from morphgen.tiles.metadata import checked_seed, hardware, package_versions
from morphgen.tiles.remote import place_of
from morphgen.tiles.shards import shard_key
from morphgen.tiles.source import block_labels
from morphgen.tiles.store import open_volume
from morphgen.tiles.volume import VolumeInfo

STAGE = "verify"
# voxels that may differ by rounding at a threshold, where versions, instruction sets or GPUs differ
ROUNDING = 1e-5


@dataclass(frozen=True)
class Difference:
    """A stored block that is not what it should be.

    Attributes
    ----------
    level : int
        0 is the volume itself.
    index : tuple of 3 ints
        The block.
    start : tuple of 3 ints
        Its first voxel (z, y, x), in voxels of its level.
    file : str
        File or object of its shard.
    voxels : int
        Number of voxels that differ; all of them if it cannot be read.
    reason : str
        What is wrong, for people.
    """

    level: int
    index: Index
    start: Index
    file: str
    voxels: int
    reason: str


@dataclass(frozen=True)
class Verification:
    """What `verify` found.

    Attributes
    ----------
    checked : tuple of int
        Number of blocks that were computed again, for each level.
    missing : tuple of int
        Number of blocks that are not written, for each level; they were not compared.
    voxels, rounded : int
        Voxels that were compared, and those that differ as rounding may make them.
    identical_expected : bool
        Whether this environment should give identical bytes: the same versions, instruction
        set and model of GPU as those that the store records.
    different : tuple of Difference
        Blocks that are not what they should be.
    """

    checked: tuple[int, ...]
    missing: tuple[int, ...]
    voxels: int
    rounded: int
    identical_expected: bool
    different: tuple[Difference, ...]

    @property
    def passed(self) -> bool:
        """Whether blocks were compared, and every one of them is what it should be."""
        return sum(self.checked) > 0 and not self.different


def verify(
    volume: VolumeInfo | str | Path,
    blocks: int | str = 8,
    *,
    seed: int | None = None,
    progress: Progress = silent,
) -> Verification:
    """Compute blocks of a volume again, and compare them with what is stored.

    Blocks of the volume must be identical in an environment that is the one that the store
    records: the same versions of the packages, the same CPU instruction set and, for what a GPU
    computed, the same model of it. In another one, at most 1e-5 of a block's voxels, or a single
    voxel, may differ by rounding at a threshold. Blocks of a coarser level must be identical to
    what the stored level below gives.

    Parameters
    ----------
    volume : VolumeInfo, str or Path
        The volume, or its folder or URL.
    blocks : int or "all"
        How many of the written blocks of every level, drawn at random.
    seed : int, optional
        Seed of the draw; without it, every call draws others.
    progress : callable
        Told about blocks done.

    Returns
    -------
    Verification

    Raises
    ------
    StoreError
        If there is no volume, or the metadata of an array are lost or damaged.
    InputError
        If the number of blocks is none, or the seed is out of its range.
    BackendError
        If the library that computed the blocks is not there, or finds no device of the kind that
        they were computed on.
    """
    if not isinstance(volume, VolumeInfo):
        volume = open_volume(volume)
    _check_described(volume)
    wanted = _number(blocks)
    backend = resolve(volume.backend.name, volume.backend.kind)
    same = _same_environment(volume, backend)
    generator = np.random.default_rng(None if seed is None else checked_seed(seed))
    chosen = list(_chosen(volume, wanted, generator))
    total = sum(numbers.size for numbers in chosen)
    found: list[Difference] = []
    done = voxels = rounded = 0
    workspace = Workspace()
    progress(STAGE, 0, total)
    for level, numbers in enumerate(chosen):
        grid = volume.record.grid_of(level)
        for index in map(grid.index, numbers.tolist()):
            size = math.prod(grid.size(index))
            differing, reason = _compared(volume, level, index, backend, workspace)
            if reason or differing > _allowed(size, level, same):
                found.append(_difference(volume, level, index, differing, reason))
            else:
                rounded += differing
            done, voxels = done + 1, voxels + size
            progress(STAGE, done, total)
    missing = tuple(absent.size for absent in volume.missing_by_level)
    checked = tuple(numbers.size for numbers in chosen)
    return Verification(checked, missing, voxels, rounded, same, tuple(found))


def _number(blocks: int | str) -> int | None:
    """Number of blocks; None for all."""
    if isinstance(blocks, str) and blocks == "all":
        return None
    try:
        # True would be one block
        number = 0 if isinstance(blocks, bool) else operator.index(blocks)  # type: ignore[arg-type]
    except TypeError:
        number = 0
    if number < 1:
        raise InputError(f"blocks to verify: {blocks!r}: expected a positive number, or all")
    return number


def _check_described(volume: VolumeInfo) -> None:
    for level in range(volume.levels + 1):
        # asked anew: the volume may have been opened long ago
        if not volume.has_array(level):
            file = place_of(volume.location).where(f"{level}/zarr.json")
            raise StoreError(
                f"{file}: array metadata lost or damaged; run generate with resume, then verify"
            )


def _chosen(
    volume: VolumeInfo, wanted: int | None, generator: np.random.Generator
) -> Iterator[np.ndarray]:
    for level, missing in enumerate(volume.missing_by_level):
        written = np.ones(len(volume.record.grid_of(level)), dtype=bool)
        written[missing] = False
        numbers = np.flatnonzero(written)
        if wanted is not None and wanted < numbers.size:
            numbers = np.sort(generator.choice(numbers, wanted, replace=False))
        yield numbers


def _compared(
    volume: VolumeInfo, level: int, index: Index, backend: Backend, workspace: Workspace
) -> tuple[int, str]:
    """Number of voxels that differ, and what kept the block from being compared."""
    grid = volume.record.grid_of(level)
    try:
        stored = np.asarray(volume.labels(level)[grid.slices(index)])
    except (ValueError, RuntimeError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        return math.prod(grid.size(index)), f"it cannot be read: {reason}"
    try:
        expected = block_labels(volume, level, index, backend, workspace)
    except StoreError as error:
        return math.prod(grid.size(index)), f"nothing to compare it with: {error}"
    return int(np.count_nonzero(stored != expected)), ""


def _allowed(voxels: int, level: int, same: bool) -> int:
    return 0 if level or same else max(1, math.floor(ROUNDING * voxels))


def _difference(
    volume: VolumeInfo, level: int, index: Index, differing: int, reason: str
) -> Difference:
    z, y, x = (s.start for s in volume.record.grid_of(level).slices(index))
    share = differing / math.prod(volume.record.grid_of(level).size(index))
    file = place_of(volume.location).where(shard_key(str(level), index))
    words = reason or f"{differing} voxels differ, {share:.2g} of them"
    return Difference(level, index, (z, y, x), file, differing, words)


def _same_environment(volume: VolumeInfo, backend: Backend) -> bool:
    """Whether versions, instruction set and GPU are those that the store records."""
    recorded, here = volume.record.origin, hardware(backend)
    same = all(recorded.get(name) == value for name, value in here.items())
    return same and volume.versions == package_versions(backend)
