"""Processes killed and hosts cut off in the middle of a run: what remains is whole, to the byte.

    python benchmarks/faults.py --kills 50 [--executor local|cluster] [--workers 2] [--seconds 10]
    python benchmarks/faults.py --cut [--seconds 20]

Every run is `morphgen generate` in processes of its own, on one Gaussian field whose kernel
reaches 8 voxels. Its volume is sized so that an undisturbed run takes at least `--seconds`; the
duration of that run is what moments are shares of.

--kills: at a random moment between 20 and 95 % of the duration, kill -9 of one process chosen at
random: the run itself, one of its workers, and on a cluster the scheduler or a nanny. Whatever then
ends without success is continued with --resume. A round in which the run was over before the moment
came is repeated.

--cut: eight workers on four emulated hosts (127.0.0.2 to 127.0.0.5), of which one is stopped
(SIGSTOP) at a random moment between 30 and 60 %. The run must end without it; afterwards the
host is continued (SIGCONT) and given time to do harm.

The exit code is 1 unless every volume has the bytes of the undisturbed one.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from loopback import Loopback, children, command, loopback

from morphgen.excursion import ExcursionModel, Field
from morphgen.fields.laws import Gaussian
from morphgen.fields.spline import SplineKernel
from morphgen.phases import Phase

MORPHGEN = [sys.executable, "-c", "from morphgen.cli.app import main; main()"]
SETTINGS = {
    "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "10",
    "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "5s",
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "60s",
    "DASK_DISTRIBUTED__WORKER__MEMORY__SPILL": "False",
    "DASK_DISTRIBUTED__WORKER__MEMORY__TARGET": "False",
}
LIMIT = 1800.0
MODEL = ExcursionModel(
    phases=(Phase(0, "pore"), Phase(1, "grain")),
    order=(1, 0),
    fields=(Field(SplineKernel((1.0, 0.5, 0.2), 8.0), Gaussian(), Gaussian().threshold(0.4)),),
)


@dataclass(frozen=True)
class Volume:
    """What every run is to write.

    Attributes
    ----------
    model : Path
        Model file.
    blocks : int
        Blocks along z; there are 4 x 4 along y and x.
    seconds : float
        Duration of an undisturbed run.
    digest : str
        Hash of all its shards, by name.
    """

    model: Path
    blocks: int
    seconds: float = 0.0
    digest: str = ""

    def command(self, out: Path, *where: str) -> list[str]:
        edge = MODEL.block_edge
        shape = [str(self.blocks * edge), str(4 * edge), str(4 * edge)]
        asked = ["--shape", *shape, "--seed", "7", "--backend", "numpy", "--resume", "--quiet"]
        return [*MORPHGEN, "generate", str(self.model), str(out), *asked, *where]


def digest(out: Path) -> str:
    """Hash of every file below the array's chunks, by name."""
    found = hashlib.sha256()
    root = out / "0" / "c"
    for file in sorted(f for f in root.rglob("*") if f.is_file()):
        found.update(f"{file.relative_to(root)} {file.stat().st_size}\n".encode())
        found.update(file.read_bytes())
    return found.hexdigest()


def shards(out: Path) -> int:
    return sum(1 for f in (out / "0" / "c").rglob("*") if f.is_file() and f.name.isdecimal())


def undisturbed(volume: Volume, folder: Path, least: float, *where: str) -> Volume:
    """Volume large enough to take a while, with its duration and its bytes."""
    out = folder / "undisturbed.zarr"
    while True:
        found = []
        # the shorter of two: a machine that was busy for a while must not delay the moments
        for _ in range(2):
            began = time.perf_counter()
            subprocess.run(volume.command(out, *where), check=True, stdout=subprocess.DEVNULL)
            seconds = time.perf_counter() - began
            found.append(replace(volume, seconds=seconds, digest=digest(out)))
            subprocess.run(["rm", "-rf", str(out)], check=True)
        assert found[0].digest == found[1].digest, "two undisturbed runs differ"
        best = min(found, key=lambda run: run.seconds)
        print(f"undisturbed: {16 * best.blocks} blocks in {best.seconds:.1f} s", file=sys.stderr)
        if best.seconds >= least:
            return best
        # start-up is not work: too much rather than too little
        volume = replace(volume, blocks=int(volume.blocks * 1.4 * least / best.seconds) + 1)


