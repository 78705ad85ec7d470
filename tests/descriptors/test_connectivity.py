"""Clusters: constructed cases, and random ones against SciPy's labels."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from morphgen.descriptors.connectivity import Connectivity, clusters
from morphgen.descriptors.parts import Frame
from morphgen.errors import BackendError, InputError

_STRUCTURES = {6: 1, 18: 2, 26: 3}


def two_rods() -> np.ndarray:
    """Phase 1: a rod of 4 voxels' section along z, one of 1 along half of y, both in phase 0."""
    labels = np.zeros((6, 8, 8), dtype=np.uint8)
    labels[:, 1:3, 1:3] = 1
    labels[3, :4, 6] = 1
    return labels


def test_a_rod_joins_the_faces_that_it_reaches() -> None:
    found = clusters(two_rods(), 1)
    assert found.sizes.tolist() == [24, 4]
    assert found.largest_share() == 24 / 28
    assert [found.through_share(axis) for axis in (0, 1, 2)] == [24 / 28, 0.0, 0.0]
    assert found.touches.tolist() == [
        [[True, True], [False, False], [False, False]],
        [[False, False], [True, False], [False, False]],
    ]


@pytest.mark.parametrize(("adjacency", "count"), [(6, 4), (18, 2), (26, 1)])
def test_adjacency_decides_what_meets_at_an_edge_or_a_corner(adjacency: int, count: int) -> None:
    labels = np.zeros((4, 4, 4), dtype=np.uint8)
    # 0-1 share an edge, 1-2 a corner, 2-3 an edge
    labels[0, 0, 0] = labels[0, 1, 1] = labels[1, 2, 2] = labels[1, 3, 3] = 1
    assert clusters(labels, 1, adjacency).sizes.size == count


@given(
    hnp.arrays(np.uint8, (4, 5, 6), elements=st.sampled_from([0, 1, 255])),
    st.sampled_from([6, 18, 26]),
)
def test_sizes_are_those_of_scipy_s_labels(labels: np.ndarray, adjacency: int) -> None:
    labels[0, 0, 0] = 0
    structure = scipy.ndimage.generate_binary_structure(3, _STRUCTURES[adjacency])
    numbered, count = scipy.ndimage.label(labels == 1, structure)
    expected = np.sort(np.bincount(numbered.reshape(-1), minlength=count + 1)[1:])[::-1]
    found = clusters(labels, 1, adjacency)
    assert found.sizes.tolist() == expected.tolist()
    for axis in range(3):
        ends = [set(np.unique(numbered.take(index, axis=axis))) - {0} for index in (0, -1)]
        through = np.isin(numbered, sorted(ends[0] & ends[1])).sum()
        if count:
            assert found.through_share(axis) == through / (labels == 1).sum()


def test_readings_per_phase_and_direction() -> None:
    labels = two_rods()
    labels[:, :, 7] = 255  # nothing is known behind the last plane along x
    frame = Frame(labels.shape, (1.0, 2.0, 0.5), "zyx", (0, 1, 3), "um")
    found = {reading.key: reading.values[0] for reading in Connectivity().readings(labels, frame)}
    assert found["connected_fraction", (1,), ""] == 24 / 28
    assert found["cluster_number", (1,), ""] == 2 / (6 * 8 * 7 * 1.0)
    assert found["through_connected_fraction", (1,), "z"] == 24 / 28
    assert np.isnan(found["through_connected_fraction", (1,), "x"])
    # absent: no share is defined, but there are no clusters
    assert np.isnan(found["connected_fraction", (3,), ""])
    assert found["cluster_number", (3,), ""] == 0.0
    assert len(found) == 3 * 5


def test_a_missing_library_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cc3d", None)
    with pytest.raises(BackendError, match=r'cc3d .* pip install "morphgen\[analysis\]"'):
        clusters(two_rods(), 1)


def test_a_wrong_request_is_refused() -> None:
    with pytest.raises(InputError, match=r"adjacency is 8; expected one of \(6, 18, 26\)"):
        clusters(two_rods(), 1, 8)
    with pytest.raises(InputError, match="list; expected a NumPy array"):
        clusters([[[0]]], 1)
    with pytest.raises(InputError, match="2 axes; expected 3"):
        clusters(two_rods()[0], 1)
