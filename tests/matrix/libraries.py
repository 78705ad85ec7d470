"""Array libraries and devices that the matrix runs on, each with what is special about it."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from morphgen._array_api import standard
from morphgen.devices import find


@dataclass(frozen=True)
class Variant:
    """A library and a device.

    Attributes
    ----------
    name : str
        Its name in the tests.
    library : str
        Its column in the table of the documentation.
    xp : module
        The plain module.
    device : object
        The device that arrays are made on; None for the library's own choice.
    """

    name: str
    library: str
    xp: ModuleType
    device: Any = None

    def asarray(self, values: np.ndarray) -> Any:
        """Bring values to the library and the device, write-protected where it asks for it."""
        if self.library == "dask":
            return self.xp.from_array(values, chunks=-1)
        if self.library == "numpy":
            host = values.copy()
            host.flags.writeable = self.name != "numpy-readonly"
            return host
        # plain CuPy knows no argument `device`
        return standard(self.xp).asarray(values.copy(), device=self.device)

    def holds_values(self) -> bool:
        """Whether arrays have values at all: those of torch's device "meta" have none."""
        return self.name != "torch-meta"

    def to_numpy(self, array: Any) -> np.ndarray:
        """Bring an array to the host, by a way that the package itself must not take."""
        if self.library == "array-api-strict":
            return np.asarray(array._array)
        if self.library == "torch":
            return np.asarray(array.detach().cpu())
        if self.library == "cupy":
            return np.asarray(array.get())
        if self.library == "dask":
            return np.asarray(array.compute(scheduler="synchronous"))
        return np.asarray(array)


def _numpy(name: str) -> Variant:
    return Variant(name, "numpy", np)


def _torch(name: str) -> Variant:
    torch = importlib.import_module("torch")
    device = name.partition("-")[2] or "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("torch finds no CUDA device")
    # arrays tell the number of their device
    return Variant(name, "torch", torch, torch.device("cuda:0" if device == "cuda" else device))


def _cupy(name: str) -> Variant:
    xp = cupy()
    return Variant(name, "cupy", xp, xp.cuda.Device(0))


def _jax(name: str) -> Variant:
    xp = jax_numpy()
    devices = importlib.import_module("jax").devices("cpu")
    return Variant(name, "jax", xp, devices[1 if name.endswith("device1") else 0])


def _strict(name: str) -> Variant:
    strict = importlib.import_module("array_api_strict")
    device = strict.Device("device1") if name.endswith("device1") else strict.Device("CPU_DEVICE")
    return Variant(name, "array-api-strict", strict, device)


def _dask(name: str) -> Variant:
    return Variant(name, "dask", importlib.import_module("dask.array"))


_MAKERS = {
    "numpy": _numpy,
    "torch": _torch,
    "cupy": _cupy,
    "jax": _jax,
    "array-api-strict": _strict,
    "dask": _dask,
}
NAMES = (
    "numpy",
    "numpy-readonly",
    "torch",
    "torch-cuda",
    "torch-meta",
    "cupy",
    "jax",
    "jax-device1",
    "array-api-strict",
    "array-api-strict-device1",
    "dask",
)


def library_of(name: str) -> str:
    """Library of a variant."""
    return next(one for one in sorted(_MAKERS, key=len, reverse=True) if name.startswith(one))


def variant(name: str) -> Variant:
    """Variant by its name; skips the test where library or device are missing."""
    return _MAKERS[library_of(name)](name)


def slow(name: str) -> bool:
    """Whether tests on a variant are slow: JAX compiles every operation for every shape."""
    return library_of(name) == "jax"


def parameters(*leave_out: str) -> list[Any]:
    """All variants as parameters of a test, those of JAX marked slow."""
    return [
        pytest.param(name, marks=pytest.mark.slow if slow(name) else ())
        for name in NAMES
        if name not in leave_out
    ]


def cupy() -> ModuleType:
    """CuPy; skips the test where it cannot compute: its import alone needs no GPU."""
    trouble = _trouble_of_cupy()
    if trouble is not None:
        pytest.skip(f"CuPy: {trouble}")
    return importlib.import_module("cupy")


@cache
def _trouble_of_cupy() -> str | None:
    # some computing on every device, hence once
    return find("cupy").trouble


@cache
def jax_numpy() -> ModuleType:
    """jax.numpy with 64-bit numbers and two devices on the host; skips the test without JAX."""
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    jax.config.update("jax_enable_x64", True)
    # possible only before the first array is made, hence once
    jax.config.update("jax_num_cpu_devices", 2)
    return importlib.import_module("jax.numpy")


@contextmanager
def strictest(*, variable_shapes: bool = False) -> Iterator[None]:
    """Let array-api-strict forbid what the standard leaves to the library.

    Parameters
    ----------
    variable_shapes : bool
        Whether shapes may depend on data.
    """
    strict = importlib.import_module("array_api_strict")
    strict.set_array_api_strict_flags(
        api_version=strict.get_array_api_strict_flags()["api_version"],
        boolean_indexing=False,
        data_dependent_shapes=variable_shapes,
        enabled_extensions=("fft",),
    )
    try:
        yield
    finally:
        strict.reset_array_api_strict_flags()
