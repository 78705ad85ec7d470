from __future__ import annotations

import itertools
import math
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from samples import PHASES
from tiles.conftest import SEED, SHAPE, build_model

from morphgen.devices import Device, Library
from morphgen.errors import InputError
from morphgen.excursion import ExcursionModel, Field, Realization, SharedNoise
from morphgen.excursion.model import AnyKernel
from morphgen.fields.laws import ChiSquare, Gaussian
from morphgen.fields.parametric import MaternKernel
from morphgen.fields.spline import SplineKernel
from morphgen.phases import Phase
from morphgen.tiles import Backend, generate, memory, open_labels, open_volume, plan
from morphgen.tiles.estimates import compressed_share, disk_bound, disk_expected, seconds
from morphgen.tiles.grid import BlockGrid
from morphgen.tiles.memory import available_memory, worker_memory
from morphgen.tiles.metadata import VolumeRecord
from morphgen.tiles.store import create

# convolved voxel by voxel, on a small and on a large block; interpolated by little and by much
KERNELS = (
    SplineKernel((1.0, 0.5, 0.2), 8.0),
    MaternKernel(5.0, smoothness=0.5),
    SplineKernel((1.0, 0.5, 0.2), 20.0),
    SplineKernel((1.0, 0.5, 0.2), 100.0),
)

MODULE = sys.modules["morphgen.tiles.plan"]

# the peak of the process itself: that of getrusage also counts the process it was forked from
MEASURE = """
import sys
from morphgen.excursion import load_model
from morphgen.tiles import generate
model = load_model(sys.argv[1])
edge = model.block_edge
generate(model, sys.argv[2], shape=(edge, edge, 4 * edge), backend=sys.argv[3], workers=1)
lines = open("/proc/self/status").read().splitlines()
print(next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")))
"""


def measured_peak(model: ExcursionModel, folder: Path, backend: str) -> int:
    folder.mkdir()
    model.save(folder / "model.json")
    command = [sys.executable, "-c", MEASURE, folder / "model.json", folder / "v.zarr", backend]
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    return int(run.stdout)


def check_memory(model: ExcursionModel, folder: Path, backend: str = "numpy") -> None:
    predicted = worker_memory(Realization(model), Backend(backend, "cpu"))
    measured = measured_peak(model, folder / "1", backend)
    if predicted > 1.6 * measured:
        # freed temporaries leave holes in the heap in most runs, not in all: the bound is for all
        measured = max(measured, measured_peak(model, folder / "2", backend))
    assert measured <= predicted <= 1.6 * measured


@pytest.mark.parametrize("law", [Gaussian(), ChiSquare(4)], ids=["gaussian", "chi2:4"])
def test_memory_is_bounded_closely(law: Gaussian | ChiSquare, tmp_path: Path) -> None:
    check_memory(build_model(8.0, law), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: f"{kernel.type} {kernel.reach:.0f}")
@pytest.mark.parametrize("law", [Gaussian(), ChiSquare(1), ChiSquare(4)], ids=lambda law: law.name)
def test_memory_of_many_models_is_bounded_closely(
    kernel: AnyKernel, law: Gaussian | ChiSquare, backend: str, tmp_path: Path
) -> None:
    pytest.importorskip(backend)
    field = Field(kernel, law, law.threshold(0.4))
    model = ExcursionModel((Phase(0, "pore"), Phase(1, "grain")), (1, 0), (field,))
    check_memory(model, tmp_path, backend)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: f"{kernel.type} {kernel.reach:.0f}")
def test_memory_of_shared_noise_is_bounded_closely(
    kernel: AnyKernel, backend: str, tmp_path: Path
) -> None:
    pytest.importorskip(backend)
    field, shared = Field(kernel, Gaussian(), 0.3), SharedNoise(kernel, (0.6, 0.6))
    check_memory(
        ExcursionModel(PHASES, (1, 0, 2), (field, field), shared=shared), tmp_path, backend
    )


