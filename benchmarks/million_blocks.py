"""What a million blocks cost the client and the scheduler of a Dask cluster.

    python benchmarks/million_blocks.py [--blocks 1000000] [--workers 8]

The blocks are computed in no time: workers replace the computation by nothing, so that what is
measured is the handing out. Scheduler, client and workers are processes of their own; the peaks
of their memory are read from the kernel (VmHWM). The overhead is the time from the first batch to
the last record, all of it, workers included: they share the machine.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MIB = 2**20
TESTS = Path(__file__).parents[1] / "tests"

PRELOAD = """
from morphgen.tiles import distributed
from morphgen.tiles.execute import BatchRecord

def instant(task):
    for number in task.numbers:
        yield BatchRecord((number,), 0.0)

def dask_setup(worker):
    distributed.compute_blocks = instant
"""


def peak(pid: int | str = "self") -> int:
    """Largest resident memory of a process so far, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def hand_out(file: str, folder: Path, blocks: int) -> None:
    """Hand out the blocks, in this process, and print what it took."""
    import numpy as np
    from faults import MODEL

    from morphgen.tiles import Backend, open_volume, write_blocks
    from morphgen.tiles.cluster import Access, connected
    from morphgen.tiles.distributed import Distributed
    from morphgen.tiles.metadata import VolumeRecord
    from morphgen.tiles.store import create

    edge = MODEL.block_edge
    record = VolumeRecord(MODEL, 1, (edge, edge, blocks * edge), (), edge, Backend())
    create(folder / "v.zarr", record)
    volume = open_volume(folder / "v.zarr")
    told = []
    with connected(Access(scheduler_file=file)) as cluster:
        assert cluster is not None
        executor = Distributed(cluster.client, Backend())
        idle, began = peak(), time.perf_counter()
        write_blocks(
            volume,
            np.arange(blocks, dtype=np.int64),
            executor,
            lambda stage, done, total: told.append(done),
            workers=cluster.threads,
        )
        seconds = time.perf_counter() - began
    assert told[-1] == blocks
    found = {"seconds": seconds, "batches": len(told) - 1, "idle": idle, "peak": peak()}
    print(json.dumps(found | {"threads": cluster.threads}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--blocks", type=int, default=10**6)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--file", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.file:
        hand_out(options.file, options.folder, options.blocks)
        return
    sys.path.insert(0, str(TESTS))
    from loopback import loopback

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "instant.py").write_text(PRELOAD)
        with loopback(folder, workers=0) as cluster:
            for _ in range(options.workers):
                cluster.start_worker("--preload", str(folder / "instant.py"))
            time.sleep(5.0 + options.workers)
            command = [sys.executable, __file__, "--file", str(cluster.file), "--folder", name]
            client = subprocess.run(
                [*command, "--blocks", str(options.blocks)],
                stdout=subprocess.PIPE,
                check=True,
            )
            assert cluster.scheduler is not None
            scheduler = peak(cluster.scheduler.pid)
    found = json.loads(client.stdout)
    together = (found["peak"] + scheduler) / MIB
    print(time.strftime("%Y-%m-%d"), sys.version.split()[0], f"{found['threads']} threads")
    print("| blocks | batches | client, MiB | scheduler, MiB | together, MiB | seconds |")
    print("|---" * 6 + "|")
    print(
        f"| {options.blocks} | {found['batches']} | {found['peak'] / MIB:.0f} "
        f"| {scheduler / MIB:.0f} | {together:.0f} | {found['seconds']:.1f} |"
    )
    if together > 1024 or found["seconds"] > 60:
        sys.exit("the target of 1 GiB and 60 s is missed")


if __name__ == "__main__":
    main()
