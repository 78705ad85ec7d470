"""Field classes told apart on sections whose two-point functions are alike."""

from __future__ import annotations

import math

import numpy as np
import pytest

from morphgen.calibration.coverage import fit_coverage
from morphgen.calibration.ranking import merged
from morphgen.calibration.training.class_choice import (
    ClassChoice,
    choose_classes,
    chosen_place,
    on_one_scale,
)
from morphgen.calibration.training.classes import ClassScores, DrawnModel
from morphgen.calibration.training.crops import RealCrops
from morphgen.calibration.training.options import TrainingOptions
from morphgen.excursion import ExcursionModel, Field, section_sampler
from morphgen.fields.laws import ChiSquare, Gaussian
from morphgen.fields.parametric import GaussianKernel
from morphgen.images import Section, read_section
from morphgen.phases import Phase
from morphgen.progress import silent
from morphgen.workflows import calibration_request

from .conftest import CPU


def two_phases(law: Gaussian | ChiSquare) -> Section:
    """A section of a third of one phase, 56 correlation lengths wide."""
    field = Field(GaussianKernel(4.0), law, law.threshold(0.35))
    model = ExcursionModel((Phase(0, "rest"), Phase(1, "phase")), (1, 0), (field,))
    return read_section(section_sampler(model, (224, 224)).labels(1))


@pytest.mark.parametrize("law", [Gaussian(), ChiSquare(1)])
def test_class_is_found_whatever_the_first_guess(
    law: Gaussian | ChiSquare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("morphgen.calibration.training.class_choice.CROPS", 96)
    other = ChiSquare(1) if law == Gaussian() else Gaussian()
    request = calibration_request(fields=other.name, order=(1, 0), parametrization="low")
    fitted = fit_coverage([two_phases(law)], request)
    chosen, found = choose_classes(fitted, TrainingOptions(), CPU, silent)
    assert found.laws == (law.name,)
    assert chosen.problem.laws[0].law == law
    assert len(found.scores) == 7
    first = chosen.selection.candidates[0]
    assert first.laws == (law.name,)
    # of all others to the chosen one, which leads them
    assert first.discriminator_score == 0.0 == max(dict(found.scores).values())
    # the pair was no row before: it is scored like the other rows
    assert first.held_out is not None
    assert first.topology_score is not None
    assert first.bound == fitted.selection.candidates[0].bound
    assert first.misfit < 0.05
    # the first guess, no longer chosen, stands where its scores put it
    others = [row for row in chosen.selection.candidates[1:] if row.held_out is not None]
    assert len(others) == len(fitted.selection.candidates)
    assert others == list(merged(first, others)[1:])
    assert "50176 px" in chosen.warnings[0]
    again, _ = choose_classes(
        fitted, TrainingOptions(), CPU, silent, known=ClassChoice(found.laws, found.scores)
    )
    assert np.array_equal(again.solution.parameters, chosen.solution.parameters)
    assert again.selection.candidates == chosen.selection.candidates


def test_lead_and_its_error() -> None:
    scores = ClassScores(np.array([[-1.0, -2.0], [-1.0, -4.0]] * 2))
    assert scores.mean.tolist() == [-1.0, -3.0]
    # differences 1, 3, 1, 3: mean 2, standard deviation sqrt(4/3), over 2
    assert scores.lead(0, 1) == pytest.approx((2.0, 1.0 / math.sqrt(3.0)))


@pytest.mark.parametrize("tiles", [1, 3])
def test_few_tiles_do_not_outvote_the_gaussian(tiles: int) -> None:
    scores = ClassScores(np.array([[-1.0, -0.1]] * tiles))
    assert scores.lead(1, 0) == (pytest.approx(0.9), math.inf)
    assert chosen_place(scores) == 0
    assert chosen_place(ClassScores(np.array([[-1.0, -0.1]] * 4))) == 1


def test_scores_of_two_classifiers_on_one_scale() -> None:
    # b:g wins the first round, b:c the second; b:g leads g:g by 2, and b:c leads b:g by 1
    first = ([("g", "g"), ("b", "g")], np.array([-3.0, -1.0]), 1)
    second = ([("b", "g"), ("b", "c")], np.array([-1.5, -0.5]), 1)
    found = on_one_scale([first, second])
    assert found == {("b", "c"): 0.0, ("b", "g"): -1.0, ("g", "g"): -3.0}


def test_classes_do_not_see_what_is_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[np.ndarray] = []

    def undecided(drawn: list[DrawnModel], real: RealCrops, **_: object) -> ClassScores:
        seen.extend(real.images)
        return ClassScores(np.zeros((4, len(drawn))))

    monkeypatch.setattr("morphgen.calibration.training.class_choice.class_scores", undecided)
    section = two_phases(Gaussian())
    fitted = fit_coverage(
        [section], calibration_request(fields="gaussian", order=(1, 0), parametrization="low")
    )
    choose_classes(fitted, TrainingOptions(), CPU, silent)
    # four fifths of 224 rows
    assert [image.shape for image in seen] == [(179, 224)]
