"""A small model and sections of it."""

from __future__ import annotations

import numpy as np

from morphgen.excursion import (
    ExcursionModel,
    Field,
    Provenance,
    Realization,
    Source,
    section_sampler,
)
from morphgen.fields.laws import Gaussian
from morphgen.fields.parametric import GaussianKernel
from morphgen.images import Section, Volume
from morphgen.phases import Phase

SIDE = 192
LENGTH = 4.0


def small_model(
    length: float = LENGTH,
    fraction: float = 0.4,
    names: tuple[str, ...] = ("pore", "active", "binder"),
    provenance: Provenance | None = None,
) -> ExcursionModel:
    law = Gaussian()
    fields = (
        Field(GaussianKernel(length), law, law.threshold(fraction)),
        Field(GaussianKernel(0.8 * length), law, law.threshold(0.6)),
    )
    phases = tuple(Phase(label, name) for label, name in enumerate(names))
    return ExcursionModel(phases, (0, 1, 2), fields, provenance=provenance)


def origin_of(*shapes: tuple[int, int], sha256: str = "a" * 64) -> Provenance:
    sources = tuple(
        Source("upper.tif", sha256, "xy", shape, (1.0, 1.0), shape[0] * shape[1])
        for shape in shapes
    )
    return Provenance(
        method="coverage",
        parametrization="high",
        status="converged",
        message="the last step changed nothing",
        seed=0,
        versions={"morphgen": "0.1.0"},
        sources=sources,
        max_lag=30.0,
        misfit={"0-0": 0.003, "0-1": 0.002},
        bound=0.0028,
        uncertainty={"pore fraction": 0.01},
    )


def drawn(
    model: ExcursionModel, seed: int, plane: str = "xy", shape: tuple[int, int] = (SIDE, SIDE)
) -> Section:
    labels = section_sampler(model, shape, plane=plane).labels(seed)
    return section_of(model, labels, plane)


def section_of(model: ExcursionModel, labels: np.ndarray, plane: str = "xy") -> Section:
    return Section(
        labels, plane, (1.0, 1.0), "voxel", model.phases, f"{labels.sum():064x}", "lower.tif"
    )


def grown(model: ExcursionModel, seed: int, shape: tuple[int, int, int] = (64, 72, 80)) -> Volume:
    labels = np.asarray(Realization(model, seed).window((0, 0, 0), shape))
    return Volume(labels, model.voxel_size, model.unit, model.phases, "d" * 64, "reference.tif")
