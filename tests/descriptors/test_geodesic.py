"""Geodesic tortuosity: straight and inclined channels, steps, empty volumes, Dijkstra's graph."""

from __future__ import annotations

import math

import numpy as np
import oracles
import pytest
import scipy.ndimage

from morphgen.descriptors.geodesic import GeodesicTortuosity, geodesic_tortuosities
from morphgen.descriptors.parts import Frame
from morphgen.errors import InputError


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_straight_paths_have_tortuosity_one(axis: int) -> None:
    labels = np.zeros((5, 6, 7), dtype=np.uint8)
    found = geodesic_tortuosities(labels, 0, axis, (0.3, 2.0, 1.0))
    assert found.shape == (labels.size // labels.shape[axis],)
    assert np.allclose(found, 1.0, rtol=1e-12)


@pytest.mark.parametrize(
    ("slope", "spacing"), [(1, (1.0, 1.0, 1.0)), (2, (2.0, 0.5, 1.0)), (1, (0.4, 1.0, 1.0))]
)
def test_an_inclined_channel(slope: int, spacing: tuple[float, float, float]) -> None:
    """`slope` voxels along y for each along z; its planes meet in the face of one voxel."""
    labels = np.zeros((9, 9 * slope + 1, 3), dtype=np.uint8)
    for plane in range(9):
        labels[plane, plane * slope : (plane + 1) * slope + 1, 1] = 1
    # from the farthest voxel of the first plane, with as many diagonal steps as planes allow
    dz, dy, _ = spacing
    lengths = []
    for end in range(slope + 1):
        across = 7 * slope + end
        diagonal = min(8, across)
        straight = (8 - diagonal) * dz + (across - diagonal) * dy
        lengths.append(diagonal * math.hypot(dz, dy) + straight)
    found = geodesic_tortuosities(labels, 1, 0, spacing)
    assert np.allclose(found, np.array(lengths) / (8 * dz))


def test_voxels_that_meet_at_an_edge_are_no_path() -> None:
    labels = np.zeros((4, 4, 3), dtype=np.uint8)
    labels[np.arange(4), np.arange(4), 1] = 1
    assert geodesic_tortuosities(labels, 1, 0).size == 0


def test_a_wall_with_a_gap_makes_a_detour() -> None:
    labels = np.zeros((3, 1, 5), dtype=np.uint8)
    labels[1, 0, 1:] = 1
    expected = [2.0 + max(0, x - 1) + (math.sqrt(2) - 1 if x else 0) for x in range(5)]
    found = geodesic_tortuosities(labels, 0, 0)
    assert np.allclose(found, np.array(expected) / 2.0)


def test_lengths_equal_those_of_dijkstra_on_the_graph_of_26_neighbours() -> None:
    rng = np.random.default_rng(11)
    labels = (rng.random((7, 6, 8)) < 0.45).astype(np.uint8)
    labels[:, :, 0] = 255
    spacing = (1.0, 0.6, 1.7)
    for axis in (0, 1):
        found = geodesic_tortuosities(labels, 0, axis, spacing)
        thickness = (labels.shape[axis] - 1) * spacing[axis]
        numbered, _ = scipy.ndimage.label(labels == 0)
        ends = [np.unique(numbered.take(index, axis=axis)) for index in (0, -1)]
        own = np.isin(numbered, np.setdiff1d(np.intersect1d(*ends), [0]))
        expected = oracles.shortest_paths(own, axis, spacing) / thickness
        assert found.size
        assert np.allclose(found, expected)


def test_readings_are_nan_where_nothing_is_reached() -> None:
    labels = np.zeros((6, 6, 6), dtype=np.uint8)
    labels[:, :, 3] = 1
    frame = Frame(labels.shape, (1.0, 2.0, 3.0), "zyx", (0, 1, 2))
    found = {reading.key: reading for reading in GeodesicTortuosity().readings(labels, frame)}
    assert found["mean_geodesic_tortuosity", (0,), "z"].values[0] == pytest.approx(1.0, abs=1e-12)
    assert np.isnan(found["mean_geodesic_tortuosity", (0,), "x"].values[0])
    assert np.isnan(found["mean_geodesic_tortuosity", (2,), "z"].values[0])
    curve = found["geodesic_tortuosity_distribution", (1,), "y"]
    assert curve.x is not None
    assert curve.x[0] == 1.0
    assert curve.values[0] == 1.0
    assert np.isnan(found["geodesic_tortuosity_distribution", (1,), "x"].values).all()


def test_one_plane_has_no_thickness() -> None:
    with pytest.raises(InputError, match="one plane along axis 0; expected two or more"):
        geodesic_tortuosities(np.zeros((1, 5, 5), dtype=np.uint8), 0, 0)
