"""Measures that look at neighbours or along lines: parts add up, and agree with the functions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from morphgen.descriptors import (
    Frame,
    Key,
    _cells,
    chord_lengths,
    euler_density,
    interface_densities,
    lineal_path,
    section_euler_density,
    specific_surface_areas,
    triple_phase_boundary_densities,
)
from morphgen.descriptors.boundary import TriplePhaseBoundaries
from morphgen.descriptors.euler import EulerNumbers
from morphgen.descriptors.parts import Part, SumMeasure, whole
from morphgen.descriptors.run_lengths import RunLengths
from morphgen.descriptors.surface import InterfaceAreas

PHASES = (3, 0, 1)


def frame_of(labels: np.ndarray) -> Frame:
    spacing = (0.5, 0.4, 0.3)[-labels.ndim :]
    return Frame(labels.shape, spacing, "zyx"[-labels.ndim :], PHASES)


def cut(labels: np.ndarray, margin: int, cuts: list[list[int]]) -> list[Part]:
    padded = np.pad(labels, margin, constant_values=255)
    edges = [
        [0, *sorted(set(places)), side] for places, side in zip(cuts, labels.shape, strict=True)
    ]
    return [
        Part(padded[tuple(slice(a, b + 2 * margin) for a, b in ends)], margin)
        for ends in itertools.product(*(itertools.pairwise(axis) for axis in edges))
    ]


@settings(max_examples=80, deadline=None, derandomize=True)
@given(data=st.data())
def test_parts_add_up_to_the_whole(data: st.DataObject) -> None:
    ndim = data.draw(st.integers(2, 3))
    shape = data.draw(hnp.array_shapes(min_dims=ndim, max_dims=ndim, min_side=1, max_side=9))
    values = data.draw(st.sampled_from([(0, 1, 3), (0, 1, 3, 255), (0, 1, 2, 3)]))
    labels = data.draw(hnp.arrays(np.uint8, shape, elements=st.sampled_from(values)))
    measures: list[SumMeasure] = [
        InterfaceAreas(),
        InterfaceAreas(ndim),
        EulerNumbers(),
        *(RunLengths(axis) for axis in range(ndim)),
        *([TriplePhaseBoundaries()] if ndim == 3 else []),
    ]
    measure = data.draw(st.sampled_from(measures))
    cuts = [
        []
        if axis == measure.along or side == 1
        else data.draw(st.lists(st.integers(1, side - 1), max_size=3))
        for axis, side in enumerate(shape)
    ]
    frame = frame_of(labels)
    expected = measure.counts(whole(labels, measure.margin), frame)
    found = [measure.counts(part, frame) for part in cut(labels, measure.margin, cuts)]
    assert expected.dtype == np.int64
    np.testing.assert_array_equal(np.sum(found, axis=0), expected)
    for reading in measure.readings(expected, frame):
        assert reading.values.dtype == np.float64
        assert reading.x is None or reading.x.shape == reading.values.shape


MEASURES: list[SumMeasure] = [
    InterfaceAreas(),
    TriplePhaseBoundaries(),
    EulerNumbers(),
    RunLengths(0),
    RunLengths(2),
]


@pytest.mark.parametrize("measure", MEASURES, ids=repr)
def test_counts_do_not_depend_on_the_slabs(
    measure: SumMeasure, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = image((26, 30, 22))
    part, frame = whole(labels, measure.margin), frame_of(labels)
    expected = measure.counts(part, frame)
    assert len(list(_cells.slabs(part.labels, measure.margin))) == 1
    monkeypatch.setattr(_cells, "_SLAB_VOXELS", 100)
    assert len(list(_cells.slabs(part.labels, measure.margin))) > 3
    np.testing.assert_array_equal(measure.counts(part, frame), expected)


def readings(measure: SumMeasure, labels: np.ndarray) -> dict[Key, np.ndarray]:
    frame = frame_of(labels)
    counts = measure.counts(whole(labels, measure.margin), frame)
    return {one.key: one.values for one in measure.readings(counts, frame)}


def image(shape: tuple[int, ...]) -> np.ndarray:
    """Blocks of two voxels, some outside."""
    rng = np.random.default_rng(len(shape))
    coarse = rng.choice(np.array([0, 1, 3], np.uint8), tuple(side // 2 for side in shape))
    labels = np.kron(coarse, np.ones((2,) * len(shape), np.uint8))
    labels[:2, :2] = 255
    return labels


@pytest.mark.parametrize("shape", [(30, 24), (18, 16, 20)])
def test_measures_agree_with_the_functions(shape: tuple[int, ...]) -> None:
    labels = image(shape)
    spacing, ndim = frame_of(labels).spacing, labels.ndim
    areas = readings(InterfaceAreas(), labels)
    table = interface_densities(labels, PHASES, spacing)
    for i, j in itertools.combinations(range(3), 2):
        pair = tuple(sorted((PHASES[i], PHASES[j])))
        assert areas[Key("interface_area", pair)] == pytest.approx(table[i, j], rel=1e-13)
    for phase, area in zip(PHASES, specific_surface_areas(labels, PHASES, spacing), strict=True):
        assert areas[Key("specific_surface_area", (phase,))] == pytest.approx(area, rel=1e-13)
    euler = readings(EulerNumbers(), labels)
    kind, density = (
        ("euler_number", euler_density)
        if ndim == 3
        else ("section_euler_number", section_euler_density)
    )
    assert len(euler) == len(PHASES)
    for phase in PHASES:
        assert euler[Key(kind, (phase,))] == density(labels, phase, spacing)
    for axis, name in enumerate("zyx"[-ndim:]):
        runs = readings(RunLengths(axis), labels)
        for phase in PHASES:
            chords = chord_lengths(labels, phase, axis, spacing=spacing)
            path = lineal_path(labels, phase, axis, spacing=spacing)
            found = runs[Key("chord_length_distribution", (phase,), name)]
            np.testing.assert_array_equal(found, chords.cumulative())
            assert runs[Key("mean_chord_length", (phase,), name)] == chords.mean()
            found = runs[Key("lineal_path", (phase,), name)]
            np.testing.assert_array_equal(found, path.values())
        assert len(runs) == 3 * len(PHASES)


def test_boundary_agrees_with_the_function() -> None:
    labels = image((18, 16, 20))
    found = readings(TriplePhaseBoundaries(), labels)
    (expected,) = triple_phase_boundary_densities(labels, PHASES, (0.5, 0.4, 0.3)).values()
    # the order of the phases changes how lengths of a voxel are rounded
    assert list(found) == [Key("triple_phase_boundary_length", (0, 1, 3))]
    assert next(iter(found.values())) == pytest.approx(float(expected), rel=1e-5)
    assert expected > 0.0


def test_what_is_not_there_is_not_a_number() -> None:
    nothing = np.full((4, 5, 6), 255, np.uint8)
    for measure in MEASURES:
        for values in readings(measure, nothing).values():
            assert np.isnan(values).all()
