"""Two-point coverage beside PoreSpy, and the description of a store larger than memory.

    pip install -c constraints.txt -e ".[bench]"
    python benchmarks/descriptors.py [--side 256] [--max-lag 128] [--repeats 3]
    python benchmarks/descriptors.py --check
    python benchmarks/descriptors.py --store 1024 [--workers 1 2] [--chunks 128] [--folder DIR]

The volume has three phases. PoreSpy's `two_point_correlation` is run once for each phase, in bins
of one voxel up to the same lag; it gives C_ii by distance. morphgen gives C_ij of all six pairs,
by distance and along each axis. `--check` compares C_ii on PoreSpy's own bins. `--store` generates
a store once, and measures every sum over voxels that morphgen knows.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from models import MODELS
from runs import GIB, MIB, fresh, surroundings, watched

PACKAGES = ("morphgen", "numpy", "scipy", "porespy", "zarr")
PHASES = (0, 1, 2)


def ours(labels: np.ndarray, max_lag: int) -> None:
    from morphgen.descriptors import Frame, Wanted, measure

    frame = Frame(labels.shape, (1.0,) * 3, "zyx", PHASES)
    measure(labels, frame, Wanted(("two_point_coverage",), max_lag))


def porespy(labels: np.ndarray, max_lag: int) -> None:
    for phase in PHASES:
        theirs(labels == phase, max_lag)


def theirs(flags: np.ndarray, max_lag: int) -> np.ndarray:
    """C_ii by PoreSpy, in bins of one voxel that begin at 0, 1, ..., max_lag."""
    import porespy

    bins = np.arange(max_lag + 2)
    return np.asarray(porespy.metrics.two_point_correlation(flags, bins=bins).probability_scaled)


PEERS = {"morphgen": ours, "PoreSpy": porespy}


def timed(peer: str, file: str, max_lag: int) -> dict[str, Any]:
    """Seconds and peak memory of one peer, with everything compiled and loaded before."""
    labels = np.load(file)
    PEERS[peer](labels[:12, :12, :12].copy(), 4)
    with watched() as peak:
        start, cpu = time.perf_counter(), time.process_time()
        PEERS[peer](labels, max_lag)
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    return {"seconds": seconds, "cpu": cpu, "peak": peak.bytes}


def described(location: str, workers: int, chunk: int, max_lag: int) -> dict[str, Any]:
    """Seconds and peak memory, of all processes, of the description of a store."""
    import morphgen as mg
    from morphgen.descriptors import KINDS

    kinds = [kind.name for kind in KINDS.values() if kind.sums and 3 in kind.axes]
    with watched() as peak:
        start = time.perf_counter()
        found = mg.describe(
            mg.open_volume(location), kinds=kinds, max_lag=max_lag, workers=workers, chunk=chunk
        )
        seconds = time.perf_counter() - start
    fractions = [float(one.values[0]) for one in found.readings if one.key[0] == "volume_fraction"]
    return {
        "seconds": seconds,
        "peak": peak.bytes,
        "readings": len(found.readings),
        "fractions": fractions,
    }


def volume(side: int) -> np.ndarray:
    import morphgen as mg

    return mg.Realization(MODELS["three_phases"](), seed=1).window((0, 0, 0), (side,) * 3)


def beside(options: argparse.Namespace) -> None:
    print(surroundings(*PACKAGES))
    print(
        f"{options.side}³ voxels, three phases, lags to {options.max_lag}; median of "
        f"{options.repeats}, ratios paired within each repeat (least to greatest).\n"
    )
    found: dict[str, list[dict[str, Any]]] = {peer: [] for peer in PEERS}
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        file = Path(folder) / "volume.npy"
        np.save(file, volume(options.side))
        for _ in range(options.repeats):
            for peer, runs in found.items():
                request = {"peer": peer, "file": str(file), "max_lag": options.max_lag}
                runs.append(answered({"timed": request}, options))
    print("| | seconds | CPU seconds | peak of the process, MiB ", end="")
    print("| time, morphgen = 1 | CPU time | memory |")
    print("|---" * 7 + "|")
    for peer, runs in found.items():
        seconds = statistics.median(run["seconds"] for run in runs)
        cpu = statistics.median(run["cpu"] for run in runs)
        peak = statistics.median(run["peak"] for run in runs)
        ratios = [ratio(runs, found["morphgen"], what) for what in ("seconds", "cpu", "peak")]
        print(f"| {peer} | {seconds:.1f} | {cpu:.1f} | {peak / MIB:.0f} | {' | '.join(ratios)} |")


def ratio(runs: list[dict[str, Any]], reference: list[dict[str, Any]], what: str) -> str:
    ratios = [one[what] / other[what] for one, other in zip(runs, reference, strict=True)]
    text = f"{statistics.median(ratios):.3g}"
    return (
        text if min(ratios) == max(ratios) else f"{text} ({min(ratios):.3g} to {max(ratios):.3g})"
    )


def answered(request: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    answer = fresh(__file__, request, options.limit)
    if answer is None:
        raise SystemExit(f"{request} took over {options.limit:g} s; raise --limit")
    return answer


def check(side: int, max_lag: int) -> int:
    """Compare C_ii with PoreSpy's, on its bins: the mean over the lags at r <= |h| < r + 1."""
    from morphgen.descriptors import coverage_counts

    labels = volume(side)
    counts = coverage_counts(labels, PHASES, max_lag + 1)
    distance = np.sqrt((counts.offsets**2).sum(axis=0))
    # a larger lag along an axis than the grid has
    near = distance < max_lag + 1
    place = np.floor(distance[near]).astype(int)
    lags = np.bincount(place)
    worst = 0.0
    for number, phase in enumerate(PHASES):
        shares = counts.directional()[number, number][near]
        mine = np.bincount(place, shares) / lags
        worst = max(worst, float(np.abs(mine - theirs(labels == phase, max_lag)).max()))
    print(surroundings(*PACKAGES))
    print(f"{side}³, three phases, lags to {max_lag}: C_ii differ by {worst:.2g} at most")
    return int(worst > 1e-10)


