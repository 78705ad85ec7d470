"""Whole studies: rows as they are done, runs that are killed, scenarios that fail."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from loopback import loopback
from samples import two_phases

from morphgen import study_plan, study_workflow
from morphgen.descriptors import measure
from morphgen.errors import GenerationError, InputError, StoreError, WorkerError
from morphgen.excursion import Realization
from morphgen.fields.parametric import GaussianKernel
from morphgen.fields.synthesis import synthesis
from morphgen.studies import (
    Design,
    Job,
    Row,
    StudyFolder,
    StudyRequest,
    Variable,
    job_of,
    parse_study,
    read_table,
    row_of,
    rows,
    run_job,
    scenarios,
)
from morphgen.study_plan import StudyPlan
from morphgen.study_workflow import keep_volume, plan_study, study
from morphgen.tiles import open_labels

# of one block, computed in a fifth of a second
MODEL = two_phases(2.0)
REQUEST = StudyRequest(
    shape=(20, 16, 24),
    design=Design("grid"),
    vary=(Variable("volume_fraction", phase="pore", range=(0.2, 0.6), steps=3),),
    descriptors=("volume_fraction",),
)
# the peak of the process itself: that of getrusage also counts the process it was forked from
PEAK = """
import json, sys
from morphgen.excursion import load_model
from morphgen.studies import Design, StudyRequest, Variable, job_of, run_job, scenarios
from morphgen.study_plan import job_memory
kinds = tuple(sys.argv[2].split(","))
ionic = {"pore": 1.0, "1": 0.3} if "effective_ionic_conductivity" in kinds else {}
pore = Variable("volume_fraction", phase="pore", values=(0.5,))
request = StudyRequest(
    (128,) * 3, Design("grid"), (pore,), descriptors=kinds, phases=("pore",), ionic=ionic
)
(one,) = scenarios(load_model(sys.argv[1]), request)
job = job_of(one, request)
row = run_job(job)
assert not row.error, row.error
lines = open("/proc/self/status").read().splitlines()
peak = next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
print(json.dumps([peak, job_memory(job)]))
"""
SEEDS = """
shape = [20, 16, 24]
descriptors = ["volume_fraction"]
design = { kind = "grid" }

