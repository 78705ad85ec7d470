"""The command line as a whole: help, errors and exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from morphgen.cli.app import run

from morphgen.errors import CalibrationError

COMMANDS = ("demo", "calibrate", "generate", "validate", "info")
HEAVY = {"numpy", "scipy", "zarr", "dask", "torch", "matplotlib"}
START = "from morphgen.cli.app import main; main()"

Call = Callable[..., Any]


def in_process(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", START, *map(str, arguments)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example(command: str, call: Call) -> None:
    shown = call(command, "--help")
    assert shown.code == 0
    assert shown.err == ""
    assert f"Example:\n    morphgen {command}" in shown.out
    for option in ("--json", "--quiet", "--debug"):
        assert option in shown.out


def test_help_lists_the_commands(call: Call) -> None:
    shown = call("--help")
    assert shown.code == 0
    assert all(f"\n  {command} " in shown.out for command in COMMANDS)


def test_nothing_asked_is_a_wrong_request(call: Call) -> None:
    shown = call()
    assert shown.code == 2
    assert "Commands:" in shown.out


def test_version(call: Call) -> None:
    shown = call("--version")
    assert shown.code == 0
    assert shown.out.startswith("morphgen 0.")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["grow"], ["grow"]),
        (["info"], ["MODEL_OR_VOLUME"]),
        (["info", "a.json", "--colour"], ["--colour"]),
        (["generate", "m.json", "v.zarr", "--shape", "1", "2", "x"], ["--shape"]),
        (["calibrate", "xy.tif"], ["--out"]),
    ],
)
def test_wrong_requests(arguments: list[str], words: list[str], call: Call) -> None:
    call(*arguments).refused(*words, "--help")


def test_usage_errors_point_to_the_command(call: Call) -> None:
    shown = call("generate", "m.json", "v.zarr", "--shape", "64", "64")
    shown.refused("`morphgen generate --help`")


def test_interrupt_of_the_imports() -> None:
    script = (
        "import builtins, sys\nreal = builtins.__import__\n"
        "def stop(name, *rest):\n"
        "    if name == 'typer': raise KeyboardInterrupt\n"
        "    return real(name, *rest)\n"
        "builtins.__import__ = stop\n" + START
    )
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert (found.returncode, found.stderr) == (130, "")


def test_import_is_light() -> None:
    script = "import json, sys, morphgen.cli.app; print(json.dumps(sorted(sys.modules)))"
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = {name.partition(".")[0] for name in json.loads(found.stdout)}
    assert not loaded & HEAVY


def fail_with(error: Exception) -> Callable[[object], None]:
    def load(path: object) -> None:
        raise error

    return load


def test_unexpected_errors_take_one_line(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    error = ZeroDivisionError("first line\nsecond line")
    monkeypatch.setattr("morphgen.excursion.load_model", fail_with(error))
    shown = call("info", "model.json")
    shown.refused("ZeroDivisionError: first line second line", "--debug", code=1)
    assert len(shown.err.splitlines()) == 1
    assert "Traceback" in call("info", "model.json", "--debug").err


def test_failed_work_is_told_from_wrong_requests(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("morphgen.excursion.load_model", fail_with(CalibrationError("no fit")))
    call("info", "model.json").refused("no fit", code=1)


def test_interrupts(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(path: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("morphgen.excursion.load_model", load)
    shown = call("info", "model.json")
    assert (shown.code, shown.out, shown.err) == (130, "", "interrupted\n")


def test_exit_code_of_the_process() -> None:
    shown = in_process("info", "missing.json")
    assert shown.returncode == 2
    assert shown.stdout == ""
    assert shown.stderr == "error: missing.json cannot be read: No such file or directory\n"


def test_letters_that_the_terminal_lacks(files: Path) -> None:
    shown = in_process("info", files / "truth.json", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert shown.returncode == 0, shown.stderr
    assert "pore" in shown.stdout


def test_run_takes_no_arguments_from_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["morphgen", "grow"])
    assert run(["--version"]) == 0
