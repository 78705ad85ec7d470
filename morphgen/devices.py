"""CUDA devices: whether there is a driver, and what an array library finds through it.

A library is imported only where a driver is loaded, since it might then find a device. A device is
found if the library computes on it: wheels of CuPy come without the libraries of CUDA that they
need, and a build of torch may hold no kernels for a device.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

# libraries that compute on CUDA devices, in the order in which `auto` takes them
LIBRARIES = ("cupy", "torch")

_VERSION_FILE = "/proc/driver/nvidia/version"
# any of these exists where a driver is loaded; the third is the one of Windows' Linux subsystem,
# the last that of Jetson boards
_DRIVER_FILES = (_VERSION_FILE, "/dev/nvidiactl", "/dev/dxg", "/dev/nvhost-gpu")
VISIBLE = "CUDA_VISIBLE_DEVICES"

# distributions that hold a package; to look through all that are installed takes longer than a
# small volume
_DISTRIBUTIONS = {
    "torch": ("torch",),
    "cupy": ("cupy-cuda12x", "cupy-cuda13x", "cupy-cuda11x", "cupy"),
}
# a library may take minutes to load from a slow disk
_PATIENCE = 300
_ASK = "import sys, morphgen.devices as devices; print(devices.as_json(devices.find(sys.argv[1])))"


@dataclass(frozen=True)
class Device:
    """A CUDA device.

    Attributes
    ----------
    name : str
        What the library calls it: ``cuda:N``.
    model : str
        The product, such as ``NVIDIA H200``.
    memory : int
        Its memory, in bytes.
    free : int or None
        What of it this process can have, in bytes; None where that was not asked.
    """

    name: str
    model: str
    memory: int
    free: int | None = None


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
        Why there are none, or why one is not among them, in one line.
    loads : bool or None
        Whether it can be imported; None where that was not tried.
    """

    name: str
    version: str | None
    devices: tuple[Device, ...] = ()
    trouble: str | None = None
    loads: bool | None = None


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


def find(name: str, only: str | None = None) -> Library:
    """What a library finds; it is imported only where there is a driver.

    Parameters
    ----------
    name : {"cupy", "torch"}
        The library.
    only : str, optional
        The device to be tried, ``cuda:N``, or ``none``: the others are listed alone. By default
        each is tried, and this process then keeps a CUDA context on each of them.
    """
    absent = _not_asked(name)
    if absent is not None:
        return absent
    # a library that does not suit the driver fails in ways of its own (ImportError,
    # RuntimeError, CUDARuntimeError)
    try:
        module = importlib.import_module(name)
    except Exception as error:  # noqa: BLE001
        return Library(name, _version(name), trouble=in_one_line(error), loads=False)
    version = str(module.__version__)
    try:
        listed = _of_torch(module) if name == "torch" else _of_cupy(module)
    except Exception as error:  # noqa: BLE001
        return Library(name, version, trouble=in_one_line(error), loads=True)
    devices, trouble = _tried(name, module, listed, only)
    if not listed:
        trouble = "finds no CUDA device"
    return Library(name, version, devices, trouble, loads=True)


