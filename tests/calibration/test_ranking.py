"""The ranked table: held-out scores, numbers of parameters, order of the rows."""

from __future__ import annotations

import numpy as np
import pytest
from calibration.truths import TRUTHS
from samples import PHASES

from morphgen.calibration.held_out import Folds, make_folds
from morphgen.calibration.objective import FieldLaw
from morphgen.calibration.parametrization import Low
from morphgen.calibration.problem import Problem
from morphgen.calibration.ranking import topology_warning
from morphgen.calibration.result import CalibrationResult
from morphgen.calibration.selection import Selection
from morphgen.calibration.shared import joined
from morphgen.calibration.targets import Target, measure_target
from morphgen.excursion import Candidate, ExcursionModel, Field, section_sampler
from morphgen.fields.laws import Gaussian
from morphgen.fields.parametric import GaussianKernel, MaternKernel
from morphgen.images import Section, read_section
from morphgen.workflows import calibrate

ORDER = (2, 0, 1)


def draw(side: int, seed: int = 1) -> Section:
    return read_section(section_sampler(TRUTHS["Matern"], (side, side)).labels(seed))


def folds_of(section: Section) -> tuple[Target, Folds]:
    target = measure_target([section])
    pixels = round(target.lag[-1])
    folds = make_folds([section], target, lambda masked: measure_target(masked, pixels))
    assert folds is not None
    return target, folds


@pytest.fixture(scope="module")
def target_and_folds() -> tuple[Target, Folds]:
    return folds_of(draw(512))


def problem_of(
    target: Target, kernel: type[MaternKernel] | type[GaussianKernel], order: tuple[int, ...]
) -> Problem:
    fractions, rows = target.in_order(order)
    law, member = FieldLaw(Gaussian()), Low(target.lags, kernel)
    return Problem(rows, fractions, (law, law), (member, member))


def test_halves_are_apart_and_make_up_the_whole(target_and_folds: tuple[Target, Folds]) -> None:
    seen: list[Section] = []
    section = draw(512)
    target, _ = target_and_folds

    def look(masked: list[Section]) -> Target:
        seen.extend(masked)
        return measure_target(masked, round(target.lag[-1]))

    make_folds([section], target, look)
    first, second = (half.labels != 255 for half in seen)
    assert not np.any(first & second)
    # strips of one correlation length (6 px) along 4 edges between 5 tiles each way
    left_out = 1.0 - np.mean(first | second)
    assert left_out == pytest.approx(1.0 - (1.0 - 4 * 6 / 512) ** 2, abs=0.001)
    reach = 4
    near = sum(
        np.any(first & np.roll(second, shift, axis))
        for axis in (0, 1)
        for shift in range(-reach, reach + 1)
    )
    assert near == 0
    for half in seen:
        inside = half.labels != 255
        np.testing.assert_array_equal(half.labels[inside], section.labels[inside])


def test_held_out_score_of_the_truth_and_of_wrong_models(
    target_and_folds: tuple[Target, Folds],
) -> None:
    target, folds = target_and_folds
    start = np.log([4.0, 2.0, 3.0, 2.5])
    right = folds.score(problem_of(target, MaternKernel, ORDER), start, ORDER)
    # two samples of one structure differ by up to sqrt(2); lags hang together, so that 25 tiles
    # leave a spread of about a third
    assert 0.5 < right < 2.0
    for order in ((0, 2, 1), (1, 0, 2)):
        # by .27 and .30 here, by .13 to .58 over three seeds
        wrong = folds.score(problem_of(target, MaternKernel, order), start, order)
        assert wrong > right + 0.1, order
    bells = folds.score(problem_of(target, GaussianKernel, ORDER), np.log([6.0, 5.0]), ORDER)
    assert bells > right + 0.1


def test_no_folds_of_a_section_that_lacks_a_phase_in_one_half() -> None:
    labels = draw(256).labels.copy()
    labels[labels == 1] = 0
    labels[10:14, 10:14] = 1
    section = read_section(labels)
    target = measure_target([section], 20)
    assert make_folds([section], target, lambda masked: measure_target(masked, 20)) is None