def test_memory_counts_every_component() -> None:
    edge, points = 256, 72
    need = []
    for law in (Gaussian(), ChiSquare(4)):
        field = Field(SplineKernel((1.0, 0.5, 0.2), 20.0), law, law.threshold(0.4))
        model = ExcursionModel((Phase(0, "pore"), Phase(1, "grain")), (1, 0), (field,))
        assert model.samplings[0].axes[0].points(edge) > points
        need.append(worker_memory(Realization(model), Backend()))
    # columns of lattice values, interpolated along x, of three components more
    assert need[1] - need[0] >= 3 * 4 * points**2 * edge


def test_a_narrow_kernel_is_warned_of(model: ExcursionModel) -> None:
    text = "\n".join(plan(model, SHAPE, backend="numpy").lines())
    assert "on every voxel; correlations err by up to" in text
    assert "too narrow" not in text
    narrow = build_model(2.0)
    text = "\n".join(plan(narrow, SHAPE, backend="numpy").lines())
    assert "too narrow for these voxels" in text


def test_plan_counts_blocks_and_disk(model: ExcursionModel, tmp_path: Path) -> None:
    found = plan(model, SHAPE, path=tmp_path / "absent" / "v.zarr", workers=3, backend="numpy")
    voxels = 200 * 150 * 260
    assert (found.shape, found.block_edge, found.chunk) == (SHAPE, 128, 128)
    assert (found.blocks, found.remaining, found.workers) == (12, 12, 3)
    assert found.halo_overhead == pytest.approx(12 * 144**3 / voxels)
    assert voxels <= found.disk_bound < 1.02 * voxels
    assert found.disk_expected < 0.3 * voxels
    assert found.disk_free > 0
    assert found.seconds is not None
    assert found.seconds > 0.0
    text = "\n".join(found.lines())
    for words in ("12 of 128^3", "3, numpy on cpu", "per worker", "compressed", "time"):
        assert words in text
    assert list(tmp_path.iterdir()) == []


def test_disk_estimate_holds(model: ExcursionModel, undisturbed: Path) -> None:
    written = sum(f.stat().st_size for f in undisturbed.rglob("*") if f.is_file())
    share = written / (200 * 150 * 260)
    assert share < compressed_share(model) < 3.0 * share
    rough = build_model(1.0)
    assert compressed_share(rough) > compressed_share(model)


THIN = [(300, 300, 1), (300, 1, 300), (1, 300, 300), (700, 1, 1), (1, 700, 1), (1, 1, 700)]


def size_of(store: Path) -> int:
    return sum(f.stat().st_size for f in store.rglob("*") if f.is_file())


@pytest.mark.parametrize("chunk", [128, 32])
@pytest.mark.parametrize("shape", [*THIN, (127, 127, 127), (130, 129, 131), (128, 128, 128)])
def test_labels_that_cannot_be_compressed_keep_below_the_bound(
    model: ExcursionModel, tmp_path: Path, shape: tuple[int, int, int], chunk: int
) -> None:
    path, generator = tmp_path / "v.zarr", np.random.default_rng(0)
    record = VolumeRecord(model, 0, shape, (), chunk, Backend())
    create(path, record)
    labels = generator.integers(0, 254, shape, dtype=np.uint8)
    open_labels(path, writable=True)[...] = labels
    bound = disk_bound(record.grid, chunk, len(record.grid))
    assert size_of(path) <= bound
    # neither is it a bound that says nothing
    assert bound <= 3.5 * size_of(path) + 32 * 1024
    assert disk_bound(record.grid, chunk, 0) == 0
    one = disk_bound(record.grid, chunk, 1)
    assert one <= bound
    shard = max(f.stat().st_size for f in (path / "0" / "c").rglob("*") if f.is_file())
    assert shard <= one


