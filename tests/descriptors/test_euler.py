"""Euler numbers against counted parts, holes, tunnels and cavities."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp
from oracles import octants
from samples import two_phases
from scipy import ndimage

from morphgen import ExcursionModel, Field, Realization
from morphgen.descriptors import euler_density, section_euler_density
from morphgen.errors import InputError
from morphgen.fields.laws import ChiSquare
from morphgen.fields.parametric import GaussianKernel

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


def number_of(held: np.ndarray) -> float:
    """Euler number of what an empty border surrounds."""
    framed = np.pad(held, 1).astype(np.uint8)
    cubes = np.prod(np.array(framed.shape) - 1)
    return float(euler_density(framed, 1)) * float(cubes)


def cells_of(held: np.ndarray) -> int:
    """Voxels of 6-connected adjacency less pairs, plus squares, less cubes."""
    number = 0
    for steps in itertools.product((0, 1), repeat=3):
        together = np.ones(np.array(held.shape) - steps, dtype=bool)
        for corner in itertools.product(*(range(step + 1) for step in steps)):
            together &= held[
                tuple(
                    slice(place, side - step + place)
                    for place, step, side in zip(corner, steps, held.shape, strict=True)
                )
            ]
        number += (-1) ** sum(steps) * int(np.count_nonzero(together))
    return number


@settings(max_examples=60, deadline=None, derandomize=True)
@given(held=hnp.arrays(np.bool_, hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=5)))
def test_number_is_the_mean_of_both_adjacencies(held: np.ndarray) -> None:
    # the complement, in a box with a border, has one part more and the same tunnels: its number
    # for 6-connected voxels is that of the phase for 26-connected ones, plus one for the box
    six = cells_of(np.pad(held, 1))
    twenty_six = cells_of(~np.pad(held, 1)) - 1
    assert number_of(held) == pytest.approx(0.5 * (six + twenty_six), abs=1e-9)


def test_number_is_the_mean_of_those_of_scikit_image() -> None:
    measure = pytest.importorskip("skimage.measure")
    held = np.pad(np.random.default_rng(3).random((20, 18, 22)) < 0.3, 1)
    expected = 0.5 * sum(measure.euler_number(held, connectivity=one) for one in (1, 3))
    assert number_of(held) == pytest.approx(expected, abs=1e-6)


def solid(kind: str, spacing: tuple[float, float, float]) -> np.ndarray:
    """A body in a box, its distances in physical lengths."""
    grid = np.indices((40, 44, 42)) - np.array([19.3, 21.8, 20.4])[:, None, None, None]
    z, y, x = grid * np.array(spacing)[:, None, None, None]
    r = np.sqrt(x**2 + y**2 + z**2)
    torus = np.hypot(np.hypot(0.8 * x + 0.6 * z, y) - 10.0, 0.8 * z - 0.6 * x)
    shapes = {
        "ball": r < 12.0,
        "shell": (r < 13.0) & (r > 8.0),
        "torus": torus < 4.0,
        "hollow torus": (torus < 5.0) & (torus > 2.0),
        "two balls": (np.abs(y) > 3.0) & (r < 14.0),
    }
    return shapes[kind]


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.9, 1.0, 0.8)])
@pytest.mark.parametrize(
    ("kind", "number"),
    [("ball", 1), ("shell", 2), ("torus", 0), ("hollow torus", 0), ("two balls", 2)],
)
def test_solids(kind: str, number: int, spacing: tuple[float, float, float]) -> None:
    held = solid(kind, spacing)
    assert number_of(held) == pytest.approx(number, abs=1e-9)
    # a phase and its complement have the same surface
    density = euler_density(held.astype(np.uint8), 1, spacing)
    assert euler_density(held.astype(np.uint8), 0, spacing) == density
    volume = np.prod(np.array(held.shape) - 1) * np.prod(spacing)
    assert float(density) * volume == pytest.approx(number, abs=1e-9)


def test_every_backend_agrees_in_a_volume(backend: Any) -> None:
    rng = np.random.default_rng(7)
    labels = rng.choice(np.array([0, 0, 1, 1, 2, 255], dtype=np.uint8), size=(6, 7, 5))
    mask = rng.random(labels.shape) < 0.97
    inside = (labels != 255) & mask
    number = cubes = 0
    for corner in np.ndindex(5, 6, 4):
        cube = tuple(slice(place, place + 2) for place in corner)
        if inside[cube].all():
            held = labels[cube] == 1
            cubes += 1
            number += _eighths(held) + _eighths(~held)
    found = euler_density(
        backend.asarray(labels), 1, (0.5, 2.0, 0.25), backend.asarray(mask, dtype="bool")
    )
    host = backend.to_numpy(found)
    assert host.shape == ()
    np.testing.assert_allclose(host, number / (16 * cubes * 0.25), rtol=1e-14)


def _eighths(held: np.ndarray) -> int:
    """Eight times what a cube adds to the number for 6-connected voxels."""
    pairs = [np.count_nonzero(held.all(axis=axis)) for axis in range(3)]
    squares = [np.count_nonzero(held.all(axis=axes)) for axes in ((0, 1), (0, 2), (1, 2))]
    # a cube: all eight; a voxel is shared by 8 cubes, a pair by 4, a square by 2
    return int(np.count_nonzero(held) - 2 * sum(pairs) + 4 * sum(squares) - 8 * held.all())


@pytest.mark.parametrize(
    "model",
    [
        two_phases(length=6.0, threshold=0.3),
        ExcursionModel(
            two_phases().phases, (1, 0), (Field(GaussianKernel(6.0), ChiSquare(2), 2.2),)
        ),
    ],
)
def test_excursion_sets(model: ExcursionModel) -> None:
    field = model.fields[0]
    variance = field.kernel.gradient_variance.perpendicular
    _, _, expected = field.law.euler_densities(field.threshold, variance)
    found = [
        float(euler_density(part, 1)) / expected
        for seed in range(2)
        for part in octants(Realization(model, seed).window((0, 0, 0), (128,) * 3))
    ]
    # 16 nearly independent parts: 4 standard errors, and 5 % that voxels of a sixth of the
    # length take away
    error = np.std(found, ddof=1) / 4.0
    assert error < 0.1
    assert abs(np.mean(found) - 1.0) < 0.05 + 4.0 * error


def test_volumes_without_a_cube_are_refused() -> None:
    labels = np.zeros((1, 4, 4), dtype=np.uint8)
    with pytest.raises(InputError, match="no cube of 2 by 2 by 2 voxels"):
        euler_density(labels, 0)
    with pytest.raises(InputError, match="labels have 2 axes; expected 3"):
        euler_density(labels[0], 0)
