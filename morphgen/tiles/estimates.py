"""Estimates of disk and time for a number of blocks."""

from __future__ import annotations

import math
import shutil
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import zarr
from zarr.codecs import ZstdCodec

from morphgen.excursion.model import ExcursionModel
from morphgen.excursion.realization import Realization
from morphgen.fields.blocks import Index
from morphgen.tiles.backends import Backend
from morphgen.tiles.grid import BlockGrid
from morphgen.tiles.memory import concurrent_writes
from morphgen.tiles.metadata import inner_chunk

# zstd at level 1 takes 1.3 to 2.3 times the entropy of independent labels (volume fractions from
# 0.02 to 0.5, two to five phases)
_OVER_ENTROPY = 2.3

# What zstd at level 1 adds to labels, measured for sides of 1 to 1000 voxels: a frame, tables for
# every 128 KiB, and, since chunks are filled up, something for every row and plane of labels that
# ends before its chunk does. The most is that of labels which no compressor can shorten; the rows
# of a plane that ends early have few others to be like.
_FRAME_BYTES = 32
_TABLE_BYTES = 40
_COMPRESSOR_BLOCK = 2**17
_MOST_PER_END = 3
_USUAL_PER_ROW = 1
_USUAL_PER_PLANE = 6
# an index has an entry for every chunk of a shard, also for those outside the volume
_ENTRY_BYTES = 16
_CHECKSUM_BYTES = 4
# the group with the model, and an array of a level
_MOST_METADATA = 32 * 1024
_USUAL_METADATA = 6 * 1024

# Seconds per voxel or lattice point on one core of a current server, to tell short work from long.
_INTERPOLATION = 1.5e-9
_CONVOLUTION = 1e-8
_WRITING = 2e-9
COARSE_SECONDS = 2e-8  # per voxel of a coarser level
_START_SECONDS = 1.5
_PROBE_SECONDS = 1.0


def halo_overhead(sample: Realization, grid: BlockGrid) -> float:
    """Volume that is convolved for every voxel of a volume, on average over components."""
    components = [noise.components for noise in sample.model.noises]
    convolved = sum(
        count * math.prod(one.fft_shape(grid.edge)) * one.spacing_factor
        for count, one in zip(components, sample.samplings, strict=True)
    )
    return convolved / sum(components) * len(grid) / grid.voxels


def rough_seconds(sample: Realization, blocks: int) -> float:
    """Time for a number of blocks in one process, within a factor of two or so."""
    block = _WRITING * sample.block_edge**3
    for noise, one in zip(sample.model.noises, sample.samplings, strict=True):
        component = _CONVOLUTION * math.prod(one.fft_shape(sample.block_edge))
        if one.interpolated:
            component += _INTERPOLATION * sample.block_edge**3
        block += noise.components * component
    return blocks * block


def disk_bound(grid: BlockGrid, chunk: int, blocks: int) -> int:
    """Bytes of a number of blocks whose labels cannot be compressed: an upper bound."""
    if not blocks:
        return 0
    found = _content(grid, chunk, blocks)
    ends = found.rows + found.planes
    return found.voxels + _MOST_PER_END * ends + found.frames + _MOST_METADATA


def disk_expected(model: ExcursionModel, grid: BlockGrid, chunk: int, blocks: int) -> int:
    """Bytes of a number of blocks with compression, rather too many than too few."""
    if not blocks:
        return 0
    found = _content(grid, chunk, blocks)
    labels = math.ceil(found.voxels * compressed_share(model))
    ends = _USUAL_PER_ROW * found.rows + _USUAL_PER_PLANE * found.planes
    return labels + ends + found.frames + _USUAL_METADATA


def compressed_share(model: ExcursionModel) -> float:
    """Bytes per voxel that the compressor should leave, at most 1.

    A row of labels carries at most the entropy of a Markov chain that changes as often as
    neighbouring voxels differ; the compressor needs a known multiple of that.
    """
    fractions = np.asarray(list(model.volume_fractions().values()))
    steps = np.diag(model.voxel_size)[:, None, :]
    same = np.einsum("ii...->...", np.asarray(model.two_point_coverage(steps)))
    change = float(np.clip(1.0 - same, 0.0, 1.0).max())
    row = _entropy(np.asarray([change, 1.0 - change])) + change * math.log2(fractions.size - 1)
    return min(1.0, _OVER_ENTROPY * min(_entropy(fractions), row) / 8.0)


