"""``morphgen study``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from morphgen import study_workflow
from morphgen.studies import read_table, run_job

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
    text = call(*arguments, "--resume", "--dry-run").out
    assert text.startswith("scenarios  2, 0 to compute, 1 at a time\nmemory ")


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


def test_an_interrupt(
    call: Call, files: Path, request_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: object, **options: object) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr(study_workflow, "study", interrupted)
    arguments = ("study", files / "truth.json", request_file, "--out", tmp_path / "out")
    done = call(*arguments, "--workers", 2)
    assert done.code == 75
    words = " ".join(map(str, arguments))
    assert done.err == (f"interrupted; continue with\nmorphgen {words} --workers 2 --resume\n")


def test_requests_that_are_refused(call: Call, files: Path, request_file: Path) -> None:
    arguments = ("study", files / "truth.json", request_file, "--out", files / "study")
    request_file.write_text(STUDY.replace("0.4", "1.4"))
    call(*arguments).refused("1 of 2 points are impossible", "volume_fraction.pore = 1.4")
    request_file.write_text(STUDY.replace("values", "valus"))
    call(*arguments).refused("did you mean 'values'?")
    call(*arguments[:2], files / "absent.toml", *arguments[3:]).refused("cannot be read")
    assert not (files / "study").exists()
