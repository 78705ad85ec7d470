"""The held-out score: standardised, of common random numbers, lower for a better model."""

from __future__ import annotations

import numpy as np

from morphgen.calibration.coverage import CoverageSolution
from morphgen.calibration.training.generator import generator, reach_of
from morphgen.calibration.training.planes import PlaneFamily, torus_of
from morphgen.calibration.training.score import HeldOut, hold_out, window_of

from .conftest import CPU


def test_strip_is_held_out() -> None:
    image = np.arange(60 * 200, dtype=np.int64).reshape(60, 200) % 2
    family = PlaneFamily("any plane", (image.astype(np.uint8),), (1.0, 1.0))
    kept, held = hold_out(family)
    assert (kept.images[0].shape, held.images[0].shape) == ((60, 160), (60, 40))
    assert np.array_equal(np.concatenate([kept.images[0], held.images[0]], axis=1), image)


def test_score_tells_a_wrong_model(
    fitted: CoverageSolution, family: PlaneFamily, parameters: np.ndarray
) -> None:
    _, held = hold_out(family)
    torus = torus_of(held, window_of(held), reach_of(fitted.problem, parameters))
    drawing = generator(fitted.problem, torus, seed=1, device=CPU)
    scoring = HeldOut(
        held, drawing, fitted.selection.order, fitted.target.correlation_length, parameters
    )
    right = scoring.score(parameters)
    assert scoring.score(parameters) == right
    wrong = parameters.copy()
    # the last two are the thresholds' logits
    wrong[-2:] += (0.6, -0.6)
    assert right < 2.0
    assert scoring.score(wrong) > 1.3 * right
