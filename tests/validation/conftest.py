"""One comparison that many tests look at."""

from __future__ import annotations

import pytest
from validation.samples import drawn, small_model

from morphgen.excursion import ExcursionModel
from morphgen.images import Section
from morphgen.validation import Comparison, compare


@pytest.fixture(scope="session")
def model() -> ExcursionModel:
    return small_model()


@pytest.fixture(scope="session")
def section(model: ExcursionModel) -> Section:
    return drawn(model, 1001)


@pytest.fixture(scope="session")
def comparison(model: ExcursionModel, section: Section) -> Comparison:
    return compare(model, [section], max_lag=30.0)