[[vary]]
parameter = "seed"
values = [9007199254740993, 18446744073709551615]
"""
CODE = """
import sys
sys.path.insert(0, {tests!r})
from test_study_workflow import MODEL, REQUEST
from dataclasses import replace
from morphgen.study_workflow import study
study(MODEL, replace(REQUEST, realizations=20), {out!r}, workers=2)
"""


def in_this_process(*arguments: object, **options: object) -> object:
    return (run_job(job) for job in arguments[1])  # type: ignore[attr-defined]


def without_volumes(*arguments: object, **options: object) -> object:
    jobs: Iterable[Job] = arguments[1]  # type: ignore[assignment]
    return (row_of(job.scenario, {"volume_fraction.pore": job.scenario.seed / 7}) for job in jobs)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are told apart by their seeds; nothing is drawn."""
    monkeypatch.setattr(study_workflow, "spread", without_volumes)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scenarios are computed without other processes, which take seconds to start."""
    monkeypatch.setattr(study_workflow, "spread", in_this_process)


@pytest.mark.usefixtures("here")
def test_a_study(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    done = study(MODEL, REQUEST, tmp_path / "a", progress=lambda *news: told.append(news))
    assert (done.scenarios, done.computed, done.failed) == (3, 3, ())
    assert told == [("checking points", n, 3) for n in range(3)] + [
        ("scenarios", n, 3) for n in range(4)
    ]
    table = read_table(tmp_path / "a")
    np.testing.assert_allclose(table.column("set.volume_fraction.pore"), [0.2, 0.4, 0.6])
    assert table.column("seed").tolist() == [0, 1, 2]
    one = scenarios(MODEL, REQUEST)[2]
    labels = Realization(one.model, 2).window((0, 0, 0), REQUEST.shape)
    assert table.column("volume_fraction.pore")[2] == np.mean(labels == 0)
    with pytest.raises(InputError, match=r"no column 'x'; it has scenario, point"):
        table.column("x")


@pytest.mark.usefixtures("here")
def test_any_history_gives_the_same_table(tmp_path: Path) -> None:
    whole = study(MODEL, REQUEST, tmp_path / "whole").table.read_bytes()
    done = study(MODEL, REQUEST, tmp_path / "part", resume=True)
    for number in (0, 2):
        (tmp_path / "part" / "rows" / f"00000{number}.json").unlink()
    (tmp_path / "part" / "rows" / ".000000.json.partial").write_text("{")
    done.table.unlink()
    again = study(MODEL, REQUEST, tmp_path / "part", resume=True)
    assert (again.computed, again.table.read_bytes()) == (2, whole)
    assert study(MODEL, REQUEST, tmp_path / "part", resume=True).computed == 0
    assert plan_study(MODEL, REQUEST, tmp_path / "part", resume=True).seconds == 0.0


@pytest.mark.usefixtures("here")
def test_what_lies_there_is_not_touched(tmp_path: Path) -> None:
    study(MODEL, REQUEST, tmp_path / "a")
    before = {file: file.read_bytes() for file in tmp_path.rglob("*.*")}
    with pytest.raises(StoreError, match="holds a study; resume it"):
        study(MODEL, REQUEST, tmp_path / "a")
    with pytest.raises(StoreError, match="belongs to another study"):
        study(MODEL, replace(REQUEST, seed=1), tmp_path / "a", resume=True)
    with pytest.raises(StoreError, match="belongs to another model"):
        study(replace(MODEL, unit="um"), REQUEST, tmp_path / "a", resume=True)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "file").touch()
    with pytest.raises(StoreError, match="b is not empty"):
        study(MODEL, REQUEST, tmp_path / "b", resume=True)
    with pytest.raises(StoreError, match="is a file"):
        study(MODEL, REQUEST, tmp_path / "b" / "file")
    impossible = (Variable("volume_fraction", phase="pore", values=(2.0,)),)
    with pytest.raises(InputError, match="1 of 1 points are impossible"):
        study(MODEL, replace(REQUEST, vary=impossible), tmp_path / "c")
    with pytest.raises(InputError, match="1000000 workers need"):
        study(MODEL, REQUEST, tmp_path / "c", workers=1_000_000)
    after = {file: file.read_bytes() for file in tmp_path.rglob("*.*")}
    assert after == before
    assert {one.name for one in tmp_path.iterdir()} == {"a", "b"}


@pytest.mark.usefixtures("here")
def test_a_failing_scenario_does_not_lose_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(labels: np.ndarray, *rest: object) -> object:
        if 0.35 < np.mean(labels == 0) < 0.45:
            raise ValueError("no\nluck")
        return measure(labels, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr("morphgen.studies.run.measure", failing)
    done = study(MODEL, REQUEST, tmp_path / "a")
    (failed,) = done.failed
    assert failed.error == "ValueError: no luck"
    assert done.titles[failed.scenario] == "scenario 1 (volume_fraction.pore 0.4)"
    table = read_table(tmp_path / "a")
    assert table.errors == ("", failed.error, "")
    assert np.isnan(table.column("volume_fraction.pore")).tolist() == [False, True, False]
    monkeypatch.undo()
    monkeypatch.setattr(study_workflow, "spread", in_this_process)
    assert study(MODEL, REQUEST, tmp_path / "a", resume=True).computed == 1
    study(MODEL, REQUEST, tmp_path / "b")
    same = [(tmp_path / name / "study.parquet").read_bytes() for name in "ab"]
    assert same[0] == same[1]


def test_a_scenario_that_kills_its_worker_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deadly(function: object, jobs: list[Job], **options: object) -> object:
        # two are under way at a time, as in a pool of one worker
        ahead = iter(jobs)
        queue = [one for one in (next(ahead, None), next(ahead, None)) if one is not None]
        while queue:
            job = queue.pop(0)
            if job.scenario.number == 1:
                raise WorkerError("a worker was killed")
            yield run_job(job)
            queue += [one for one in (next(ahead, None),) if one is not None]

    monkeypatch.setattr(study_workflow, "spread", deadly)
    done = study(MODEL, REQUEST, tmp_path / "a")
    assert [(row.scenario, row.error) for row in done.failed] == [(1, "a worker was killed")]
    assert done.computed == 3


def test_kept_volumes(tmp_path: Path) -> None:
    request = replace(REQUEST, keep_volumes=True)
    one = scenarios(MODEL, request)[1]
    store = tmp_path / "volume.zarr"
    row = run_job(job_of(one, request, store, keep_volume))
    assert row.error == ""
    # nothing piles up from scenario to scenario
    assert synthesis.cache_info().currsize == 0
    assert row.readings == run_job(job_of(one, request)).readings
    labels = open_labels(store)[...]
    np.testing.assert_array_equal(labels, Realization(one.model, 1).window((0, 0, 0), (20, 16, 24)))
    assert row.readings["volume_fraction.pore"] == np.mean(labels == 0)
    # what is there is read
    assert run_job(job_of(one, request, store, keep_volume)).readings == row.readings


def test_costs(tmp_path: Path) -> None:
    kept = replace(REQUEST, keep_volumes=True, phases=("pore", 1))
    found = plan_study(MODEL, kept, tmp_path / "a", workers=1)
    assert (found.scenarios, found.remaining, found.workers) == (3, 3, 1)
    assert found.seconds is not None
    assert found.seconds > 0.0
    discarded = plan_study(MODEL, replace(kept, keep_volumes=False), tmp_path / "a", workers=1)
    assert found.disk_expected > discarded.disk_expected > 0
    assert not any(tmp_path.iterdir())


@pytest.mark.slow
def test_a_run_that_is_killed_continues_to_the_same_table(tmp_path: Path) -> None:
    many = replace(REQUEST, realizations=20)
    whole = study(MODEL, many, tmp_path / "whole", workers=1).table.read_bytes()
    out = tmp_path / "killed"
    tests = str(Path(__file__).parent)
    run = subprocess.Popen([sys.executable, "-c", CODE.format(tests=tests, out=str(out))])
    began = time.monotonic()
    while len(list(out.glob("rows/0*.json"))) < 5:
        assert time.monotonic() - began < 120.0
        assert run.poll() is None
        time.sleep(0.005)
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    done = study(MODEL, many, out, resume=True, workers=2)
    assert 0 < done.computed < 60
    assert done.table.read_bytes() == whole


@pytest.mark.slow
@pytest.mark.parametrize(
    "kinds",
    [
        ("volume_fraction", "interface_area"),
        ("constrictivity", "mean_geodesic_tortuosity"),
        ("effective_diffusivity",),
        ("effective_ionic_conductivity",),
    ],
)
def test_memory_stays_below_what_is_predicted(tmp_path: Path, kinds: tuple[str, ...]) -> None:
    MODEL.save(tmp_path / "model.json")
    command = [sys.executable, "-c", PEAK, str(tmp_path / "model.json"), ",".join(kinds)]
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    peak, predicted = json.loads(run.stdout)
    # an interpreter with NumPy takes 100 MB, and rounding up must leave room for others
    assert 1e8 < peak < predicted < 2.5 * peak


def test_workers_with_other_packages_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that answers for one worker, in this process."""
    folder = StudyFolder(tmp_path, MODEL, REQUEST)
    client = SimpleNamespace(run=lambda function, *given, on_error: {"tcp://a": function(*given)})
    cluster: Any = SimpleNamespace(client=client)
    study_plan._check_packages(cluster, folder.record)
    monkeypatch.setattr(rows, "version", lambda name: "0")
    with pytest.raises(InputError, match=r"worker tcp://a has .*'numpy': '0'.*start it in"):
        study_plan._check_packages(cluster, folder.record)


