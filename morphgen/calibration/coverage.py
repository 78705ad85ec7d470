"""Calibration by matching coverage functions, in closed form: no sampling in the fit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np

from morphgen.calibration.bound import lagwise_bound
from morphgen.calibration.minimize import Solution, check_evaluations, solve
from morphgen.calibration.objective import FieldLaw, pairs_of
from morphgen.calibration.parametrization import correlation_length
from morphgen.calibration.problem import Problem
from morphgen.calibration.result import CalibrationResult, CoverageFit
from morphgen.calibration.selection import Selection, select
from morphgen.calibration.targets import COMFORTABLE_WIDTH, Target, measure_target
from morphgen.calibration.topology import simulator
from morphgen.calibration.uncertainty import Quantities, standard_errors
from morphgen.errors import CalibrationError, InputError
from morphgen.excursion.coverage import first_match_fractions
from morphgen.excursion.model import ExcursionModel, Field, Provenance, Source, TrainingRecord
from morphgen.images import Section
from morphgen.phases import OUTSIDE
from morphgen.progress import Progress, silent

_FEWEST_LAGS = 8
_CANDIDATES_KEPT = 20


def calibrate_coverage(
    sections: Sequence[Section],
    *,
    parametrization: str = "high",
    laws: Sequence[FieldLaw] | None = None,
    order: Sequence[int] | None = None,
    free_thresholds: bool = False,
    max_lag: int | None = None,
    evaluations: int = 200,
    seed: int = 0,
    progress: Progress = silent,
) -> CalibrationResult:
    """Fit an excursion-set model of independent isotropic fields to all C_ij of sections jointly.

    Parameters
    ----------
    sections : sequence of Section
        Sections of one material.
    parametrization : {"high", "low"}
        Spline kernels, or named covariance families.
    laws : sequence of FieldLaw, optional
        Law of each field in the order of decision; chosen by default.
    order : sequence of int, optional
        Labels in the order of decision; chosen by default.
    free_thresholds : bool
        Fit the volume fractions too; by default they are those of the sections.
    max_lag : int, optional
        Largest lag in pixels; 8 correlation lengths by default.
    evaluations : int
        Most evaluations in the final fit.
    seed : int
        Seed of the sections that candidates are compared by.
    progress : Progress
        Told what is being done.

    Returns
    -------
    CalibrationResult

    Raises
    ------
    InputError
        If the sections, the order or the laws do not fit together.
    CalibrationError
        If no finite model was found.
    """
    fitted = fit_coverage(
        sections,
        parametrization=parametrization,
        laws=laws,
        order=order,
        free_thresholds=free_thresholds,
        max_lag=max_lag,
        evaluations=evaluations,
        seed=seed,
        progress=progress,
    )
    return coverage_result(fitted)


@dataclass(frozen=True, eq=False)
class CoverageSolution:
    """A closed-form fit with all that led to it.

    Attributes
    ----------
    sections : sequence of Section
        The sections.
    target : Target
        Their coverage functions.
    selection : Selection
        Order and laws.
    problem : Problem
        The least-squares problem.
    solution : Solution
        Its solution.
    parametrization : {"high", "low"}
        Kind of kernels.
    seed : int
        Seed of the sections that candidates were compared by.
    """

    sections: Sequence[Section]
    target: Target
    selection: Selection
    problem: Problem
    solution: Solution
    parametrization: str
    seed: int

    def model(self) -> ExcursionModel:
        """The model of these parameters, without a record of its origin."""
        return _model(
            self.sections[0], self.selection.order, self.problem, self.solution.parameters
        )


def fit_coverage(
    sections: Sequence[Section],
    *,
    parametrization: str = "high",
    laws: Sequence[FieldLaw] | None = None,
    order: Sequence[int] | None = None,
    free_thresholds: bool = False,
    max_lag: int | None = None,
    evaluations: int = 200,
    seed: int = 0,
    progress: Progress = silent,
) -> CoverageSolution:
    """Fit without a record of it; parameters and errors are those of `calibrate_coverage`."""
    check_evaluations(evaluations)
    if not 0 <= seed < 2**64:
        raise InputError(f"seed {seed} is outside 0 to 2**64 - 1")
    progress("measuring", 0, 1)
    target = measure_target(sections, max_lag)
    fixed = _checked_order(order, target)
    _check_laws(laws, target)
    selection = select(
        target,
        sections,
        simulator(sections, target.correlation_length, seed=seed),
        order=fixed,
        laws=laws,
        parametrization=parametrization,
        progress=progress,
    )
    progress("fitting", 0, 1)
    problem = _problem(target, selection, free_thresholds)
    start = problem.start([fit.parameters for fit in selection.fits])
    solution = solve(problem, start, evaluations=evaluations, tolerance=1e-4)
    if not np.all(np.isfinite(solution.parameters)):
        raise CalibrationError(
            "the fit diverged; fix --fields or --order, or bring larger sections"
        )
    progress("fitting", 1, 1)
    return CoverageSolution(sections, target, selection, problem, solution, parametrization, seed)


def _problem(target: Target, selection: Selection, free_thresholds: bool) -> Problem:
    fractions, rows = target.in_order(selection.order)
    return Problem(
        rows,
        fractions,
        tuple(fit.law for fit in selection.fits),
        tuple(fit.parametrization for fit in selection.fits),
        free_thresholds,
    )


def coverage_result(
    fitted: CoverageSolution,
    *,
    method: str = "coverage",
    training: TrainingRecord | None = None,
    versions: Sequence[str] = ("morphgen", "numpy", "scipy"),
) -> CalibrationResult:
    """Model of a fit with its record: misfits, standard errors, candidates.

    Parameters
    ----------
    fitted : CoverageSolution
        The fit; its parameters may come from a training that followed it.
    method : str
        Method, as on the command line.
    training : TrainingRecord, optional
        Record of the training.
    versions : sequence of str
        Packages whose versions are recorded.
    """
    target, sections, selection = fitted.target, fitted.sections, fitted.selection
    problem, solution = fitted.problem, fitted.solution
    fit = _coverage_fit(target, selection.order, problem, solution.parameters)
    errors = standard_errors(
        problem, solution.parameters, target, selection.order, _quantities(selection.order)
    )
    candidates = selection.candidates[:_CANDIDATES_KEPT]
    message = (
        f"largest misfit {fit.misfit:.4f}, at best {fit.bound.max():.4f} for independent fields; "
        f"{solution.message} after {len(solution.history)} evaluations"
    )
    provenance = Provenance(
        method=method,
        parametrization=fitted.parametrization,
        status="converged" if solution.converged else "stopped",
        message=message,
        seed=fitted.seed,
        versions={name: version(name) for name in versions},
        sources=tuple(_source(section) for section in sections),
        max_lag=float(target.lag[-1]),
        misfit=_misfits(target, fit),
        bound=float(fit.bound.max()),
        standard_error=float(fit.standard_error.max()),
        uncertainty={name: float(f"{value:.3g}") for name, value in errors.items()},
        candidates=candidates,
        training=training,
    )
    return CalibrationResult(
        fitted.model().with_provenance(provenance),
        solution.converged,
        message,
        solution.history,
        errors,
        candidates,
        fit,
        _warnings(target, sections[0]),
    )


def _coverage_fit(
    target: Target, order: Sequence[int], problem: Problem, parameters: np.ndarray
) -> CoverageFit:
    count = len(order)
    place = [target.labels.index(label) for label in order]
    model = np.zeros_like(target.values)
    for row, (i, j) in zip(problem.model_rows(parameters), pairs_of(count), strict=True):
        model[place[i], place[j]] = model[place[j], place[i]] = row
    bound = lagwise_bound(problem.rows, problem.fractions).misfit
    return CoverageFit(target.lag, target.values, model, target.standard_errors(), bound)


def _fields(problem: Problem, parameters: np.ndarray) -> list[Field]:
    pieces = problem.split(parameters)
    return [
        Field(member.kernel(piece), law.law, law.threshold(p), law.side)
        for member, piece, law, p in zip(
            problem.parametrizations,
            pieces,
            problem.laws,
            problem.decisions(parameters),
            strict=True,
        )
    ]


def _model(
    section: Section, order: Sequence[int], problem: Problem, parameters: np.ndarray
) -> ExcursionModel:
    edge = min(section.pixel_size)
    return ExcursionModel(
        phases=section.phases,
        order=tuple(order),
        fields=tuple(_fields(problem, parameters)),
        voxel_size=(edge, edge, edge),
        unit=section.unit,
    )


def _quantities(order: Sequence[int]) -> Quantities:
    def values(parameters: np.ndarray, problem: Problem) -> dict[str, float]:
        found = {}
        pieces = problem.split(parameters)
        shares = first_match_fractions(problem.decisions(parameters))
        for label, share in zip(order, shares, strict=True):
            found[f"volume_fraction.{label}"] = float(share)
        for k, field in enumerate(_fields(problem, parameters)):
            member, name = problem.parametrizations[k], f"fields.{k}"
            correlation = member.correlation(pieces[k])[0]
            lag = problem.parametrizations[k].lags.distance
            found[f"{name}.threshold"] = field.threshold
            found[f"{name}.correlation_length"] = correlation_length(lag, correlation)
            if math.isfinite(field.specific_surface_area):
                found[f"{name}.specific_surface_area"] = field.specific_surface_area
            for entry, value in zip(member.names, member.values(pieces[k]), strict=True):
                found[f"{name}.kernel.{entry}"] = float(value)
        return found

    return values


def _source(section: Section) -> Source:
    rows, columns = section.labels.shape
    return Source(
        section.source,
        section.sha256,
        section.plane,
        (rows, columns),
        section.pixel_size,
        int(np.count_nonzero(section.labels != OUTSIDE)),
    )


def _misfits(target: Target, fit: CoverageFit) -> dict[str, float]:
    worst = np.abs(fit.model - fit.data).max(axis=-1)
    return {
        f"{target.labels[i]}-{target.labels[j]}": float(f"{worst[i, j]:.4g}")
        for i, j in pairs_of(len(target.labels))
    }


def _warnings(target: Target, section: Section) -> tuple[str, ...]:
    ratio = target.width / target.correlation_length
    if ratio >= COMFORTABLE_WIDTH:
        return ()
    return (
        f"the sections are {ratio:.0f} correlation lengths wide "
        f"({target.correlation_length:.3g} {section.unit} each); fractions and curves of a section "
        f"under {COMFORTABLE_WIDTH:g} are uncertain by several per cent",
    )


def _checked_order(order: Sequence[int] | None, target: Target) -> tuple[int, ...] | None:
    if order is None:
        return None
    if sorted(order) != sorted(target.labels):
        raise InputError(f"the order is {list(order)}: expected each of {list(target.labels)} once")
    return tuple(order)


def _check_laws(laws: Sequence[FieldLaw] | None, target: Target) -> None:
    if laws is not None and len(laws) != len(target.labels) - 1:
        raise InputError(
            f"{len(laws)} field laws are given for {len(target.labels)} phases: expected "
            f"{len(target.labels) - 1}, one per decision"
        )
    if target.lag.size < _FEWEST_LAGS:
        raise InputError(f"{target.lag.size} lags are too few to fit; bring larger sections")
