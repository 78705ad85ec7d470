"""Largest error of any correlation in band-limited synthesis, kernel by kernel.

    python benchmarks/covariance.py [--pairs 400] [--blocks 100]

In closed form: the covariance of interpolated voxels, for pairs of places in a cell of the
synthesis lattice that are drawn at random, at all lags (tests/fields/test_sampling.py). By
simulation: the mean of products of voxels on blocks of 256^3, at six lags, with its standard
error; every seventh voxel along each axis, so that every place in a cell has its share. Every
kernel family that is ever interpolated, at the factor that is chosen for it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from morphgen._array_api import standard
from morphgen.fields.sampling import COVARIANCE_ERROR, sampling
from morphgen.fields.synthesis import synthesis

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from fields.test_sampling import SMOOTH, SPACING, squared_range, synthesis_error

LAGS = ((0, 0, 0), (0, 0, 1), (0, 3, 0), (5, 0, 0), (2, 4, 6), (0, 9, 9))
EDGE, STEP = 256, 7


def simulated(kernel, lattice, blocks: int) -> tuple[float, float]:
    """Largest deviation of a drawn correlation, and its standard error."""
    prepared = synthesis(kernel, SPACING, lattice, EDGE, standard(np), None)
    sums = np.zeros(len(LAGS))
    for seed in range(blocks):
        field = prepared.component(seed, 0, (0, seed, 0), (None, None, None))
        for place, lag in enumerate(LAGS):
            ahead = field[lag[0] :: STEP, lag[1] :: STEP, lag[2] :: STEP]
            behind = field[::STEP, ::STEP, ::STEP][tuple(slice(0, n) for n in ahead.shape)]
            sums[place] += np.mean(ahead * behind, dtype=np.float64) / blocks
    exact = kernel.correlation(np.asarray(LAGS, dtype=float))
    deviation = np.sqrt(2.0 * squared_range(kernel) / (blocks * EDGE**3))
    return float(np.max(np.abs(sums - exact))), float(deviation)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=400)
    parser.add_argument("--blocks", type=int, default=100)
    options = parser.parse_args()
    print(f"bound {COVARIANCE_ERROR}")
    print("| kernel | factors (z, y, x) | taps | closed form | simulated | standard error |")
    print("|---" * 6 + "|")
    for name, kernel in SMOOTH.items():
        lattice = sampling(kernel, SPACING)
        error = synthesis_error(kernel, SPACING, lattice, options.pairs)
        drawn, deviation = simulated(kernel, lattice, options.blocks)
        taps = ", ".join(str(axis.taps) for axis in lattice.axes)
        factors = ", ".join(map(str, lattice.factors))
        print(
            f"| {name} | {factors} | {taps} | {error:.1e} | {drawn:.1e} | {deviation:.1e} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