def find_apart(name: str) -> Library:
    """As `find`, in a process of its own: this one gets no CUDA context on any device.

    A device in compute mode EXCLUSIVE_PROCESS is then left to the workers.
    """
    absent = _not_asked(name)
    if absent is not None:
        return absent
    try:
        run = subprocess.run(
            [sys.executable, "-c", _ASK, name],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Library(name, _version(name), trouble=f"does not answer in {_PATIENCE} s")
    if run.returncode != 0:
        last = (run.stderr.splitlines() or [""])[-1]
        trouble = f"cannot be tried: exit status {run.returncode} {last}"[:200].strip()
        return Library(name, _version(name), trouble=trouble, loads=False)
    record: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    devices = tuple(Device(**one) for one in record.pop("devices"))
    return Library(**record, devices=devices)


def as_json(library: Library) -> str:
    """What a library finds, as a line that `find_apart` reads."""
    return json.dumps(asdict(library))


def in_one_line(error: Exception) -> str:
    """Message of a library, which may run over many lines, in 200 characters."""
    return " ".join(str(error).split())[:200] or type(error).__name__


def visible_devices(name: str) -> tuple[str, ...]:
    """Devices that a library counts, as the environment of another process would name them."""
    module = importlib.import_module(name)
    runtime = module.cuda
    count = runtime.device_count() if name == "torch" else runtime.runtime.getDeviceCount()
    listed = os.environ.get(VISIBLE)
    if listed is None:
        return tuple(map(str, range(count)))
    return tuple(one.strip() for one in listed.split(",")[:count])


def broken_cuda() -> str | None:
    """One line where a driver is loaded and yet no library computes with it; None otherwise."""
    if no_driver() is not None:
        return None
    found = [find(name) for name in LIBRARIES]
    return None if any(library.devices for library in found) else cpu_instead(found)


def cpu_instead(tried: Sequence[Library]) -> str:
    """One line that says why no library computes with the driver that is loaded."""
    reasons = "; ".join(f"{library.name} {library.trouble}" for library in tried)
    return f"an NVIDIA driver is loaded, but {reasons}; computing on the CPU"


def _not_asked(name: str) -> Library | None:
    """Library that need not be imported to know that it finds nothing."""
    if importlib.util.find_spec(name) is None:
        return Library(name, None, trouble="is not installed")
    hidden = no_driver()
    return None if hidden is None else Library(name, _version(name), trouble=hidden)


def _version(name: str) -> str:
    """Version without an import: of the distribution that holds the package."""
    for distribution in _DISTRIBUTIONS[name]:
        try:
            return importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            continue
    return "of unknown version"


def _of_torch(torch: ModuleType) -> tuple[Device, ...]:
    """Devices of torch; none of them gets a context."""
    if not torch.version.cuda:
        raise RuntimeError(f"{torch.__version__} was built without CUDA")
    # says why it fails, where `is_available` only says that it does
    torch.cuda.init()
    each = (torch.cuda.get_device_properties(n) for n in range(torch.cuda.device_count()))
    return tuple(
        Device(f"cuda:{number}", str(one.name), int(one.total_memory))
        for number, one in enumerate(each)
    )


def _of_cupy(cupy: ModuleType) -> tuple[Device, ...]:
    """Devices of CuPy; none of them gets a context."""
    runtime = cupy.cuda.runtime
    each = (runtime.getDeviceProperties(number) for number in range(runtime.getDeviceCount()))
    return tuple(
        Device(f"cuda:{number}", _text(one["name"]), int(one["totalGlobalMem"]))
        for number, one in enumerate(each)
    )


def _text(name: bytes | str) -> str:
    return name.decode() if isinstance(name, bytes) else name


def _tried(
    name: str, module: ModuleType, listed: tuple[Device, ...], only: str | None
) -> tuple[tuple[Device, ...], str | None]:
    """Devices without those that fail, and why these do."""
    kept, failures = [], []
    for device in listed:
        if only not in {None, device.name}:
            kept.append(device)
            continue
        try:
            free = _free_of_torch if name == "torch" else _free_of_cupy
            kept.append(replace(device, free=free(module, device.name)))
        except Exception as error:  # noqa: BLE001
            failures.append(
                f"cannot compute on {device.name} ({device.model}): {in_one_line(error)}"
            )
    return tuple(kept), "; ".join(failures) or None


def _free_of_torch(torch: ModuleType, device: str) -> int:
    """Bytes that this process can have of a device that computes."""
    try_out(torch, torch.ones((4, 4), dtype=torch.float32, device=device))
    free, _ = torch.cuda.mem_get_info(device)
    # what torch keeps for itself of memory that it had before is free to this process
    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(free) + int(kept)


def _free_of_cupy(cupy: ModuleType, device: str) -> int:
    """As `_free_of_torch`."""
    with cupy.cuda.Device(int(device.partition(":")[2])):
        try_out(cupy, cupy.ones((4, 4), dtype=cupy.float32))
        free, _ = cupy.cuda.runtime.memGetInfo()
        return int(free) + int(cupy.get_default_memory_pool().free_bytes())


def try_out(xp: ModuleType, ones: Any) -> None:
    """Do a little of all that blocks need: transforms, a product, a product of matrices.

    Parameters
    ----------
    xp : module
        The library.
    ones : array
        Ones of shape (4, 4), on the device.

    Raises
    ------
    RuntimeError
        If the result is wrong; whatever the library raises, where it cannot compute.
    """
    spectrum = xp.fft.rfftn(ones)
    # the spectrum is 16 at the frequency 0, so that its square is the transform of 16 everywhere
    found = float((xp.fft.irfftn(spectrum * spectrum) @ ones).sum())
    if found != 1024.0:
        raise RuntimeError(f"it computes {found:g} where 1024 is right")
