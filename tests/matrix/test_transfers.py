"""No function copies an array to the host, and what is read there is written down."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import pytest
import torch
from matrix.capabilities import Capability
from matrix.cases import CAPABILITIES
from matrix.libraries import Variant, parameters, strictest, variant
from matrix.observers import Transfer, transfers
from matrix.test_matrix import check_place, reference, run, setting

from morphgen.fields import noise

WATCHED = parameters("numpy", "numpy-readonly", "torch-meta", "jax", "dask")
ON_DEVICE = [pytest.param(one, id=one.title) for one in CAPABILITIES if one.result != "host"]

ON_STRICT = [one for one in ON_DEVICE if "array-api-strict" not in one.values[0].refused]


def seen_on(one: Capability, on: Variant) -> list[Transfer]:
    with setting(one, on), transfers(on) as seen:
        run(one, on, one.dtypes[0])
    return seen


@pytest.mark.parametrize("name", WATCHED)
@pytest.mark.parametrize("one", ON_DEVICE)
def test_only_what_is_listed_is_read(
    one: Capability, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = variant(name)
    if on.library in one.refused:
        return
    monkeypatch.setattr(noise, "_checked", set())
    seen = seen_on(one, on)
    assert not seen or one.reads or one.shapes, seen
    # single values alone, never an array
    assert all(transfer.elements <= 1 for transfer in seen), seen
    # their own functions read more: the length of what is not zero, the largest value of a count
    if on.library not in {"cupy", "jax"}:
        values = sum(transfer.elements for transfer in seen)
        assert values <= (one.reads.most if one.reads else 0), seen


@pytest.mark.parametrize("one", [one for one in ON_STRICT if one.values[0].reads])
def test_what_is_listed_is_read(one: Capability, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noise, "_checked", set())
    assert seen_on(one, variant("array-api-strict"))


@pytest.mark.parametrize("one", [one for one in ON_STRICT if one.values[0].shapes])
def test_shapes_depend_on_data_where_listed(one: Capability) -> None:
    on = variant("array-api-strict")
    with strictest(), pytest.raises((RuntimeError, IndexError)):
        run(one, on, one.dtypes[0])


@pytest.mark.parametrize("name", WATCHED)
def test_the_watch_sees_copies(name: str) -> None:
    on = variant(name)
    array = on.asarray(np.ones(3))
    with transfers(on) as seen:
        assert bool(on.xp.all(array == 1.0))
        # some devices refuse it themselves, which is seen as well
        with suppress(RuntimeError, TypeError):
            np.asarray(array)
    assert {one.elements for one in seen} == {1, 3}


def test_the_watch_sees_what_is_written_into_host_memory() -> None:
    on = variant("torch-meta")
    array, host = on.asarray(np.ones(3)), torch.zeros((1, 3), dtype=torch.float64)
    with transfers(on) as seen:
        with suppress(NotImplementedError):
            host.copy_(array)
        with suppress(NotImplementedError):
            host[0] = array
    assert [one.elements for one in seen] == [3, 3]
    with transfers(on) as seen:
        array.copy_(host[0])
    assert not seen


class AllChecked(set[Any]):
    """What `noise._checked` is where every device has been checked."""

    def __contains__(self, key: object) -> bool:
        return True


@pytest.mark.parametrize(
    "one",
    [one for one in ON_DEVICE if one.values[0].generates and "torch" not in one.values[0].refused],
)
def test_generators_only_queue_their_work(one: Capability, monkeypatch: pytest.MonkeyPatch) -> None:
    on = variant("torch-meta")
    monkeypatch.setattr(noise, "_checked", AllChecked())
    # several slabs, as the device has them
    monkeypatch.setattr(noise, "_DEVICE_SLAB_VOXELS", 700)
    # without CUDA there is no such memory
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: tensor)
    with transfers(on) as seen:
        _, found = run(one, on, "")
    assert not seen
    expected = reference(one)
    for array, values in zip(found, expected, strict=True):
        check_place(array, on)
        assert tuple(array.shape) == values.shape
