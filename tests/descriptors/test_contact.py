"""Spherical contact: slabs, a Boolean model of balls on the lattice, censoring by the border."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from morphgen.descriptors.contact import SphericalContact, spherical_contact_distribution
from morphgen.descriptors.parts import Frame


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slabs(axis: int) -> None:
    """Gaps of six voxels between slabs: a third of their voxels at each distance 1, 2, 3."""
    spacing = [1.5, 1.5, 1.5]
    spacing[axis] = 0.5
    profile = np.tile([1, 1, 1, 1, 0, 0, 0, 0, 0, 0], 4)[:-6].astype(np.uint8)
    labels = np.moveaxis(np.broadcast_to(profile[:, None, None], (34, 9, 9)), 0, axis)
    radii = [0.4, 0.5, 0.9, 1.0, 1.5, 9.0]
    found = spherical_contact_distribution(labels, 1, spacing, radii)
    assert np.allclose(found, [0.0, 1 / 3, 1 / 3, 2 / 3, 1.0, 1.0])


def boolean_model(seed: int, n: int, radius: float, density: float, reach: int) -> np.ndarray:
    """Balls of voxels about random voxels, also about those beyond the border."""
    germs = np.random.default_rng(seed).random((n + 2 * reach,) * 3) < density
    balls = scipy.ndimage.distance_transform_edt(~germs) <= radius
    return balls[(slice(reach, -reach),) * 3].astype(np.uint8)


def digital_ball(radius: float, reach: int) -> np.ndarray:
    grid = np.indices((2 * reach + 1,) * 3) - reach
    return (grid**2).sum(axis=0) <= radius**2


def test_a_boolean_model_of_balls() -> None:
    """Exact on the lattice: no germ in the ball dilated by the one of the radius.

    1 - H(r) = (1 - p) ** (N(r) - N(0)) with N(r) the voxels of both balls' Minkowski sum.
    """
    radius, density = 4.0, 8e-4
    radii = np.array([1.0, 1.5, 2.0, 3.0, 4.0, 5.0])
    found = np.array(
        [
            spherical_contact_distribution(
                boolean_model(seed, 48, radius, density, 5), 1, 1.0, radii
            )
            for seed in range(12)
        ]
    )
    grain = digital_ball(radius, 10)
    sums = [
        scipy.ndimage.binary_dilation(grain, digital_ball(r, int(r))).sum() for r in radii.tolist()
    ]
    exact = 1.0 - (1.0 - density) ** (np.array(sums) - grain.sum())
    error = found.std(axis=0, ddof=1) / 12**0.5
    # six radii, strongly correlated: 3.5 standard errors of the mean of 12 volumes
    assert (np.abs(found.mean(axis=0) - exact) < 3.5 * error).all()
    assert (error < 0.02).all()


def test_the_border_censors_instead_of_biasing() -> None:
    """Parts of a volume have the mean of the whole, where distances to what is cut off are lost."""
    labels = boolean_model(3, 96, 5.0, 5e-4, 6)
    radii = [2.0, 4.0]
    whole = spherical_contact_distribution(labels, 1, 1.0, radii)
    starts = np.argwhere(np.ones((4, 4, 4))) * 24
    parts = [labels[z : z + 24, y : y + 24, x : x + 24] for z, y, x in starts.tolist()]
    found = [spherical_contact_distribution(part, 1, 1.0, radii) for part in parts]
    error = np.std(found, axis=0, ddof=1) / 64**0.5
    # ratio estimators of 64 small parts: 4 standard errors
    assert (np.abs(np.mean(found, axis=0) - whole) < 4.0 * error).all()


def test_voxels_outside_censor_as_the_border_does() -> None:
    labels = boolean_model(5, 40, 4.0, 8e-4, 5)
    padded = np.pad(labels, ((3, 0), (0, 2), (1, 1)), constant_values=255)
    radii = [1.0, 2.0, 3.0, 4.5]
    spacing = (1.0, 0.8, 1.2)
    expected = spherical_contact_distribution(labels, 1, spacing, radii)
    assert np.allclose(spherical_contact_distribution(padded, 1, spacing, radii), expected)
    assert ((expected > 0.0) & (expected < 1.0)).all()


@given(
    hnp.arrays(np.uint8, (5, 6, 4), elements=st.sampled_from([0, 0, 0, 1, 255])),
    st.tuples(*[st.sampled_from([0.1, 0.3, 0.7, 1.3])] * 3),
)
def test_it_is_a_distribution(labels: np.ndarray, spacing: tuple[float, float, float]) -> None:
    labels[0, 0, 0] = 0
    radii = np.arange(1, 40) / 10
    found = spherical_contact_distribution(labels, 1, spacing, radii)
    seen = found[~np.isnan(found)]
    assert ((seen >= 0.0) & (seen <= 1.0)).all()
    assert (np.diff(seen) >= 0.0).all()
    # beyond what is seen nothing is known
    assert not np.isnan(found[: seen.size]).any()


def test_what_is_not_seen_is_not_a_number() -> None:
    labels = np.zeros((12, 8, 8), dtype=np.uint8)
    labels[0] = 1
    # at most four voxels from the border, and up to eleven from the phase
    found = spherical_contact_distribution(labels, 1, 1.0, [1.0, 3.0, 4.5])
    assert 0.0 < found[0] < found[1] < 1.0
    assert np.isnan(found[2])
    frame = Frame(labels.shape, (1.0,) * 3, "zyx", (0, 1, 2))
    readings = {r.key.phases: r for r in SphericalContact((1.0, 2.0)).readings(labels, frame)}
    # a phase that is absent is farther than all that is seen
    assert readings[2,].values.tolist() == [0.0, 0.0]
    assert readings[1,].key.kind == "spherical_contact"
    assert np.allclose(readings[1,].values, spherical_contact_distribution(labels, 1, 1.0, [1, 2]))
    assert np.isnan(spherical_contact_distribution(np.zeros_like(labels), 0)).all()
