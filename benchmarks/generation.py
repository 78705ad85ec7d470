"""Speed of `generate` beside PoreSpy's `blobs`, in one run on one machine.

    pip install -e ".[bench]"
    python benchmarks/generation.py [--side 512] [--length 8] [--workers 2] [--repeats 3]

One Gaussian field of the given covariance length, thresholded at a volume fraction of one half.
morphgen writes a compressed Zarr store; `blobs` fills an array in memory. The ratio of voxels per
second is the figure to quote: absolute ones depend on the machine.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import morphgen as mg
from morphgen.fields.laws import Gaussian
from morphgen.fields.parametric import GaussianKernel
from morphgen.phases import Phase


def model(length: float) -> mg.ExcursionModel:
    """One Gaussian field of covariance exp(-h^2 / 2 l^2)."""
    field = mg.Field(GaussianKernel(length), Gaussian(), 0.0)
    return mg.ExcursionModel((Phase(0, "pore"), Phase(1, "solid")), (1, 0), (field,))


def time_morphgen(side: int, length: float, workers: int, seed: int) -> float:
    """Seconds of one volume, from nothing to a whole store."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        mg.generate(
            model(length),
            Path(folder) / "volume.zarr",
            shape=(side,) * 3,
            seed=seed,
            workers=workers,
            backend="numpy",
        )
        return time.perf_counter() - start


def time_blobs(side: int, length: float, seed: int) -> float:
    """Seconds of one image of about the same feature size.

    `blobs` smooths with a Gaussian of standard deviation mean(shape) / (40 blobiness); smoothing
    white noise with standard deviation s gives a covariance of length s sqrt(2).
    """
    import porespy

    blobiness = side / 40.0 / (length / 2**0.5)
    start = time.perf_counter()
    porespy.generators.blobs(shape=[side] * 3, porosity=0.5, blobiness=blobiness, seed=seed)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--length", type=float, default=8.0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    pairs = []
    for seed in range(options.repeats):
        ours = time_morphgen(options.side, options.length, options.workers, seed)
        theirs = time_blobs(options.side, options.length, seed)
        pairs.append((ours, theirs))
        print(f"run {seed}: morphgen {ours:.2f} s, blobs {theirs:.2f} s, ratio {theirs / ours:.1f}")
    voxels = options.side**3
    names = ("morphgen", "porespy", "numpy", "scipy", "zarr")
    print(", ".join(f"{name} {version(name)}" for name in names))
    ours, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(theirs / ours for ours, theirs in pairs)
    print(
        f"{options.side}^3, covariance length {options.length:g}, {options.workers} processes: "
        f"{ours / voxels * 1e9:.1f} ns per voxel against {theirs / voxels * 1e9:.0f}; "
        f"ratio {ratio:.1f} (median of {options.repeats})"
    )


if __name__ == "__main__":
    main()
