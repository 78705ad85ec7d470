"""Euler number of sections against counted parts and holes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from morphgen.descriptors import section_euler_density
from morphgen.errors import InputError

EIGHT = np.ones((3, 3))


def parts_less_holes(held: np.ndarray) -> float:
    """Mean over 4- and 8-connected pixels, for an image whose border is empty."""
    four = ndimage.label(held)[1] - (ndimage.label(~held, structure=EIGHT)[1] - 1)
    eight = ndimage.label(held, structure=EIGHT)[1] - (ndimage.label(~held)[1] - 1)
    return 0.5 * (four + eight)


def squares_by_hand(labels: np.ndarray, phase: int, inside: np.ndarray) -> tuple[int, int]:
    """Four times the Euler number, and the number of squares."""
    number = squares = 0
    for row, column in np.ndindex(labels.shape[0] - 1, labels.shape[1] - 1):
        window = slice(row, row + 2), slice(column, column + 2)
        if inside[window].all():
            held = np.count_nonzero(labels[window] == phase)
            squares += 1
            number += int(held == 1) - int(held == 3)
    return number, squares


def discs(radius: float, hole: float = 0.0) -> np.ndarray:
    """Six discs or rings, none touching another or the border."""
    rows, columns = np.indices((64, 90))
    distance = np.hypot((rows + 3.2) % 30 - 15.2, (columns + 2.9) % 30 - 15.1)
    return ((distance < radius) & (distance >= hole)).astype(np.uint8)[:58, :88]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(held=hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9)))
def test_number_is_parts_less_holes(held: np.ndarray) -> None:
    framed = np.pad(held, 1)
    squares = (framed.shape[0] - 1) * (framed.shape[1] - 1)
    found = section_euler_density(framed.astype(np.uint8), 1)
    assert float(found) * squares == pytest.approx(parts_less_holes(framed), abs=1e-12)


def test_every_backend_agrees(backend: Any) -> None:
    rng = np.random.default_rng(6)
    labels = rng.choice(np.array([0, 0, 0, 1, 1, 2, 255], dtype=np.uint8), size=(30, 23))
    mask = rng.random(labels.shape) < 0.97
    number, squares = squares_by_hand(labels, 1, (labels != 255) & mask)
    found = section_euler_density(
        backend.asarray(labels), 1, (0.5, 0.25), backend.asarray(mask, dtype="bool")
    )
    host = backend.to_numpy(found)
    assert host.dtype == np.float64
    assert host.shape == ()
    np.testing.assert_allclose(host, number / (4 * squares * 0.125), rtol=1e-14)


@pytest.mark.parametrize(("hole", "number"), [(0.0, 6), (5.0, 0)])
def test_discs_and_rings(hole: float, number: int) -> None:
    labels = discs(11.0, hole)
    area = 57 * 87 * 0.2**2
    found = section_euler_density(labels, 1, 0.2)
    assert float(found) * area == pytest.approx(number, abs=1e-12)
    assert section_euler_density(labels, 0, 0.2) == -found


def test_noise() -> None:
    p, side = 0.2, 400
    labels = (np.random.default_rng(9).random((side, side)) < p).astype(np.uint8)
    expected = p * (1 - p) * (1 - 2 * p)
    # a square is worth 1/4 at most and depends on the nine around it; 5 standard deviations
    bound = 5.0 * np.sqrt(9.0 / 16.0) / (side - 1)
    assert abs(float(section_euler_density(labels, 1)) - expected) < bound


def test_result_stays_on_the_device() -> None:
    strict = pytest.importorskip("array_api_strict")
    device = strict.Device("device1")
    labels = strict.asarray(np.arange(24, dtype=np.uint8).reshape(4, 6) % 3, device=device)
    assert section_euler_density(labels, 1).device == device


def test_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="labels have 3 axes; expected 2"):
        section_euler_density(np.zeros((4, 4, 4), dtype=np.uint8), 0)
    with pytest.raises(InputError, match="no square of 2 by 2 pixels"):
        section_euler_density(np.zeros((1, 4), dtype=np.uint8), 0)
    with pytest.raises(InputError, match="phase -1 is no label"):
        section_euler_density(np.zeros((4, 4), dtype=np.uint8), -1)
