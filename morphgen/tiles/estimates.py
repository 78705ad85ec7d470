"""Estimates of disk and time for a number of blocks."""

from __future__ import annotations

import math
import shutil
import statistics
import time
from pathlib import Path

import numpy as np

from morphgen._array_api import standard
from morphgen.excursion.model import ExcursionModel
from morphgen.fields.blocks import Synthesis
from morphgen.tiles.backends import Backend
from morphgen.tiles.grid import BlockGrid
from morphgen.tiles.memory import fft_voxels

# zstd at level 1 takes 1.3 to 2.3 times the entropy of independent labels (volume fractions from
# 0.02 to 0.5, two to five phases)
_OVER_ENTROPY = 2.3
_BYTES_PER_CHUNK = 64

# thresholds, labels and writing, as a share of one component's time per voxel
_LABEL_SHARE = 0.4
# preparing a kernel takes as long as this many of its components
_PREPARATION = 2.0
_START_SECONDS = 2.0
_PROBE_EDGE, _PROBE_HALO = 160, 16
_PROBE_SECONDS = 1.0


def halo_overhead(model: ExcursionModel, grid: BlockGrid) -> float:
    """Voxels that are convolved for every voxel of a volume, on average over components."""
    convolved = sum(f.law.components * fft_voxels(model, f) for f in model.fields)
    components = sum(f.law.components for f in model.fields)
    return convolved / components * len(grid) / grid.voxels


def disk_bound(grid: BlockGrid, chunk: int, blocks: int) -> int:
    """Bytes of a number of blocks without compression: an upper bound."""
    voxels = min(grid.voxels, blocks * grid.edge**3)
    return voxels + blocks * _BYTES_PER_CHUNK * (grid.edge // chunk) ** 3


def disk_expected(model: ExcursionModel, grid: BlockGrid, chunk: int, blocks: int) -> int:
    """Bytes of a number of blocks with compression, rather too many than too few."""
    voxels = min(grid.voxels, blocks * grid.edge**3)
    shards = blocks * _BYTES_PER_CHUNK * (grid.edge // chunk) ** 3
    return math.ceil(voxels * compressed_share(model)) + shards


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
    model: ExcursionModel, grid: BlockGrid, blocks: int, workers: int, backend: Backend
) -> float:
    """Time for a number of blocks, from a calibration of about a second in this process.

    Nothing is known of how much the workers slow each other down.
    """
    per_unit = _component_seconds(backend) / _work((_PROBE_EDGE + 2 * _PROBE_HALO) ** 3)
    block, preparation = 0.0, 0.0
    for field in model.fields:
        component = per_unit * _work(fft_voxels(model, field))
        block += field.law.components * component
        preparation += _PREPARATION * component
    block += _LABEL_SHARE * per_unit * _work(grid.edge**3)
    start = _START_SECONDS if workers > 1 else 0.0
    return start + preparation + math.ceil(blocks / workers) * block


def _component_seconds(backend: Backend) -> float:
    """Median time of one component of a typical field on a block of moderate size."""
    xp = standard(backend.module())
    length = _PROBE_EDGE + 2 * _PROBE_HALO
    times: list[float] = []
    with backend.current():
        transform = xp.ones((length, length, length // 2 + 1), device=backend.argument)
        transform = xp.astype(transform, xp.float32)
        probe = Synthesis(_PROBE_EDGE, (_PROBE_HALO,) * 3, transform, xp, backend.argument)
        while not times or sum(times) < _PROBE_SECONDS:
            began = time.perf_counter()
            values = probe.component(0, 0, (0, 0, len(times)), (None, None, None))
            float(values[0, 0, 0])  # waits for a device that works on its own
            times.append(time.perf_counter() - began)
    return statistics.median(times)


def _work(voxels: int) -> float:
    return voxels * math.log2(voxels)


def _entropy(probabilities: np.ndarray) -> float:
    """Entropy in bits."""
    positive = probabilities[probabilities > 0.0]
    return float(-(positive * np.log2(positive)).sum())
