"""What is said beside a verdict."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from validation.samples import section_of

from morphgen.excursion import ExcursionModel
from morphgen.validation import Comparison, compare
from morphgen.validation.cautions import cautions
from morphgen.validation.judgements import comparison_verdict


def test_nothing_is_said_of_an_ordinary_section(
    comparison: Comparison, model: ExcursionModel
) -> None:
    assert cautions(comparison, model) == []


def test_voxels_of_another_order_of_size(comparison: Comparison, model: ExcursionModel) -> None:
    for factor, doubted in ((0.2, True), (0.3, False), (4.0, False), (5.0, True)):
        size = (1.0, factor)
        one = replace(comparison, sections=(replace(comparison.sections[0], pixel_size=size),))
        found = cautions(one, model)
        assert len(found) == doubted
        assert not doubted or f"measure {factor:g} voxels, those of the model 1" in found[0]


def test_a_phase_that_is_nowhere(model: ExcursionModel) -> None:
    labels = np.zeros((96, 96), dtype=np.uint8)
    labels[::7] = 1
    labels[:, ::5] = 1
    found = compare(model, [section_of(model, labels)], realizations=8)
    (words,) = cautions(found, model)
    assert words.startswith("The phase 2 (binder) of the model does not occur")
    assert words in comparison_verdict(found, model).lines
    # nothing is known of the chords of a phase that is not there
    chords = found.quantity("mean_chord_length", (2,), "x")
    assert np.isnan(chords.observed[0])
    assert chords.verdict == "differs"
