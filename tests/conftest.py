"""Array backends that every array test runs on."""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from matrix.libraries import cupy, jax_numpy

from morphgen import _array_api


@dataclass(frozen=True)
class Backend:
    """An array library as the tests use it."""

    name: str
    xp: ModuleType
    readonly: bool = False

    def asarray(self, values: Any, dtype: str | None = None) -> Any:
        """Bring values to this backend, write-protected where the backend asks for it."""
        host = np.asarray(values, dtype=dtype)
        if self.readonly:
            host = host.copy()
            host.flags.writeable = False
            return host
        if self.xp.__name__.endswith("numpy") and "jax" not in self.xp.__name__:
            return host
        # torch warns when it is handed memory that it may not write to
        return self.xp.asarray(host.copy())

    def to_numpy(self, array: Any) -> np.ndarray:
        """Bring a result back to the host and check that it belongs to this backend."""
        expected = _array_api.standard(self.xp)
        assert _array_api.namespace(array) is expected, f"{type(array)} is not of {self.name}"
        if hasattr(array, "detach"):
            array = array.detach().cpu()
        if hasattr(array, "get"):
            array = array.get()
        return np.asarray(array)


def _backend(name: str) -> Backend:
    if name == "numpy-readonly":
        return Backend(name, np, readonly=True)
    if name == "jax":
        return Backend(name, jax_numpy())
    if name == "cupy":
        return Backend(name, cupy())
    return Backend(name, importlib.import_module(name.replace("-", "_")))


@pytest.fixture(
    params=[
        "numpy",
        "numpy-readonly",
        "torch",
        "array-api-strict",
        # it compiles every operation for every shape
        pytest.param("jax", marks=pytest.mark.slow),
        "cupy",
    ],
    scope="session",
)
def backend(request: pytest.FixtureRequest) -> Backend:
    """Each array library that is installed, NumPy also with write-protected arrays."""
    return _backend(request.param)


@pytest.fixture(scope="session")
def data() -> Path:
    """Folder of real segmented images, named by the environment variable MORPHGEN_DATA."""
    folder = os.environ.get("MORPHGEN_DATA")
    if not folder:
        pytest.skip("MORPHGEN_DATA names no folder of real images")
    return Path(folder)
