"""Coverage counted part by part, against that of the whole image."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from morphgen.descriptors import CoverageCounts, coverage_counts
from morphgen.descriptors.coverage_measure import CoverageMeasure
from morphgen.descriptors.parts import Frame, Part, whole

SHAPES = st.one_of(
    hnp.array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=12),
    hnp.array_shapes(min_dims=3, max_dims=3, min_side=2, max_side=7),
)


def frame_of(labels: np.ndarray, phases: tuple[int, ...], step: float = 1.0) -> Frame:
    spacing = tuple(step * (1.0 + axis) for axis in range(labels.ndim))
    return Frame(labels.shape, spacing, "zyx"[-labels.ndim :], phases)


def folded(counts: CoverageCounts) -> np.ndarray:
    """Numbers of pairs in both orders, summed over the signs of the lag."""
    reach, ndim, n = counts.max_lag, counts.ndim, len(counts.phases)
    both = counts.pairs + counts.pairs.swapaxes(0, 1)
    rows = [2 * counts.totals, *(both[i, j] for i in range(n) for j in range(i, n))]
    found = np.zeros((len(rows), *(reach + 1,) * ndim), dtype=np.int64)
    for index in np.ndindex(counts.totals.shape):
        near = tuple(abs(k - reach) for k in index)
        for row, values in enumerate(rows):
            found[row, *near] += values[index]
    return found


def parts(labels: np.ndarray, edge: int, margin: int) -> Iterator[Part]:
    padded = np.pad(labels, margin, constant_values=255)
    for start in itertools.product(*(range(0, side, edge) for side in labels.shape)):
        ends = (
            min(a + edge, side) + 2 * margin for a, side in zip(start, labels.shape, strict=True)
        )
        yield Part(padded[tuple(map(slice, start, ends))], margin)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(data=st.data(), shape=SHAPES)
def test_parts_add_up_to_the_pairs_of_the_image(
    data: st.DataObject, shape: tuple[int, ...]
) -> None:
    values = data.draw(st.sampled_from([(0, 1, 2), (0, 1, 255), (0, 1, 2, 3, 255), (4,)]))
    labels = data.draw(hnp.arrays(np.uint8, shape, elements=st.sampled_from(values)))
    labels[(0,) * labels.ndim] = values[0]
    phases = data.draw(st.permutations([value for value in values if value not in (3, 255)]))
    max_lag = data.draw(st.integers(0, min(shape) - 1))
    edge = data.draw(st.integers(1, max(shape)))
    frame, measure = frame_of(labels, tuple(phases)), CoverageMeasure(max_lag)
    wanted = folded(coverage_counts(labels, phases, max_lag))
    at_once = measure.counts(whole(labels, max_lag), frame)
    assert at_once.dtype == np.int64
    assert np.array_equal(at_once, wanted)
    counted = [measure.counts(part, frame) for part in parts(labels, edge, max_lag)]
    assert np.array_equal(np.sum(counted, axis=0), wanted)


def test_an_image_without_outside_is_counted_like_one_with_a_single_voxel_outside() -> None:
    """Without voxels outside, totals and the last phase come without transforms."""
    labels = np.random.default_rng(5).integers(0, 3, (40, 33, 37), dtype=np.uint8)
    for outside in (0, 1):
        labels[20, :outside, 10] = 255
        frame, measure = frame_of(labels, (0, 1, 2)), CoverageMeasure(9)
        counted = [measure.counts(part, frame) for part in parts(labels, 16, 9)]
        assert np.array_equal(
            np.sum(counted, axis=0), folded(coverage_counts(labels, (0, 1, 2), 9))
        )


@pytest.mark.parametrize("shape", [(30, 26), (13, 12, 14)])
def test_readings_are_those_of_the_coverage_counts(shape: tuple[int, ...]) -> None:
    labels = np.random.default_rng(2).choice(np.array([0, 5, 255], dtype=np.uint8), shape)
    frame, measure, n, reach = frame_of(labels, (0, 5), 0.25), CoverageMeasure(8), 2, 8
    found = measure.readings(measure.counts(whole(labels, reach), frame), frame)
    counts = coverage_counts(labels, (0, 5), reach)
    radial, grid, p = counts.radial(frame.spacing), counts.symmetrised(), counts.fractions()
    by_key = {one.key: one for one in found}
    assert len(by_key) == len(found) == 2 * (n * (n + 1) // 2) * (1 + labels.ndim)
    for (i, a), (j, b) in itertools.combinations_with_replacement(enumerate((0, 5)), 2):
        for axis, direction in enumerate(("", *frame.axes), -1):
            line = [slice(reach, None) if axis == other else reach for other in range(labels.ndim)]
            lag = frame.spacing[axis] * np.arange(reach + 1) if direction else radial.lag
            wanted = grid[i, j, *line] if direction else radial.values[i, j]
            coverage = by_key["two_point_coverage", (a, b), direction]
            covariance = by_key["covariance", (a, b), direction]
            assert coverage.values.tolist() == wanted.tolist()
            np.testing.assert_allclose(coverage.x, lag, rtol=1e-14)
            np.testing.assert_allclose(covariance.values, wanted - p[i] * p[j], rtol=0, atol=1e-15)
            assert np.array_equal(covariance.x, coverage.x)


def test_lags_without_a_pair_are_not_numbers() -> None:
    labels = np.full((6, 4), 255, dtype=np.uint8)
    labels[:2] = 1
    measure, frame = CoverageMeasure(3), frame_of(labels, (1,))
    found = {one.key: one for one in measure.readings(
        measure.counts(whole(labels, 3), frame), frame
    )}  # fmt: skip
    along_y = found["two_point_coverage", (1, 1), "y"].values
    assert along_y.tolist()[:2] == [1.0, 1.0]
    assert np.isnan(along_y[2:]).all()
    empty = measure.readings(measure.counts(Part(np.full((8, 8), 255, np.uint8), 3), frame), frame)
    assert all(np.isnan(one.values).all() for one in empty)
