from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from morphgen import devices
from morphgen.devices import Device, Library
from morphgen.errors import BackendError
from morphgen.tiles import Backend, backends, resolve


@pytest.fixture
def no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "_DRIVER_FILES", ())


@pytest.mark.usefixtures("no_driver")
def test_auto_without_a_driver_is_numpy() -> None:
    assert resolve() == resolve("auto", "cpu") == resolve("numpy") == Backend("numpy", "cpu")


@pytest.mark.usefixtures("no_driver")
def test_torch_without_a_driver_computes_on_the_cpu() -> None:
    pytest.importorskip("torch")
    assert resolve("torch") == resolve("torch", "cpu") == Backend("torch", "cpu")


def test_auto_takes_what_finds_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    two = tuple(Device(f"cuda:{number}", "a GPU", 2**30, 2**29) for number in range(2))
    found = {"torch": Library("torch", "2", two), "cupy": Library("cupy", None, (), "is missing")}
    monkeypatch.setattr(backends, "no_driver", lambda: None)
    monkeypatch.setattr(backends, "find", lambda name, only: found[name])
    monkeypatch.setattr(backends, "find_apart", lambda name: found[name])
    pytest.importorskip("torch")
    assert resolve() == resolve("auto", "cuda") == Backend("torch", "cuda:0")
    assert resolve("torch", "cuda:1") == Backend("torch", "cuda:1")
    assert resolve(apart=True) == Backend("torch", "cuda:0")
    assert resolve("auto", "cpu") == Backend("numpy", "cpu")
    with pytest.raises(BackendError, match="2 CUDA devices; choose"):
        resolve("torch", "cuda:2")
    with pytest.raises(BackendError, match="cupy is missing; torch finds 2 CUDA devices; choose"):
        resolve("auto", "cuda:2")


@pytest.mark.parametrize("name", ["auto", "torch"])
def test_a_cpu_that_nobody_chose_has_its_reason(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    monkeypatch.setattr(backends, "no_driver", lambda: None)
    monkeypatch.setattr(
        backends, "find", lambda name, only: Library(name, "1", trouble="is too old")
    )
    chosen = resolve(name)
    assert chosen.kind == "cpu"
    assert chosen.reason is not None
    assert "torch is too old; computing on the CPU" in chosen.reason
    assert resolve(name, "cpu").reason is None
    with pytest.raises(BackendError, match="torch is too old|has no device 'cuda'"):
        resolve(name, "cuda")


def test_a_library_that_cannot_be_imported_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> None:
        raise ImportError("libtorch_cuda.so:\n cannot open shared object file")

    monkeypatch.setattr("importlib.import_module", fail)
    with pytest.raises(BackendError, match=r"libtorch_cuda.so: cannot .* or choose .* numpy"):
        Backend("torch").module()


@pytest.mark.usefixtures("no_driver")
@pytest.mark.parametrize(
    ("name", "device", "words"),
    [
        ("jax", None, "expected auto, numpy, torch, cupy"),
        ("numpy", "cuda", "numpy has no device"),
        ("auto", "cuda", "no backend computes on the device 'cuda': no NVIDIA driver is loaded"),
        ("torch", "cuda", r"0 CUDA devices \(no NVIDIA driver is loaded\)"),
        ("torch", "gpu", "expected cpu, cuda or cuda:N"),
        ("torch", "cuda:x", "expected cpu, cuda or cuda:N"),
    ],
)
def test_what_is_not_there_is_refused(name: str, device: str | None, words: str) -> None:
    pytest.importorskip("torch")
    with pytest.raises(BackendError, match=words):
        resolve(name, device)


def test_a_missing_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(BackendError, match="pip install"):
        resolve("cupy")


@pytest.mark.parametrize("name", ["numpy", "torch"])
def test_arrays_come_back_to_the_host(name: str) -> None:
    xp = pytest.importorskip(name)
    chosen = Backend(name, "cpu")
    with chosen.current():
        host = chosen.to_host(xp.ones((2, 3), dtype=xp.uint8, device=chosen.argument))
    assert type(host) is np.ndarray
    assert host.tolist() == [[1, 1, 1], [1, 1, 1]]


def test_numpy_runs_load_no_torch() -> None:
    code = (
        "import sys; import morphgen.tiles as tiles; "
        "assert tiles.resolve('numpy').module().__name__ == 'numpy'; "
        "print(sorted({'torch', 'cupy', 'dask', 'distributed'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
