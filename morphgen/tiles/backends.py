"""Which array library computes the blocks, and on what device.

A library is imported only when it is asked for by name, or when this machine has an NVIDIA driver
and the library might therefore find a device.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np

from morphgen._array_api import Array
from morphgen.devices import (
    LIBRARIES,
    Library,
    cpu_instead,
    find,
    find_apart,
    in_one_line,
    no_driver,
)
from morphgen.errors import BackendError

NAMES = ("numpy", "torch", "cupy")

_INSTALL = {
    "torch": 'pip install "morphgen[calibrate]"',
    "cupy": 'pip install "morphgen[cuda]"',
}


@dataclass(frozen=True)
class Backend:
    """An array library and a device, by name: it travels to other processes.

    Parameters
    ----------
    name : {"numpy", "torch", "cupy"}
        The library.
    device : str
        ``cpu`` or ``cuda:N``; ``cuda`` where a store records no more than the kind.
    reason : str, optional
        Why the CPU computes although an NVIDIA driver is loaded, in one line, where nobody chose
        that. It is no part of what is compared or recorded.
    """

    name: str = "numpy"
    device: str = "cpu"
    reason: str | None = field(default=None, compare=False, repr=False)

    @property
    def on_gpu(self) -> bool:
        """Whether the device is a CUDA device."""
        return self.kind == "cuda"

    @property
    def kind(self) -> str:
        """Kind of the device, ``cpu`` or ``cuda``: what the bits can depend on."""
        return self.device.partition(":")[0]

    def module(self) -> ModuleType:
        """Import the library.

        Raises
        ------
        BackendError
            If that fails.
        """
        # a broken library fails in ways of its own (ImportError, OSError, RuntimeError)
        try:
            return importlib.import_module(self.name)
        except Exception as error:
            raise BackendError(
                f"the backend {self.name} cannot be imported: {in_one_line(error)}; install it "
                "anew, or choose the backend numpy"
            ) from error

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
        with self.module().cuda.Device(int(self.device.partition(":")[2] or 0)):
            yield

    def to_host(self, array: Array) -> np.ndarray:
        """Copy an array of this backend to the host; NumPy's own is returned as it is."""
        return self.fetch(array)()

    def fetch(self, array: Array) -> Callable[[], np.ndarray]:
        """Begin to copy an array of this backend to the host.

        From a CUDA device the copy is queued behind what computes the array, into memory that is
        not paged, so that the host neither waits for it nor takes part in it.

        Parameters
        ----------
        array : array
            The array; nobody may write to it any more.

        Returns
        -------
        callable
            Waits for the copy, from any thread, and returns it: a NumPy array.
        """
        if not self.on_gpu:
            host = np.asarray(array)
            return lambda: host
        return _from_torch(array) if self.name == "torch" else _from_cupy(self.module(), array)

    def versions(self) -> dict[str, str]:
        """Version of the library."""
        return {self.name: str(self.module().__version__)}


def resolve(name: str = "auto", device: str | None = None, *, apart: bool = False) -> Backend:
    """Choose the library and the device.

    Parameters
    ----------
    name : {"auto", "numpy", "torch", "cupy"}
        ``auto`` takes CuPy, then torch, where they compute on a CUDA device, and NumPy otherwise.
    device : str, optional
        ``cpu``, ``cuda`` or ``cuda:N``. By default a CUDA device where the library finds one.
    apart : bool
        Try devices in a process of its own, so that this one holds no CUDA context.

    Raises
    ------
    BackendError
        If the library is not installed, or has no such device.
    """
    _check_device_name(device)
    if name not in {"auto", *NAMES}:
        raise BackendError(f"backend {name!r}: expected auto, {', '.join(NAMES)}")
    if name == "auto":
        return Backend() if device == "cpu" else _first_with_cuda(device, apart)
    if name == "numpy":
        return _numpy(device)
    if importlib.util.find_spec(name) is None:
        raise BackendError(f"the backend {name} is not installed; {_INSTALL[name]}")
    if name == "torch" and device == "cpu":
        return Backend("torch", "cpu")
    found, wanted = _asked(name, device, apart)
    if _has(found, wanted):
        return Backend(name, wanted)
    if name == "torch" and device is None:
        return Backend("torch", "cpu", _why_not((found,)))
    why = f" ({found.trouble})" if found.trouble else ""
    raise BackendError(
        f"{name} has no device {device or 'cuda'!r}: it finds {len(found.devices)} CUDA devices"
        f"{why}; choose another device, or the backend numpy"
    )


def lacks_device_memory(error: Exception) -> bool:
    """Whether a library for CUDA devices found too little memory there."""
    # errors of their own of torch and CuPy; cuFFT, cuBLAS and the runtime say it in words only
    words = str(error)
    return (
        type(error).__name__ == "OutOfMemoryError"
        or "ALLOC_FAILED" in words
        or "out of memory" in words
    )


def _from_torch(array: Array) -> Callable[[], np.ndarray]:
    torch = importlib.import_module("torch")
    # a program may have made another device the default
    pinned = torch.empty(array.shape, dtype=array.dtype, device="cpu", pin_memory=True)
    pinned.copy_(array, non_blocking=True)
    # blocking: many threads wait, and must not keep the CPUs from those that compress
    event = torch.cuda.Event(blocking=True)
    event.record(torch.cuda.current_stream(array.device))
    return _after(event, pinned.numpy())


def _from_cupy(cupy: ModuleType, array: Array) -> Callable[[], np.ndarray]:
    pinned = importlib.import_module("cupyx").empty_pinned(array.shape, array.dtype)
    array.get(out=pinned, blocking=False)
    event = cupy.cuda.Event(block=True, disable_timing=True)
    event.record(cupy.cuda.get_current_stream())
    return _after(event, pinned)


def _after(event: Any, host: np.ndarray) -> Callable[[], np.ndarray]:
    """What was copied once an event has happened."""

    def waited() -> np.ndarray:
        event.synchronize()
        return host

    return waited


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


def _first_with_cuda(device: str | None, apart: bool) -> Backend:
    """The first library that computes on the device; without one NumPy, unless it was asked for."""
    tried = []
    for name in LIBRARIES if no_driver() is None else ():
        found, wanted = _asked(name, device, apart)
        if _has(found, wanted):
            return Backend(name, wanted)
        tried.append(found)
    if device is None:
        return Backend(reason=_why_not(tried))
    reasons = "; ".join(
        f"{one.name} {one.trouble or f'finds {len(one.devices)} CUDA devices'}" for one in tried
    )
    raise BackendError(
        f"no backend computes on the device {device!r}: {no_driver() or reasons}; choose another "
        "device, such as cpu"
    )


def _asked(name: str, device: str | None, apart: bool) -> tuple[Library, str]:
    """What a library finds, and the device in question."""
    number = int((device or "cuda:0").partition(":")[2] or 0)
    wanted = "cpu" if device == "cpu" else f"cuda:{number}"
    return find_apart(name) if apart else find(name, wanted), wanted


def _has(found: Library, device: str) -> bool:
    return any(one.name == device for one in found.devices)


def _why_not(tried: Sequence[Library]) -> str | None:
    """Why the CPU computes; nobody expects another thing where there is no driver."""
    return cpu_instead(tried) if no_driver() is None else None
