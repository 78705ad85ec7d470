from __future__ import annotations

import multiprocessing
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from tiles.conftest import LONG, SCRIPT, SEED, SHAPE, Start, shards
from tiles.dying import die, die_of_block_3

from morphgen.errors import GenerationError, StoreError
from morphgen.excursion import ExcursionModel, Field, Realization
from morphgen.fields.laws import Gaussian
from morphgen.fields.parametric import GaussianKernel
from morphgen.phases import Phase
from morphgen.tiles import (
    Backend,
    BatchTask,
    BlockGrid,
    Plan,
    VolumeInfo,
    compute_batch,
    execute,
    generate,
    open_volume,
    processes,
    write_blocks,
)
from morphgen.tiles.execute import InProcess, batch_size
from morphgen.tiles.metadata import VolumeRecord
from morphgen.tiles.place import LocalPlace
from morphgen.tiles.processes import LocalProcesses
from morphgen.tiles.store import create


def empty_volume(model: ExcursionModel, path: Path, shape: tuple[int, int, int]) -> VolumeInfo:
    create(path, VolumeRecord(model, SEED, shape, (), 128, Backend()))
    return open_volume(path)


def members(group: int) -> list[int]:
    """Processes of a session that are alive."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == group and fields[0] != "Z":
                found.append(int(entry.name))
    return found


def wait_until_gone(group: int) -> None:
    deadline = time.monotonic() + 20
    while members(group):
        assert time.monotonic() < deadline, f"{members(group)} outlive their run"
        time.sleep(0.02)


def test_a_volume_is_the_window_at_the_origin(undisturbed: Path, whole: np.ndarray) -> None:
    volume = open_volume(undisturbed)
    assert np.array_equal(volume.labels()[:], whole)
    assert volume.realization() == Realization(volume.model, SEED)


def test_two_processes_give_the_same_bytes(
    model: ExcursionModel, undisturbed: Path, tmp_path: Path
) -> None:
    told: list[tuple[str, int, int]] = []
    before = dict(os.environ)
    made = generate(
        model,
        tmp_path / "v.zarr",
        shape=SHAPE,
        seed=SEED,
        backend="numpy",
        workers=2,
        progress=lambda *where: told.append(where),
    )
    assert shards(made.path) == shards(undisturbed)
    assert (made.workers, made.written, made.voxels) == (2, 12, 200 * 150 * 260)
    assert made.voxels_per_second == pytest.approx(made.voxels / made.seconds)
    assert told == [("blocks", done, 12) for done in range(13)]
    assert dict(os.environ) == before
    assert multiprocessing.active_children() == []


def test_any_order_gives_the_same_bytes(
    model: ExcursionModel, undisturbed: Path, tmp_path: Path
) -> None:
    volume = empty_volume(model, tmp_path / "v.zarr", SHAPE)
    order = list(range(volume.blocks))
    random.Random(1).shuffle(order)
    assert write_blocks(volume, order, InProcess()) > 0.0
    assert shards(volume.path) == shards(undisturbed)


def test_chunks_do_not_change_the_voxels(
    model: ExcursionModel, whole: np.ndarray, tmp_path: Path
) -> None:
    shape = (130, 60, 50)
    path = tmp_path / "v.zarr"
    generate(model, path, shape=shape, seed=SEED, backend="numpy", workers=1, chunk=16)
    assert np.array_equal(open_volume(path).labels()[:], whole[:130, :60, :50])


def test_an_exact_volume_says_so(tmp_path: Path) -> None:
    law = Gaussian()
    field = Field(GaussianKernel(8.0), law, law.threshold(0.4))
    smooth = ExcursionModel((Phase(0, "pore"), Phase(1, "grain")), (1, 0), (field,))
    made = [
        generate(smooth, tmp_path / f"{exact}.zarr", shape=(40, 30, 20), exact=exact)
        for exact in (False, True)
    ]
    volumes = [open_volume(one.location) for one in made]
    assert [volume.record.exact for volume in volumes] == [False, True]
    assert [volume.realization().exact for volume in volumes] == [False, True]
    for volume, factors, taps in zip(volumes, ([4, 4, 4], [1, 1, 1]), (8, 1), strict=True):
        own = zarr.open_group(volume.location, mode="r").attrs["morphgen"]
        assert own["synthesis"]["lattices"] == [{"factors": factors, "taps": [taps] * 3}]
        window = volume.realization().window((0, 0, 0), (40, 30, 20))
        assert np.array_equal(volume.labels()[:], window)
    assert not np.array_equal(volumes[0].labels()[:], volumes[1].labels()[:])


def test_periodic_faces_fit_together(model: ExcursionModel, tmp_path: Path) -> None:
    shape, path = (150, 64, 40), tmp_path / "v.zarr"
    generate(model, path, shape=shape, seed=5, backend="numpy", workers=1, periodic=("x", "z"))
    labels = open_volume(path).labels()[:]
    sample = open_volume(path).realization()
    assert sample.periods == (150, None, 40)
    across = sample.window((75, 0, 20), shape)
    assert np.array_equal(across, np.roll(labels, (-75, 0, -20), axis=(0, 1, 2)))
    # neighbours across the border differ as rarely as any others
    inside = np.mean(labels[:, :, 1:] != labels[:, :, :-1])
    border = np.mean(labels[:, :, 0] != labels[:, :, -1])
    assert border < 2.0 * inside
    assert not np.array_equal(labels, Realization(model, 5).window((0, 0, 0), shape))


def test_torch_differs_in_rounding_only(
    model: ExcursionModel, whole: np.ndarray, tmp_path: Path
) -> None:
    pytest.importorskip("torch")
    made = generate(
        model, tmp_path / "v.zarr", shape=(140, 60, 50), seed=SEED, backend="torch", device="cpu",
        workers=2,
    )  # fmt: skip
    labels = open_volume(made.path).labels()[:]
    assert np.mean(labels != whole[:140, :60, :50]) <= 1e-5
    assert open_volume(made.path).versions["torch"]
    # a run that names no backend continues with the store's own
    assert generate(model, made.path, shape=(140, 60, 50), seed=SEED, resume=True).written == 0


def test_a_killed_worker_is_replaced(
    model: ExcursionModel, undisturbed: Path, tmp_path: Path
) -> None:
    killed: list[int | None] = []
    path = tmp_path / "v.zarr"

    def kill(stage: str, done: int, total: int) -> None:
        if done in {2, 7}:
            worker = multiprocessing.active_children()[0]
            killed.append(worker.pid)
            worker.kill()
            # what a kill in mid-write leaves behind
            (path / "0" / "c" / "0" / "0" / f"0.{done}.partial").write_bytes(b"half")

    generate(model, path, shape=SHAPE, seed=SEED, backend="numpy", workers=2, progress=kill)
    assert len(killed) >= 2
    assert shards(path) == shards(undisturbed)
    assert open_volume(path).complete


def test_a_block_that_always_kills_is_reported(
    model: ExcursionModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = empty_volume(model, tmp_path / "v.zarr", (20, 20, 20))
    monkeypatch.setattr(processes, "compute_batch", die)
    with pytest.raises(GenerationError, match=r"block \(0, 0, 0\) .* killed 3 times"):
        write_blocks(volume, [0], LocalProcesses(1, Backend()))
    assert multiprocessing.active_children() == []


def test_the_killing_block_of_a_batch_is_found(
    model: ExcursionModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = empty_volume(model, tmp_path / "v.zarr", (20, 20, 600))
    monkeypatch.setattr(processes, "compute_batch", die_of_block_3)
    monkeypatch.setattr(execute, "batch_size", lambda *rest: 5)
    with pytest.raises(GenerationError, match=r"block \(0, 0, 3\) .* killed 3 times"):
        write_blocks(volume, range(5), LocalProcesses(2, Backend()))
    assert set(open_volume(volume.path).missing.tolist()) in ({3}, {3, 4})


@pytest.mark.parametrize("fails", ["compute", "write"])
def test_an_error_leaves_whole_blocks_only(
    model: ExcursionModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    volume = empty_volume(model, tmp_path / "v.zarr", (20, 20, 600))
    block, write = Realization.block, execute._write

    def compute(self: Realization, index: Any, *rest: Any, **options: Any) -> Any:
        if fails == "compute" and index == (0, 0, 2):
            raise ValueError("odd")
        return block(self, index, *rest, **options)

    def slow_write(*arguments: Any) -> None:
        time.sleep(0.1)
        if fails == "write" and arguments[3] == 2:
            raise GenerationError("block (0, 0, 2) cannot be written")
        write(*arguments)

    monkeypatch.setattr(Realization, "block", compute)
    monkeypatch.setattr(execute, "_write", slow_write)
    task = BatchTask(str(volume.path), volume.record.identity(), (0, 1, 2, 3, 4))
    with pytest.raises(GenerationError, match=r"block \(0, 0, 2\)"):
        compute_batch(task)
    assert open_volume(volume.path).missing.tolist() == [2, 3, 4]


def test_a_block_is_written_while_the_next_is_computed(
    model: ExcursionModel, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = empty_volume(model, tmp_path / "v.zarr", SHAPE)
    block, write = Realization.block, execute._write
    events: list[str] = []
    second = threading.Event()

    def compute(*arguments: Any, **options: Any) -> Any:
        events.append("compute")
        if events.count("compute") == 2:
            second.set()
        return block(*arguments, **options)

    def watched(*arguments: Any) -> None:
        assert second.wait(timeout=60), "the next block waits for this one"
        assert events.count("compute") - events.count("written") <= 2
        write(*arguments)
        events.append("written")

    monkeypatch.setattr(Realization, "block", compute)
    monkeypatch.setattr(execute, "_write", watched)
    record = compute_batch(
        BatchTask(str(volume.path), volume.record.identity(), tuple(range(volume.blocks)))
    )
    assert record.numbers == tuple(range(12))
    assert record.seconds > 0.0
    assert events.count("written") == 12
    assert shards(volume.path) == shards(undisturbed)


@pytest.mark.parametrize("workers", [1, 2, 4, 8])
@pytest.mark.parametrize("blocks", [1, 8, 64, 320, 513, 4096])
def test_batches_keep_the_writers_of_gpus_busy(blocks: int, workers: int) -> None:
    writers = 8
    size = batch_size(blocks, 256, workers, writers)
    rounds = -(-blocks // (size * workers))
    # nobody waits for more than one block in a round
    assert rounds * size * workers - blocks < rounds * workers
    assert size >= min(4 * writers, blocks // workers)
    assert batch_size(0, 256, workers, writers) == 1


def test_batches_of_a_million_blocks(model: ExcursionModel) -> None:
    assert batch_size(12, 128, 2) == 1
    assert batch_size(10**6, 64, 8) == 4096
    assert batch_size(10**6, 256, 8) == 64
    grid = BlockGrid((100 * 128 - 1, 100 * 128, 100 * 128), 128)
    assert grid.voxels_in(np.arange(len(grid))) == grid.voxels
    assert grid.voxels_in(np.asarray([len(grid) - 1])) == 127 * 128 * 128


@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk_is_one_error_and_resumable(
    model: ExcursionModel, undisturbed: Path, tmp_path: Path, workers: int
) -> None:
    request: dict[str, Any] = {"shape": SHAPE, "seed": SEED, "backend": "numpy"}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, limits[1]))
    try:
        with pytest.raises(GenerationError, match=r"block \(\d, \d, \d\) .* cannot be written"):
            generate(model, tmp_path / "v.zarr", workers=workers, **request)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not open_volume(tmp_path / "v.zarr").complete
    if workers == 1:
        generate(model, tmp_path / "v.zarr", workers=1, resume=True, **request)
        assert shards(tmp_path / "v.zarr") == shards(undisturbed)


def test_a_store_that_is_replaced_gets_no_blocks(model: ExcursionModel, tmp_path: Path) -> None:
    volume = empty_volume(model, tmp_path / "v.zarr", (20, 20, 20))
    task = BatchTask(str(volume.path), "0" * 64, (0,))
    with pytest.raises(StoreError, match="replaced"):
        compute_batch(task)
    assert not volume.complete


def test_a_store_that_is_replaced_later_gets_no_more_blocks(
    model: ExcursionModel, tmp_path: Path
) -> None:
    volume = empty_volume(model, tmp_path / "v.zarr", (20, 20, 150))
    identity = volume.record.identity()
    compute_batch(BatchTask(str(volume.path), identity, (0,)))
    create(volume.path, VolumeRecord(model, SEED + 1, volume.shape, (), 128, Backend()))
    with pytest.raises(StoreError, match="replaced"):
        compute_batch(BatchTask(str(volume.path), identity, (1,)))
    assert open_volume(volume.path).written == 0
    shutil.rmtree(volume.path)
    with pytest.raises(StoreError, match="gone"):
        compute_batch(BatchTask(str(volume.path), identity, (1,)))


def test_a_store_that_is_replaced_during_a_block_does_not_get_it(
    model: ExcursionModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = empty_volume(model, tmp_path / "v.zarr", (20, 20, 20))
    block = Realization.block

    def slow(*arguments: Any, **options: Any) -> Any:
        create(volume.path, VolumeRecord(model, SEED + 1, volume.shape, (), 128, Backend()))
        return block(*arguments, **options)

    monkeypatch.setattr(Realization, "block", slow)
    with pytest.raises(StoreError, match="replaced"):
        compute_batch(BatchTask(str(volume.path), volume.record.identity(), (0,)))
    assert open_volume(volume.path).written == 0


@pytest.mark.parametrize("how", [{}, {"resume": True}, {"overwrite": True, "seed": 9}])
def test_two_runs_do_not_write_one_store(
    model: ExcursionModel, tmp_path: Path, how: dict[str, Any]
) -> None:
    path = tmp_path / "v.zarr"
    request: dict[str, Any] = {"shape": (20, 20, 20), "seed": SEED, "backend": "numpy"}
    refused: list[str] = []

    def second(stage: str, done: int, total: int) -> None:
        with pytest.raises(StoreError, match="another run is writing it"):
            generate(model, path, **(request | how))
        refused.append(stage)

    generate(model, path, workers=1, progress=second, **request)
    assert len(refused) == 2
    assert open_volume(path).complete
    assert generate(model, path, resume=True, **request).written == 0
    assert {entry.name for entry in path.iterdir()} == {"0", "zarr.json"}


def test_the_plan_is_told_before_anything_is_written(model: ExcursionModel, tmp_path: Path) -> None:
    path, told = tmp_path / "v.zarr", []

    def started(plan: Plan) -> None:
        told.append(plan.remaining)
        assert not list(path.rglob("*"))

    generate(model, path, shape=(20, 20, 150), backend="numpy", workers=1, started=started)
    assert told == [2]


@pytest.mark.parametrize("error", [ValueError("odd\nthing"), MemoryError()])
def test_any_failure_names_its_block(
    model: ExcursionModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    volume = empty_volume(model, tmp_path / "v.zarr", (20, 20, 150))

    def fail(*arguments: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(Realization, "block", fail)
    with pytest.raises(GenerationError, match=r"block \(0, 0, 1\)[^\n]*$"):
        write_blocks(volume, [1], InProcess())


def test_interrupt_leaves_a_resumable_store(
    start: Start, model: ExcursionModel, whole: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "v.zarr"
    run = start(path, shape=LONG)
    assert run.stdout is not None
    for line in run.stdout:
        if line.split()[0] == "2":
            break
    # the terminal sends it to the whole group
    os.killpg(run.pid, signal.SIGINT)
    _, errors = run.communicate(timeout=60)
    assert run.returncode != 0
    assert errors.count("Traceback") == 1, errors
    assert errors.rstrip().endswith("KeyboardInterrupt")
    wait_until_gone(run.pid)
    assert 2 <= open_volume(path).written < 60
    generate(model, path, shape=LONG, seed=SEED, resume=True, workers=2)
    assert open_volume(path).complete
    part = open_volume(path).labels()[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    assert np.array_equal(part, whole)


def test_workers_end_with_a_killed_run(start: Start, tmp_path: Path) -> None:
    run = start(tmp_path / "v.zarr", shape=LONG)
    assert run.stdout is not None
    run.stdout.readline()
    run.stdout.readline()
    assert len(members(run.pid)) >= 3
    run.kill()
    run.communicate(timeout=60)
    wait_until_gone(run.pid)


def kill_and_resume(
    start: Start, path: Path, chosen: random.Random, kills: int, duration: float
) -> None:
    for number in range(kills):
        run = start(path)
        time.sleep(duration * chosen.uniform(0.2, 0.95))
        # every other time a process of the run, otherwise all of them
        victims = members(run.pid)
        if number % 2 and victims:
            os.kill(chosen.choice(victims), signal.SIGKILL)
            time.sleep(0.3)
        if run.poll() is None and not number % 2:
            os.killpg(run.pid, signal.SIGKILL)
        run.communicate(timeout=120)
        wait_until_gone(run.pid)


def check_kills(
    start: Start, tmp_path: Path, reference: Path, model: ExcursionModel, rounds: int, kills: int
) -> None:
    chosen = random.Random(rounds)
    began = time.monotonic()
    whole_run = start(tmp_path / "timed.zarr")
    _, errors = whole_run.communicate(timeout=300)
    assert whole_run.returncode == 0, errors
    duration = time.monotonic() - began
    for number in range(rounds):
        path = tmp_path / f"{number}.zarr"
        kill_and_resume(start, path, chosen, kills, duration)
        generate(model, path, shape=SHAPE, seed=SEED, backend="numpy", workers=2, resume=True)
        assert shards(path) == shards(reference)
        assert not list(path.rglob("*.partial"))


def test_killed_runs_end_byte_identical(
    start: Start, tmp_path: Path, undisturbed: Path, model: ExcursionModel
) -> None:
    check_kills(start, tmp_path, undisturbed, model, rounds=1, kills=2)


@pytest.mark.slow
def test_many_killed_runs_end_byte_identical(
    start: Start, tmp_path: Path, undisturbed: Path, model: ExcursionModel
) -> None:
    check_kills(start, tmp_path, undisturbed, model, rounds=15, kills=2)


def test_a_plain_script_needs_no_main_guard(model: ExcursionModel, tmp_path: Path) -> None:
    model.save(tmp_path / "model.json")
    script = tmp_path / "script.py"
    script.write_text("print('once')\n" + SCRIPT.format(shape=(130, 9, 9), seed=1, workers=2))
    run = subprocess.run(
        [sys.executable, script, tmp_path / "model.json", tmp_path / "v.zarr"],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == ["once", "0", "2", "1", "2", "2", "2"]
    assert run.stderr == ""


def test_remains_of_a_kill_do_not_stay(model: ExcursionModel, tmp_path: Path) -> None:
    volume = empty_volume(model, tmp_path / "v.zarr", (20, 20, 20))
    partial = volume.path / "0" / "c" / "0" / "0" / "0.5.partial"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(b"half")
    LocalPlace(volume.path).clean("0", volume.grid, volume.missing)
    assert not partial.exists()
