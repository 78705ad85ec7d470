"""Lineal path function against segments counted one by one, and closed forms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from morphgen.descriptors import lineal_path
from morphgen.errors import InputError


def count_by_hand(held: np.ndarray, axis: int) -> list[int]:
    """Segments of 1, 2, ... pixels with all pixels held."""
    rows = np.moveaxis(held, axis, -1).reshape(-1, held.shape[axis])
    return [
        sum(bool(row[start : start + k].all()) for row in rows for start in range(row.size - k + 1))
        for k in range(1, rows.shape[1] + 1)
    ]


@settings(max_examples=30, deadline=None, derandomize=True)
@given(data=st.data())
def test_segments_are_those_counted_by_hand(data: st.DataObject) -> None:
    shape = data.draw(hnp.array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=9))
    labels = data.draw(hnp.arrays(np.uint8, shape, elements=st.sampled_from([0, 1, 1, 2, 255])))
    labels[(0,) * labels.ndim] = 0
    mask = data.draw(st.none() | hnp.arrays(np.bool_, shape, fill=st.just(True)))
    if mask is not None:
        mask[(0,) * labels.ndim] = True
    axis = data.draw(st.integers(-labels.ndim, labels.ndim - 1))
    inside = (labels != 255) & (True if mask is None else mask)
    found = lineal_path(labels, 1, axis, mask=mask)
    np.testing.assert_array_equal(found.within, count_by_hand(inside & (labels == 1), axis))
    np.testing.assert_array_equal(found.positions, count_by_hand(inside, axis))
    assert found.values()[0] == np.count_nonzero(inside & (labels == 1)) / np.count_nonzero(inside)


def test_every_backend_agrees(backend: Any) -> None:
    rng = np.random.default_rng(4)
    labels = rng.choice(np.array([0, 1, 1, 1, 255], dtype=np.uint8), size=(9, 4, 11))
    mask = rng.random(labels.shape) < 0.95
    inside = (labels != 255) & mask
    found = lineal_path(
        backend.asarray(labels),
        1,
        0,
        spacing=(0.5, 1.0, 0.25),
        mask=backend.asarray(mask, dtype="bool"),
    )
    within = backend.to_numpy(found.within)
    positions = backend.to_numpy(found.positions)
    np.testing.assert_array_equal(within, count_by_hand(inside & (labels == 1), 0))
    np.testing.assert_array_equal(positions, count_by_hand(inside, 0))
    assert within.dtype == np.int64
    np.testing.assert_array_equal(backend.to_numpy(found.lengths), 0.5 * np.arange(9))
    known = positions > 0
    values = backend.to_numpy(found.values())
    np.testing.assert_allclose(values[known], within[known] / positions[known], rtol=1e-14)
    assert np.isnan(values[~known]).all()


def test_noise() -> None:
    p, shape = 0.7, (60, 80, 50)
    labels = (np.random.default_rng(8).random(shape) < p).astype(np.uint8)
    found = lineal_path(labels, 1, 2)
    k = np.arange(1, shape[2] + 1)
    # segments that overlap are dependent over 2 k positions; 5 standard deviations
    bound = 5.0 * np.sqrt(2 * k * p**k / found.positions)
    assert np.all(np.abs(found.values() - p**k) < bound)


def test_slabs_keep_all_of_a_run_at_the_border() -> None:
    profile = np.repeat(np.array([1, 0, 1], dtype=np.uint8), [4, 2, 3])
    labels = np.broadcast_to(profile[:, None], (9, 5))
    found = lineal_path(labels, 1, 0, spacing=2.0)
    assert found.within.tolist() == [35, 25, 15, 5, 0, 0, 0, 0, 0]
    assert found.positions.tolist() == [45, 40, 35, 30, 25, 20, 15, 10, 5]
    along = lineal_path(labels, 1, 1)
    np.testing.assert_allclose(along.values(), 7 / 9, rtol=1e-14)


def test_between_random_balls() -> None:
    # Boolean model of balls: the points of a segment stay free with probability exp(-intensity V),
    # where V is the volume of the balls around them all: each but the first adds a ball less a lens
    radius, side, intensity = 7.0, 120, 3.5e-4
    edge = side + 2 * math.ceil(radius)
    rng = np.random.default_rng(11)
    centres = rng.uniform(0.0, edge, (rng.poisson(intensity * edge**3), 3)) - math.ceil(radius)
    labels = np.zeros((side,) * 3, dtype=np.uint8)
    for centre in centres:
        low = np.clip(np.floor(centre - radius), 0, side).astype(int)
        high = np.clip(np.ceil(centre + radius) + 1, 0, side).astype(int)
        box = tuple(map(slice, low, high))
        grid = np.ogrid[box]
        labels[box] |= sum((g - c) ** 2 for g, c in zip(grid, centre, strict=True)) <= radius**2
    ball = 4.0 / 3.0 * math.pi * radius**3
    lens = math.pi / 12.0 * (4.0 * radius + 1.0) * (2.0 * radius - 1.0) ** 2
    steps = np.arange(31)
    expected = np.exp(-intensity * (ball + steps * (ball - lens)))
    found = np.array([lineal_path(labels, 0, axis).values()[:31] for axis in range(3)])
    # axes and eighths scatter alike; the standard error is that of 24 strips
    eighths = np.array(
        [
            lineal_path(part, 0, axis).values()[:31]
            for part in np.split(labels, 8, axis=0)
            for axis in (1, 2)
        ]
    )
    error = eighths.std(axis=0, ddof=1) / math.sqrt(8.0)
    assert np.all(np.abs(found.mean(axis=0) - expected) < 4.0 * error)
    assert np.all(error < 0.15 * expected)


def test_results_stay_on_the_device() -> None:
    strict = pytest.importorskip("array_api_strict")
    device = strict.Device("device1")
    labels = strict.asarray(np.arange(24, dtype=np.uint8).reshape(4, 6) % 3, device=device)
    found = lineal_path(labels, 1, 1)
    results = [found.lengths, found.within, found.positions, found.values()]
    assert all(result.device == device for result in results)


def test_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="axis is 2; expected -2 to 1"):
        lineal_path(np.zeros((4, 5), dtype=np.uint8), 0, 2)
