"""Time, memory and size of every export of one volume, each in a fresh process.

morphgen demo --out demo
morphgen generate demo/model.json volume.zarr --shape 512 512 512 --seed 1
python benchmarks/exports.py volume.zarr [--endings .tif .vti]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from runs import surroundings

from morphgen.tiles.export import ENDINGS

HERE = Path(__file__).parent
CHILD = """
import sys, time
from runs import high_water_mark
import morphgen as mg
volume = mg.open_volume(sys.argv[1])
phases = [1] if sys.argv[2].endswith((".stl", ".ply")) else None
before = time.perf_counter()
done = mg.export(volume, sys.argv[2], phases=phases)
seconds = time.perf_counter() - before
print(seconds, high_water_mark() / 2**20, sum(file.stat().st_size for file in done.files) / 2**20)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("volume", type=Path)
    parser.add_argument("--endings", nargs="+", default=ENDINGS)
    options = parser.parse_args()
    print(surroundings())
    print("| format | seconds | peak memory (MiB) | size (MiB) |\n|---|---|---|---|")
    for ending in options.endings:
        with tempfile.TemporaryDirectory() as folder:
            words = [
                sys.executable,
                "-c",
                CHILD,
                str(options.volume.resolve()),
                f"{folder}/v{ending}",
            ]
            run = subprocess.run(words, capture_output=True, text=True, check=True, cwd=HERE)
        seconds, peak, size = map(float, run.stdout.split())
        print(f"| `{ending}` | {seconds:.1f} | {peak:.0f} | {size:.0f} |", flush=True)


if __name__ == "__main__":
    main()