def free_space(path: Path) -> int:
    """Free bytes on the disk that a path is on, or would be."""
    place = path.absolute()
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free


def seconds(
    sample: Realization,
    blocks: int,
    workers: int,
    backend: Backend,
    grid: BlockGrid | None = None,
    coarse: int = 0,
) -> float:
    """Time for a number of blocks, from a calibration of about a second in this process.

    Blocks are computed and written into memory; how much workers slow each other down, and how
    fast the disk is, is not known.

    Parameters
    ----------
    sample, backend : Realization, Backend
        What is computed, and by what.
    blocks, workers : int
        Number of blocks, and of processes that share them.
    grid : BlockGrid, optional
        Blocks of the volume, of which some lie in it in part only; whole ones by default.
    coarse : int
        Number of voxels of coarser levels, which are made as well.
    """
    found = coarse * COARSE_SECONDS / workers
    if blocks:
        found += math.ceil(blocks / workers) * _block_seconds(sample, backend, grid)
    return found + (_START_SECONDS if workers > 1 else 0.0)


def _block_seconds(sample: Realization, backend: Backend, grid: BlockGrid | None) -> float:
    """Time for a block, on average over some that are drawn from a grid."""
    began = time.perf_counter()
    edge = sample.block_edge
    grid = grid or BlockGrid((edge, edge, 64 * edge), edge)
    generator = np.random.default_rng(0)
    store: dict[str, Any] = {}
    array = zarr.create_array(
        store=zarr.storage.MemoryStore(store), shape=(edge,) * 3, dtype="uint8",
        chunks=(inner_chunk(edge),) * 3, compressors=[ZstdCodec(level=1)],
    )  # fmt: skip

    def begin(index: Index) -> Callable[[], np.ndarray]:
        part = grid.part(index)
        labels = sample.block(index, backend.module(), backend.argument, part=part)
        return backend.fetch(labels)

    def write(index: Index, labels: Callable[[], np.ndarray]) -> None:
        array[grid.part(index)] = labels()

    # On a GPU as in a run, where it decides: written side by side, enough of them that the
    # beginning and the end do not count for much.
    writers = concurrent_writes(backend) if backend.on_gpu else 0
    blocks, writing = 0, deque[Future[None]]()
    with backend.current(), ThreadPoolExecutor(max(1, writers)) as pool:
        begin((0, 0, 0))()
        prepared = time.perf_counter()
        left = _PROBE_SECONDS - (prepared - began)
        while blocks < max(1, 4 * writers) or time.perf_counter() - prepared < left:
            index = grid.index(int(generator.integers(len(grid))))
            writing.append(pool.submit(write, index, begin(index)))
            blocks += 1
            while len(writing) > writers:
                writing.popleft().result()
        for future in writing:
            future.result()
        return (time.perf_counter() - prepared) / blocks


class _Content(NamedTuple):
    """What shards hold: labels, rows and planes of them that end inside chunks, bytes of the rest.

    The end of all planes of a chunk counts as that of one more.
    """

    voxels: int
    rows: int
    planes: int
    frames: int


def _content(grid: BlockGrid, chunk: int, blocks: int) -> _Content:
    per_axis = grid.edge // chunk
    touched = [-(-side // chunk) for side in grid.shape]
    chunks = min(math.prod(touched), blocks * per_axis**3)
    tables = -(-(chunk**3) // _COMPRESSOR_BLOCK)
    frame = _FRAME_BYTES + _TABLE_BYTES * tables
    shard = _ENTRY_BYTES * per_axis**3 + _CHECKSUM_BYTES
    rows, planes = _ends(grid.shape, chunk)
    # any block may be cut on every side
    most = grid.edge**2, per_axis * grid.edge + per_axis**2
    return _Content(
        voxels=min(grid.voxels, blocks * grid.edge**3),
        rows=min(rows, blocks * most[0]),
        planes=min(planes, blocks * most[1]),
        frames=chunks * frame + blocks * shard,
    )


def _ends(shape: Index, chunk: int) -> tuple[int, int]:
    """Rows and planes of labels that end before their chunk does."""
    z, y, x = shape
    columns, wide = -(-y // chunk), -(-x // chunk)
    planes = (z * wide if y % chunk else 0) + (columns * wide if z % chunk else 0)
    return (z * y if x % chunk else 0), planes


def _entropy(probabilities: np.ndarray) -> float:
    """Entropy in bits."""
    positive = probabilities[probabilities > 0.0]
    return float(-(positive * np.log2(positive)).sum())
