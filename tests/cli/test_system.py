"""morphgen info --system, and what is told of CUDA that does not work."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cli.codes import WRONG
from morphgen import devices
from morphgen.devices import Device, Library
from morphgen.tiles import system as machine
from morphgen.tiles.backends import Backend

Call = Callable[..., Any]


@pytest.fixture
def no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "_DRIVER_FILES", ())
    monkeypatch.setattr(devices, "_VERSION_FILE", "/absent")


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A driver that no library gets on with."""
    file = tmp_path / "version"
    file.write_text("NVRM version: too old\n")
    monkeypatch.setattr(devices, "_DRIVER_FILES", (str(file),))
    monkeypatch.setattr(devices, "_VERSION_FILE", str(file))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def fail(module: Any) -> None:
        raise RuntimeError("the driver is\ntoo old")

    monkeypatch.setattr(devices, "_of_torch", fail)


@pytest.mark.usefixtures("no_driver")
def test_without_a_gpu(call: Call) -> None:
    shown = call("info", "--system")
    assert shown.code == 0, shown.err
    assert "--backend auto takes numpy on cpu: no NVIDIA driver is loaded" in shown.out
    assert f"numpy {np.__version__}" in shown.out
    found = call("info", "--system", "--json").json
    assert found["kind"] == "system"
    assert found["chosen"] == {"name": "numpy", "device": "cpu", "reason": None}
    assert found["driver"] is None
    assert found["cpus"] >= 1
    assert found["packages"][""]["numpy"] == np.__version__
    assert found["packages"]["analysis"].keys() >= {"edt", "taufactor"}


def test_with_a_gpu(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library("cupy", "13.6.0", (Device("cuda:0", "NVIDIA H200", 2**37, 2**36),))
    absent = Library("torch", None, trouble="is not installed")
    monkeypatch.setattr(machine, "find", {"cupy": library, "torch": absent}.__getitem__)
    monkeypatch.setattr(machine, "resolve", lambda: Backend("cupy", "cuda:0"))
    shown = call("info", "--system").out
    assert "cuda:0 (NVIDIA H200, 64 GiB of 128 GiB free)" in " ".join(shown.split())
    assert "takes cupy on cuda:0: the first of cupy, torch that finds a CUDA device" in shown


@pytest.mark.usefixtures("broken")
def test_cuda_that_does_not_work_is_one_line_and_the_cpu_computes(
    call: Call, files: Path, tmp_path: Path
) -> None:
    pytest.importorskip("torch")
    shown = call("info", "--system").out
    assert "NVRM version: too old" in shown
    assert "no CUDA: the driver is too old" in " ".join(shown.split())
    target = tmp_path / "v.zarr"
    made = call("generate", files / "truth.json", target, "--shape", 16, 16, 16)
    assert made.code == 0
    told = [line for line in made.err.splitlines() if "NVIDIA" in line]
    assert len(told) == 1
    assert "torch the driver is too old; computing on the CPU" in told[0]
    once_more = ("generate", files / "truth.json", target, "--shape", 16, 16, 16, "--overwrite")
    assert "NVIDIA" not in call(*once_more, "--backend", "numpy").err
    # a library that was named may fall back to the CPU as well, but not without a word
    assert call(*once_more, "--backend", "torch").err.count("driver is too old; computing") == 1
    assert "driver is too old; computing" in call(*once_more, "--dry-run").out


@pytest.mark.parametrize(
    "arguments", [[], ["model.json", "--system"], ["--system", "--edge", "64"]]
)
def test_what_is_asked_of_nothing_or_of_two_things(call: Call, arguments: list[str]) -> None:
    shown = call("info", *arguments)
    assert shown.code == WRONG
    assert "--system" in shown.err
    assert len(shown.err.splitlines()) == 1


@pytest.mark.usefixtures("no_driver")
def test_no_library_is_loaded_for_it(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("torch", "cupy"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    call("info", "--system")
    assert not {"torch", "cupy"} & set(sys.modules)
