"""What a ray-cast picture of a volume shows, on bodies whose picture is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from morphgen.phases import Phase
from morphgen.validation.surface_view import cut_away, outline, render

PHASES = (Phase(0, "pore"), Phase(1, "grain", "#ff0000"), Phase(2, "binder", "#0000ff"))
CUBE = (1.0, 1.0, 1.0)


def covered(image: NDArray[np.float64]) -> float:
    """Share of the picture that is not white."""
    return float(np.mean(np.any(image < 1.0, axis=-1)))


def test_a_full_box_fills_its_outline() -> None:
    image = render(np.ones((24, 24, 24), np.uint8), CUBE, PHASES, 0, pixels=200)
    left, right, bottom = outline(np.array([24.0, 24.0, 24.0]))
    assert image.shape[0] == round(200 * -bottom / (right - left))
    # a hexagon covers three quarters of the rectangle around it
    assert covered(image) == pytest.approx(0.75, abs=0.01)
    # all red, in three shades: one for each face
    shades = {tuple(color) for color in image[np.any(image < 1.0, axis=-1)].round(6)}
    assert len(shades) == 3
    assert all(color[0] > 2.0 * color[1] and color[1] == color[2] for color in shades)


def test_nothing_of_the_hidden_phase_is_seen() -> None:
    labels = np.zeros((16, 16, 16), np.uint8)
    labels[8:] = 255
    assert covered(render(labels, CUBE, PHASES, 0, pixels=80)) == 0.0


def test_a_ball_is_a_disc_lit_from_above() -> None:
    offset = np.indices((60, 60, 60)) - 29.5
    labels = (np.sqrt((offset**2).sum(axis=0)) < 20.0).astype(np.uint8)
    image = render(labels, CUBE, PHASES, 0, pixels=300)
    seen = np.any(image < 1.0, axis=-1)
    left, right, bottom = outline(np.array([60.0, 60.0, 60.0]))
    area = covered(image) * (right - left) * -bottom
    # lengths on paper are those along the axes, sqrt(3/2) times those of the projection
    assert area == pytest.approx(1.5 * math.pi * 20.0**2, rel=0.03)
    rows, columns = np.nonzero(seen)
    assert np.ptp(rows) == pytest.approx(np.ptp(columns), abs=4)
    height = np.linspace(0.0, 1.0, np.ptp(rows) + 1)[rows - rows.min()]
    red = image[..., 0][seen]
    assert red[height < 0.25].mean() > 1.3 * red[height > 0.75].mean()


def test_each_phase_has_its_colour() -> None:
    labels = np.ones((20, 20, 20), np.uint8)
    labels[:, :, 10:] = 2
    image = render(labels, CUBE, PHASES, 0, pixels=120)
    seen = np.any(image < 1.0, axis=-1)
    red, blue = image[..., 0] > 2.0 * image[..., 2], image[..., 2] > 2.0 * image[..., 0]
    assert np.mean(red[seen]) == pytest.approx(np.mean(blue[seen]) - 1 / 3, abs=0.05)
    assert np.mean((red | blue)[seen]) > 0.97


def test_flat_voxels_give_a_flat_box() -> None:
    labels = np.ones((10, 20, 20), np.uint8)
    thin = render(labels, (2.0, 1.0, 1.0), PHASES, 0, pixels=100)
    cube = render(np.ones((20, 20, 20), np.uint8), CUBE, PHASES, 0, pixels=100)
    np.testing.assert_allclose(thin, cube)


def test_pores_are_cut_away_or_else_the_lowest_label() -> None:
    assert cut_away((Phase(1, "steel"), Phase(2, "Pores"))).label == 2
    assert cut_away((Phase(3, "steel"), Phase(2, "cementite"))).label == 2
    assert (
        cut_away((Phase(1, "unrepaired"), Phase(2, "whole grain"), Phase(3, "pore_1"))).label == 3
    )
