"""A small problem that trains in seconds."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from morphgen.calibration.coverage import CoverageSolution, fit_coverage
from morphgen.calibration.plane_families import PlaneFamily, plane_families
from morphgen.calibration.training.generator import Generator, generator, reach_of
from morphgen.calibration.training.planes import torus_of
from morphgen.excursion import ExcursionModel, Field, section_sampler
from morphgen.fields.laws import ChiSquare, Gaussian
from morphgen.fields.parametric import GaussianKernel
from morphgen.images import Section, read_section
from morphgen.phases import Phase
from morphgen.workflows import calibration_request

CPU = torch.device("cpu")


@pytest.fixture(scope="session")
def truth() -> ExcursionModel:
    """Three phases by a Gaussian and a chi-square field, correlation length 4 pixels."""
    phases = (Phase(0, "pore"), Phase(1, "grain"), Phase(2, "binder"))
    laws = (Gaussian(), ChiSquare(2))
    fields = tuple(
        Field(GaussianKernel(4.0), law, law.threshold(p))
        for law, p in zip(laws, (0.4, 0.5), strict=True)
    )
    return ExcursionModel(phases, (1, 0, 2), fields)


@pytest.fixture(scope="session")
def section(truth: ExcursionModel) -> Section:
    return read_section(section_sampler(truth, (160, 160)).labels(3))


@pytest.fixture(scope="session")
def fitted(section: Section) -> CoverageSolution:
    request = calibration_request(fields="gaussian,chi2:2", order=(1, 0, 2), thresholds="free")
    return fit_coverage([section], request)


@pytest.fixture(scope="session")
def family(section: Section) -> PlaneFamily:
    return plane_families([section], None)[0]


@pytest.fixture(scope="session")
def drawing(fitted: CoverageSolution, family: PlaneFamily) -> Generator:
    reach = reach_of(fitted.problem, fitted.solution.parameters)
    torus = torus_of(family, (48, 48), reach)
    return generator(fitted.problem, torus, seed=5, device=CPU)


@pytest.fixture
def parameters(fitted: CoverageSolution) -> np.ndarray:
    return fitted.solution.parameters.copy()
