"""Graded volumes: fractions of planes beside their profile, and tiles beside the whole.

    python benchmarks/gradient.py [--seeds 3 4 5]

The volume is that of the figure in docs/how-to/graded.md: three phases, of which 320 x 320 x 512
voxels are drawn, so that blocks of 256 meet along every axis. Deviations of planes are in standard
deviations of a plane's fraction, which follow from the local model in closed form; their mean
square is 1 if that is right, whatever the correlation of neighbouring planes. Tiles of odd sizes,
which cross all borders of blocks, are compared with the window that holds everything.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

import morphgen as mg
from morphgen.validation.gradient import plane_fractions

sys.path.insert(0, str(Path(__file__).parents[1] / "docs" / "figures"))

from graded import PROFILE, electrode, volume

SHAPE, CHUNKS = (320, 320, 512), (97, 130, 201)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(3, 12)))
    seeds = parser.parse_args().seeds
    graded = mg.GradedModel(electrode(), PROFILE)
    squares = []
    print("| seed | largest deviation | mean square | voxels of tiles that differ |")
    print("|---|---|---|---|")
    for seed in seeds:
        whole = volume(seed, SHAPE)
        deviations = plane_fractions(whole, graded).deviations
        sample = mg.Realization(electrode(), seed, profile=PROFILE)
        tiled = mg.to_dask(sample, SHAPE, chunks=CHUNKS).compute(scheduler="synchronous")
        differing = np.count_nonzero(tiled != whole.labels)
        squares.append(float(np.mean(deviations**2)))
        largest = np.abs(deviations).max()
        print(f"| {seed} | {largest:.2f} | {squares[-1]:.2f} | {differing} of {tiled.size:,} |")
    print(f"mean square of all: {np.mean(squares):.2f}; blocks of {sample.block_edge} voxels")


if __name__ == "__main__":
    main()
