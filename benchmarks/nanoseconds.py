"""Where each nanosecond per voxel goes: one core, block after block, stage by stage.

    python benchmarks/nanoseconds.py [--blocks 12]

Blocks are computed under cProfile on one thread; the own time of every function is added to its
stage. Writing is measured by itself, into a Zarr array in memory, with the codecs of a store: on
more than one core it overlaps with computing.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import time
from collections import Counter

import numpy as np
import zarr
from models import rough, smooth, three_phases
from zarr.codecs import Crc32cCodec, ZstdCodec

import morphgen as mg
from morphgen.fields.pieces import Workspace
from morphgen.tiles.metadata import inner_chunk

# functions, as cProfile names them, by the stage that they are counted to
STAGES = {
    "noise": ("noise.py", "method 'take'"),
    "FFT": ("pypocketfft", "scipy/fft", "_spectrum", "_convolved"),
    "interpolation along x, y": ("pieces.py:__init__",),
    "interpolation along z (and y)": ("pieces.py:interpolate",),
    "squares, sums, thresholds": ("pieces.py:on",),
    "labels": ("labels.py", "realization.py"),
}


def stage_of(file: str, function: str) -> str:
    place = f"{file}:{function}"
    for stage, keys in STAGES.items():
        for key in keys:
            name, _, only = key.partition(":")
            if name in place and (not only or function == only):
                return stage
    return "the rest"


def computing(model: mg.ExcursionModel, blocks: int) -> tuple[Counter[str], np.ndarray]:
    """Nanoseconds per voxel by stage, and the labels of the last block."""
    sample, workspace = mg.Realization(model, 1), Workspace()
    sample.block((0, 0, 0), workspace=workspace)
    profile = cProfile.Profile()
    profile.enable()
    for number in range(blocks):
        labels = sample.block((0, 1, number), workspace=workspace)
    profile.disable()
    spent: Counter[str] = Counter()
    for (file, _, function), (_, _, own, _, _) in pstats.Stats(profile).stats.items():
        spent[stage_of(file, function)] += own
    voxels = blocks * sample.block_edge**3
    return Counter({name: 1e9 * own / voxels for name, own in spent.items()}), labels


def writing(labels: np.ndarray, repeats: int) -> float:
    """CPU nanoseconds per voxel of compressing and storing a block."""
    edge = labels.shape[0]
    array = zarr.create_array(
        store=zarr.storage.MemoryStore(), shape=labels.shape, dtype="uint8", fill_value=255,
        shards=labels.shape, chunks=(inner_chunk(edge),) * 3,
        compressors=[ZstdCodec(level=1), Crc32cCodec()], config={"write_empty_chunks": True},
    )  # fmt: skip
    array[...] = labels
    began = time.process_time()
    for _ in range(repeats):
        array[...] = labels
    return 1e9 * (time.process_time() - began) / (repeats * labels.size)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blocks", type=int, default=12)
    options = parser.parse_args()
    models = {
        "one field, l = 8": smooth(),
        "three fields, l = 8": three_phases(),
        "rough, halo 32": rough(),
    }
    columns: dict[str, Counter[str]] = {}
    for name, model in models.items():
        spent, labels = computing(model, options.blocks)
        columns[name] = spent + Counter(
            {"compressing and writing": writing(labels, options.blocks)}
        )
    print("| ns per voxel, one core | " + " | ".join(columns) + " |")
    print("|---" * (1 + len(columns)) + "|")
    for stage in [*STAGES, "the rest", "compressing and writing"]:
        print(f"| {stage} | " + " | ".join(f"{c[stage]:.2f}" for c in columns.values()) + " |")
    print("| together | " + " | ".join(f"{sum(c.values()):.2f}" for c in columns.values()) + " |")


if __name__ == "__main__":
    main()
