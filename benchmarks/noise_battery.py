"""Write the 64-bit words behind white noise to standard output, for batteries of random tests.

    python benchmarks/noise_battery.py | dieharder -a -g 200
    python benchmarks/noise_battery.py --seeds 8 --streams 8 | dieharder -a -g 200

The words run through a raster of 64 rows of 64 words each, plane by plane without end, from
negative coordinates on. With several seeds or streams, the words of one place under all of them
follow each other: first the consecutive streams, then the consecutive seeds.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys

import numpy as np

from morphgen.fields.noise import noise_words

ROWS = 64
VOXELS_PER_ROW = 256
WORDS_PER_PIECE = 2**20


def raster(seeds: range, streams: range, first_plane: int, planes: int) -> np.ndarray:
    """Words of some planes, with the keys as the last and fastest axis."""
    start = (first_plane, -ROWS // 2, -VOXELS_PER_ROW // 2)
    shape = (planes, ROWS, VOXELS_PER_ROW)
    keys = itertools.product(seeds, streams)
    return np.stack([noise_words(seed, stream, start, shape) for seed, stream in keys], axis=-1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=0, help="first seed")
    parser.add_argument("--stream", type=int, default=0, help="first stream")
    parser.add_argument("--seeds", type=int, default=1, help="number of consecutive seeds")
    parser.add_argument("--streams", type=int, default=1, help="number of consecutive streams")
    request = parser.parse_args()
    seeds = range(request.seed, request.seed + request.seeds)
    streams = range(request.stream, request.stream + request.streams)
    planes = max(1, WORDS_PER_PIECE * 4 // (ROWS * VOXELS_PER_ROW * len(seeds) * len(streams)))
    try:
        for first_plane in itertools.count(-32, planes):
            words = raster(seeds, streams, first_plane, planes)
            sys.stdout.buffer.write(words.astype("<u8", copy=False).tobytes())
    except BrokenPipeError:
        # The reader has had enough; Python must not complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
