"""The one seam to array backends.

Everything else in the package is written against the array API standard and asks this file for
what the standard leaves open: the namespace of a plain module, its FFT, its devices.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import threading
from collections.abc import Callable, Iterator
from functools import lru_cache
from types import ModuleType
from typing import Any, cast

import array_api_compat
import numpy as np
import scipy.fft
from scipy.special import roots_legendre
from threadpoolctl import LibController, OpenBLASController, ThreadpoolController

from morphgen.errors import BackendError

# The standard names no common type for arrays of different libraries.
Array = Any


def namespace(*arrays: Array) -> ModuleType:
    """Array namespace of arrays of one backend; Python numbers are allowed among them.

    Raises
    ------
    BackendError
        If one is no array, or they are of several libraries.
    """
    try:
        found: ModuleType = array_api_compat.array_namespace(*arrays)
    except TypeError as error:
        kinds = sorted({f"{type(one).__module__}.{type(one).__name__}" for one in arrays})
        raise BackendError(
            f"got {' and '.join(kinds)}; expected arrays of one library such as numpy: bring them "
            "to it by its from_dlpack or asarray"
        ) from error
    return found


def standard(xp: ModuleType) -> ModuleType:
    """Return the standard-conforming namespace of a plain module such as ``numpy`` or ``torch``.

    Raises
    ------
    BackendError
        If the module is no array library, or silently narrows 64-bit integers.
    """
    try:
        probe = xp.asarray([0], dtype=xp.int64)
        found = namespace(probe)
    except (AttributeError, BackendError, TypeError, ValueError) as error:
        name = getattr(xp, "__name__", repr(xp))
        raise BackendError(
            f"{name} is not an array backend; give numpy, torch, cupy or jax.numpy"
        ) from error
    except RuntimeError as error:
        # CuPy without a GPU, or torch with a default device that is not there
        reason = str(error).partition("\n")[0]
        raise BackendError(f"{xp.__name__} has no usable device: {reason}") from error
    if probe.dtype != found.int64:
        raise BackendError(
            f"{xp.__name__} turns int64 into {probe.dtype}, so results would differ; "
            "switch on 64-bit mode (for JAX: jax.config.update('jax_enable_x64', True))"
        )
    return found


def is_numpy(xp: ModuleType) -> bool:
    """Whether a standard namespace is NumPy's."""
    return array_api_compat.is_numpy_namespace(xp)


def is_torch(xp: ModuleType) -> bool:
    """Whether a standard namespace is torch's."""
    return array_api_compat.is_torch_namespace(xp)


def is_dask(xp: ModuleType) -> bool:
    """Whether a standard namespace is dask's."""
    return array_api_compat.is_dask_namespace(xp)


def check_eager(xp: ModuleType, what: str) -> None:
    """Refuse dask arrays where their graph would be of thousands of small steps.

    Raises
    ------
    BackendError
        With what to do instead.
    """
    if is_dask(xp):
        raise BackendError(
            f"{what} would make a graph of thousands of steps of dask arrays; "
            "call it block by block: array.map_blocks(function)"
        )


def is_cupy(xp: ModuleType) -> bool:
    """Whether a standard namespace is CuPy's."""
    return array_api_compat.is_cupy_namespace(xp)


def device_of(array: Array) -> Any:
    """Device that an array lives on."""
    return array_api_compat.device(array)


def settled(xp: ModuleType, device: Any = None) -> Any:
    """Device that arrays are made on: the one that is named, the current one otherwise.

    Returns
    -------
    object
        What the library takes as ``device``, to keep what is prepared for it under: CuPy's own
        devices cannot be hashed, and become their numbers.
    """
    if is_cupy(xp):
        return int(importlib.import_module("cupy").cuda.Device(device).id)
    return device_of(xp.empty(0, device=device))


def entered(xp: ModuleType, device: Any) -> contextlib.AbstractContextManager[Any]:
    """Make a settled device the current one for a while, where functions heed no other: CuPy's."""
    if is_cupy(xp):
        return cast(
            contextlib.AbstractContextManager[Any],
            importlib.import_module("cupy").cuda.Device(device),
        )
    return contextlib.nullcontext()


def is_accelerator(array: Array) -> bool:
    """Whether an array lives on a device other than the CPU, whose calls are queued and cost time.

    array-api-strict's devices beside its CPU are the CPU under other names.
    """
    xp = namespace(array)
    if is_torch(xp):
        return str(device_of(array).type) != "cpu"
    if array_api_compat.is_jax_namespace(xp):
        return str(device_of(array).platform) != "cpu"
    return is_cupy(xp)


def bring(values: np.ndarray, xp: ModuleType, device: Any = None) -> Array:
    """Host values on a device, in their dtype, without waiting for what is queued there.

    Parameters
    ----------
    values : ndarray
        What is brought; it may be write-protected. A result on the host may share its memory.
    xp : module
        Standard namespace of the result.
    device : object, optional
        Its device; None is the current one.
    """
    if is_numpy(xp):
        return values
    # torch warns when it is handed write-protected memory
    own = values if values.flags.writeable else values.copy()
    if is_torch(xp):
        target = xp.empty(0, device=device)
        # a default device of the caller's must not take part
        host = xp.asarray(own, device="cpu")
        if is_accelerator(target):
            # a copy from pageable memory waits for all queued kernels, then the device for the host
            host = host.pin_memory()
        return host.to(target.device, non_blocking=True)
    return xp.asarray(own, device=device)


