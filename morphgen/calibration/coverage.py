"""Calibration by matching coverage functions, in closed form: no sampling in the fit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version

import numpy as np

from morphgen.calibration.bound import lagwise_bound
from morphgen.calibration.held_out import Folds, make_folds
from morphgen.calibration.lags import Lags
from morphgen.calibration.lengths import correlation_lengths
from morphgen.calibration.minimize import Solution, solve
from morphgen.calibration.objective import FieldLaw, pairs_of
from morphgen.calibration.parametrization import Parametrization
from morphgen.calibration.plane_targets import measure_cylindrical
from morphgen.calibration.problem import Problem
from morphgen.calibration.ranking import topology_warning
from morphgen.calibration.request import CalibrationRequest
from morphgen.calibration.result import CalibrationResult, CoverageFit
from morphgen.calibration.selection import Selection, select
from morphgen.calibration.shared import (
    SharedFit,
    better,
    check_dependence,
    fit_shared,
    joined,
    shared_is_wanted,
)
from morphgen.calibration.symmetry import Symmetry, choose_symmetry
from morphgen.calibration.targets import COMFORTABLE_WIDTH, Target, measure_target
from morphgen.calibration.topology import Simulator, simulator
from morphgen.calibration.uncertainty import Quantities, spread
from morphgen.errors import CalibrationError, InputError
from morphgen.excursion.coverage import first_match_fractions
from morphgen.excursion.model import ExcursionModel, Field
from morphgen.excursion.provenance import Candidate, Provenance, Source, TrainingRecord
from morphgen.images import Section
from morphgen.phases import OUTSIDE, Phase
from morphgen.progress import Progress, silent

_FEWEST_LAGS = 8
_CANDIDATES_KEPT = 20
# methods that fit the C_ij, so that the scatter of the C_ij tells that of the parameters
WITH_ERRORS = ("coverage", "combined")


def calibrate_coverage(
    sections: Sequence[Section], request: CalibrationRequest, progress: Progress = silent
) -> CalibrationResult:
    """Fit an excursion-set model to all C_ij of sections jointly.

    Parameters
    ----------
    sections : sequence of Section
        Sections of one material.
    request : CalibrationRequest
        What is asked for.
    progress : Progress
        Told what is being done.

    Raises
    ------
    InputError
        If the sections, the order or the laws do not fit together.
    CalibrationError
        If no finite model was found.
    """
    return coverage_result(fit_coverage(sections, request, progress))


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
    request : CalibrationRequest
        What was asked for.
    symmetry : Symmetry
        The symmetry that was chosen.
    warnings : tuple of str
        What the user should know besides.
    """

    sections: Sequence[Section]
    target: Target
    selection: Selection
    problem: Problem
    solution: Solution
    request: CalibrationRequest
    symmetry: Symmetry
    warnings: tuple[str, ...] = ()

    def model(self) -> ExcursionModel:
        """The model of these parameters, without a record of its origin."""
        return _model(self.sections, self.selection.order, self.problem, self.solution.parameters)


def fit_coverage(
    sections: Sequence[Section], request: CalibrationRequest, progress: Progress = silent
) -> CoverageSolution:
    """Fit without a record of it; parameters and errors are those of `calibrate_coverage`."""
    progress("measuring", 0, 1)
    chosen, target = measured(sections, request)
    order = _checked_order(request.order, target)
    _check_laws(request.laws, target)
    check_dependence(request, target.labels)
    folds = folds_of(sections, target)
    simulations = simulator(
        sections, target.correlation_length, seed=request.seed, axis=target.axis
    )
    selection = select(
        target,
        sections,
        simulations,
        order=order,
        laws=request.laws,
        parametrization=request.parametrization,
        folds=folds,
        progress=progress,
    )
    progress("fitting", 0, 1)
    problem = _problem(target, selection, request.free_thresholds)
    start = problem.start([fit.parameters for fit in selection.fits])
    solution = solve(problem, start, evaluations=request.evaluations, tolerance=1e-4)
    if shared_is_wanted(request, target, problem, solution.parameters):
        progress("sharing noise", 0, 1)
        sharing = fit_shared(target, selection, request)
        rows = _shared_rows(sharing, target, folds, simulations, sections)
        asked = request.dependence == "shared"
        taken = asked or better(sharing[0], problem, solution.parameters)
        selection = joined(selection, rows, taken=taken)
        if taken:
            problem, solution = sharing[0].problem, sharing[0].solution
    if not np.all(np.isfinite(solution.parameters)):
        raise CalibrationError(
            "the fit diverged; fix --fields or --order, or bring larger sections"
        )
    progress("fitting", 1, 1)
    return CoverageSolution(sections, target, selection, problem, solution, request, chosen)


