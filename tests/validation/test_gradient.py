"""Fractions of the planes across a gradient, and their picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from samples import three_phases

from morphgen.errors import InputError
from morphgen.excursion import GradedModel, Profile, fraction_scatter
from morphgen.images import Volume
from morphgen.validation.gradient import gradient, plane_fractions

SHAPE = (8, 10, 12)


def graded(axis: str) -> GradedModel:
    fractions = {0: (0.5, 0.3), 1: (0.2, 0.5)}
    return GradedModel(three_phases(), Profile(axis, (4.0, 20.0), fractions))  # type: ignore[arg-type]


def volume(labels: np.ndarray) -> Volume:
    size = (1.0, 1.0, 1.0)
    return Volume(labels, size, "voxel", three_phases().phases, "0" * 64, "array")


@pytest.mark.parametrize("axis", ["z", "y", "x"])
def test_planes_lie_across_the_axis(axis: str) -> None:
    across = "zyx".index(axis)
    labels = np.ones(SHAPE, dtype=np.uint8)
    # half of the first plane is pore, and a quarter of the last one electrolyte
    planes = np.moveaxis(labels, across, 0)
    planes[0, : planes.shape[1] // 2] = 0
    planes[-1, : planes.shape[1] // 2, : planes.shape[2] // 2] = 2
    model = graded(axis)
    found = plane_fractions(volume(labels), model, start=3)
    np.testing.assert_allclose(found.places, 3.5 + np.arange(SHAPE[across]))
    assert found.found[:, 0].tolist() == [0.5, 0.5, 0.0]
    assert found.found[:, -1].tolist() == [0.0, 0.75, 0.25]
    expected = model.fractions(found.places)
    np.testing.assert_array_equal(found.expected, [expected[label] for label in (0, 1, 2)])
    section = [1 if k == across else n for k, n in enumerate(SHAPE)]
    sd = fraction_scatter(model.at(3.5)).standard_deviations(section)
    np.testing.assert_allclose(found.standard_deviation[:, 0], list(sd.values()))
    assert found.deviations[1, 0] == pytest.approx((0.5 - expected[1][0]) / sd[1])


@pytest.mark.parametrize("axis", ["z", "x"])
def test_the_picture_tells_the_largest_deviation(axis: str) -> None:
    labels = np.random.default_rng(1).integers(0, 3, SHAPE).astype(np.uint8)
    model = graded(axis)
    drawn = gradient(volume(labels), model)
    worst = np.abs(plane_fractions(volume(labels), model).deviations).max()
    assert f"along {axis}" in drawn.alt
    assert f"{worst:.2g} standard deviations" in drawn.alt
    assert drawn.data.startswith(b"\x89PNG")
    left, right = drawn.figure.axes
    assert left.get_ylabel() == f"{axis} (voxels)"
    # a curve and its profile for each phase
    assert len(right.lines) == 6


def test_a_volume_of_another_model_is_refused() -> None:
    labels = np.zeros(SHAPE, dtype=np.uint8)
    with pytest.raises(InputError, match="voxel size"):
        plane_fractions(replace(volume(labels), voxel_size=(1.0, 1.0, 2.0)), graded("z"))
    with pytest.raises(InputError, match="phases"):
        plane_fractions(replace(volume(labels), phases=three_phases().phases[:2]), graded("z"))
