"""Where and on how many threads torch computes: both decide about the last bits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from morphgen._array_api import one_thread
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
    works = torch.cuda.is_available()
    if name == "cuda" and not works:
        raise BackendError("no CUDA device works with this torch; choose --device cpu")
    return torch.device("cuda" if works and name != "cpu" else "cpu")