def measured(sections: Sequence[Section], request: CalibrationRequest) -> tuple[Symmetry, Target]:
    """Symmetry of sections, and their coverage functions as it wants them."""
    chosen = choose_symmetry(sections, request.symmetry, request.axis)
    if chosen.axis is None:
        return chosen, measure_target(sections, request.max_lag)
    return chosen, measure_cylindrical(sections, chosen.axis, request.max_lag)


def refitted(fitted: CoverageSolution, selection: Selection) -> CoverageSolution:
    """Fit the same data again with other fields."""
    problem = _problem(fitted.target, selection, fitted.request.free_thresholds)
    start = problem.start([fit.parameters for fit in selection.fits])
    solution = solve(problem, start, evaluations=fitted.request.evaluations, tolerance=1e-4)
    return replace(fitted, selection=selection, problem=problem, solution=solution)


def _shared_rows(
    sharing: Sequence[SharedFit],
    target: Target,
    folds: Folds | None,
    simulations: Simulator,
    sections: Sequence[Section],
) -> list[Candidate]:
    models = (_model(sections, one.order, one.problem, one.solution.parameters) for one in sharing)
    scores = [simulations.model_score(model, sections) for model in models]
    return [one.candidate(target, folds, score) for one, score in zip(sharing, scores, strict=True)]