def sixteen_bits(words: Array) -> Array:
    """Unsigned 16-bit parts of int64 words, the lowest first, along the last axis.

    Returns
    -------
    array of int32 or int64, shape (..., 4 n)
    """
    xp = namespace(words)
    shape = (*words.shape[:-1], 4 * words.shape[-1])
    if (is_torch(xp) or is_cupy(xp)) and sys.byteorder == "little":
        # a view and two passes over half the bytes, instead of two over int64 for every part
        return xp.astype(words.view(xp.int16), xp.int32) & 0xFFFF
    shifts = xp.asarray([0, 16, 32, 48], dtype=words.dtype, device=device_of(words))
    return xp.reshape((words[..., None] >> shifts) & 0xFFFF, shape)


def entries(table: Array, index: Array) -> Array:
    """Entries of a one-dimensional table, at an array of numbers that are not negative."""
    xp = namespace(table)
    if is_torch(xp):
        # array-api-compat's `take` looks for negative numbers first, in four passes
        return table.index_select(0, index.reshape(-1)).reshape(index.shape)
    return xp.reshape(xp.take(table, xp.reshape(index, (-1,)), axis=0), index.shape)


def asarray_like(values: Array, like: Array) -> Array:
    """Bring host values to the namespace, dtype and device of a floating-point array."""
    xp = namespace(like)
    # a copy: torch warns when it is handed write-protected memory
    return xp.asarray(np.array(values), dtype=like.dtype, device=device_of(like))


def fft(xp: ModuleType) -> ModuleType:
    """FFT functions of a namespace: scipy.fft for NumPy, the namespace's own otherwise."""
    return scipy.fft if is_numpy(xp) else xp.fft


@contextlib.contextmanager
def one_thread(xp: ModuleType) -> Iterator[None]:
    """Run FFTs and matrix products on one thread: their bits can depend on the number of threads.

    For torch on the CPU, and for the BLAS library that NumPy calls; SciPy's FFT takes one thread by
    default. The previous number of threads is put back: torch's, which every thread has of its own,
    at once; that of BLAS, which is the process's, when the last thread that computes is done.
    """
    if is_numpy(xp):
        with _one_blas_thread:
            yield
        return
    if not is_torch(xp):
        yield
        return
    threads = xp.get_num_threads()
    xp.set_num_threads(1)
    try:
        yield
    finally:
        xp.set_num_threads(threads)


@contextlib.contextmanager
def full_precision(xp: ModuleType) -> Iterator[None]:
    """Multiply float32 matrices as float32, whatever the caller chose for speed.

    In TF32, with 10 bits of 23, some 2.5e-4 of the labels would be others. JAX takes it by itself
    on recent GPUs, torch where it was asked to. NVIDIA_TF32_OVERRIDE=1 in the environment cannot be
    undone from here.
    """
    if is_torch(xp):
        with _torch_in_full:
            yield
    elif array_api_compat.is_jax_namespace(xp):
        with importlib.import_module("jax").default_matmul_precision("highest"):
            yield
    else:
        yield


class _TorchInFull:
    """Full precision of torch, a setting of the process, while anybody computes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._put_back: Callable[[], None] = lambda: None

    def __enter__(self) -> None:
        with self._lock:
            self._users += 1
            if self._users == 1:
                self._put_back = _precision_kept()
                importlib.import_module("torch").set_float32_matmul_precision("highest")

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._put_back()


_torch_in_full = _TorchInFull()


def _precision_kept() -> Callable[[], None]:
    """How to put torch's precision of matrix products back to what it is now."""
    torch = importlib.import_module("torch")
    try:
        before = torch.get_float32_matmul_precision()
    except RuntimeError:
        # chosen by the newer settings, which the older ones refuse to read
        parts = [torch.backends.cuda.matmul, torch.backends.mkldnn.matmul]
        values = [part.fp32_precision for part in parts]

        def put_back() -> None:
            for part, value in zip(parts, values, strict=True):
                part.fp32_precision = value

        return put_back
    return lambda: cast(None, torch.set_float32_matmul_precision(before))


class _OneBlasThread:
    """Limit of NumPy's BLAS to one thread, shared by all threads of the process that compute."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._before: list[int] = []

    def __enter__(self) -> None:
        with self._lock:
            self._users += 1
            if self._users == 1:
                self._before = [library.num_threads for library in _blas()]
                _set_threads([1] * len(self._before))

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                _set_threads(self._before)


_one_blas_thread = _OneBlasThread()


@lru_cache(maxsize=1)
def _blas() -> list[LibController]:
    # a search through the libraries of the process, hence once
    return list(ThreadpoolController().select(user_api="blas").lib_controllers)


def _set_threads(numbers: list[int]) -> None:
    """Set the number of threads of each BLAS library of the process.

    threadpoolctl lets one thread alone set that of OpenBLAS, and ignores the others: whoever
    happens to own it must not decide over the bits of a block.
    """
    for library, number in zip(_blas(), numbers, strict=True):
        OpenBLASController.clear_controlling_thread(force=True)
        library.set_num_threads(number)
    OpenBLASController.clear_controlling_thread(force=True)


def fast_length(minimum: int) -> int:
    """Smallest even 5-smooth integer that is at least ``minimum``: a good FFT size everywhere."""
    length = int(scipy.fft.next_fast_len(minimum, real=True))
    while length % 2:
        length = int(scipy.fft.next_fast_len(length + 1, real=True))
    return length


@lru_cache(maxsize=64)
def gauss_legendre(nodes: int, lower: float = 0.0, upper: float = 1.0) -> tuple[Array, Array]:
    """Gauss-Legendre nodes and weights on an interval, as write-protected float64 arrays."""
    points, weights = (np.asarray(part) for part in roots_legendre(nodes))
    half = 0.5 * (upper - lower)
    placed, scaled = lower + half * (points + 1.0), half * weights
    for shared in (placed, scaled):
        shared.flags.writeable = False
    return placed, scaled
