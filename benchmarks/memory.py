"""Peak memory of `generate` at several sizes: it must not depend on the volume.

    python benchmarks/memory.py [--sides 256 1024] [--workers 2] [--folder FOLDER]

Model: a Gaussian field with a spline kernel of radius 30 voxels and a chi-square field with two
degrees of freedom and a Matern correlation of length 4 voxels; three phases. Every size runs in a
fresh process. Its peak is read from the kernel (VmHWM), those of its workers while they live.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from multiprocessing import active_children
from pathlib import Path

MIB = 2**20


def model():
    from morphgen.excursion import ExcursionModel, Field
    from morphgen.fields.laws import ChiSquare, Gaussian
    from morphgen.fields.parametric import MaternKernel
    from morphgen.fields.spline import SplineKernel
    from morphgen.phases import Phase

    first, second = Gaussian(), ChiSquare(2)
    return ExcursionModel(
        phases=(Phase(0, "pore"), Phase(1, "active material"), Phase(2, "electrolyte")),
        order=(1, 2, 0),
        fields=(
            Field(SplineKernel((1.0, 0.5, 0.2), 30.0), first, first.threshold(0.35)),
            Field(MaternKernel(4.0), second, second.threshold(0.4)),
        ),
    )


def peak(pid: int | str = "self") -> int:
    """Largest resident memory of a process so far, in bytes; 0 if it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)


def watch(peaks: dict[int, int], done: threading.Event) -> None:
    while not done.wait(0.05):
        for child in active_children():
            if child.pid is not None:
                peaks[child.pid] = max(peaks.get(child.pid, 0), peak(child.pid))


def run(side: int, workers: int, folder: Path) -> None:
    """Generate one volume in this process and print a line of the table."""
    from morphgen.tiles import Backend, generate
    from morphgen.tiles.memory import worker_memory

    drawn, path = model(), folder / f"{side}.zarr"
    peaks: dict[int, int] = {}
    done = threading.Event()
    thread = threading.Thread(target=watch, args=(peaks, done))
    thread.start()
    try:
        made = generate(drawn, path, shape=(side,) * 3, seed=1, backend="numpy", workers=workers)
    finally:
        done.set()
        thread.join()
    disk = sum(f.stat().st_size for f in path.rglob("*") if f.is_file())
    workers_peak = max(peaks.values(), default=peak())
    predicted = worker_memory(drawn, Backend())
    print(
        f"| {side}^3 | {made.blocks} | {made.workers} | {peak() / MIB:.0f} "
        f"| {workers_peak / MIB:.0f} | {predicted / MIB:.0f} | {disk / side**3:.3f} "
        f"| {made.seconds:.0f} | {made.seconds / side**3 * 1e9:.0f} |",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sides", type=int, nargs="+", default=[256, 1024])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="where to write; a temporary folder if absent")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        run(options.sides[0], options.workers, options.folder)
        return
    print(time.strftime("%Y-%m-%d"), sys.version.split()[0])
    print(
        "| volume | blocks | processes | peak of the caller, MiB | peak of a worker, MiB ", end=""
    )
    print("| predicted, MiB | bytes per voxel on disk | seconds | ns per voxel |", flush=True)
    print("|---" * 9 + "|", flush=True)
    folder = Path(tempfile.mkdtemp(dir=options.folder))
    try:
        for side in options.sides:
            command = [sys.executable, __file__, "--one", "--sides", str(side)]
            command += ["--workers", str(options.workers), "--folder", str(folder)]
            subprocess.run(command, check=True)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
