"""Watching what an array library brings to the host while a function runs."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import pytest
from matrix.libraries import Variant

# what Python asks of an array to have its values on the host
_CONVERSIONS = (
    "__array__",
    "__bool__",
    "__buffer__",
    "__complex__",
    "__dlpack__",
    "__float__",
    "__index__",
    "__int__",
    "item",
    "tolist",
)
# operations of torch after which the host waits to learn how long their result is
_OF_UNKNOWN_LENGTH = {
    "_unique2",
    "bincount",
    "masked_select",
    "nonzero",
    "repeat_interleave",
    "unique_consecutive",
    "unique_dim",
}


@dataclass(frozen=True)
class Transfer:
    """Values, or the length of an array, that the host waited for.

    Attributes
    ----------
    how : str
        The function that brought them.
    elements : int
        Their number; 0 for a length.
    """

    how: str
    elements: int


@contextmanager
def transfers(variant: Variant) -> Iterator[list[Transfer]]:
    """List of what is brought to the host meanwhile."""
    seen: list[Transfer] = []
    watch = {"torch": _torch, "jax": _jax, "cupy": _cupy, "array-api-strict": _strict}
    with watch[variant.library](variant, seen):
        yield seen


@contextmanager
def _strict(variant: Variant, seen: list[Transfer]) -> Iterator[None]:
    with _patched(type(variant.xp.zeros(1)), seen):
        yield


@contextmanager
def _jax(variant: Variant, seen: list[Transfer]) -> Iterator[None]:
    jax = importlib.import_module("jax")
    kind = type(variant.xp.zeros(1))
    # the guard sees nothing on the CPU, where NumPy takes an array's memory without a question
    with (
        jax.transfer_guard_device_to_host("disallow"),
        _patched(kind, seen),
        _patched_numpy(kind, seen),
    ):
        yield


@contextmanager
def _cupy(variant: Variant, seen: list[Transfer]) -> Iterator[None]:
    # all else that Python asks of an array goes through `get`; `__array__` only refuses
    with _patched(variant.xp.ndarray, seen, ("__array__", "__dlpack__", "get")):
        yield


@contextmanager
def _patched(
    kind: type, seen: list[Transfer], names: tuple[str, ...] = _CONVERSIONS
) -> Iterator[None]:
    def recorded(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def method(self: Any, *args: Any, **kwargs: Any) -> Any:
            seen.append(Transfer(name, prod(self.shape)))
            return original(self, *args, **kwargs)

        return method

    with pytest.MonkeyPatch.context() as patch:
        for name in names:
            if hasattr(kind, name):
                patch.setattr(kind, name, recorded(name, getattr(kind, name)))
        yield


@contextmanager
def _patched_numpy(kind: type, seen: list[Transfer]) -> Iterator[None]:
    def recorded(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def function(array: Any, *args: Any, **kwargs: Any) -> Any:
            if isinstance(array, kind):
                seen.append(Transfer(name, prod(array.shape)))
            return original(array, *args, **kwargs)

        return function

    with pytest.MonkeyPatch.context() as patch:
        for name in ("array", "asarray", "ascontiguousarray"):
            patch.setattr(np, name, recorded(name, getattr(np, name)))
        yield


@contextmanager
def _torch(variant: Variant, seen: list[Transfer]) -> Iterator[None]:
    torch = variant.xp
    functions = importlib.import_module("torch.overrides").TorchFunctionMode
    dispatch = importlib.import_module("torch.utils._python_dispatch").TorchDispatchMode

    class Functions(functions):  # type: ignore[misc, valid-type]
        """Methods that reach for memory without an operation."""

        def __torch_function__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            name = getattr(func, "__name__", "")
            if name in {"__array__", "__dlpack__", "cpu", "numpy", "tolist"}:
                seen.append(Transfer(name, args[0].numel()))
            return func(*args, **(kwargs or {}))

    class Operations(dispatch):  # type: ignore[misc, valid-type]
        """Operations that wait for the device."""

        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            name = func.overloadpacket.__name__
            if name in {"_local_scalar_dense", "equal"}:
                seen.append(Transfer(name, 1))
            if name in _OF_UNKNOWN_LENGTH or _by_mask(name, args, torch):
                seen.append(Transfer(name, 0))
            if name == "_to_copy" and _leaves(args[0], (kwargs or {}).get("device"), variant):
                seen.append(Transfer(name, args[0].numel()))
            if name == "copy_" and _leaves(args[1], args[0].device, variant):
                seen.append(Transfer(name, args[1].numel()))
            return func(*args, **(kwargs or {}))

    with Functions(), Operations():
        yield


def _leaves(array: Any, to: Any, variant: Variant) -> bool:
    """Whether a copy leaves the device; constants may come to it."""
    own = variant.device.type
    return to is not None and array.device.type == own and to.type != own


def _by_mask(name: str, args: Any, torch: Any) -> bool:
    return name == "index" and any(one is not None and one.dtype == torch.bool for one in args[1])
