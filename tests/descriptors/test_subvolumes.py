"""Sub-volumes: where they lie, and the means and standard errors over them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from morphgen.descriptors import Wanted, measure
from morphgen.descriptors.connectivity import Connectivity
from morphgen.descriptors.parts import Frame, Labels
from morphgen.descriptors.readings import Key, Reading, number
from morphgen.descriptors.subvolumes import (
    Placement,
    Subvolumes,
    cheap_and_other,
    measure_subvolumes,
    pooled,
)
from morphgen.errors import InputError

UNIT = (1.0, 1.0, 1.0)


class MeanLabel:
    """Measure for the tests: mean of the labels, and where the first voxel is 1 something more."""

    def readings(self, labels: Labels, frame: Frame) -> tuple[Reading, ...]:
        assert labels.shape == frame.shape
        first = 2.0 if labels[0, 0, 0] == 1 else math.nan
        return (number("mean", (), float(labels.mean())), number("first", (), first))


def frame_of(labels: np.ndarray, spacing: tuple[float, ...] = UNIT) -> Frame:
    return Frame(labels.shape, spacing, "zyx", (0, 1), "um")


@pytest.mark.parametrize(
    ("shape", "spacing", "count", "sides"),
    [
        ((96, 96, 96), UNIT, 1, (96, 96, 96)),
        ((60, 127, 96), UNIT, 1, (60, 127, 96)),
        ((128, 128, 128), UNIT, 8, (64, 64, 64)),
        ((192, 192, 192), UNIT, 8, (96, 96, 96)),
        ((1024, 1024, 1024), UNIT, 8, (96, 96, 96)),
        ((40, 500, 500), UNIT, 6, (40, 96, 96)),
        ((96, 192, 192), (2.0, 1.0, 1.0), 8, (48, 96, 96)),
    ],
)
def test_cubes_of_one_physical_edge(shape, spacing, count: int, sides) -> None:
    boxes = Placement().boxes(shape, spacing)
    assert len(boxes) == count
    assert {tuple(s.stop - s.start for s in box) for box in boxes} == {sides}


@given(
    st.tuples(*[st.integers(1, 60)] * 3),
    st.tuples(*[st.sampled_from([0.5, 1.0, 2.5])] * 3),
    st.integers(1, 20),
    st.integers(1, 12),
)
def test_boxes_lie_inside_and_do_not_overlap(shape, spacing, edge: int, most: int) -> None:
    boxes = Placement(edge, most).boxes(shape, spacing)
    assert 1 <= len(boxes) <= most
    hits = np.zeros(shape, dtype=int)
    for box in boxes:
        assert all(0 <= s.start < s.stop <= n for s, n in zip(box, shape, strict=True))
        hits[box] += 1
    assert hits.max() == 1
    # as much is left free before the first as behind the last, but for a voxel
    for axis, n in enumerate(shape):
        first = min(box[axis].start for box in boxes)
        last = n - max(box[axis].stop for box in boxes)
        assert abs(first - last) <= 1


def test_means_and_standard_errors() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (24, 24, 24)).astype(np.uint8)
    placement = Placement(edge=12)
    found = measure_subvolumes(labels, frame_of(labels), [MeanLabel()], placement)
    boxes = placement.boxes(labels.shape, UNIT)
    means = np.array([labels[box].mean() for box in boxes])
    assert found[0].values[0] == pytest.approx(means.mean())
    assert found[0].standard_error is not None
    assert found[0].standard_error[0] == pytest.approx(means.std(ddof=1) / math.sqrt(8))
    # only those that determine a value count for it
    assert 0 < sum(labels[box][0, 0, 0] for box in boxes) < 8
    assert found[1].values[0] == 2.0


def test_one_sub_volume_has_no_standard_error() -> None:
    labels = np.ones((12, 12, 12), dtype=np.uint8)
    (mean, _) = measure_subvolumes(labels, frame_of(labels), [MeanLabel()])
    assert mean.values[0] == 1.0
    assert mean.standard_error is None
    assert measure_subvolumes(labels, frame_of(labels), []) == ()


def test_sub_volumes_outside_do_not_count() -> None:
    labels = np.ones((8, 8, 8), dtype=np.uint8)
    labels[4:] = 255
    found = measure_subvolumes(labels, frame_of(labels), [Connectivity()], Placement(4))
    assert found[-1].standard_error is not None
    assert [r.values[0] for r in found if r.key == ("connected_fraction", (1,), "")] == [1.0]
    labels[:] = 255
    with pytest.raises(InputError, match="no sub-volume has a voxel inside"):
        measure_subvolumes(labels, frame_of(labels), [Connectivity()], Placement(4))


def test_values_that_no_or_one_sub_volume_determines() -> None:
    nan, inf = math.nan, math.inf
    columns = np.array([[nan, nan, nan], [nan, 3.0, nan], [1.0, inf, 1.0], [1.0, 2.0, nan]])
    found = [[number(str(row), (), value[row]) for row in range(4)] for value in columns.T]
    results = pooled(found)
    assert np.isnan(results[0].values[0])
    assert results[1].values[0] == 3.0
    assert results[2].values[0] == inf
    assert results[3].values[0] == 1.5
    errors = [float(result.standard_error[0]) for result in results]
    assert np.isnan(errors[:3]).all()
    assert errors[3] == 0.5
    assert [result.subvolumes for result in results] == [0, 1, 3, 2]


def test_a_ratio_is_that_of_the_means() -> None:
    rng = np.random.default_rng(2)
    above = rng.uniform(0.3, 0.5, 100)
    below = above / rng.uniform(2.0, 4.0, 100)
    below[:9] = 0.0  # some are shut
    pairs = zip(above.tolist(), below.tolist(), strict=True)
    (found,) = pooled([(replace(number("r", (), math.inf), ratio=pair),) for pair in pairs])
    assert found.subvolumes == 100
    assert found.values[0] == pytest.approx(above.mean() / below.mean())
    assert found.standard_error is not None
    # the scatter where the 100 are drawn anew, 2000 times: known to 2 %, 1 % from the first order
    drawn = rng.integers(0, 100, (2000, 100))
    scatter = (above[drawn].mean(axis=1) / below[drawn].mean(axis=1)).std()
    assert found.standard_error[0] == pytest.approx(scatter, rel=0.08)


def test_ratios_that_nothing_determines() -> None:
    def of(*pairs: tuple[float, float]) -> tuple[float, float, int | None]:
        (one,) = pooled([(replace(number("r", (), 1.0), ratio=pair),) for pair in pairs])
        assert one.standard_error is not None
        return float(one.values[0]), float(one.standard_error[0]), one.subvolumes

    nan = math.nan
    assert of((0.5, 0.0), (0.5, 0.0)) == (math.inf, pytest.approx(nan, nan_ok=True), 2)
    assert of((0.0, 0.0), (0.0, 0.0)) == (*[pytest.approx(nan, nan_ok=True)] * 2, 2)
    assert of((0.5, nan), (0.5, 0.25)) == (2.0, pytest.approx(nan, nan_ok=True), 1)


def test_curves_that_some_sub_volumes_do_not_know_to_the_end() -> None:
    nan = math.nan
    curves = np.array([[0.5, 1.0, 1.0], [0.3, 0.6, nan], [nan, nan, nan]])
    (found,) = pooled([(Reading(Key("H", ()), curve, np.arange(3.0)),) for curve in curves])
    # not 1 at the end, as those would have it that know it
    assert np.allclose(found.values, [0.4, 0.8, nan], equal_nan=True)
    assert found.subvolumes == 2


def test_a_radius_without_end_does_not_drop_out_of_a_mean() -> None:
    (found,) = pooled([(number("r", (), value),) for value in (5.0, math.inf, 6.0)])
    assert found.values[0] == math.inf


def test_only_what_is_measured_is_read() -> None:
    class Store:
        shape = (400, 400, 400)

        def __init__(self) -> None:
            self.voxels = 0

        def __getitem__(self, box: Any) -> np.ndarray:
            labels = np.ones([s.stop - s.start for s in box], dtype=np.uint8)
            self.voxels += labels.size
            return labels

    store = Store()
    frame = Frame(store.shape, UNIT, "zyx", (1,))
    measure_subvolumes(store, frame, [MeanLabel()], Placement(edge=10, most=4))
    assert store.voxels == 4 * 10**3


@pytest.mark.parametrize(("edge", "most"), [(0, 8), (96, 0)])
def test_no_edge_and_no_cubes_are_refused(edge: int, most: int) -> None:
    with pytest.raises(InputError, match="expected 1 or more"):
        Placement(edge, most)


def test_sub_volumes_say_where_they_are() -> None:
    boxes = Placement(edge=10, most=2).boxes((10, 40, 10), UNIT)
    found = Subvolumes.of_boxes(boxes).to_dict()
    assert found["number"] == len(boxes) == 2
    assert found["shape"] == [10, 10, 10]
    assert [tuple(slice(a, a + 10) for a in start) for start in found["starts"]] == [*boxes]


def test_clusters_of_an_array_are_those_of_all_of_it() -> None:
    labels = np.ones((16, 16, 140), dtype=np.uint8)
    labels[:, :, 70] = 0
    wanted = Wanted(("connected_fraction", "cluster_number", "spherical_contact"), 1)
    by_key = {one.key: one for one in measure(labels, frame_of(labels), wanted)}
    # in each of the two halves it would be a single cluster, or two of which one is small
    share = by_key["connected_fraction", (1,), ""]
    assert share.values[0] == 70 / 139
    assert share.standard_error is None
    assert share.subvolumes is None
    assert by_key["cluster_number", (1,), ""].values[0] * labels.size == pytest.approx(2.0)
    assert by_key["spherical_contact", (0,), ""].subvolumes == 2


def test_only_what_fits_is_taken_whole() -> None:
    slow, cheap = MeanLabel(), Connectivity(largest=64)
    assert cheap_and_other((4, 4, 4), [slow, cheap]) == ((cheap,), (slow,))
    assert cheap_and_other((4, 4, 5), [slow, cheap]) == ((), (slow, cheap))
