"""Where and on how many threads torch computes: both decide about the last bits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from morphgen._array_api import one_thread
from morphgen.devices import find
from morphgen.errors import BackendError


@contextmanager
def fixed_threads(count: int) -> Iterator[None]:
    """Run torch on ``count`` threads and BLAS on one; both are put back."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        with one_thread(np):
            yield
    finally:
        torch.set_num_threads(before)


def chosen_device(name: str) -> torch.device:
    """Device of ``auto``, ``cpu`` or ``cuda``.

    Raises
    ------
    BackendError
        If CUDA is asked for and does not work.
    """
    if name == "cpu":
        return torch.device("cpu")
    found = find("torch")
    if name == "cuda" and not found.devices:
        raise BackendError(f"torch has no CUDA device: {found.trouble}; choose --device cpu")
    return torch.device("cuda" if found.devices else "cpu")
