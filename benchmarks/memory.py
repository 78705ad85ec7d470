"""Memory and time of `generate` at several sizes: a voxel costs the same in each.

    pip install -c constraints.txt -e ".[bench]"
    python benchmarks/memory.py [--models three_phases rough] [--sides 512 1024] [--workers 2]

Every volume is drawn by a fresh process, into a compressed Zarr store that is deleted afterwards.
Peaks are those of resident memory, of the process and its workers together; predicted is what
`generate --dry-run` states for the workers.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from models import MODELS
from runs import MIB, fresh, surroundings, watched

PACKAGES = ("morphgen", "numpy", "scipy", "zarr")


def volume(model: str, side: int, workers: int, folder: str | None) -> dict[str, Any]:
    import morphgen as mg
    from morphgen.tiles import Backend
    from morphgen.tiles.memory import worker_memory

    drawn, place = MODELS[model](), Path(tempfile.mkdtemp(dir=folder))
    try:
        with watched() as peak:
            start = time.perf_counter()
            made = mg.generate(
                drawn, place / "v.zarr", shape=(side,) * 3, seed=1, backend="numpy", workers=workers
            )
            seconds = time.perf_counter() - start
        disk = sum(f.stat().st_size for f in place.rglob("*") if f.is_file())
    finally:
        shutil.rmtree(place)
    return {
        "seconds": seconds,
        "peak": peak.bytes,
        "blocks": made.blocks,
        "disk": disk,
        "predicted": worker_memory(mg.Realization(drawn), Backend()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=MODELS, default=["three_phases", "rough"])
    parser.add_argument("--sides", type=int, nargs="+", default=[512, 1024])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", help="where to write; a temporary folder if absent")
    parser.add_argument("--limit", type=float, default=7200.0, help="seconds for one process")
    parser.add_argument("--one", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(volume(**options.one)))
        return
    print(surroundings(*PACKAGES))
    print("| model | volume | blocks | seconds | ns per voxel | all processes, MiB ", end="")
    print("| predicted for a worker, MiB | bytes per voxel on disk |")
    print("|---" * 8 + "|", flush=True)
    for model in options.models:
        for side in options.sides:
            request = {"model": model, "side": side, "workers": options.workers}
            answer = fresh(__file__, request | {"folder": options.folder}, options.limit)
            if answer is None:
                raise SystemExit(f"{request} took over {options.limit:g} s; raise --limit")
            print(
                f"| {model} | {side}³ | {answer['blocks']} | {answer['seconds']:.1f} "
                f"| {answer['seconds'] / side**3 * 1e9:.2f} | {answer['peak'] / MIB:.0f} "
                f"| {answer['predicted'] / MIB:.0f} | {answer['disk'] / side**3:.3f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
