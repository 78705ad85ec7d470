"""What the package takes for granted of CuPy, whose wheels are imported without a GPU too."""

from __future__ import annotations

import inspect
from contextlib import suppress
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from matrix.libraries import Variant
from matrix.observers import transfers

from morphgen.devices import find


@pytest.fixture(scope="module")
def cupy() -> ModuleType:
    """CuPy, whether it can compute here or not."""
    return pytest.importorskip("cupy", reason="CuPy is not installed")


def test_names_and_arguments(cupy: ModuleType) -> None:
    cupyx = pytest.importorskip("cupyx")
    runtime, cuda = cupy.cuda.runtime, cupy.cuda
    asked = (
        runtime.getDeviceCount,
        runtime.getDeviceProperties,
        runtime.memGetInfo,
        cuda.Device.__enter__,
        cuda.Device.__exit__,
        cuda.get_current_stream,
        cuda.Event.record,
        cuda.Event.synchronize,
        cupy.get_default_memory_pool().free_bytes,
        cupyx.empty_pinned,
    )
    assert all(map(callable, asked))
    assert cupy.__version__
    # names that it does not know are a TypeError
    with suppress(RuntimeError):
        cuda.Event(block=True, disable_timing=True)
    # Cython writes the signature into the first line of the documentation
    line = str(cupy.ndarray.get.__doc__).partition("\n")[0]
    assert "out=None" in line
    assert "blocking=True" in line
    assert list(inspect.signature(cupyx.empty_pinned).parameters)[:2] == ["shape", "dtype"]


def test_devices_are_no_keys(cupy: ModuleType) -> None:
    device = cupy.cuda.Device(0)
    assert device == cupy.cuda.Device(0)
    assert str(device) != str(cupy.cuda.Device(1))
    # why no cache is keyed by one
    with pytest.raises(TypeError, match="unhashable"):
        hash(device)


def test_the_watch_sees_every_way_to_the_host(cupy: ModuleType) -> None:
    if find("cupy").devices:
        pytest.skip("the tests of transfers see it on the device")
    host = np.ones(1)
    memory = cupy.cuda.UnownedMemory(host.ctypes.data, host.nbytes, host, 0)
    # nothing is ever computed with it
    array = cupy.ndarray((1,), host.dtype, cupy.cuda.MemoryPointer(memory, 0))
    ways: list[Any] = [bool, int, float, complex, np.asarray, cupy.asnumpy, cupy.ndarray.item]
    for way in [*ways, cupy.ndarray.tolist, np.from_dlpack]:
        # whatever CUDA says of it
        with transfers(Variant("cupy", "cupy", cupy)) as seen, suppress(RuntimeError, TypeError):
            way(array)
        assert [one.elements for one in seen] == [1], way
