"""`generate` beside the bare FFTs of torch: what a voxel costs, whatever the machine.

    pip install -c constraints.txt -e ".[bench,calibrate]"
    python benchmarks/pair.py [--side 512] [--large-side 1024] [--repeats 5] [--rows ...]

The yardstick is one pair rfftn + irfftn of 256^3 float32 numbers by torch on two threads, nothing
else. It is measured anew before and after every volume, and a ratio compares a volume with the
mean of its two neighbours. Volumes go into a compressed Zarr store, from the call to the last
byte, the start of worker processes included; every measurement is a fresh process.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models import MODELS
from runs import fresh, surroundings

PACKAGES = ("morphgen", "numpy", "scipy", "zarr", "torch")
PAIR_SIDE = 256
PAIR_THREADS = 2


@dataclass(frozen=True)
class Row:
    """A volume and what its ratio to the pair is meant to be."""

    title: str
    model: str
    target: str


ROWS = {
    "a": Row("one Gaussian field, covariance length 8", "smooth", "≤ 0.8"),
    "b": Row("three phases: Gaussian and chi-square 2, length 8", "three_phases", "≤ 1.3"),
    "c": Row("rough: exponential covariance, halo 32, one field", "rough", "≤ 3"),
}
# the second process is judged by these, at the large side
SCALED = ("a", "b")


def pair(loops: int = 7) -> dict[str, float]:
    """Seconds of one pair of transforms: the median of several, after one that is not counted."""
    import torch

    torch.set_num_threads(PAIR_THREADS)
    generator = torch.Generator().manual_seed(0)
    values = torch.randn((PAIR_SIDE,) * 3, generator=generator, dtype=torch.float32)
    seconds = []
    for _ in range(loops + 1):
        start = time.perf_counter()
        torch.fft.irfftn(torch.fft.rfftn(values), s=values.shape)
        seconds.append(time.perf_counter() - start)
    return {"seconds": statistics.median(seconds[1:])}


def volume(
    model: str, side: int, workers: int | None, cores: int | None, folder: str | None
) -> dict[str, float]:
    """Seconds of one volume in this process and its workers, on some of the cores or on all."""
    if cores is not None:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    import morphgen as mg

    drawn, place = MODELS[model](), Path(tempfile.mkdtemp(dir=folder))
    try:
        # libraries are loaded by a tiny volume of another kernel
        mg.generate(
            MODELS[model](3.0), place / "tiny.zarr", shape=(8,) * 3, workers=1, backend="numpy"
        )
        start = time.perf_counter()
        made = mg.generate(
            drawn, place / "v.zarr", shape=(side,) * 3, workers=workers, backend="numpy"
        )
        seconds = time.perf_counter() - start
    finally:
        shutil.rmtree(place)
    return {"seconds": seconds, "workers": made.workers, "halo": max(drawn.halos)}


def one(kind: str, **arguments: Any) -> dict[str, float]:
    return pair() if kind == "pair" else volume(**arguments)


class Bench:
    """Measurements in turn, with a pair between any two of them."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self.pairs = [self._pair()]

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        answer = fresh(__file__, request, self._options.limit)
        if answer is None:
            raise SystemExit(f"{request} took over {self._options.limit:g} s; raise --limit")
        print(json.dumps(request | answer), file=sys.stderr, flush=True)
        return answer

    def _pair(self) -> float:
        return float(self._ask({"kind": "pair"})["seconds"]) / PAIR_SIDE**3 * 1e9

    def volume(
        self, model: str, side: int, workers: int | None, cores: int | None = None
    ) -> Measured:
        folder = None if self._options.folder is None else str(self._options.folder)
        request = {"model": model, "side": side, "workers": workers, "cores": cores}
        answer = self._ask({"kind": "volume", **request, "folder": folder})
        self.pairs.append(self._pair())
        per_voxel = answer["seconds"] / side**3 * 1e9
        return Measured(per_voxel, statistics.mean(self.pairs[-2:]), answer["workers"])


@dataclass(frozen=True)
class Measured:
    """Nanoseconds per voxel of a volume and of the pairs before and after it."""

    per_voxel: float
    pair: float
    workers: int

    @property
    def ratio(self) -> float:
        return self.per_voxel / self.pair


def ratios(bench: Bench, options: argparse.Namespace) -> None:
    found: dict[str, list[Measured]] = {name: [] for name in options.rows}
    for _ in range(options.repeats):
        for name, measured in found.items():
            measured.append(bench.volume(ROWS[name].model, options.side, options.workers))
    print(
        "| | volume | processes | ns per voxel | the pair's | ratio (least to greatest) | target |"
    )
    print("|---" * 7 + "|")
    for name, measured in found.items():
        print(
            f"| ({name}) {ROWS[name].title} | {options.side}³ | {measured[0].workers} "
            f"| {_median([m.per_voxel for m in measured])} | {_median([m.pair for m in measured])} "
            f"| {_spread([m.ratio for m in measured])} | {ROWS[name].target} |"
        )


def scaling(bench: Bench, options: argparse.Namespace) -> None:
    """One process on one core, one on all cores, where writing overlaps computing, and two."""
    names = [name for name in options.rows if name in SCALED]
    found: dict[str, list[tuple[Measured, ...]]] = {name: [] for name in names}
    for _ in range(options.large_repeats):
        for name, measured in found.items():
            model = ROWS[name].model
            ways = ((1, 1), (1, None), (2, None))
            measured.append(tuple(bench.volume(model, options.large_side, *way) for way in ways))
    print(
        "\n| | volume | one process on one core, ns per voxel | one process on all cores "
        "| two processes | throughput of two processes / of one on one core | target "
        "| two, ratio to the pair |"
    )
    print("|---" * 8 + "|")
    for name, measured in found.items():
        alone, free, both = zip(*measured, strict=True)
        print(
            f"| (d) {ROWS[name].title} | {options.large_side}³ "
            f"| {_median([m.per_voxel for m in alone])} | {_median([m.per_voxel for m in free])} "
            f"| {_median([m.per_voxel for m in both])} "
            f"| {_spread([a.per_voxel / b.per_voxel for a, _, b in measured])} | ≥ 1.8 "
            f"| {_spread([m.ratio for m in both])} |"
        )


def _median(values: list[float]) -> str:
    return f"{statistics.median(values):.3g}"


def _spread(values: list[float]) -> str:
    text = _median(values)
    return text if len(values) == 1 else f"{text} ({min(values):.3g} to {max(values):.3g})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--large-side", type=int, default=1024, help="side of row (d)")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--large-repeats", type=int, default=3, help="repeats of row (d); 0: none")
    parser.add_argument("--workers", type=int, help="processes; by default what generate takes")
    parser.add_argument("--folder", type=Path, help="where to write; a temporary folder if absent")
    parser.add_argument("--limit", type=float, default=1800.0, help="seconds for one process")
    parser.add_argument("--one", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(one(**options.one)))
        return
    print(surroundings(*PACKAGES))
    bench = Bench(options)
    if options.repeats:
        ratios(bench, options)
    if options.large_repeats:
        scaling(bench, options)
    print(
        f"\nThe pair: rfftn + irfftn of {PAIR_SIDE}³ float32 by torch, {PAIR_THREADS} threads; "
        f"{_spread(bench.pairs)} ns per voxel over the {len(bench.pairs)} times that it was "
        "measured."
    )


if __name__ == "__main__":
    main()
