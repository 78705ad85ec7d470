"""Numbers of a tiny specimen, which remind of the revision that goes with them."""

from __future__ import annotations

import importlib
import importlib.metadata
import math
from collections.abc import Mapping
from types import ModuleType

import numpy as np
import pytest

from morphgen.descriptors import DESCRIPTORS_VERSION, KINDS, Frame, Wanted, measure

NUMBERS = tuple(kind.name for kind in KINDS.values() if not kind.argument and 3 in kind.axes)
# of the specimen, for the revision; to be stored anew whenever it is raised
REVISION = 1
READINGS = {
    "volume_fraction 0": (0.4767857143,),
    "volume_fraction 1": (0.2455357143,),
    "volume_fraction 2": (0.2776785714,),
    "interface_area 0 1": (0.2894812788,),
    "interface_area 0 2": (0.3041502835,),
    "interface_area 1 2": (0.221302034,),
    "specific_surface_area 0": (0.5936315622,),
    "specific_surface_area 1": (0.5107833128,),
    "specific_surface_area 2": (0.5254523175,),
    "triple_phase_boundary_length 0 1 2": (0.2683681864,),
    "euler_number 0": (-0.02442002442,),
    "euler_number 1": (-0.008394383394,),
    "euler_number 2": (-0.02136752137,),
    "mean_chord_length 0": (1.478142077, 1.511377246, 1.946052632),
    "mean_chord_length 1": (1.254716981, 0.8918518519, 1.624390244),
    "mean_chord_length 2": (1.261146497, 1.507853403, 2.022641509),
    "connected_fraction 0": (1.0,),
    "cluster_number 0": (0.00248015873,),
    "through_connected_fraction 0": (1.0, 1.0, 1.0),
    "connected_fraction 1": (0.4472727273,),
    "cluster_number 1": (0.03720238095,),
    "through_connected_fraction 1": (0.7806060606, 0.0, 0.7806060606),
    "connected_fraction 2": (0.9828510182,),
    "cluster_number 2": (0.01984126984,),
    "through_connected_fraction 2": (0.9828510182, 0.9828510182, 0.9828510182),
    "phase_size_radius 0": (1.432839225,),
    "intrusion_radius 0": (0.8630811304, 0.7455788959, 0.7246753247),
    "constrictivity 0": (0.3628342863, 0.2707648527, 0.2557949837),
    "phase_size_radius 1": (0.8509345794,),
    "intrusion_radius 1": (0.5517814727, 0.0, 0.552173913),
    "constrictivity 1": (0.4204766496, 0.0, 0.4210749686),
    "phase_size_radius 2": (0.9450413223,),
    "intrusion_radius 2": (0.5657195234, 0.5060869565, 0.5653671804),
    "constrictivity 2": (0.3583444944, 0.2867798884, 0.3578982632),
    "mean_geodesic_tortuosity 0": (1.045559471, 1.095945675, 1.042963296),
    "mean_geodesic_tortuosity 1": (1.554546971, math.nan, 1.211701867),
    "mean_geodesic_tortuosity 2": (1.130383114, 1.226771077, 1.045589402),
    "effective_diffusivity 0": (0.2523688406, 0.220402263, 0.2622212922),
    "tortuosity_factor 0": (1.889241609, 2.163252354, 1.818257054),
    "effective_diffusivity 1": (0.03109121904, 0.0, 0.05490940572),
    "tortuosity_factor 1": (7.897268807, math.inf, 4.471651279),
    "effective_diffusivity 2": (0.1136916557, 0.02947366734, 0.122649142),
    "tortuosity_factor 2": (2.442383037, 9.421242638, 2.264007451),
    "effective_ionic_conductivity 0 1": (0.3374538426, 0.2499439994, 0.3555020355),
    "effective_electronic_conductivity 2 1": (0.3755675684, 0.1371783436, 0.4057639431),
}

SOLVED = {
    "effective_diffusivity 0": (0.2530175745, 0.2378756702, 0.2490765005),
    "effective_diffusivity 1": (0.03511637077, 0.0, 0.04591787979),
    "effective_diffusivity 2": (0.1138961688, 0.03301570484, 0.1117094383),
}
CUBIC = (0.5, 0.5, 0.5)


def specimen() -> np.ndarray:
    """Three phases in smooth bodies, none of them symmetric, on 14 x 15 x 16 voxels."""
    z, y, x = np.meshgrid(*(np.arange(n) for n in (14, 15, 16)), indexing="ij")
    first = np.sin(0.9 * z + 0.3) + np.cos(0.7 * y - 0.2 * x) + np.sin(0.8 * x + 0.1 * z)
    second = np.cos(0.5 * z + 0.4 * x) + np.sin(0.6 * y + 1.0)
    return np.where(first > 0.2, 0, np.where(second > 0.1, 1, 2)).astype(np.uint8)


def readings(
    kinds: tuple[str, ...] = NUMBERS, spacing: tuple[float, float, float] = (0.5, 0.4, 0.6)
) -> dict[str, list[float]]:
    """Numbers of each kind and phase, axis by axis."""
    frame = Frame((14, 15, 16), spacing, "zyx", (0, 1, 2), "um")
    wanted = Wanted(kinds, 1, ((0, 1.0), (1, 0.2)), ((2, 3.0), (1, 0.1)))
    found: dict[str, list[float]] = {}
    for one in measure(specimen(), frame, wanted):
        name = " ".join([one.key.kind, *map(str, one.key.phases)])
        found.setdefault(name, []).append(float(one.values[0]))
    return found


def test_numbers_belong_to_a_revision() -> None:
    assert DESCRIPTORS_VERSION == REVISION, "store the readings of the new revision here"
    found = readings()
    assert {name.partition(" ")[0] for name in found} == set(NUMBERS)
    what = "numbers changed: raise DESCRIPTORS_VERSION, and store them here"
    assert found == {
        name: pytest.approx(values, rel=1e-8, nan_ok=True) for name, values in READINGS.items()
    }, what
    # taufactor solves on cubic voxels alone, in single precision, until fluxes agree to 1e-3
    solved = readings(("effective_diffusivity",), CUBIC)
    near = {name: pytest.approx(values, rel=1e-3) for name, values in SOLVED.items()}
    assert solved == near, what


@pytest.fixture(scope="module")
def owners() -> Mapping[str, list[str]]:
    """Packages of modules, which take a second to find."""
    return importlib.metadata.packages_distributions()


@pytest.mark.parametrize("kind", NUMBERS)
def test_packages_are_those_that_numbers_come_from(
    kind: str, owners: Mapping[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Packages of `Kind` name what is imported while it is measured."""
    seen: set[str] = set()
    load = importlib.import_module

    def watched(name: str) -> ModuleType:
        seen.update(owners[name.partition(".")[0]])
        return load(name)

    monkeypatch.setattr(importlib, "import_module", watched)
    readings((kind,), CUBIC)
    # taufactor stands on torch
    assert seen - {"numpy", "scipy"} == set(KINDS[kind].packages) - {"torch"}
