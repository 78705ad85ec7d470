"""Models with other parameters."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import spline_kernel, three_phases

from morphgen.errors import InputError, ModelError
from morphgen.excursion import ExcursionModel, SharedNoise
from morphgen.fields.laws import ChiSquare, Gaussian
from morphgen.fields.parametric import DampedSincKernel, GaussianKernel, MaternKernel
from morphgen.fields.spline import CylindricalSplineKernel
from morphgen.studies import (
    Design,
    StudyRequest,
    Variable,
    job_of,
    scenarios,
    varied_model,
    with_fractions,
)
from morphgen.studies.kernels import scaled, stretched

KERNELS = (
    spline_kernel(),
    CylindricalSplineKernel(((1.0, 0.5), (0.4, 0.2)), 9.0, 5.0, "y"),
    GaussianKernel(3.0),
    MaternKernel(2.0, smoothness=2.5),
    DampedSincKernel(4.0, wave_number=0.7),
)


def shared(law: object) -> ExcursionModel:
    model = three_phases()
    fields = tuple(replace(one, law=law, threshold=0.6) for one in model.fields)
    return replace(model, fields=fields, shared=SharedNoise(GaussianKernel(4.0), (0.8, 0.7)))


MODELS = (three_phases(), shared(Gaussian()), shared(ChiSquare(1)))


@given(st.floats(0.03, 0.9), st.floats(0.05, 0.95), st.sampled_from(MODELS))
def test_thresholds_give_the_fractions(pore: float, share: float, model: ExcursionModel) -> None:
    wanted = {0: pore, 1: (1.0 - pore) * share, 2: (1.0 - pore) * (1.0 - share)}
    found = with_fractions(model, wanted)
    assert found.volume_fractions() == pytest.approx(wanted, abs=1e-9)
    assert [one.kernel for one in found.fields] == [one.kernel for one in model.fields]
    assert found.shared == model.shared


@pytest.mark.parametrize("kernel", KERNELS)
def test_scaled_kernels(kernel: object) -> None:
    lags = np.random.default_rng(0).uniform(-8.0, 8.0, (50, 3))
    found = scaled(kernel, 1.7).correlation(1.7 * lags)  # type: ignore[arg-type, union-attr]
    np.testing.assert_allclose(found, kernel.correlation(lags), atol=1e-12)  # type: ignore[attr-defined]


@pytest.mark.parametrize("kernel", KERNELS)
def test_stretched_kernels(kernel: object) -> None:
    lags = np.random.default_rng(0).uniform(-8.0, 8.0, (50, 3))
    found = stretched(kernel, 0.6, "y").correlation(lags * [1.0, 0.6, 1.0])  # type: ignore[arg-type, union-attr]
    np.testing.assert_allclose(found, kernel.correlation(lags), atol=1e-12)  # type: ignore[attr-defined]


def of(parameter: str, **target: object) -> Variable:
    return Variable(parameter, values=(1,), **target)  # type: ignore[arg-type]


def test_what_is_not_varied_stays() -> None:
    model = three_phases()
    before = model.volume_fractions()
    pore = of("volume_fraction", phase="pore")
    found = varied_model(model, [pore], {pore.name: 0.4}).volume_fractions()
    assert found[0] == pytest.approx(0.4)
    assert found[1] / found[2] == pytest.approx(before[1] / before[2])
    found = varied_model(model, [pore], {pore.name: 0.3}, "solid electrolyte").volume_fractions()
    assert (found[0], found[1]) == pytest.approx((0.3, before[1]))
    freedom = of("degrees_of_freedom", field=0)
    other = varied_model(model, [freedom], {freedom.name: 5})
    assert other.fields[1].law == ChiSquare(5)
    assert other.volume_fractions() == pytest.approx(before)
    length = of("length_factor", field="active material")
    other = varied_model(model, [length], {length.name: 2.0})
    assert other.fields[0].kernel.reach == pytest.approx(2.0 * model.fields[0].kernel.reach)
    assert other.fields[1] == model.fields[1]


def test_all_lengths_of_a_model_with_shared_noise() -> None:
    model, every = shared(Gaussian()), of("length_factor", field="all")
    found = varied_model(model, [every], {every.name: 1.5})
    lags = np.array([1.0, 4.0, 9.0])
    np.testing.assert_allclose(
        found.two_point_coverage(1.5 * lags), model.two_point_coverage(lags), atol=1e-10
    )
    common = of("length_factor", field="shared")
    found = varied_model(model, [common], {common.name: 1.5})
    assert found.shared is not None
    assert found.shared.kernel == GaussianKernel(6.0)
    assert found.fields == model.fields


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        (of("volume_fraction", phase="pore"), 1.0, "fraction of pore is 1: expected 0 to 1"),
        (of("volume_fraction", phase="pore"), 1e-7, "pore is 1e-07: expected 1e-06 at least"),
        (of("volume_fraction", phase="pore"), 1.0 - 1e-7, "expected 1e-06 at least"),
        (of("volume_fraction", phase="gas"), 0.1, "no phase 'gas'"),
        (of("length_factor", field="all"), -1.0, "factor -1.0: expected a positive"),
        (of("length_factor", field="shared"), 1.0, "share no noise"),
        (of("length_factor", field=2), 1.0, "no field decides that phase"),
        (of("axial_factor", field="all", axis="z"), 0.0, "positive"),
        (of("degrees_of_freedom", field=1), 3, "that field is gaussian"),
        (of("degrees_of_freedom", field=0), 0, "0 degrees of freedom: expected 1 to"),
    ],
)
def test_impossible_values(variable: Variable, value: float, words: str) -> None:
    with pytest.raises((InputError, ModelError), match=words):
        varied_model(three_phases(), [variable], {variable.name: value})


def test_fractions_must_leave_something() -> None:
    every = [of("volume_fraction", phase=n) for n in range(3)]
    values = dict(zip([one.name for one in every], (0.2, 0.3, 0.6), strict=True))
    with pytest.raises(InputError, match="sum to 1.1: expected 1 for all phases"):
        varied_model(three_phases(), every, values)
    with pytest.raises(InputError, match="sum to 1.1: expected less than 1"):
        varied_model(three_phases(), every[:2], dict(zip(values, (0.6, 0.5), strict=False)))
    with pytest.raises(InputError, match="rest goes to pore, whose fraction is varied itself"):
        varied_model(three_phases(), every[:1], values, "pore")
    found = varied_model(three_phases(), every, values | {"set.volume_fraction.2": 0.5})
    assert math.isclose(found.volume_fractions()[2], 0.5)


def test_all_scenarios_are_checked_before_any_runs() -> None:
    pore = Variable("volume_fraction", phase="pore", values=(0.2, 1.2, 0.5, 0.0))
    request = StudyRequest((8, 8, 8), Design("grid"), (pore,))
    with pytest.raises(InputError, match=r"2 of 4 points .*pore = 1.2: .*; .* = 0"):
        scenarios(three_phases(), request)


def test_seeds() -> None:
    pore = Variable("volume_fraction", phase="pore", values=(0.2, 0.3))
    request = StudyRequest((8, 8, 8), Design("grid"), (pore,), seed=5, realizations=2)
    found = scenarios(three_phases(), request)
    assert [(one.point, one.realization, one.seed) for one in found] == [
        (0, 0, 5), (0, 1, 6), (1, 0, 7), (1, 1, 8)
    ]  # fmt: skip
    same = scenarios(three_phases(), replace(request, common_seeds=True))
    assert [one.seed for one in same] == [5, 6, 5, 6]
    own = replace(request, vary=(Variable("seed", values=(3, 8)),), realizations=1)
    assert [one.seed for one in scenarios(three_phases(), own)] == [3, 8]


def test_conductivities() -> None:
    pore = Variable("volume_fraction", phase="pore", values=(0.2,))
    kinds = ("effective_ionic_conductivity",)
    request = StudyRequest(
        (8, 8, 8), Design("grid"), (pore,), descriptors=kinds, ionic={"pore": 2.0}
    )
    (one,) = scenarios(three_phases(), request)
    assert job_of(one, request).wanted.ionic == ((0, 2.0),)
    with pytest.raises(InputError, match="belong together"):
        replace(request, ionic={})
    with pytest.raises(InputError, match="expected a positive conductivity"):
        replace(request, ionic={"pore": 0.0})
    with pytest.raises(InputError, match="no phase 'gas'"):
        scenarios(three_phases(), replace(request, ionic={"gas": 1.0}))
