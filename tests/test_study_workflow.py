"""Whole studies: rows as they are done, runs that are killed, scenarios that fail."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from loopback import loopback
from samples import two_phases

from morphgen import study_workflow
from morphgen.descriptors import measure
from morphgen.errors import InputError, StoreError, WorkerError
from morphgen.excursion import Realization
from morphgen.fields.synthesis import synthesis
from morphgen.studies import (
    Design,
    Job,
    Row,
    StudyRequest,
    Variable,
    job_of,
    read_table,
    run_job,
    scenarios,
)
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


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scenarios are computed without other processes, which take seconds to start."""
    monkeypatch.setattr(study_workflow, "spread", in_this_process)


@pytest.mark.usefixtures("here")
def test_a_study(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    done = study(MODEL, REQUEST, tmp_path / "a", progress=lambda *news: told.append(news))
    assert (done.scenarios, done.computed, done.failed) == (3, 3, ())
    assert told == [("scenarios", n, 3) for n in range(4)]
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
def test_a_cluster_computes_the_same_table(tmp_path: Path) -> None:
    kept = replace(REQUEST, keep_volumes=True)
    here = study(MODEL, kept, tmp_path / "here", workers=1).table.read_bytes()
    with loopback(tmp_path, workers=2) as running:
        done = study(MODEL, kept, tmp_path / "there", scheduler=running.address)
    assert done.table.read_bytes() == here
    assert len(list((tmp_path / "there" / "volumes").iterdir())) == 3


def test_rows_are_read_as_they_were_written(tmp_path: Path) -> None:
    folder = study_workflow.StudyFolder(tmp_path / "a")
    folder.begin(MODEL, REQUEST)
    readings = {"a": 0.1, "b": float("inf"), "c": -0.0}
    row = Row(3, 1, 1, 2**64 - 1, {"set.seed": 4}, readings, "", 1.5)
    folder.write(row)
    assert folder.row(3) == row
    assert folder.row(2) is None
    (tmp_path / "a" / "rows" / "000002.json").write_text(json.dumps({"scenario": 2}))
    with pytest.raises(StoreError, match="is no row of a study"):
        folder.row(2)
    (tmp_path / "a" / "study.json").write_text("{")
    with pytest.raises(StoreError, match="is no record of a study"):
        folder.check(MODEL, REQUEST, resume=True)


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
