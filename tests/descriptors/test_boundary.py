"""Length of triple-phase boundaries against straight lines and excursion sets."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from oracles import octants
from samples import PHASES

from morphgen import Realization
from morphgen.descriptors import triple_phase_boundary_densities
from morphgen.errors import InputError
from morphgen.excursion import ExcursionModel, Field, triple_phase_boundary_length
from morphgen.fields.laws import ChiSquare, Gaussian, Law
from morphgen.fields.parametric import GaussianKernel
from morphgen.phases import Phase

CUBE = (1.0, 1.0, 1.0)
DIRECTIONS = [(1, 0, 0), (0, 1, 1), (1, 1, 1), (1, 2, 0), (3, 2, 1), (-2, 1, 3), (5, -1, 2)]


def sectors(
    direction: tuple[int, ...], degrees: tuple[float, ...], spacing: tuple[float, ...], at: float
) -> tuple[np.ndarray, float]:
    """Three sectors around a straight line, and its length in what the windows cover."""
    steps, shape = np.array(spacing), np.array([44, 40, 48])
    along = np.array(direction) / np.linalg.norm(direction)
    across = np.cross(along, [0.3, 0.5, 0.8])
    across /= np.linalg.norm(across)
    centre = (0.5 * (shape - 1.0) + [at, 0.7 * at, -at]) * steps
    grid = np.indices(shape) * steps[:, None, None, None] - centre[:, None, None, None]
    one = np.tensordot(across, grid, axes=1)
    other = np.tensordot(np.cross(along, across), grid, axes=1)
    angle = np.degrees(np.arctan2(other, one)) % 360.0
    labels = np.digitize(angle, np.cumsum(degrees)[:2]).astype(np.uint8)
    half = 0.5 * (shape - 5) * steps
    with np.errstate(divide="ignore"):
        ends = np.sort(
            (np.array([-half, half]) - (centre - 0.5 * (shape - 1) * steps)) / along, axis=0
        )
    return labels, float(ends[1].min() - ends[0].max())


def length(labels: np.ndarray, spacing: tuple[float, ...]) -> float:
    (density,) = triple_phase_boundary_densities(labels, (0, 1, 2), spacing).values()
    return float(density) * float(np.prod((np.array(labels.shape) - 5) * spacing))


@pytest.mark.parametrize("degrees", [(120, 120, 120), (180, 90, 90), (90, 45, 225), (180, 30, 150)])
@pytest.mark.parametrize("spacing", [CUBE, (1.5, 1.0, 1.0)])
def test_straight_lines(degrees: tuple[float, ...], spacing: tuple[float, ...]) -> None:
    shares = []
    for direction in DIRECTIONS:
        for at in (0.1, 0.4):
            labels, true = sectors(direction, degrees, spacing, at)
            shares.append(length(labels, spacing) / true)
    # the stated scatter over directions and positions, and a bias of 1 %; twice that where the
    # spacings differ and a sector is thin
    wide = 2.0 if spacing != CUBE and min(degrees) < 60 else 1.0
    assert np.mean(shares) == pytest.approx(1.0, abs=wide * 0.02)
    assert np.std(shares) < wide * 0.04
    assert np.max(np.abs(np.array(shares) - 1.0)) < wide * 0.08


@pytest.mark.parametrize("laws", [(Gaussian(), Gaussian()), (ChiSquare(2), Gaussian())])
def test_excursion_sets(laws: tuple[Law, Law]) -> None:
    fields = tuple(
        Field(GaussianKernel(scale), law, law.threshold(p))
        for scale, law, p in zip((6.0, 8.0), laws, (0.35, 0.5), strict=True)
    )
    model = ExcursionModel(PHASES, (1, 0, 2), fields)
    expected = triple_phase_boundary_length(model, (0, 1, 2))
    found = []
    for seed in (4, 5):
        labels = Realization(model, seed).window((0, 0, 0), (128,) * 3)
        for part in octants(labels):
            (density,) = triple_phase_boundary_densities(part, (0, 1, 2)).values()
            found.append(float(density) / expected)
    # 16 nearly independent parts: 4 standard errors, and the stated bias
    error = np.std(found, ddof=1) / math.sqrt(len(found))
    assert error < 0.06
    assert abs(np.mean(found) - 1.0) < 0.06 + 4.0 * error


def test_four_phases_have_a_length_for_each_three() -> None:
    # three sectors below a plane, the fourth phase above it: a line down and three in the plane
    labels, _ = sectors((1, 0, 0), (120, 120, 120), CUBE, 0.2)
    labels = labels[:, 1:40, 1:40].copy()
    labels[:22] = 7
    found = triple_phase_boundary_densities(labels, (7, 2, 0, 1))
    assert set(found) == {(0, 1, 2), (0, 1, 7), (0, 2, 7), (1, 2, 7)}
    volume = 39 * 34 * 34
    # the corner where four meet is smoothed over a few voxels; directions scatter by 3 % or less
    assert float(found[0, 1, 2]) * volume == pytest.approx(19.5, abs=1.5)
    flat = sum(float(found[three]) for three in found if 7 in three) * volume
    # three rays from near the middle of a square of 34 to its sides
    assert 3 * 16.0 < flat < 3 * 17.0 * 1.3


@pytest.mark.parametrize("direction", [(0, 0, 1), (1, 2, 3)])
def test_a_rod_on_an_interface_has_two_lines(direction: tuple[int, ...]) -> None:
    labels, line = sectors(direction, (180, 90, 90), CUBE, 0.3)
    halves = (labels > 0).astype(np.uint8)
    along = np.array(direction) / np.linalg.norm(direction)
    middle = 0.5 * (np.array(labels.shape) - 1.0) + [0.3, 0.21, -0.3]
    grid = np.indices(labels.shape) - middle[:, None, None, None]
    away = grid - along[:, None, None, None] * np.tensordot(along, grid, axes=1)
    halves[np.linalg.norm(away, axis=0) < 4.0] = 2
    assert length(halves, CUBE) / (2.0 * line) == pytest.approx(1.0, abs=0.08)


def test_two_interfaces_that_do_not_meet_have_no_line() -> None:
    labels = np.repeat(np.array([0, 1, 2], np.uint8), [7, 2, 7])[:, None, None] + np.zeros(
        (16, 12, 12), np.uint8
    )
    (found,) = triple_phase_boundary_densities(labels, (0, 1, 2)).values()
    assert found == 0.0


def test_every_backend_agrees(backend: Any) -> None:
    labels, _ = sectors((5, -1, 2), (180, 90, 90), (1.0, 1.0, 2.0), 0.3)
    labels = labels[14:32, 12:30, 14:35].copy()
    labels[:3, :4] = 255
    mask = np.ones(labels.shape, dtype=bool)
    mask[-2:, :, -5:] = False
    found = triple_phase_boundary_densities(
        backend.asarray(labels), (2, 1, 0), (1.0, 1.0, 2.0), backend.asarray(mask, dtype="bool")
    )
    expected = triple_phase_boundary_densities(
        np.where(mask, labels, 255).astype(np.uint8), (0, 1, 2), (1.0, 1.0, 2.0)
    )
    host = backend.to_numpy(found[0, 1, 2])
    assert host.dtype == np.float64
    assert host.shape == ()
    np.testing.assert_allclose(host, expected[0, 1, 2], rtol=1e-5)
    assert host > 0.0


def test_results_stay_on_the_device() -> None:
    strict = pytest.importorskip("array_api_strict")
    device = strict.Device("device1")
    labels = strict.asarray(np.arange(216, dtype=np.uint8).reshape(6, 6, 6) % 3, device=device)
    (found,) = triple_phase_boundary_densities(labels, (0, 1, 2)).values()
    assert found.device == device


def test_bad_input_is_refused() -> None:
    labels = np.zeros((4, 3, 5), dtype=np.uint8)
    with pytest.raises(InputError, match="no window of 6 by 6 by 6 voxels"):
        triple_phase_boundary_densities(labels, (0, 1, 2))
    with pytest.raises(InputError, match=r"phases are \(0, 1\); expected three or more"):
        triple_phase_boundary_densities(labels, (0, 1))
    with pytest.raises(InputError, match="labels have 2 axes"):
        triple_phase_boundary_densities(labels[0], (0, 1, 2))


def test_more_phases_than_meet_in_one_model() -> None:
    fields = tuple(Field(GaussianKernel(7.0), Gaussian(), t) for t in (0.9, 0.2, -0.1))
    phases = tuple(Phase(label, str(label)) for label in (0, 3, 5, 9))
    model = ExcursionModel(phases, (9, 0, 5, 3), fields)
    labels = Realization(model, 1).window((0, 0, 0), (96,) * 3)
    found = triple_phase_boundary_densities(labels, (0, 3, 5, 9))
    expected = {three: triple_phase_boundary_length(model, three) for three in found}
    # one window of 14 lengths along each axis: rare phases scatter by a quarter
    for three, value in found.items():
        assert float(value) == pytest.approx(expected[three], rel=0.4)
    assert sum(map(float, found.values())) == pytest.approx(sum(expected.values()), rel=0.15)
