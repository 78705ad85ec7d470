from __future__ import annotations

import importlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from morphgen import devices
from morphgen.devices import Device, broken_cuda, driver_version, find, visible_devices


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A driver that says its version, and nothing that hides its devices."""
    file = tmp_path / "version"
    file.write_text("NVRM version: a driver 1.2\nGCC version: another line\n")
    monkeypatch.setattr(devices, "_DRIVER_FILES", (str(file),))
    monkeypatch.setattr(devices, "_VERSION_FILE", str(file))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return file


class Entered:
    """CuPy's device, which is no key either: tests/matrix/test_cupy.py."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, number: int) -> None:
        self.number = number

    def __enter__(self) -> Entered:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing to leave."""


def pretended_cupy(count: int = 2) -> Any:
    """What of CuPy is asked about devices."""
    runtime = SimpleNamespace(
        getDeviceCount=lambda: count,
        memGetInfo=lambda: (3, 8),
        getDeviceProperties=lambda number: {"name": f"GPU {number}".encode()},
    )
    return SimpleNamespace(
        __version__="13.6.0", cuda=SimpleNamespace(runtime=runtime, Device=Entered)
    )


def pretended_torch(count: int = 1, built: str | None = "12.8") -> Any:
    cuda = SimpleNamespace(
        init=lambda: None,
        device_count=lambda: count,
        mem_get_info=lambda number: (number + 1, 10),
        get_device_name=lambda number: "a GPU",
    )
    return SimpleNamespace(__version__="2.13", version=SimpleNamespace(cuda=built), cuda=cuda)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Function that pretends that libraries are installed; others are not."""

    def pretend(**modules: Any) -> None:
        def import_module(name: str) -> Any:
            if isinstance(modules[name], Exception):
                raise modules[name]
            return modules[name]

        monkeypatch.setattr(
            importlib.util, "find_spec", lambda name: name if name in modules else None
        )
        monkeypatch.setattr(importlib, "import_module", import_module)

    return pretend


@pytest.mark.usefixtures("driver")
def test_devices_with_their_memory(installed: Any) -> None:
    installed(cupy=pretended_cupy(), torch=pretended_torch())
    assert find("cupy").devices == (
        Device("cuda:0", "GPU 0", 8, 3),
        Device("cuda:1", "GPU 1", 8, 3),
    )
    assert find("torch").devices == (Device("cuda:0", "a GPU", 10, 1),)
    assert find("torch").version == "2.13"
    assert broken_cuda() is None
    assert driver_version() == "NVRM version: a driver 1.2"


@pytest.mark.usefixtures("driver")
@pytest.mark.parametrize(
    ("library", "reason"),
    [
        (ImportError("libcuda.so.1:\n not found"), "libcuda.so.1: not found"),
        (RuntimeError(), "RuntimeError"),
        (pretended_torch(built=None), "was built without CUDA"),
        (pretended_torch(count=0), "finds no CUDA device"),
    ],
)
def test_broken_cuda_is_one_line_with_its_reason(installed: Any, library: Any, reason: str) -> None:
    installed(torch=library)
    found = find("torch")
    assert found.devices == ()
    assert found.trouble is not None
    assert reason in found.trouble
    line = broken_cuda()
    assert line is not None
    assert "\n" not in line
    assert reason in line
    assert "computing on the CPU" in line


@pytest.mark.parametrize("hidden", ["", "-1", " "])
@pytest.mark.usefixtures("driver")
def test_hidden_devices_are_not_looked_for(
    installed: Any, monkeypatch: pytest.MonkeyPatch, hidden: str
) -> None:
    installed(cupy=ImportError("must not be imported"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    trouble = find("cupy").trouble
    assert trouble is not None
    assert "CUDA_VISIBLE_DEVICES" in trouble
    assert broken_cuda() is None


def test_without_a_driver_nothing_is_imported_and_nothing_is_broken(
    installed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "_DRIVER_FILES", ())
    installed(cupy=ImportError("must not be imported"))
    assert find("cupy").trouble == "no NVIDIA driver is loaded"
    assert find("torch").trouble == "is not installed"
    assert find("torch").version is None
    assert broken_cuda() is None


@pytest.mark.usefixtures("driver")
def test_devices_that_workers_are_told_of(installed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(cupy=pretended_cupy())
    assert visible_devices("cupy") == ("0", "1")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5, GPU-1234,7")
    assert visible_devices("cupy") == ("5", "GPU-1234")
