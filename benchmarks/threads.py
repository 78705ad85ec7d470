"""Two threads of one process against two processes: how much faster blocks are computed.

    python benchmarks/threads.py [--blocks 6] [--repeats 3]

Nothing is written. Every thread or process computes blocks of its own, one after the other, after
a first one that is not counted; the slower of the two is taken, and the best of several repeats.
"""

from __future__ import annotations

import argparse
import multiprocessing
import threading
import time
from collections.abc import Callable
from typing import Any

from models import MODELS
from runs import surroundings

import morphgen as mg
from morphgen.fields.pieces import Workspace


def compute(name: str, row: int, blocks: int, together: Callable[[], object]) -> float:
    """Seconds for some blocks, begun when everybody is ready."""
    sample, workspace = mg.Realization(MODELS[name](), 1), Workspace()
    sample.block((9, 9, row), workspace=workspace)
    together()
    start = time.perf_counter()
    for number in range(blocks):
        sample.block((row, 1, number), workspace=workspace)
    return time.perf_counter() - start


def by_threads(name: str, blocks: int) -> float:
    barrier, found = threading.Barrier(2), []

    def work(row: int) -> None:
        found.append(compute(name, row, blocks, barrier.wait))

    workers = [threading.Thread(target=work, args=(row,)) for row in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return max(found)


def in_process(name: str, row: int, blocks: int, barrier: Any, answers: Any) -> None:
    answers.put(compute(name, row, blocks, barrier.wait))


def by_processes(name: str, blocks: int) -> float:
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(2), context.Queue()
    workers = [
        context.Process(target=in_process, args=(name, row, blocks, barrier, answers))
        for row in range(2)
    ]
    for worker in workers:
        worker.start()
    found = [answers.get(timeout=600) for _ in workers]
    for worker in workers:
        worker.join()
    return max(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blocks", type=int, default=6)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    print(surroundings("morphgen", "numpy", "scipy"))
    print("| model | one, ns per voxel | two threads: times as fast | two processes |")
    print("|---" * 4 + "|")
    for name in MODELS:
        ways = (
            lambda name=name: compute(name, 0, options.blocks, lambda: None),
            lambda name=name: by_threads(name, options.blocks),
            lambda name=name: by_processes(name, options.blocks),
        )
        alone, threads, processes = (min(way() for _ in range(options.repeats)) for way in ways)
        voxels = options.blocks * mg.Realization(MODELS[name]()).block_edge ** 3
        print(
            f"| {name} | {1e9 * alone / voxels:.2f} | {2 * alone / threads:.2f} "
            f"| {2 * alone / processes:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
