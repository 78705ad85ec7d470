"""``morphgen study``."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from morphgen import study_workflow
from morphgen.errors import GenerationError
from morphgen.studies import Row, read_table, run_job, write_table

Call = Callable[..., Any]

STUDY = """
shape = [16, 16, 16]
descriptors = ["volume_fraction"]
design = { kind = "grid" }

[[vary]]
parameter = "volume_fraction"
phase = "pore"
values = [0.2, 0.4]
"""


@pytest.fixture
def request_file(tmp_path: Path) -> Path:
    file = tmp_path / "study.toml"
    file.write_text(STUDY)
    return file


def test_a_study(call: Call, files: Path, request_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ("study", files / "truth.json", request_file, "--out", out, "--workers", 1)
    planned = call(*arguments, "--dry-run", "--json")
    assert planned.code == 0, planned
    assert (planned.json["scenarios"], planned.json["remaining"]) == (2, 2)
    assert not out.exists()
    done = call(*arguments)
    assert done.code == 0, done
    assert done.out == f"{out}/study.parquet: 2 scenarios, 2 computed now\n"
    assert read_table(out).column("set.volume_fraction.pore").tolist() == [0.2, 0.4]
    call(*arguments).refused("holds a study")
    again = call(*arguments, "--resume", "--json")
    assert again.json == {
        "table": f"{out}/study.parquet", "scenarios": 2, "computed": 0, "failed": []
    }  # fmt: skip
    row = out / "rows" / "000001.json"
    row.write_text(row.read_text().replace('"seed": 1', '"seed": 2'))
    told = call(*arguments, "--resume", "--dry-run")
    lines = told.out.splitlines()
    assert lines[0] == "scenarios  2, 1 to compute, 1 at a time"
    assert re.fullmatch(r"memory     \S+ [MG]iB per worker, \S+ [KMGT]iB available", lines[1])
    again, thin = told.err.splitlines()
    assert again.startswith("warning: 1 scenario was computed before, but the row or the kept")
    assert thin.startswith("warning: 2 of 2 scenarios have a side of less than 8 correlation")


def test_a_scenario_that_fails(
    call: Call, files: Path, request_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*arguments: object) -> object:
        raise ValueError("bad")

    monkeypatch.setattr("morphgen.studies.run.measure", failing)
    monkeypatch.setattr(
        study_workflow, "spread", lambda f, jobs, **_: (run_job(job) for job in jobs)
    )
    done = call("study", files / "truth.json", request_file, "--out", tmp_path / "out", "--json")
    assert done.code == 1
    assert done.json["failed"] == [
        {"scenario": n, "error": "ValueError: bad"} for n in range(2)
    ]  # fmt: skip
    assert "scenario 1 (volume_fraction.pore 0.4) failed: ValueError: bad" in done.err
    assert "Traceback" not in done.err
    arguments = ("study", files / "truth.json", request_file, "--out", tmp_path / "out")
    debugged = call(*arguments, "--resume", "--debug")
    assert 'raise ValueError("bad")' in debugged.err
    planned = call(*arguments, "--resume", "--dry-run")
    assert planned.code == 1
    assert planned.err.endswith(
        "error: a small volume of the first scenario failed: ValueError: bad\n"
    )
    assert "time " not in planned.out


def test_an_interrupt(
    call: Call, files: Path, request_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: object, **options: object) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr(study_workflow, "study", interrupted)
    arguments = ("study", files / "truth.json", request_file, "--out", tmp_path / "out")
    words = " ".join(map(str, arguments))
    # as many as the seconds of patience that need not be said
    done = call(*arguments, "--workers", 300, "--patience", 300, "--yes")
    assert done.code == 75
    again = f"continue with\nmorphgen {words} --workers 300 --yes --resume\n"
    assert done.err == f"interrupted; {again}"

    def full(*arguments: object, **options: object) -> object:
        raise GenerationError("rows/000001.json cannot be written: No space left on device")

    monkeypatch.setattr(study_workflow, "study", full)
    done = call(*arguments, "--workers", 300, "--yes")
    assert done.code == 1
    assert done.err == (
        f"error: rows/000001.json cannot be written: No space left on device; {again}"
    )


def test_requests_that_are_refused(call: Call, files: Path, request_file: Path) -> None:
    arguments = ("study", files / "truth.json", request_file, "--out", files / "study")
    request_file.write_text(STUDY.replace("0.4", "1.4"))
    call(*arguments).refused("1 of 2 points are impossible", "volume_fraction.pore = 1.4")
    request_file.write_text(STUDY.replace("values", "valus"))
    call(*arguments).refused("did you mean 'values'?")
    call(*arguments[:2], files / "absent.toml", *arguments[3:]).refused("cannot be read")
    assert not (files / "study").exists()


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    rows = []
    for n, (share, noise) in enumerate(rng.uniform(0.2, 0.6, (20, 2))):
        readings = {
            "volume_fraction.pore": share,
            "effective_diffusivity.pore.z": share**1.5 * (1.0 + 0.1 * noise),
        }
        rows.append(Row(n, n, 0, n, {"set.volume_fraction.pore": share}, readings))
    write_table(rows, tmp_path / "study.parquet")
    return tmp_path / "study.parquet"


def test_regressions(call: Call, table: Path, tmp_path: Path) -> None:
    out = tmp_path / "laws"
    arguments = ("regress", table, "--predictors", "volume_fraction", "--out", out)
    done = call(*arguments)
    assert done.code == 0, done
    assert done.out.startswith("pore: 20 values of effective_diffusivity\n")
    assert "95 % intervals: constant 1.0" in done.out
    assert {one.name for one in out.iterdir()} == {
        "regressions.json", "predicted.png", "responses.png"
    }  # fmt: skip
    call(*arguments).refused("exists", "--overwrite")
    again = call(*arguments, "--overwrite", "--json")
    (one,) = again.json["relations"]
    assert one["regressions"][0]["exponents"]["volume_fraction"] == pytest.approx(1.5, abs=0.1)
    written = json.loads((out / "regressions.json").read_text())
    assert written["relations"] == again.json["relations"]
    call("regress", tmp_path / "none").refused("does not exist")
    call("regress", table, "--out", tmp_path / "none").refused("no column 'constrictivity.pore'")
    assert not (tmp_path / "none").exists()
    call(*arguments[:-1], table).refused("is a file")


def test_regressions_are_written_together_or_not_at_all(call: Call, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    rows = []
    for n, share in enumerate(rng.uniform(0.2, 0.6, 20)):
        readings = {"volume_fraction.pore": share, "effective_diffusivity.pore": share**1.5}
        readings |= {"volume_fraction.solid": 0.1, "effective_diffusivity.solid": 0.0}
        values = {f"set.length_factor.{field}": rng.uniform(1.0, 2.0) for field in range(33)}
        rows.append(Row(n, n, 0, n, values, readings))
    write_table(rows, tmp_path / "study.parquet")
    arguments = ("regress", tmp_path, "--predictors", "volume_fraction", "--out", tmp_path / "laws")
    call(*arguments).refused("2 x 33 panels are more than 64; name fewer")
    assert not (tmp_path / "laws").exists()
    assert "no law: 0 independent points" in call(*arguments[:-2]).out