def store(options: argparse.Namespace) -> None:
    import morphgen as mg

    print(surroundings(*PACKAGES))
    print("| store | on disk, MiB | chunk | processes | seconds | ns per voxel ", end="")
    print("| peak of all processes, GiB |")
    print("|---" * 7 + "|")
    place = Path(tempfile.mkdtemp(dir=options.folder))
    try:
        location, side = str(place / "v.zarr"), options.store
        mg.generate(MODELS["three_phases"](), location, shape=(side,) * 3, seed=1, backend="numpy")
        disk = sum(file.stat().st_size for file in place.rglob("*") if file.is_file())
        for chunk in options.chunks:
            for workers in options.workers:
                request = {"location": location, "workers": workers, "chunk": chunk}
                request["max_lag"] = options.store_lag
                answer = answered({"described": request}, options)
                print(
                    f"| {side}³ | {disk / MIB:.0f} | {chunk} | {workers} "
                    f"| {answer['seconds']:.0f} | {answer['seconds'] / side**3 * 1e9:.0f} "
                    f"| {answer['peak'] / GIB:.2f} |",
                    flush=True,
                )
        fractions = ", ".join(f"{one:.5f}" for one in answer["fractions"])
        print(f"\n{answer['readings']} readings; volume fractions {fractions}")
    finally:
        shutil.rmtree(place)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--max-lag", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--check", action="store_true", help="compare values instead")
    parser.add_argument("--store", type=int, metavar="SIDE", help="describe a store instead")
    parser.add_argument("--store-lag", type=int, default=40)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--chunks", type=int, nargs="+", default=[128])
    parser.add_argument("--folder", help="where to write; a temporary folder if absent")
    parser.add_argument("--limit", type=float, default=3600.0, help="seconds for one process")
    parser.add_argument("--one", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        ((what, request),) = options.one.items()
        print(json.dumps({"timed": timed, "described": described}[what](**request)))
    elif options.check:
        sys.exit(check(min(options.side, 96), min(options.max_lag, 40)))
    elif options.store:
        store(options)
    else:
        beside(options)


if __name__ == "__main__":
    main()
