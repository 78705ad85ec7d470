"""Statistics of parallel sets against SciPy's morphology."""

from __future__ import annotations

import numpy as np
import scipy.ndimage
import torch

from morphgen.calibration.training.parallel_sets import RADII, parallel_set_statistics
from morphgen.descriptors import section_euler_density


def test_against_scipy() -> None:
    smooth = scipy.ndimage.gaussian_filter(np.random.default_rng(2).normal(size=(40, 50)), 3.0)
    image = smooth > 0.0
    maps = torch.from_numpy(np.stack([image, ~image])[None].astype(np.float32))
    found = parallel_set_statistics(maps, 1)[0].numpy().reshape(-1, 2)
    cross, square = scipy.ndimage.generate_binary_structure(2, 1), np.ones((3, 3))
    eroded = image
    expected = [image]
    for radius in range(1, RADII + 1):
        # nothing lies beyond the border, so that it erodes nothing
        eroded = scipy.ndimage.binary_erosion(
            eroded, square if radius % 2 else cross, border_value=1
        )
        opened = eroded
        for back in range(radius, 0, -1):
            opened = scipy.ndimage.binary_dilation(opened, square if back % 2 else cross)
        expected += [eroded, opened]
    areas = [part.mean() for part in expected]
    euler = [float(section_euler_density(part.astype(np.uint8), 1)) for part in expected]
    assert np.allclose(found[0::2, 0], areas)
    assert np.allclose(found[1::2, 0], euler)


def test_three_phases_bring_their_complements() -> None:
    labels = np.random.default_rng(3).integers(0, 3, (2, 20, 20))
    maps = torch.from_numpy(np.stack([labels == k for k in range(3)], axis=1).astype(np.float32))
    found = parallel_set_statistics(maps, 2)
    assert found.shape == (2, 6 * (2 + 4 * RADII))
