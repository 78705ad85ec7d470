"""Where, on how many threads and in what precision torch computes: all decide about bits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from morphgen._array_api import one_thread
from morphgen.devices import find
from morphgen.errors import BackendError


@contextmanager
def fixed_arithmetic(threads: int) -> Iterator[None]:
    """Run torch on so many threads and BLAS on one, and convolve alike each time; all is put back.

    On CUDA devices float32 is then float32: torch's own default would convolve in TF32, with 10
    bits of 23. Algorithms whose sums depend on chance are left out.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with one_thread(np), _fixed_convolutions():
            yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _fixed_convolutions() -> Iterator[None]:
    library = torch.backends.cudnn
    settings: list[tuple[Any, str, object]] = [
        (library, "benchmark", False),
        (library, "deterministic", True),
        # older versions have one switch for all; newer ones refuse to mix it with this one, which
        # is why cudnn.flags cannot be used
        (library.conv, "fp32_precision", "ieee")
        if hasattr(library, "conv")
        else (library, "allow_tf32", False),
    ]
    before = [getattr(where, name) for where, name, _ in settings]
    try:
        for where, name, value in settings:
            setattr(where, name, value)
        yield
    finally:
        for (where, name, _), value in zip(settings, before, strict=True):
            setattr(where, name, value)


def chosen_device(name: str) -> torch.device:
    """Device of ``auto``, ``cpu`` or ``cuda``.

    Raises
    ------
    BackendError
        If CUDA is asked for and does not work.
    """
    if name == "cpu":
        return torch.device("cpu")
    found = find("torch", "cuda:0")
    if name == "cuda" and not found.devices:
        raise BackendError(f"torch has no CUDA device: {found.trouble}; choose --device cpu")
    return torch.device("cuda" if found.devices else "cpu")


def chosen_precision(name: str, device: torch.device) -> str:
    """Precision of ``auto``: bfloat16 on CUDA devices with hardware for it, else float32."""
    if name != "auto":
        return name
    if device.type != "cuda":
        return "float32"
    return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