def folds_of(sections: Sequence[Section], target: Target) -> Folds | None:
    """Halves of the data at the lags of a target; None where sections are too small for it."""
    axis = target.axis
    if axis is not None:
        return make_folds(
            sections, target, lambda masked: measure_cylindrical(masked, axis, like=target)
        )
    pixels = round(float(target.lag[-1]) / min(sections[0].pixel_size))
    return make_folds(sections, target, lambda masked: measure_target(masked, pixels))


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
        Method, as on the command line. Standard errors and intervals are those of the coverage
        fit at the parameters; an adversarial training, which fits nothing to the C_ij, has none.
    training : TrainingRecord, optional
        Record of the training.
    versions : sequence of str
        Packages whose versions are recorded.
    """
    target, sections, selection = fitted.target, fitted.sections, fitted.selection
    problem, solution = fitted.problem, fitted.solution
    fit = _coverage_fit(target, selection.order, problem, solution.parameters)
    errors, intervals = _errors(fitted) if method in WITH_ERRORS else ({}, {})
    candidates = selection.candidates[:_CANDIDATES_KEPT]
    ended = solution.message
    if training is None:
        ended = f"{ended} after {len(solution.history)} evaluations"
    message = (
        f"largest misfit {fit.misfit:.4f}, at best {fit.bound.max():.4f} for independent fields; "
        f"{ended}"
    )
    provenance = Provenance(
        method=method,
        parametrization=fitted.request.parametrization,
        status="converged" if solution.converged else "stopped",
        message=message,
        seed=fitted.request.seed,
        versions={name: version(name) for name in versions},
        sources=tuple(_source(section) for section in sections),
        max_lag=float(target.lag.max()),
        misfit=_misfits(target, fit),
        bound=float(fit.bound.max()),
        standard_error=float(fit.standard_error.max()),
        uncertainty={name: float(f"{value:.3g}") for name, value in errors.items()},
        intervals=kept_intervals(intervals),
        candidates=candidates,
        isotropy=fitted.symmetry.test,
        training=training,
        reaches=target.reaches,
    )
    return CalibrationResult(
        fitted.model().with_provenance(provenance),
        solution.converged,
        message,
        solution.history,
        errors,
        intervals,
        candidates,
        fit,
        (
            *width_warnings(target, sections[0]),
            *topology_warning(candidates),
            *fitted.symmetry.warnings,
            *fitted.warnings,
        ),
    )


def _errors(fitted: CoverageSolution) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
    """Standard errors and intervals of the coverage fit."""
    order, target = fitted.selection.order, fitted.target
    known = spread(
        fitted.problem,
        fitted.solution.parameters,
        target,
        order,
        quantities_of(order, target.lags),
    )
    return known.standard_errors(), known.intervals(seed=fitted.request.seed)


def _coverage_fit(
    target: Target, order: Sequence[int], problem: Problem, parameters: np.ndarray
) -> CoverageFit:
    count = len(order)
    place = [target.labels.index(label) for label in order]
    model = np.zeros_like(target.values)
    for row, (i, j) in zip(problem.model_rows(parameters), pairs_of(count), strict=True):
        model[place[i], place[j]] = model[place[j], place[i]] = row
    bound = lagwise_bound(problem.rows, problem.fractions).misfit
    return CoverageFit(
        target.lags,
        target.values,
        model,
        target.standard_errors(),
        bound,
        target.planes,
        target.axis,
    )


def fields_of(problem: Problem, parameters: np.ndarray) -> list[Field]:
    """Fields of the model that solves a problem."""
    pieces = problem.split(parameters)
    # noise that the fields share has a parametrization too, behind those of the fields
    return [
        Field(member.kernel(piece), law.law, law.threshold(p), law.side)
        for member, piece, law, p in zip(
            problem.parametrizations,
            pieces,
            problem.laws,
            problem.set_probabilities(parameters),
            strict=False,
        )
    ]


def _model(
    sections: Sequence[Section], order: Sequence[int], problem: Problem, parameters: np.ndarray
) -> ExcursionModel:
    edge = min(min(section.pixel_size) for section in sections)
    return ExcursionModel(
        phases=sections[0].phases,
        order=tuple(order),
        fields=tuple(fields_of(problem, parameters)),
        voxel_size=(edge, edge, edge),
        unit=sections[0].unit,
        shared=problem.shared(parameters),
    )


def quantities_of(order: Sequence[int], lags: Lags) -> Quantities:
    """Everything whose uncertainty is stated: fractions, thresholds, lengths, areas, parameters."""

    def values(parameters: np.ndarray, problem: Problem) -> dict[str, float]:
        found = {}
        pieces = problem.split(parameters)
        shares = first_match_fractions(problem.decisions(parameters))
        for label, share in zip(order, shares, strict=True):
            found[f"volume_fraction.{label}"] = float(share)
        fields = tuple(fields_of(problem, parameters))
        phases = tuple(Phase(label, str(label)) for label in sorted(order))
        edge = float(lags.distance.min())
        shared = problem.shared(parameters)
        model = ExcursionModel(phases, tuple(order), fields, (edge,) * 3, shared=shared)
        for k, field in enumerate(fields):
            name = f"fields.{k}"
            found[f"{name}.threshold"] = field.threshold
            for entry, length in correlation_lengths(model.field_correlation(k), lags).items():
                found[f"{name}.{entry}"] = length
            area = model.field_surface_area(k)
            if math.isfinite(area):
                found[f"{name}.specific_surface_area"] = area
            found |= _kernel_values(f"{name}.kernel", problem.parametrizations[k], pieces[k])
        if model.shared is not None:
            for k, loading in enumerate(model.shared.loadings):
                found[f"shared.loadings.{k}"] = loading
            found["shared.cross_correlation"] = model.shared.cross_correlation
            found |= _kernel_values("shared.kernel", problem.parametrizations[-1], pieces[-1])
        return found

    return values


def _kernel_values(name: str, member: Parametrization, parameters: np.ndarray) -> dict[str, float]:
    pairs = zip(member.names, member.values(parameters), strict=True)
    return {f"{name}.{entry}": float(value) for entry, value in pairs}


def kept_intervals(
    intervals: dict[str, tuple[float, float]],
) -> dict[str, tuple[float, float]]:
    """Intervals as a model keeps them: rounded, and none of spline coefficients.

    A coefficient has no meaning of its own, and a model stays a few kilobytes.
    """
    return {
        name: (float(f"{low:.4g}"), float(f"{high:.4g}"))
        for name, (low, high) in intervals.items()
        if ".coefficients." not in name
    }


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


def width_warnings(target: Target, section: Section) -> tuple[str, ...]:
    """What the user should know about sections of few correlation lengths."""
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