@pytest.mark.slow
def test_a_cluster_computes_the_same_table(tmp_path: Path) -> None:
    kept = replace(REQUEST, keep_volumes=True)
    here = study(MODEL, kept, tmp_path / "here", workers=1).table.read_bytes()
    with loopback(tmp_path, workers=2) as running:
        done = study(MODEL, kept, tmp_path / "there", scheduler=running.address)
    assert done.table.read_bytes() == here
    assert len(list((tmp_path / "there" / "volumes").iterdir())) == 3


def test_rows_are_read_as_they_were_written(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path / "a", MODEL, REQUEST)
    folder.begin()
    readings = {"a": 0.1, "b": float("inf"), "c": -0.0}
    row = Row(3, 1, 1, 2**64 - 1, {"set.seed": 4}, readings, "", 1.5, "in line 3", 9.5)
    folder.write(row)
    assert folder.row(3) == row
    assert folder.row(2) is None
    folder.check(resume=True)
    (tmp_path / "a" / "study.json").write_text("{")
    with pytest.raises(StoreError, match="is no record of a study"):
        folder.check(resume=True)


@pytest.mark.parametrize(
    "change",
    [
        lambda row: row | {"readings": {"volume_fraction.pore": 0.99}},
        lambda row: row | {"values": {"set.volume_fraction.pore": 0.77}},
        lambda row: row | {"seconds": "x"},
        lambda row: {"scenario": 1},
        lambda row: [],
        lambda row: row["readings"],
    ],
)
def test_rows_that_were_changed_are_not_believed(
    tmp_path: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    folder = StudyFolder(tmp_path, MODEL, REQUEST)
    folder.begin()
    row = row_of(scenarios(MODEL, REQUEST)[1], {"volume_fraction.pore": 0.4})
    folder.write(row)
    file = tmp_path / "rows" / "000001.json"
    file.write_text(json.dumps(change(json.loads(file.read_text()))))
    assert folder.row(1) is None
    assert folder.has_file(1)
    folder.write(row)
    assert folder.row(1) == row
    # of another scenario, and of other studies
    shutil.copy(file, file.with_name("000002.json"))
    assert folder.row(2) is None
    assert StudyFolder(tmp_path, MODEL, replace(REQUEST, seed=1)).row(1) is None
    assert StudyFolder(tmp_path, replace(MODEL, unit="um"), REQUEST).row(1) is None


@pytest.mark.usefixtures("quick")
def test_rows_of_something_else_are_computed_again(tmp_path: Path) -> None:
    study(MODEL, replace(REQUEST, seed=9), tmp_path / "other")
    whole = study(MODEL, REQUEST, tmp_path / "a").table.read_bytes()
    rows = tmp_path / "a" / "rows"
    shutil.copy(rows / "000000.json", rows / "000002.json")
    shutil.copy(tmp_path / "other" / "rows" / "000001.json", rows)
    plans: list[StudyPlan] = []
    done = study(MODEL, REQUEST, tmp_path / "a", resume=True, started=plans.append)
    assert (done.computed, plans[0].again) == (2, 2)
    assert done.table.read_bytes() == whole
    # nobody knows what rows without a record belong to
    (tmp_path / "a" / "study.json").unlink()
    done.table.unlink()
    for resume in (False, True):
        with pytest.raises(StoreError, match="a is not empty"):
            study(MODEL, REQUEST, tmp_path / "a", resume=resume)
    assert len(list(rows.iterdir())) == 3


@pytest.mark.usefixtures("quick")
def test_rows_of_other_versions_are_not_mixed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = replace(REQUEST, descriptors=("volume_fraction", "effective_diffusivity"))
    versions = StudyFolder(tmp_path, MODEL, request).record["versions"]
    assert {"numpy", "taufactor", "torch", "morphgen.descriptors"} <= set(versions)
    assert "scikit-image" not in versions
    study(MODEL, REQUEST, tmp_path / "a")
    monkeypatch.setitem(rows._REVISIONS, "morphgen.descriptors", 0)
    with pytest.raises(StoreError, match=r"other versions \(morphgen.descriptors 1, here 0\)"):
        study(MODEL, REQUEST, tmp_path / "a", resume=True)


@pytest.mark.usefixtures("here")
def test_volumes_that_are_kept_are_looked_after(tmp_path: Path) -> None:
    request = replace(REQUEST, keep_volumes=True)
    whole = study(MODEL, request, tmp_path / "a").table.read_bytes()
    assert study(MODEL, request, tmp_path / "a", resume=True).computed == 0
    first, second, third = (
        tmp_path / "a" / "volumes" / f"00000{number}.zarr" for number in range(3)
    )
    before = [open_labels(one)[...] for one in (first, second)]
    shutil.rmtree(third)
    shutil.copytree(first, third)
    shutil.rmtree(first)
    (shard,) = (one for one in second.rglob("c/*/*/*") if one.is_file())
    shard.write_bytes(shard.read_bytes()[:-9])
    plans: list[StudyPlan] = []
    done = study(MODEL, request, tmp_path / "a", resume=True, started=plans.append)
    assert (plans[0].again, done.computed) == (3, 3)
    for store, labels in zip((first, second), before, strict=True):
        np.testing.assert_array_equal(open_labels(store)[...], labels)
    # what lies there is somebody's volume, and is not replaced
    (failed,) = done.failed
    assert failed.scenario == 2
    assert "000002.zarr cannot be continued: it has model" in failed.error
    assert failed.error.endswith("or delete it and resume the study")
    shutil.rmtree(third)
    assert study(MODEL, request, tmp_path / "a", resume=True).table.read_bytes() == whole


def test_a_disk_that_is_too_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study_plan, "free_space", lambda path: 5000)
    for run in (plan_study, study):
        with pytest.raises(InputError, match=r"takes about 12 KiB, the disk has 4.88 KiB free"):
            run(MODEL, REQUEST, tmp_path / "a")
    assert plan_study(MODEL, REQUEST, tmp_path / "a", allow_full_disk=True).disk_free == 5000
    assert not (tmp_path / "a").exists()


