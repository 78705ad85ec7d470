"""Slices of a volume that nobody could store: milliseconds per block, and the size of graphs.

    python benchmarks/lazy.py [--side 100000] [--repeats 5] [--models smooth three_phases]

The first read prepares the kernels and is not counted. Every repeat reads elsewhere.
"""

from __future__ import annotations

import argparse
import pickle
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from models import MODELS
from runs import surroundings

import morphgen as mg


def cuts(place: int) -> dict[str, tuple[Any, ...]]:
    """Index of each kind of part, at a place of its own."""
    here = slice(place, place + 512)
    return {
        "voxel": (place, place, place),
        "line of 512": (place, place, here),
        "plane of 512²": (place, here, here),
        "plane of 2048², every 4th": (place, *[slice(place, place + 2048, 4)] * 2),
        "cube of 256³": (slice(place, place + 256),) * 3,
    }


def blocks(view: mg.LazyVolume, key: tuple[Any, ...]) -> int:
    """Number of canonical blocks that a part touches."""
    count = 1
    for one, side, edge in zip(key, view.shape, view.chunks, strict=True):
        places = np.arange(side)[one] // edge
        count *= np.unique(places).size
    return count


def seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def table(name: str, side: int, repeats: int) -> None:
    view = mg.LazyVolume(mg.Realization(MODELS[name](), seed=1), (side,) * 3)
    view[0, 0, 0]
    places = np.random.default_rng(0).integers(0, side - 2048, repeats).tolist()
    for kind in cuts(0):
        found = []
        for place in places:
            key = cuts(place)[kind]
            found.append(1e3 * seconds(lambda key=key: view[key]) / blocks(view, key))
        print(
            f"| {name} | {kind} | {view.chunks[0]} | {statistics.median(found):.3g} |", flush=True
        )


def graph(name: str) -> str:
    sample = mg.Realization(MODELS[name](), seed=1)
    side = 47 * sample.block_edge
    mg.to_dask(sample, (1, 1, 1))
    start = time.perf_counter()
    lazy = mg.to_dask(sample, (side,) * 3)
    took = time.perf_counter() - start
    return (
        f"{name}: {lazy.npartitions} chunks, graph of {len(pickle.dumps(lazy))} bytes in "
        f"{1e3 * took:.0f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    options = parser.parse_args()
    print(surroundings("morphgen", "numpy", "scipy", "dask"))
    print("| model | part | block edge | ms per block |")
    print("|---" * 4 + "|")
    for name in options.models:
        table(name, options.side, options.repeats)
    print()
    for name in options.models:
        print(graph(name))


if __name__ == "__main__":
    main()
