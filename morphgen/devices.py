"""CUDA devices: whether there is a driver, and what an array library finds through it.

A library is imported only where a driver is loaded, since it might then find a device.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

# libraries that compute on CUDA devices, in the order in which `auto` takes them
LIBRARIES = ("cupy", "torch")

_VERSION_FILE = "/proc/driver/nvidia/version"
# any of these exists where a driver is loaded; the last is the one of Windows' Linux subsystem
_DRIVER_FILES = (_VERSION_FILE, "/dev/nvidiactl", "/dev/dxg")
VISIBLE = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True)
class Device:
    """A CUDA device.

    Attributes
    ----------
    name : str
        What the library calls it: ``cuda:N``.
    model : str
        The product, such as ``NVIDIA H200``.
    memory, free : int
        Its memory and what of it is free, in bytes.
    """

    name: str
    model: str
    memory: int
    free: int


@dataclass(frozen=True)
class Library:
    """What an array library finds on this machine.

    Attributes
    ----------
    name : str
        The library.
    version : str or None
        Its version; None where it is not installed.
    devices : tuple of Device
        CUDA devices that it can compute on.
    trouble : str or None
        Why there are none, in one line.
    """

    name: str
    version: str | None
    devices: tuple[Device, ...] = ()
    trouble: str | None = None


def no_driver() -> str | None:
    """Why CUDA devices cannot be used here at all; None where a driver is loaded and not hidden."""
    if not any(Path(file).exists() for file in _DRIVER_FILES):
        return "no NVIDIA driver is loaded"
    visible = os.environ.get(VISIBLE)
    if visible is not None and visible.strip() in {"", "-1"}:
        return f"{VISIBLE}={visible!r} hides all devices"
    return None


def driver_version() -> str | None:
    """First line of what the NVIDIA driver says of itself, None where it says nothing."""
    try:
        return Path(_VERSION_FILE).read_text(encoding="utf-8").splitlines()[0].strip()
    except (OSError, IndexError):
        return None


def find(name: str) -> Library:
    """What a library finds; it is imported only where there is a driver.

    Parameters
    ----------
    name : {"cupy", "torch"}
        The library.
    """
    if importlib.util.find_spec(name) is None:
        return Library(name, None, trouble="is not installed")
    hidden = no_driver()
    if hidden is not None:
        return Library(name, _version(name), trouble=hidden)
    # a library that does not suit the driver fails in ways of its own (ImportError,
    # RuntimeError, CUDARuntimeError), and its message may run over many lines
    try:
        module = importlib.import_module(name)
        devices = _of_torch(module) if name == "torch" else _of_cupy(module)
    except Exception as error:  # noqa: BLE001
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        return Library(name, _version(name), trouble=reason)
    trouble = None if devices else "finds no CUDA device"
    return Library(name, str(module.__version__), devices, trouble)


def visible_devices(name: str) -> tuple[str, ...]:
    """Devices that a library finds, as the environment of another process would name them."""
    listed = os.environ.get(VISIBLE)
    count = len(find(name).devices)
    if listed is None:
        return tuple(map(str, range(count)))
    return tuple(one.strip() for one in listed.split(",")[:count])


def broken_cuda() -> str | None:
    """One line where a driver is loaded and yet no library computes with it; None otherwise."""
    if no_driver() is not None:
        return None
    found = [find(name) for name in LIBRARIES]
    if any(library.devices for library in found):
        return None
    reasons = "; ".join(f"{library.name} {library.trouble}" for library in found)
    return f"an NVIDIA driver is loaded, but {reasons}; computing on the CPU"


def _version(name: str) -> str | None:
    """Version without an import: of the distribution that holds the package."""
    for distribution in importlib.metadata.packages_distributions().get(name, ()):
        return importlib.metadata.version(distribution)
    return "of unknown version"


def _of_torch(torch: ModuleType) -> tuple[Device, ...]:
    if not torch.version.cuda:
        raise RuntimeError(f"{torch.__version__} was built without CUDA")
    # says why it fails, where `is_available` only says that it does
    torch.cuda.init()
    found = []
    for number in range(torch.cuda.device_count()):
        free, memory = torch.cuda.mem_get_info(number)
        model = torch.cuda.get_device_name(number)
        found.append(Device(f"cuda:{number}", model, int(memory), int(free)))
    return tuple(found)


def _of_cupy(cupy: ModuleType) -> tuple[Device, ...]:
    runtime, found = cupy.cuda.runtime, []
    for number in range(runtime.getDeviceCount()):
        with cupy.cuda.Device(number):
            free, memory = runtime.memGetInfo()
        model = runtime.getDeviceProperties(number)["name"]
        text = model.decode() if isinstance(model, bytes) else str(model)
        found.append(Device(f"cuda:{number}", text, int(memory), int(free)))
    return tuple(found)
