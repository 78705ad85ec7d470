from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from morphgen import devices
from morphgen.devices import (
    Device,
    broken_cuda,
    driver_version,
    find,
    find_apart,
    try_out,
    visible_devices,
)


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
        getDeviceProperties=lambda number: {
            "name": f"GPU {number}".encode(),
            "totalGlobalMem": 8,
        },
    )
    return SimpleNamespace(
        __version__="13.6.0",
        cuda=SimpleNamespace(runtime=runtime, Device=Entered),
        get_default_memory_pool=lambda: SimpleNamespace(free_bytes=lambda: 2),
        **_computing(),
    )


def _computing() -> dict[str, Any]:
    def ones(shape: tuple[int, ...], *, dtype: Any, device: str | None = None) -> np.ndarray:
        return np.ones(shape, dtype=dtype)

    return {"ones": ones, "float32": np.float32, "fft": np.fft}


def pretended_torch(count: int = 1, built: str | None = "12.8") -> Any:
    cuda = SimpleNamespace(
        init=lambda: None,
        device_count=lambda: count,
        mem_get_info=lambda device: (1, 10),
        memory_reserved=lambda device: 7,
        memory_allocated=lambda device: 4,
        get_device_properties=lambda number: SimpleNamespace(name="a GPU", total_memory=10),
    )
    return SimpleNamespace(
        __version__="2.13", version=SimpleNamespace(cuda=built), cuda=cuda, **_computing()
    )


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
        Device("cuda:0", "GPU 0", 8, 3 + 2),
        Device("cuda:1", "GPU 1", 8, 3 + 2),
    )
    # what the library keeps of memory for itself is free to this process
    assert find("torch").devices == (Device("cuda:0", "a GPU", 10, 1 + 7 - 4),)
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


@pytest.mark.usefixtures("driver")
def test_a_device_without_the_libraries_of_cuda_is_not_found(
    installed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Lacking:
        def __getattr__(self, name: str) -> Any:
            raise ImportError("libcufft.so.11: cannot open shared object file")

    cupy = pretended_cupy()
    cupy.fft = Lacking()
    installed(cupy=cupy)
    found = find("cupy")
    assert (found.devices, found.loads) == ((), True)
    assert found.trouble is not None
    assert "cannot compute on cuda:0 (GPU 0): libcufft.so.11" in found.trouble


@pytest.mark.usefixtures("driver")
def test_only_the_device_in_question_is_touched(
    installed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered = []

    class Watched(Entered):
        def __enter__(self) -> Entered:
            entered.append(self.number)
            return self

    cupy = pretended_cupy(3)
    cupy.cuda.Device = Watched
    installed(cupy=cupy)
    assert [one.free for one in find("cupy", "cuda:1").devices] == [None, 5, None]
    assert visible_devices("cupy") == ("0", "1", "2")
    assert entered == [1]


def test_what_is_tried_is_right_on_a_cpu() -> None:
    torch = pytest.importorskip("torch")
    for xp in (np, torch):
        try_out(xp, xp.ones((4, 4), dtype=xp.float32))
    with pytest.raises(RuntimeError, match="it computes 128 where 1024 is right"):
        try_out(np, np.full((4, 4), 0.5, dtype=np.float32))


@pytest.fixture
def on_the_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Function that puts a CuPy of so many lines before all that is installed."""

    def write(source: str) -> None:
        (tmp_path / "cupy.py").write_text(source)
        monkeypatch.delitem(sys.modules, "cupy", raising=False)
        monkeypatch.syspath_prepend(tmp_path)
        # the process that asks must see the pretended driver
        ask = f"import morphgen.devices as d; d._DRIVER_FILES = ({str(tmp_path)!r},); "
        monkeypatch.setattr(devices, "_ASK", ask + devices._ASK)

    return write


@pytest.mark.usefixtures("driver")
def test_a_process_of_its_own_asks(on_the_path: Any) -> None:
    lines = (
        "from numpy import fft, float32, ones",
        "from contextlib import nullcontext",
        "from types import SimpleNamespace as N",
        "__version__ = '14'",
        "print('what a library has to say')",
        "runtime = N(getDeviceCount=lambda: 1, memGetInfo=lambda: (3, 8),",
        "    getDeviceProperties=lambda n: {'name': b'a GPU', 'totalGlobalMem': 8})",
        "cuda = N(runtime=runtime, Device=nullcontext)",
        "get_default_memory_pool = lambda: N(free_bytes=lambda: 0)",
    )
    on_the_path("\n".join(lines))
    found = find_apart("cupy")
    assert (found.version, found.devices) == ("14", (Device("cuda:0", "a GPU", 8, 3),))
    assert "cupy" not in sys.modules


@pytest.mark.usefixtures("driver")
def test_a_library_that_kills_its_process_is_reported(
    on_the_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_the_path("import os; os.kill(os.getpid(), 9)")
    found = find_apart("cupy")
    assert found.devices == ()
    assert found.trouble is not None
    assert "exit status -9" in found.trouble
    monkeypatch.setattr(devices, "_PATIENCE", 0.01)
    assert find_apart("cupy").trouble == "does not answer in 0.01 s"


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
