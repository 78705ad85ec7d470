"""Every public array function on every array library, on every device that there is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest
from matrix.capabilities import Capability
from matrix.cases import CAPABILITIES
from matrix.libraries import NAMES, Variant, slow, strictest, variant

from morphgen._array_api import device_of, namespace, standard
from morphgen.errors import MorphgenError
from morphgen.images import Section, Volume

# of JAX the second device alone: the fixture `backend` of tests/conftest.py runs on the first
VARIANTS = [one for one in NAMES if one != "jax"]
# one dtype where another one would only cost time: what they refuse does not depend on it
_ONCE = ("torch-meta", "jax-device1", "dask")
EXAMPLES = [
    pytest.param(
        one,
        dtype,
        name,
        id=f"{one.title}-{dtype}-{name}",
        marks=pytest.mark.slow if slow(name) else (),
    )
    for one in CAPABILITIES
    for name in VARIANTS
    for dtype in (one.dtypes[:1] if name in _ONCE else one.dtypes)
]


def arrays_in(result: Any) -> Iterator[Any]:
    """Arrays in a result, depth first."""
    if isinstance(result, dict):
        result = list(result.values())
    if isinstance(result, Section | Volume):
        result = result.labels
    if is_dataclass(result):
        result = [getattr(result, one.name) for one in fields(result)]
    if isinstance(result, (list, tuple)):
        for one in result:
            yield from arrays_in(one)
    else:
        yield result


def run(one: Capability, on: Variant, dtype: str) -> tuple[list[Any], list[Any]]:
    """Arguments and results of an example."""
    if one.generates:
        return [], list(arrays_in(one.call(on.xp, on.device)))
    given = [on.asarray(array) for array in one.host_arrays(dtype)]
    return given, list(arrays_in(one.call(*given)))


@cache
def reference(one: Capability) -> list[np.ndarray]:
    """Results with NumPy and float64."""
    _, found = run(one, variant("numpy"), one.dtypes[0])
    return [np.asarray(array) for array in found]


def setting(one: Capability, on: Variant) -> Any:
    if on.library != "array-api-strict":
        return nullcontext()
    return strictest(variable_shapes=bool(one.shapes))


def check_place(array: Any, on: Variant) -> None:
    assert namespace(array) is standard(on.xp)
    if on.device is not None:
        assert device_of(array) == on.device


@pytest.mark.parametrize(("one", "dtype", "name"), EXAMPLES)
def test_function(one: Capability, dtype: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    on = variant(name)
    if on.library in one.refused:
        with pytest.raises(MorphgenError) as refusal:
            run(one, on, dtype)
        assert len(str(refusal.value).splitlines()) <= 2
        return
    if not on.holds_values() and (one.reads or one.shapes):
        # without CUDA there is no such memory, and what comes to the device is not what is refused
        monkeypatch.setattr(on.xp.Tensor, "pin_memory", lambda tensor: tensor)
        with pytest.raises((RuntimeError, NotImplementedError), match="meta"):
            run(one, on, dtype)
        return
    with setting(one, on):
        given, found = run(one, on, dtype)
    expected = reference(one)
    assert len(found) == len(expected)
    if one.result == "host":
        for array, values in zip(found, expected, strict=True):
            np.testing.assert_array_equal(array, values)
        return
    tolerance = one.coarse if dtype == "float32" else one.tolerance
    for array, values in zip(found, expected, strict=True):
        check_place(array, on)
        assert str(array.dtype).rpartition(".")[2] == one.expected_dtype(dtype)
        assert tuple(array.shape) == values.shape
        if on.holds_values():
            np.testing.assert_allclose(on.to_numpy(array), values, rtol=0.0, atol=tolerance)
    for array, values in zip(given, one.host_arrays(dtype), strict=True):
        if on.holds_values():
            np.testing.assert_array_equal(on.to_numpy(array), values)
