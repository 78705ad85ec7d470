"""Arrays come from other libraries, and go to them, by DLPack."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matrix.libraries import parameters, variant
from samples import two_phases

from morphgen import descriptors
from morphgen._array_api import device_of
from morphgen.errors import BackendError, InputError
from morphgen.excursion import section_sampler
from morphgen.fields.laws import Gaussian
from morphgen.fields.noise import white_noise

ON_HOST = parameters(
    "torch-cuda", "torch-meta", "cupy", "jax-device1", "array-api-strict-device1", "dask"
)
LABELS = np.repeat(np.arange(3, dtype=np.uint8), 24).reshape(8, 9)


class Exporter:
    """A library that knows DLPack and nothing else."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __dlpack__(self, **wanted: Any) -> Any:
        return self.array.__dlpack__(**wanted)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.array.__dlpack_device__()


@pytest.mark.parametrize("name", ON_HOST)
def test_results_go_out(name: str) -> None:
    on = variant(name)
    noise = white_noise(1, 2, (0, 0, 0), (2, 3, 4), xp=on.xp, device=on.device)
    labels = section_sampler(two_phases(), (6, 7), xp=on.xp, device=on.device).labels(1)
    found = descriptors.two_point_coverage(labels, (0, 1), max_lag=2).directional()
    for array in (noise, labels, found):
        seen = np.from_dlpack(array)
        np.testing.assert_array_equal(seen, on.to_numpy(array))
        assert not seen.flags.owndata


@pytest.mark.parametrize("name", ON_HOST)
def test_arrays_come_in(name: str) -> None:
    on = variant(name)
    source = Exporter(LABELS.copy())
    labels = on.xp.from_dlpack(source)
    found = descriptors.interface_densities(labels, (0, 1, 2))
    np.testing.assert_allclose(
        on.to_numpy(found), descriptors.interface_densities(LABELS, (0, 1, 2)), rtol=1e-14
    )


@pytest.mark.parametrize(("source", "target"), [("torch-cuda", "cupy"), ("cupy", "torch-cuda")])
def test_arrays_stay_on_the_device(source: str, target: str) -> None:
    giving, taking = variant(source), variant(target)
    labels = section_sampler(two_phases(), (6, 7), xp=giving.xp, device=giving.device).labels(1)
    taken = taking.xp.from_dlpack(labels)
    assert device_of(taken) == taking.device
    found = descriptors.interface_densities(taken, (0, 1))
    assert device_of(found) == taking.device
    expected = descriptors.interface_densities(giving.to_numpy(labels), (0, 1))
    np.testing.assert_allclose(taking.to_numpy(found), expected, rtol=1e-14)


@pytest.mark.parametrize(
    "call",
    [
        lambda array: descriptors.euler_density(array, 1),
        lambda array: descriptors.two_point_coverage(array, max_lag=1),
        lambda array: descriptors.chord_lengths(LABELS, 1, 0, mask=array),
        lambda array: Gaussian().joint_exceedance(array, 0.3),
        two_phases().two_point_coverage,
        two_phases().fields[0].kernel.correlation,
    ],
)
@pytest.mark.parametrize("array", [Exporter(LABELS), [0.1, 0.2]], ids=["exporter", "list"])
def test_what_is_no_array_is_refused_with_the_remedy(call: Any, array: Any) -> None:
    with pytest.raises((BackendError, InputError), match="from_dlpack") as refusal:
        call(array)
    assert len(str(refusal.value).splitlines()) == 1


def test_arrays_of_two_libraries_are_refused_with_the_remedy() -> None:
    strict = pytest.importorskip("array_api_strict")
    labels, mask = strict.asarray(LABELS), LABELS == 0
    with pytest.raises(InputError, match=r"array_api_strict.* and numpy\.ndarray; .*from_dlpack"):
        descriptors.interface_densities(labels, (0, 1), mask=mask)