@pytest.mark.parametrize("shape", [(1024, 1024, 1), *THIN[1:]])
def test_disk_estimates_hold_for_thin_volumes(
    model: ExcursionModel, tmp_path: Path, shape: tuple[int, int, int]
) -> None:
    generate(model, tmp_path / "v.zarr", shape=shape, backend="numpy", workers=1)
    written, grid = size_of(tmp_path / "v.zarr"), open_volume(tmp_path / "v.zarr").grid
    expected = disk_expected(model, grid, 128, len(grid))
    assert written <= expected <= 3 * written
    assert written <= disk_bound(grid, 128, len(grid))


@dataclass(frozen=True)
class Noted(Realization):
    """A realization of nothing, which notes what was asked for."""

    asked: list[tuple[tuple[int, ...], Any]] = field(default_factory=list)

    def block(self, index: Any, *rest: Any, part: Any = None, **options: Any) -> Any:
        self.asked.append((index, part))
        return np.zeros([one.stop - one.start for one in part], dtype=np.uint8)


def test_time_is_that_of_the_blocks_of_the_volume(
    model: ExcursionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    # a clock that ticks whenever it is looked at: a busy machine draws no fewer blocks
    ticks = itertools.count(0.0, 0.02)
    clock = SimpleNamespace(perf_counter=lambda: next(ticks))
    monkeypatch.setattr(sys.modules["morphgen.tiles.estimates"], "time", clock)
    sample = Noted(model)
    grid = BlockGrid((130, 1, 300), sample.block_edge)
    assert seconds(sample, 6, 1, Backend(), grid) > 0.0
    assert len({index for index, _ in sample.asked}) > 3, "some of every kind"
    assert all(part == grid.part(index) for index, part in sample.asked)
    sample.asked.clear()
    seconds(sample, 6, 1, Backend())
    assert all(part == (slice(0, 128),) * 3 for _, part in sample.asked)


def test_time_on_a_gpu_is_that_of_a_run(
    model: ExcursionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    writers, begun, done = 3, [], []
    # broken, and the test with it, unless so many labels are waited for at a time
    together = threading.Barrier(writers, timeout=60)

    def fetch(self: Backend, array: np.ndarray) -> Any:
        number = len(begun)
        begun.append(number)

        def wait() -> np.ndarray:
            # the first block alone: kernels are compiled, transforms planned
            if 0 < number <= writers:
                together.wait()
            done.append(number)
            return array

        return wait

    monkeypatch.setattr(Backend, "fetch", fetch)
    monkeypatch.setattr(
        sys.modules["morphgen.tiles.estimates"], "concurrent_writes", lambda backend: writers
    )
    assert seconds(Noted(model), 6, 1, Backend("torch", "cuda:0")) > 0.0
    assert done[0] == 0
    assert len(done) == len(begun) > 4 * writers


def test_levels_that_are_added_take_time(model: ExcursionModel, undisturbed: Path) -> None:
    request = {"path": undisturbed, "seed": SEED, "backend": "numpy", "resume": True}
    assert plan(model, SHAPE, **request).seconds == 0.0
    found = plan(model, SHAPE, **request, levels=2)
    assert found.remaining == 0
    assert found.seconds is not None
    assert found.seconds > 0.0


def test_coarser_levels_take_time(model: ExcursionModel) -> None:
    sample = Noted(model)
    one = seconds(sample, 0, 1, Backend(), coarse=10**9)
    assert 1.0 < one < 100.0
    assert seconds(sample, 0, 4, Backend(), coarse=4 * 10**9) == pytest.approx(one, abs=3.0)
    assert seconds(sample, 0, 1, Backend()) == 0.0
    assert not sample.asked


def test_workers_follow_blocks_cpus_and_memory(
    model: ExcursionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MODULE, "seconds", lambda *rest: 1.0)
    monkeypatch.setattr(MODULE, "usable_cpus", lambda: 8)
    # starting processes takes longer than a few small blocks
    assert plan(model, SHAPE, backend="numpy").workers == 1
    monkeypatch.setattr(MODULE, "_SHORT_SECONDS", 0.0)
    assert plan(model, SHAPE, backend="numpy").workers == 8
    assert plan(model, (128, 128, 300), backend="numpy").workers == 3
    need = worker_memory(Realization(model), Backend())
    monkeypatch.setattr(MODULE, "available_memory", lambda: int(2.5 * need))
    assert plan(model, SHAPE, backend="numpy").workers == 2
    with pytest.raises(InputError, match=r"3 workers need .* ask for 2 workers"):
        plan(model, SHAPE, backend="numpy", workers=3)
    with pytest.raises(InputError, match="at least 1"):
        plan(model, SHAPE, backend="numpy", workers=0)
    monkeypatch.setattr(MODULE, "available_memory", lambda: need // 2)
    with pytest.raises(InputError, match="coarser voxel size"):
        plan(model, SHAPE, backend="numpy")


def test_a_full_disk_is_refused_before_anything_starts(
    model: ExcursionModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MODULE, "free_space", lambda path: 100_000)
    with pytest.raises(InputError, match=r"takes about .* the disk has 97.7 KiB free"):
        generate(model, tmp_path / "v.zarr", shape=SHAPE, backend="numpy")
    assert list(tmp_path.iterdir()) == []


def test_what_is_written_needs_no_room(
    model: ExcursionModel, undisturbed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MODULE, "free_space", lambda path: 0)
    monkeypatch.setattr(MODULE, "available_memory", lambda: 0)
    volume = open_volume(undisturbed)
    made = generate(model, undisturbed, shape=SHAPE, seed=volume.seed, resume=True)
    assert made.written == 0


def test_memory_follows_control_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    group = tmp_path / "outer" / "inner"
    group.mkdir(parents=True)
    for folder, limit in ((group, "max"), (group.parent, "5000")):
        (folder / "memory.max").write_text(limit + "\n")
        (folder / "memory.current").write_text("3000\n")
        (folder / "memory.stat").write_text("anon 1\ninactive_file 500\n")
    names = ("memory.max", "memory.current", "inactive_file")
    assert list(memory._rooms(tmp_path, "/outer/inner", names)) == [2500]
    assert list(memory._rooms(tmp_path, "/elsewhere/of/the/host", names)) == []
    monkeypatch.setattr(memory, "_cgroup_memory", lambda: iter([4000]))
    assert available_memory() == 4000


def test_bad_shapes_are_refused(model: ExcursionModel) -> None:
    with pytest.raises(InputError, match="shape"):
        plan(model, (1, 2))


@pytest.mark.parametrize(("workers", "apart"), [(None, False), (1, False), (2, True)])
def test_devices_are_tried_once_and_apart_for_several_workers(
    model: ExcursionModel, monkeypatch: pytest.MonkeyPatch, workers: int | None, apart: bool
) -> None:
    asked = []

    def choose(name: str, device: str | None, *, apart: bool) -> Backend:
        asked.append(apart)
        return Backend(reason="the driver is too old; computing on the CPU")

    monkeypatch.setattr(MODULE, "resolve", choose)
    resolver = MODULE.resolver(workers, None)
    assert resolver("auto", None) == resolver("auto", None) == Backend()
    assert asked == [apart]
    found = plan(model, SHAPE, workers=workers)
    assert found.lines()[-1] == "no GPU     the driver is too old; computing on the CPU"


def test_cupy_keeps_the_workspaces_of_every_shape(model: ExcursionModel) -> None:
    one = Realization(model, SEED)
    more = memory.device_memory(one, "cupy") - memory.device_memory(one, "torch")
    shapes = {lattice.fft_shape(one.block_edge) for lattice in one.samplings}
    assert more == pytest.approx(12 * sum(map(math.prod, shapes)), abs=1)


def test_a_device_that_fails_is_not_given_to_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    old = Library("torch", "2", (Device("cuda:0", "a GPU", 8, 8),), "cannot compute on cuda:1")
    monkeypatch.setattr(MODULE, "find_apart", lambda name: old)
    with pytest.raises(InputError, match="cuda:1; choose GPUs by CUDA_VISIBLE_DEVICES"):
        MODULE._check_device(Backend("torch", "cuda:0"), 2, 1)
