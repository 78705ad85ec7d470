"""Sizes of a phase and two-point coverage beside PoreSpy, where it is installed (extra bench)."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage

from morphgen.descriptors import (
    _openings,
    continuous_phase_size_distribution,
    coverage_counts,
    simulated_intrusion,
)

pytestmark = [
    pytest.mark.slow,
    # those of PoreSpy and of what it imports
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture(scope="module")
def labels() -> np.ndarray:
    """Two phases of smoothed noise, with features of some ten voxels."""
    noise = np.random.default_rng(4).normal(size=(64, 64, 64))
    return (scipy.ndimage.gaussian_filter(noise, 3.0) > 0.0).astype(np.uint8)


def test_sizes(labels: np.ndarray) -> None:
    porespy = pytest.importorskip("porespy")
    radii = np.arange(1, 13)
    thick = porespy.filters.local_thickness(labels == 1, sizes=radii, method="dt")
    theirs = [(thick[labels == 1] >= radius).mean() for radius in radii]
    ours = continuous_phase_size_distribution(labels, 1, 1.0, radii.astype(float)).shares
    # the same balls of voxels: the very same counts
    np.testing.assert_allclose(ours, theirs, rtol=0.0, atol=1e-12)
    assert 0.1 < ours[5] < 0.9


def test_intrusion(labels: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    porespy = pytest.importorskip("porespy")
    radii = np.arange(1, 13)
    theirs = np.zeros(radii.size)
    for side in (0, -1):
        inlet = np.zeros(labels.shape, dtype=bool)
        inlet[side] = True
        reached = porespy.filters.porosimetry(labels == 1, sizes=radii, inlets=inlet)
        theirs += [(reached[labels == 1] >= radius).mean() / 2 for radius in radii]
    ours = simulated_intrusion(labels, 1, 0, 1.0, radii.astype(float)).shares
    # balls move to 26 neighbours here and to 6 there: never less is reached here
    assert (ours >= theirs - 1e-12).all()
    numbered = _openings.numbered_clusters
    monkeypatch.setattr(_openings, "numbered_clusters", lambda image, _: numbered(image, 6))
    ours = simulated_intrusion(labels, 1, 0, 1.0, radii.astype(float)).shares
    np.testing.assert_allclose(ours, theirs, rtol=0.0, atol=1e-12)
    assert 0.1 < ours[3] < 0.9


def test_two_point_coverage(labels: np.ndarray) -> None:
    porespy = pytest.importorskip("porespy")
    far = 20
    counts = coverage_counts(labels, (0, 1), far + 1)
    distance = np.sqrt((counts.offsets**2).sum(axis=0))
    # PoreSpy's bins, of one voxel, hold the mean over their lags
    near = distance < far + 1
    place = np.floor(distance[near]).astype(int)
    for phase in (0, 1):
        ours = np.bincount(place, counts.directional()[phase, phase][near]) / np.bincount(place)
        theirs = porespy.metrics.two_point_correlation(
            labels == phase, bins=np.arange(far + 2)
        ).probability_scaled
        np.testing.assert_allclose(ours, theirs, rtol=0.0, atol=1e-10)
