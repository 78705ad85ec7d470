from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from morphgen.errors import InputError
from morphgen.tiles.downsample import downsample

shapes = st.tuples(*[st.integers(1, 7)] * 3)
few_labels = st.sampled_from([0, 1, 2, 254, 255])
images = shapes.flatmap(lambda shape: arrays(np.uint8, shape, elements=few_labels))


def majority(labels: np.ndarray) -> np.ndarray:
    """Slow and obvious: count, and take the first of the most frequent."""
    shape = tuple(-(-side // 2) for side in labels.shape)
    found = np.full(shape, 255, dtype=np.uint8)
    for z, y, x in np.ndindex(*shape):
        cell = labels[2 * z : 2 * z + 2, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2].ravel().tolist()
        counts = Counter(label for label in cell if label != 255)
        most = max(counts.values(), default=0)
        found[z, y, x] = next((one for one in cell if counts.get(one) == most), 255)
    return found


@settings(max_examples=200, deadline=None)
@given(images)
def test_majority_is_what_counting_gives(labels: np.ndarray) -> None:
    before = labels.copy()
    found = downsample(labels)
    assert found.dtype == np.uint8
    assert np.array_equal(found, majority(labels))
    assert np.array_equal(labels, before)


@settings(max_examples=50, deadline=None)
@given(images)
def test_nearest_is_the_first_of_each_cell(labels: np.ndarray) -> None:
    found = downsample(labels, "nearest")
    for z, y, x in np.ndindex(*found.shape):
        assert found[z, y, x] == labels[2 * z, 2 * y, 2 * x]
    assert found.shape == tuple(-(-side // 2) for side in labels.shape)


@pytest.mark.parametrize("method", ["majority", "nearest"])
def test_a_uniform_image_stays_uniform(method: str) -> None:
    for label in (0, 7, 255):
        assert np.all(downsample(np.full((5, 2, 3), label, dtype=np.uint8), method) == label)


def test_no_phase_is_preferred_among_equals() -> None:
    cell = np.asarray([0, 0, 0, 0, 1, 1, 1, 1], dtype=np.uint8).reshape(2, 2, 2)
    assert downsample(cell).item() == 0
    assert downsample(1 - cell).item() == 1


def test_unknown_methods_are_refused() -> None:
    with pytest.raises(InputError, match="'mean'"):
        downsample(np.zeros((2, 2, 2), dtype=np.uint8), "mean")