def row(dependence: str, held_out: float | None, topology: float | None) -> Candidate:
    return Candidate(
        ORDER, ("gaussian",) * 2, 0.0, 0.01, 1.0, topology, "isotropic", "high", dependence, 8,
        held_out,
    )  # fmt: skip


def test_rows_of_shared_noise_are_ranked_with_the_others() -> None:
    independent = [row("independent", 1.5, 4.3), row("independent", 2.0, 5.0)]
    late = row("independent", None, 3.0)
    out = Candidate(ORDER, ("any",), 0.0, 0.2, 1.0)
    selection = Selection(ORDER, (), (*independent, late, out))
    shared = [row("shared", 1.1, 14.6), row("shared", 1.2, 4.6)]
    taken = joined(selection, shared, taken=True)
    assert taken.candidates == (shared[0], independent[0], shared[1], independent[1], late, out)
    refused = joined(selection, shared, taken=False)
    assert refused.candidates == (independent[0], shared[1], independent[1], shared[0], late, out)
    # without topology scores of all, by the held-out score
    bare = [row("independent", 1.5, None), row("independent", 1.15, None)]
    table = joined(Selection(ORDER, (), tuple(bare)), shared, taken=True).candidates
    assert table == (shared[0], bare[1], shared[1], bare[0])


def test_a_topology_score_markedly_worse_is_warned_about() -> None:
    chosen, other = row("shared", 1.1, 14.6), row("independent", 2.2, 4.3)
    (warning,) = topology_warning((chosen, row("shared", 1.2, None), other))
    assert "14.6" in warning
    assert "row 3 of the table 4.3" in warning
    assert not topology_warning((other, chosen))
    # twice as large, but by less than two standard errors
    assert not topology_warning((row("shared", 1.1, 2.0), row("independent", 1.2, 0.5)))
    assert not topology_warning((row("shared", 1.1, None), other))
    assert not topology_warning(())


@pytest.fixture(scope="module")
def result() -> CalibrationResult:
    return calibrate([draw(320)], order=ORDER)


def test_rows_of_the_table(result: CalibrationResult) -> None:
    table = result.candidates
    chosen = table[0]
    kinds = [row.parametrization for row in table if row.laws == chosen.laws]
    assert sorted(kinds) == ["high", "low"]
    low = next(row for row in table if row.parametrization == "low")
    # a threshold, and one or two numbers of a family, for each field
    assert 4 <= low.parameters <= 6 < chosen.parameters
    kernels = [field.kernel for field in result.model.fields]
    assert chosen.parameters == sum(1 + len(kernel.coefficients) for kernel in kernels)
    assert low.topology_score is not None
    # the chosen laws with either kernels, and the three best others
    assert sum(row.held_out is not None for row in table) == 5
    scored = [np.hypot(row.held_out, row.topology_score) for row in table[1:5]]
    assert scored == sorted(scored)
    assert all(row.held_out is None for row in table[5:])
    assert all(row.symmetry == "isotropic" and row.dependence == "independent" for row in table)


def test_fixed_laws_are_shown_with_either_kernels() -> None:
    result = calibrate([draw(256)], order=ORDER, fields="gaussian,gaussian", parametrization="low")
    assert [row.parametrization for row in result.candidates[:2]] == ["low", "high"]
    assert all(row.held_out is not None for row in result.candidates[:2])


def test_a_row_without_the_axis_is_shown_beside_one_with_it() -> None:
    law = Gaussian()
    field = Field(GaussianKernel(5.0, axial_scale=2.0, symmetry_axis="z"), law, 0.1)
    truth = ExcursionModel(PHASES[:2], (1, 0), (field,))
    sections = [
        read_section(section_sampler(truth, (256, 256), plane=plane).labels(seed), plane=plane)
        for seed, plane in enumerate(("xy", "yz"))
    ]
    result = calibrate(
        sections, symmetry="cylindrical", axis="z", fields=["gaussian"], parametrization="low"
    )
    with_axis, without = result.candidates
    assert (with_axis.symmetry, without.symmetry) == ("cylindrical", "isotropic")
    assert (with_axis.parameters, without.parameters) == (3, 2)
    assert without.misfit > 2.0 * with_axis.misfit
    assert with_axis.held_out is not None
    assert without.held_out > with_axis.held_out