@pytest.mark.usefixtures("quick")
def test_a_disk_that_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = study(MODEL, REQUEST, tmp_path / "whole").table.read_bytes()
    written = Path.replace

    def full(path: Path, target: Path) -> Path:
        if target.name == "000001.json":
            raise OSError(errno.ENOSPC, "No space left on device")
        return written(path, target)

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(GenerationError, match=r"000001.json cannot be written: No space left"):
        study(MODEL, REQUEST, tmp_path / "a")
    assert [one.name for one in (tmp_path / "a" / "rows").iterdir()] == ["000000.json"]
    monkeypatch.setattr(Path, "replace", written)
    assert study(MODEL, REQUEST, tmp_path / "a", resume=True).table.read_bytes() == whole


def test_folders_only(tmp_path: Path) -> None:
    for place in ("s3://bucket/x", Path("s3://bucket/x")):
        for run in (plan_study, study):
            with pytest.raises(InputError, match="URL"):
                run(MODEL, REQUEST, place)


def test_a_small_volume_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*arguments: object) -> object:
        raise ValueError("no luck")

    monkeypatch.setattr("morphgen.studies.run.measure", failing)
    found = plan_study(MODEL, REQUEST, tmp_path / "a")
    assert (found.seconds, found.trouble) == (None, "ValueError: no luck")


