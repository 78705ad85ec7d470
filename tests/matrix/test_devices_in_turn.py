"""What is prepared for one device is never used on another."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matrix.libraries import Variant, slow, variant
from samples import two_phases

from morphgen._array_api import device_of
from morphgen.excursion import Realization


def _second(on: Variant) -> Any:
    """Another device of the library; skips the test where there is none."""
    if on.library == "torch":
        if on.xp.cuda.device_count() < 2:
            pytest.skip("torch finds no second CUDA device")
        return on.xp.device("cuda:1")
    if on.library == "cupy":
        if on.xp.cuda.runtime.getDeviceCount() < 2:
            pytest.skip("CuPy finds no second device")
        return on.xp.cuda.Device(1)
    return variant(f"{on.name}-device1").device


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if slow(name) else ())
        for name in ("torch-cuda", "cupy", "jax", "array-api-strict")
    ],
)
def test_a_sample_is_computed_on_two_devices(name: str) -> None:
    on = variant(name)
    sample, window = Realization(two_phases(), 1), ((3, -4, 60), (5, 6, 9))
    expected = sample.window(*window)
    for device in (on.device, _second(on), on.device):
        found = sample.window(*window, on.xp, device)
        assert device_of(found) == device
        np.testing.assert_array_equal(on.to_numpy(found), expected)