def begin(words: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        words,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def family(pid: int) -> list[int]:
    """Processes that a process started, and theirs, but no trackers of resources."""
    own = [child for child in children(pid) if "resource_tracker" not in command(child)]
    return own + [below for child in own for below in family(child)]


def members(group: int) -> list[int]:
    """Processes of a session that live."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(fields[3]) == group and fields[0] != "Z":
                    found.append(int(entry.name))
    return found


def candidates(run: subprocess.Popen[str], cluster: Loopback | None) -> list[tuple[str, int]]:
    """Processes that may be killed, with what they are."""
    if cluster is None:
        return [("client", run.pid), *(("worker", pid) for pid in family(run.pid))]
    assert cluster.scheduler is not None
    found = [("client", run.pid), ("scheduler", cluster.scheduler.pid)]
    for number, worker in enumerate(cluster.workers):
        found += [("nanny", worker.pid), ("worker", cluster.computing(number))]
    return found


@contextlib.contextmanager
def workers(folder: Path, executor: str, count: int) -> Iterator[tuple[Loopback | None, list[str]]]:
    """Who computes, and the options that say so."""
    if executor == "local":
        yield None, ["--workers", str(count)]
        return
    place = Path(tempfile.mkdtemp(dir=folder))
    with loopback(place, count, environment=SETTINGS) as cluster:
        yield cluster, ["--scheduler-file", str(cluster.file), "--patience", "20"]


def one_kill(
    volume: Volume, folder: Path, executor: str, count: int, chance: random.Random
) -> str | float:
    """Kill one process of one run, continue it; a row of the table, or how soon it was over."""
    share, out = chance.uniform(0.2, 0.95), folder / "killed.zarr"
    with workers(folder, executor, count) as (cluster, where):
        began = time.perf_counter()
        run = begin(volume.command(out, *where))
        with run:
            try:
                run.wait(share * volume.seconds)
            except subprocess.TimeoutExpired:
                kind, pid = chance.choice(candidates(run, cluster))
                os.kill(pid, signal.SIGKILL)
                written = shards(out)
            else:
                assert run.stderr is not None
                assert run.returncode == 0, run.stderr.read()
                subprocess.run(["rm", "-rf", str(out)], check=True)
                return time.perf_counter() - began
            _, told = run.communicate(timeout=LIMIT)
        lasted = time.perf_counter() - began
        code, again = run.returncode, 0
        # workers of a killed run end by themselves, within the second that they look for it
        deadline = time.monotonic() + 20.0
        while members(run.pid) and time.monotonic() < deadline:
            time.sleep(0.1)
        orphans = len(members(run.pid))
    while code != 0 and again < 3:
        again += 1
        with workers(folder, executor, count) as (_, where):
            code = subprocess.run(
                volume.command(out, *where), stdout=subprocess.DEVNULL, check=False
            ).returncode
    same = code == 0 and orphans == 0 and digest(out) == volume.digest
    subprocess.run(["rm", "-rf", str(out)], check=True)
    if not same:
        print(told, file=sys.stderr)
    answer = f"{100 * share:.0f} | {kind} | {written} | {run.returncode} | {lasted:.1f} | {again}"
    return f"| {answer} | {orphans} | {'yes' if same else 'NO'} |"


def kills(volume: Volume, folder: Path, options: argparse.Namespace) -> bool:
    """Table of so many kills; whether all went well."""
    chance = random.Random(options.seed)
    with workers(folder, options.executor, options.workers) as (_, where):
        volume = undisturbed(volume, folder, options.seconds, *where)
    print(
        "| round | at, % | killed | shards then | exit code | seconds | resumed | orphans ", end=""
    )
    print("| identical |\n" + "|---" * 9 + "|", flush=True)
    good = done = missed = 0
    while done < options.kills and missed <= options.kills:
        row = one_kill(volume, folder, options.executor, options.workers, chance)
        if not isinstance(row, str):
            missed += 1
            volume = replace(volume, seconds=min(volume.seconds, row))
            continue
        done += 1
        good += row.endswith("yes |")
        print(f"| {done} {row}", flush=True)
    print(f"\n{good} of {done} identical; {missed} rounds were over before their moment came")
    return good == options.kills


def cut(volume: Volume, folder: Path, options: argparse.Namespace) -> bool:
    """Cut off one of four hosts of two workers each; whether it did no harm."""
    chance, place = random.Random(options.seed), folder / "hosts"
    place.mkdir()
    with loopback(place, 0, environment=SETTINGS) as cluster:
        for host in range(4):
            for _ in range(2):
                cluster.start_worker(host=f"127.0.0.{2 + host}")
        time.sleep(10.0)
        where = ["--scheduler-file", str(cluster.file)]
        volume = undisturbed(volume, folder, options.seconds, *where)
        out, lost, share = folder / "cut.zarr", chance.randrange(4), chance.uniform(0.3, 0.6)
        began = time.perf_counter()
        run = begin(volume.command(out, *where))
        time.sleep(share * volume.seconds)
        over = run.poll() is not None
        stopped = [2 * lost, 2 * lost + 1]
        pids = [
            p for n in stopped for p in (cluster.workers[n].pid, *family(cluster.workers[n].pid))
        ]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        written = shards(out)
        with run:
            _, told = run.communicate(timeout=LIMIT)
        seconds = time.perf_counter() - began
        alone = digest(out) == volume.digest
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        time.sleep(20.0)
        later = digest(out) == volume.digest
        # a stopped writer may leave an unfinished file behind: the next run takes it away
        left = len(list(out.rglob("*.partial")))
    print("| host | stopped at, % | shards then | undisturbed, s | cut off, s | exit code ", end="")
    print("| identical | identical after SIGCONT | unfinished files |\n" + "|---" * 9 + "|")
    row = f"| 127.0.0.{2 + lost} | {100 * share:.0f} | {written} | {volume.seconds:.1f} "
    row += f"| {seconds:.1f} | {run.returncode} | {alone} | {later} | {left} |"
    print(row)
    if over:
        print("the run was over before its moment came", file=sys.stderr)
    if run.returncode:
        print(told, file=sys.stderr)
    return not over and run.returncode == 0 and alone and later


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--kills", type=int, metavar="N")
    what.add_argument("--cut", action="store_true")
    parser.add_argument("--executor", choices=("local", "cluster"), default="local")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where to write; a temporary folder if absent")
    options = parser.parse_args()
    print(time.strftime("%Y-%m-%d"), sys.version.split()[0], f"{os.cpu_count()} CPUs", flush=True)
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        MODEL.save(folder / "model.json")
        volume = Volume(folder / "model.json", 4)
        good = (cut if options.cut else kills)(volume, folder, options)
    if not good:
        sys.exit(1)


if __name__ == "__main__":
    main()
