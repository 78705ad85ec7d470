"""The held-out score: standardised, of common random numbers, lower for a better model."""

from __future__ import annotations

import numpy as np
import pytest

from morphgen.calibration.coverage import CoverageSolution
from morphgen.calibration.plane_families import PlaneFamily, plane_families
from morphgen.calibration.training.generator import generator, reach_of
from morphgen.calibration.training.planes import torus_of
from morphgen.calibration.training.score import HeldOut, hold_out, window_of
from morphgen.errors import ImageError
from morphgen.excursion import ExcursionModel, section_sampler
from morphgen.images import read_section
from morphgen.phases import OUTSIDE

from .conftest import CPU


def of_images(*images: np.ndarray) -> PlaneFamily:
    sections = [read_section(image, mask=image != OUTSIDE) for image in images]
    return plane_families(sections, None)[0]


def scorer(held: PlaneFamily, fitted: CoverageSolution, parameters: np.ndarray) -> HeldOut:
    torus = torus_of(held, window_of(held), reach_of(fitted.problem, parameters))
    drawing = generator(fitted.problem, torus, seed=1, device=CPU)
    order, length = fitted.selection.order, fitted.target.correlation_length
    return HeldOut(held, drawing, order, length, parameters)


def displaced(parameters: np.ndarray) -> np.ndarray:
    wrong = parameters.copy()
    # the last two are the thresholds' logits
    wrong[-2:] += (0.6, -0.6)
    return wrong


def test_strip_is_held_out() -> None:
    image = (np.arange(60 * 200).reshape(60, 200) % 2).astype(np.uint8)
    kept, held = hold_out(of_images(image))
    assert (kept.specimens[0].shape, held.specimens[0].shape) == ((60, 160), (60, 40))
    assert np.array_equal(np.concatenate([kept.specimens[0], held.specimens[0]], axis=1), image)


def test_strip_is_cut_from_the_specimen() -> None:
    image = (np.arange(240 * 150).reshape(240, 150) % 2).astype(np.uint8)
    image[-60:] = OUTSIDE
    kept, held = hold_out(of_images(image))
    assert (kept.specimens[0].shape, held.specimens[0].shape) == ((144, 150), (36, 150))
    assert not np.any(held.specimens[0] == OUTSIDE)


def test_strip_without_enough_specimen_is_refused() -> None:
    image = (np.arange(150 * 240).reshape(150, 240) % 2).astype(np.uint8)
    # a tail of 20 rows along the whole strip of 48 columns
    image[20:, 180:] = OUTSIDE
    family = of_images(np.zeros((64, 64), np.uint8) + np.eye(64, dtype=np.uint8), image)
    with pytest.raises(ImageError, match=r"32 px of the specimen .* strip of 48 px .*crop the im"):
        hold_out(family)


def test_score_tells_a_wrong_model(
    fitted: CoverageSolution, family: PlaneFamily, parameters: np.ndarray
) -> None:
    scoring = scorer(hold_out(family)[1], fitted, parameters)
    right = scoring.score(parameters)
    assert scoring.score(parameters) == right
    assert right < 2.0
    assert scoring.score(displaced(parameters)) > 1.3 * right


def test_score_of_masked_strips_of_different_shapes(
    truth: ExcursionModel, fitted: CoverageSolution, parameters: np.ndarray
) -> None:
    wide, high = (section_sampler(truth, shape).labels(5) for shape in ((120, 200), (240, 120)))
    rows, columns = np.indices(wide.shape)
    # a round specimen, and a footer as electron microscopes write it
    wide[np.hypot(rows - 60.0, 0.6 * columns - 60.0) > 62.0] = OUTSIDE
    high[-44:] = OUTSIDE
    scoring = scorer(hold_out(of_images(wide, high))[1], fitted, parameters)
    right = scoring.score(parameters)
    assert 0.3 < right < 2.0
    assert scoring.score(displaced(parameters)) > 1.3 * right


def test_more_strips_weigh_more(
    fitted: CoverageSolution, family: PlaneFamily, parameters: np.ndarray
) -> None:
    (image,) = family.specimens
    wrong, scores = displaced(parameters), []
    for count in (1, 4):
        held = hold_out(of_images(*[image] * count))[1]
        scores.append(scorer(held, fitted, parameters).score(wrong))
    # the same deviation: over sqrt(1 + 1/12), and over sqrt(1/4 + 1/12)
    assert scores[1] == pytest.approx(scores[0] * np.sqrt((1 + 1 / 12) / (1 / 4 + 1 / 12)))
