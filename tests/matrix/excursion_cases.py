"""Capabilities of `morphgen.excursion` and of the views of `morphgen.tiles`."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
from matrix.capabilities import Capability, Reads
from matrix.field_cases import DISTANCES, HEIGHTS, MANY_STEPS, OFFSETS, RHO, VALUES
from samples import PHASES, three_phases, two_phases

from morphgen._array_api import namespace
from morphgen.excursion import (
    ExcursionModel,
    Field,
    Realization,
    SharedNoise,
    section_sampler,
    two_point_coverage,
)
from morphgen.excursion.correlated import Correlations, coverage
from morphgen.excursion.coverage import first_match_coverage
from morphgen.excursion.labels import decide, first_match
from morphgen.excursion.model import joint_probability
from morphgen.fields.laws import Gaussian
from morphgen.fields.orthants import steps
from morphgen.fields.parametric import GaussianKernel
from morphgen.tiles import LazyVolume, to_dask

_TWO, _THREE = two_phases(), three_phases()
_NARROW = two_phases(length=1.2)
_SHARED = ExcursionModel(
    PHASES,
    (0, 1, 2),
    (Field(GaussianKernel(2.0), Gaussian(), 0.3), Field(GaussianKernel(3.0), Gaussian(), -0.2)),
    shared=SharedNoise(GaussianKernel(2.5), (0.7, -0.6)),
)
_FIELD = _SHARED.fields[0]
_SETS = steps(Gaussian(), 0.3), steps(Gaussian(), -0.2, below=True)
_NOISE_READ = Reads(1, "once per process and device: whether its integers wrap around")
_LABELS = {"result": "uint8", "tolerance": 0.0, "reads": _NOISE_READ}
_DASK_CHUNKS = "chunks of dask are arrays of NumPy or CuPy"


def _correlated(first: Any, second: Any, cross: Any) -> Any:
    joints = (
        joint_probability(Gaussian(), "above", first, 0.3),
        joint_probability(Gaussian(), "below", second, -0.2),
    )
    return coverage(*_SETS, joints, Correlations(first, second, cross, -0.42))


def _matched(values: Any) -> Any:
    decisions = (decide(field, values) for field in _SHARED.fields)
    return first_match(_SHARED.order, decisions, namespace(values))


_CLOSED_FORMS = (
    Capability(
        (
            "excursion.coverage.two_point_coverage",
            "excursion.model.ExcursionModel.two_point_coverage",
        ),
        _THREE.two_point_coverage,
        (DISTANCES,),
        # at lag 0 a correlation of 1 - 1e-16 is an angle of 1e-8
        tolerance=1e-8,
        coarse=2e-4,
        refused={"dask": MANY_STEPS},
    ),
    Capability(
        ("excursion.coverage.two_point_coverage",),
        lambda lags: two_point_coverage(_SHARED, lags),
        (OFFSETS,),
        # at lag 0 the conditional variance is what rounding leaves of 1 - 1
        tolerance=2e-6,
    ),
    Capability(
        ("excursion.coverage.first_match_coverage",),
        lambda joint: first_match_coverage([0.4, 0.3], [0.4 * joint, 0.3 * joint]),
        (np.array([0.3, 0.8, 1.0]),),
    ),
    Capability(
        ("excursion.correlated.coverage",), _correlated, (RHO / 2, RHO / 3, RHO / 4), coarse=1e-4
    ),
    Capability(
        ("excursion.model.ExcursionModel.correlation", "excursion.shared.SharedNoise.mixed"),
        lambda offsets: _SHARED.correlation(1, offsets),
        (OFFSETS,),
    ),
    Capability(
        ("excursion.shared.MixedCorrelation.cylindrical_correlation",),
        lambda across, along: _SHARED.field_correlation(0).cylindrical_correlation(across, along),
        (DISTANCES, HEIGHTS),
    ),
    Capability(
        ("excursion.model.Field.joint_exceedance", "excursion.model.joint_probability"),
        _FIELD.joint_exceedance,
        (RHO,),
    ),
)

_LABELLING = (
    Capability(
        ("excursion.labels.decide",),
        lambda values, thresholds: decide(_FIELD, values, thresholds),
        (VALUES, np.array([[[0.1]], [[-0.3]]])),
        result="bool",
    ),
    Capability(
        ("excursion.labels.first_match", "excursion.labels.decide"),
        _matched,
        (VALUES,),
        result="uint8",
    ),
)


def _sampler(xp: ModuleType, device: Any) -> Any:
    return section_sampler(_SHARED, (20, 18), xp=xp, device=device)


_GENERATORS = (
    Capability(
        ("excursion.realization.Realization.window",),
        lambda xp, device: Realization(_NARROW, 4).window((-3, 60, 5), (4, 8, 6), xp, device),
        **_LABELS,
    ),
    Capability(
        ("excursion.realization.Realization.block",),
        lambda xp, device: Realization(_NARROW, 4).block(
            (0, -1, 2), xp, device, part=(slice(2), slice(3), slice(5))
        ),
        **_LABELS,
    ),
    Capability(
        ("excursion.sections.section_sampler", "excursion.sections.SectionSampler.labels"),
        lambda xp, device: _sampler(xp, device).labels(3),
        **_LABELS,
    ),
    Capability(
        ("excursion.sections.SectionSampler.values",),
        lambda xp, device: _sampler(xp, device).values(3, 1),
        result="float32",
        tolerance=2e-5,
        reads=_NOISE_READ,
    ),
    Capability(
        ("tiles.view.LazyVolume",),
        lambda xp, device: LazyVolume(Realization(_NARROW, 4), (80, 70, 66), xp=xp, device=device)[
            62:66, 5, ::30
        ],
        **_LABELS,
    ),
    Capability(
        ("tiles.lazy.to_dask",),
        lambda xp, device: to_dask(
            Realization(_NARROW, 4), (8, 6, 5), xp=xp, device=device
        ).compute(scheduler="synchronous"),
        refused=dict.fromkeys(("torch", "jax", "array-api-strict", "dask"), _DASK_CHUNKS),
        **_LABELS,
    ),
)

CAPABILITIES = (*_CLOSED_FORMS, *_LABELLING, *_GENERATORS)
