"""Field classes told apart on sections whose two-point functions are alike."""

from __future__ import annotations

import numpy as np
import pytest

from morphgen.calibration.coverage import fit_coverage
from morphgen.calibration.training.class_choice import ClassChoice, choose_classes
from morphgen.calibration.training.classes import ClassScores
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
    assert first.discriminator_score == max(dict(found.scores).values())
    again, _ = choose_classes(
        fitted, TrainingOptions(), CPU, silent, known=ClassChoice(found.laws, found.scores)
    )
    assert np.array_equal(again.solution.parameters, chosen.solution.parameters)
    assert again.selection.candidates == chosen.selection.candidates


def test_lead_and_its_error() -> None:
    scores = ClassScores(np.array([[-1.0, -2.0], [-1.0, -4.0]]))
    assert scores.mean.tolist() == [-1.0, -3.0]
    # differences 1 and 3: mean 2, standard deviation sqrt(2), over sqrt(2)
    assert scores.lead(0, 1) == pytest.approx((2.0, 1.0))
