"""One comparison that many tests look at."""

from __future__ import annotations

import numpy as np
import pytest
from validation.samples import drawn, small_model

from morphgen.excursion import ExcursionModel, Realization
from morphgen.images import Section, Volume
from morphgen.validation import Comparison, compare
from morphgen.validation.pages import Document
from morphgen.validation.report import validation_report


@pytest.fixture(scope="session")
def model() -> ExcursionModel:
    return small_model()


@pytest.fixture(scope="session")
def section(model: ExcursionModel) -> Section:
    return drawn(model, 1001)


@pytest.fixture(scope="session")
def comparison(model: ExcursionModel, section: Section) -> Comparison:
    return compare(model, [section], max_lag=30.0)


@pytest.fixture(scope="session")
def volume(model: ExcursionModel) -> Volume:
    labels = Realization(model, 2).window((0, 0, 0), (40, 48, 56))
    return Volume(np.asarray(labels), (1.0, 1.0, 1.0), "voxel", model.phases, "d" * 64, "array")


@pytest.fixture(scope="session")
def report(
    comparison: Comparison, model: ExcursionModel, section: Section, volume: Volume
) -> Document:
    return validation_report(comparison, model, [section], volume=volume)
