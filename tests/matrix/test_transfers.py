"""No function copies an array to the host, and what is read there is written down."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from matrix.capabilities import Capability
from matrix.cases import CAPABILITIES
from matrix.libraries import Variant, parameters, strictest, variant
from matrix.observers import Transfer, transfers
from matrix.test_matrix import run, setting

from morphgen.fields import noise

WATCHED = parameters("numpy", "numpy-readonly", "torch-meta", "cupy", "jax", "dask")
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
    # JAX's own functions read more: the length of what is not zero, the largest value of a count
    if on.library != "jax":
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