@pytest.mark.usefixtures("quick")
def test_seeds_of_64_bits(tmp_path: Path) -> None:
    seeds = (2**53 + 1, 2**64 - 1)
    request = replace(REQUEST, vary=(Variable("seed", values=seeds),))
    again = parse_study(SEEDS)
    assert (again.vary, again.shape) == (request.vary, request.shape)
    assert [one.seed for one in scenarios(MODEL, again)] == list(seeds)
    done = study(MODEL, again, tmp_path / "a")
    assert done.titles[1] == "scenario 1 (seed 18446744073709551615)"
    table = read_table(done.table)
    for name in ("seed", "set.seed"):
        assert table.column(name).tolist() == list(seeds)
    assert np.diff(table.column("point")[::-1]).tolist() == [-1]
    assert study(MODEL, again, tmp_path / "a", resume=True).computed == 0


def test_coarse_and_thin_volumes_are_told(tmp_path: Path) -> None:
    lengths = Variable("length_factor", field="all", values=(0.5, 3.0))
    small = replace(REQUEST, vary=(lengths,))
    found = scenarios(MODEL, small)
    field = MODEL.fields[0]
    # a run ends where a voxel is inside and its neighbour is not
    p = field.probability
    for one, length in zip(found, (1.0, 6.0), strict=True):
        joint = float(
            field.joint_exceedance(
                GaussianKernel(length).correlation(np.ones((1, 3)) * [0.0, 0.0, 1.0])
            )[0]
        )
        assert one.feature_voxels == pytest.approx(min(p, 1.0 - p) / (p - joint))
    planned = plan_study(MODEL, small, tmp_path / "a")
    assert planned.cautions == (
        f"1 of 2 scenarios have features of less than 8 voxels (down to "
        f"{found[0].feature_voxels:.2g}, see the column feature_voxels): they lose necks and "
        "surface, the more the shorter; choose smaller voxels or larger lengths",
        "1 of 2 scenarios have a side of less than 8 correlation lengths, and show few features; "
        "choose a larger shape",
    )
    tiny = Variable("length_factor", field="all", values=(0.001,))
    with pytest.raises(InputError, match="voxels of 1 voxel are too coarse: neighbours in"):
        scenarios(MODEL, replace(REQUEST, vary=(tiny,)))


def test_phases_that_are_not_measured_still_have_surfaces() -> None:
    kinds = (
        "volume_fraction",
        "specific_surface_area",
        "interface_area",
        "effective_ionic_conductivity",
    )
    request = replace(REQUEST, shape=(12, 12, 12), descriptors=kinds, ionic={"pore": 2.0, "1": 1.0})
    (every, pore) = (
        run_job(job_of(scenarios(MODEL, asked)[2], asked)).readings
        for asked in (request, replace(request, phases=("pore",)))
    )
    assert set(every) - set(pore) == {
        "volume_fraction.active material", "specific_surface_area.active material"
    }  # fmt: skip
    assert {name: every[name] for name in pore} == pore
    assert pore["specific_surface_area.pore"] > 0.0
    assert pore["interface_area.pore-active material"] > 0.0
    assert 1.0 < pore["effective_ionic_conductivity.pore-active material.z"] < 2.0
