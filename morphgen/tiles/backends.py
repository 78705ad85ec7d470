"""Which array library computes the blocks, and on what device.

A library is imported only when it is asked for by name, or when this machine has an NVIDIA driver
and the library might therefore find a device.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np

from morphgen._array_api import Array
from morphgen.errors import BackendError

NAMES = ("numpy", "torch", "cupy")

# any of these exists where a driver is loaded; the last is the one of Windows' Linux subsystem
_DRIVER_FILES = ("/proc/driver/nvidia/version", "/dev/nvidiactl", "/dev/dxg")
_INSTALL = {
    "torch": 'pip install "morphgen[calibrate]"',
    "cupy": 'pip install "morphgen[cuda]"',
}


@dataclass(frozen=True)
class Backend:
    """An array library and a device, by name: it travels to other processes and into files.

    Parameters
    ----------
    name : {"numpy", "torch", "cupy"}
        The library.
    device : str
        ``cpu`` or ``cuda:N``.
    """

    name: str = "numpy"
    device: str = "cpu"

    @property
    def on_gpu(self) -> bool:
        """Whether the device is a CUDA device."""
        return self.kind == "cuda"

    @property
    def kind(self) -> str:
        """Kind of the device, ``cpu`` or ``cuda``: what the bits can depend on."""
        return self.device.partition(":")[0]

    def module(self) -> ModuleType:
        """Import the library."""
        return importlib.import_module(self.name)

    @property
    def argument(self) -> str | None:
        """What array functions take as ``device``; None is the current device."""
        return self.device if self.name == "torch" else None

    @contextlib.contextmanager
    def current(self) -> Iterator[None]:
        """Make the device CuPy's current one for a while; torch is told with every array."""
        if self.name != "cupy":
            yield
            return
        with self.module().cuda.Device(int(self.device.partition(":")[2])):
            yield

    def to_host(self, array: Array) -> np.ndarray:
        """Copy an array of this backend to the host; NumPy's own is returned as it is."""
        if self.name == "torch":
            return np.asarray(array.cpu().numpy())
        if self.name == "cupy":
            return np.asarray(array.get())
        return np.asarray(array)

    def versions(self) -> dict[str, str]:
        """Version of the library."""
        return {self.name: str(self.module().__version__)}


def resolve(name: str = "auto", device: str | None = None) -> Backend:
    """Choose the library and the device.

    Parameters
    ----------
    name : {"auto", "numpy", "torch", "cupy"}
        ``auto`` takes CuPy, then torch, where they find a CUDA device, and NumPy otherwise.
    device : str, optional
        ``cpu``, ``cuda`` or ``cuda:N``. By default a CUDA device where the library finds one.

    Raises
    ------
    BackendError
        If the library is not installed, or has no such device.
    """
    _check_device_name(device)
    if name == "auto":
        return _first_with_cuda(device) or _numpy(device)
    if name not in NAMES:
        raise BackendError(f"backend {name!r}: expected auto, {', '.join(NAMES)}")
    if name == "numpy":
        return _numpy(device)
    if importlib.util.find_spec(name) is None:
        raise BackendError(f"the backend {name} is not installed; {_INSTALL[name]}")
    if name == "torch" and device == "cpu":
        return Backend("torch", "cpu")
    return _on_cuda(name, device)


def _check_device_name(device: str | None) -> None:
    kind, colon, number = (device or "cpu").partition(":")
    if kind not in {"cpu", "cuda"} or (colon and not (kind == "cuda" and number.isdecimal())):
        raise BackendError(f"device {device!r}: expected cpu, cuda or cuda:N")


def _numpy(device: str | None) -> Backend:
    if device not in {None, "cpu"}:
        raise BackendError(
            f"numpy has no device {device!r}; choose the backend cupy or torch, on a machine "
            "with a CUDA device"
        )
    return Backend()


def _first_with_cuda(device: str | None) -> Backend | None:
    if device == "cpu" or not _driver_present():
        return None
    for name in ("cupy", "torch"):
        if importlib.util.find_spec(name) is not None and _devices(name) > 0:
            return _on_cuda(name, device)
    return None


def _on_cuda(name: str, device: str | None) -> Backend:
    count = _devices(name) if _driver_present() else 0
    if device is None and name == "torch" and count == 0:
        return Backend("torch", "cpu")
    number = int((device or "cuda:0").partition(":")[2] or 0)
    if device == "cpu" or number >= count:
        raise BackendError(
            f"{name} has no device {device or 'cuda'!r}: it finds {count} CUDA devices; "
            "choose another device, or the backend numpy"
        )
    return Backend(name, f"cuda:{number}")


def _driver_present() -> bool:
    """Whether an NVIDIA driver is loaded and not hidden from this process."""
    if os.environ.get("CUDA_VISIBLE_DEVICES", "0").strip() in {"", "-1"}:
        return False
    return any(Path(file).exists() for file in _DRIVER_FILES)


def _devices(name: str) -> int:
    """Number of CUDA devices that a library can compute on."""
    try:
        module = importlib.import_module(name)
        if name == "torch":
            return int(module.cuda.device_count()) if module.cuda.is_available() else 0
        return int(module.cuda.runtime.getDeviceCount())
    # a library without its driver fails in ways of its own (ImportError, CUDARuntimeError)
    except Exception:  # noqa: BLE001
        return 0
