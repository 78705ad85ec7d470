"""Weights of directions against known areas of Voronoi cells."""

from __future__ import annotations

import numpy as np
import pytest
from oracles import voronoi_shares

from morphgen.descriptors._directions import direction_weights, neighbour_offsets


def test_cubic_weights_are_those_of_the_literature() -> None:
    # Legland, Kieu and Devaux, Image Anal. Stereol. 26 (2007) 83, for both senses of a direction
    expected = [0.045778] * 3 + [0.036981] * 6 + [0.035196] * 4
    found = direction_weights(13, (0.3, 0.3, 0.3))
    np.testing.assert_allclose(found, 2.0 * np.array(expected), atol=2e-6)
    np.testing.assert_allclose(direction_weights(4, (2.0, 2.0)), 0.25, rtol=1e-14)
    assert direction_weights(3, (1.0, 2.0, 3.0)) == (1 / 3,) * 3


@pytest.mark.parametrize(
    "spacing", [(1.0, 2.0), (3.0, 1.0, 1.0), (1.0, 0.5, 2.5), (20.0, 1.0, 1.0)]
)
def test_weights_are_shares_of_the_directions(spacing: tuple[float, ...]) -> None:
    offsets = np.array(neighbour_offsets(len(spacing)), dtype=float) * spacing
    units = offsets / np.linalg.norm(offsets, axis=1, keepdims=True)
    found = direction_weights(len(units), spacing)
    shares = voronoi_shares(np.concatenate([units, -units]))
    np.testing.assert_allclose(found, shares.reshape(2, -1).sum(axis=0), atol=1e-4)
    assert sum(found) == pytest.approx(1.0, abs=1e-14)
