"""Crops of real sections."""

from __future__ import annotations

import numpy as np
import pytest

from morphgen.calibration.plane_families import PlaneFamily
from morphgen.calibration.training.crops import one_hot, real_crops, transformed
from morphgen.errors import ImageError
from morphgen.phases import OUTSIDE


def family(image: np.ndarray, axial: bool = False) -> PlaneFamily:
    return PlaneFamily(("xy",), axial, (1.0, 1.0), (image.astype(np.uint8),), ("a.png",))


def test_eight_symmetries_differ_and_four_keep_the_axis() -> None:
    window = np.arange(9).reshape(3, 3)
    found = [transformed(window, k) for k in range(8)]
    assert len({image.tobytes() for image in map(np.ascontiguousarray, found)}) == 8
    # rows stay rows: their sets of values are those of the window
    rows = {frozenset(row) for row in window.tolist()}
    for image in found[:4]:
        assert {frozenset(row) for row in image.tolist()} == rows
    assert real_crops(family(np.zeros((9, 9))), (0, 1), 3).symmetries == 8
    assert real_crops(family(np.zeros((9, 9)), axial=True), (0, 1), 3).symmetries == 4


def test_masked_pixels_are_avoided() -> None:
    image = np.random.default_rng(1).integers(0, 2, (40, 50))
    image[:20, :25] = OUTSIDE
    crops = real_crops(family(image), (0, 1), 12)
    batch = crops.batch(3, 64)
    assert batch.shape == (64, 2, 12, 12)
    assert np.array_equal(batch.sum(axis=1), np.ones((64, 12, 12)))
    assert sum(len(tiles) for tiles in crops.all_tiles()) == 6


def test_crops_are_keyed_by_seed_and_step() -> None:
    image = np.random.default_rng(1).integers(0, 2, (40, 40))
    first, second = (real_crops(family(image), (0, 1), 8, seed=seed) for seed in (1, 2))
    assert np.array_equal(first.batch(5, 4), first.batch(5, 4))
    assert not np.array_equal(first.batch(5, 4), first.batch(6, 4))
    assert not np.array_equal(first.batch(5, 4), second.batch(5, 4))


def test_channels_follow_the_order_of_decision() -> None:
    maps = one_hot(np.array([[[2, 0]]]), (2, 1, 0))
    assert maps[0, :, 0, 0].tolist() == [1.0, 0.0, 0.0]
    assert maps[0, :, 0, 1].tolist() == [0.0, 0.0, 1.0]


def test_sections_smaller_than_a_crop_are_refused() -> None:
    with pytest.raises(
        ImageError, match=r"64 x 64 px .* \(40 x 50 px for training\); lower --crop"
    ):
        real_crops(family(np.zeros((40, 50))), (0, 1), 64)
