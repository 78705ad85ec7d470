"""Fields that share noise: fitted in every order, and taken when the data ask for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from morphgen.calibration.bound import lagwise_bound
from morphgen.calibration.fields import FieldFit, fit_field, parametrizations
from morphgen.calibration.held_out import FINEST_NOISE, Folds
from morphgen.calibration.minimize import Solution, solve
from morphgen.calibration.objective import FieldLaw
from morphgen.calibration.parametrization import Low, Parametrization, high
from morphgen.calibration.problem import Problem
from morphgen.calibration.ranking import merged
from morphgen.calibration.request import CalibrationRequest
from morphgen.calibration.selection import Selection, possible_orders, score_order, wanted
from morphgen.calibration.shared_problem import SharedProblem
from morphgen.calibration.targets import Target
from morphgen.errors import InputError
from morphgen.excursion.provenance import Candidate
from morphgen.fields.laws import Gaussian
from morphgen.fields.parametric import DampedSincKernel, GaussianKernel, MaternKernel

_GAUSSIAN = FieldLaw(Gaussian())
_STARTS = ((0.5, 0.5), (0.5, -0.5))
# evaluations from each start, and then of each order and laws to compare them
_SCREENING, _COMPARING = 12, 25
_SHARED_SPLINES = 8

# another family of the shared noise must lower the root mean square misfit this much
_WORTH_TAKING = 0.95

# independent fields this close to the data, in standard errors, leave nothing to explain
_UNEXPLAINED = 2.0
# fields that share noise must halve the root mean square misfit to be taken
_MARKEDLY = 0.5


@dataclass(frozen=True, eq=False)
class SharedFit:
    """Two fields with shared noise, fitted to all C_ij.

    Attributes
    ----------
    order : tuple of int
        Labels in the order of decision.
    parametrization : {"high", "low"}
        Kind of the fields' own kernels.
    problem : SharedProblem
        What was solved.
    solution : Solution
        How.
    """

    order: tuple[int, ...]
    parametrization: str
    problem: SharedProblem
    solution: Solution

    @property
    def deviation(self) -> float:
        """Root mean square misfit of the C_ij."""
        return root_mean_square_misfit(self.problem, self.solution.parameters)

    @property
    def misfit(self) -> float:
        """Largest misfit of the C_ij."""
        rows = self.problem.model_rows(self.solution.parameters)
        return float(np.abs(rows - self.problem.rows).max())

    def candidate(self, target: Target, folds: Folds | None, topology_score: float) -> Candidate:
        """Row of the table of candidates."""
        problem, parameters = self.problem, self.solution.parameters
        return Candidate(
            order=self.order,
            laws=tuple(law.name for law in problem.laws),
            bound=float(lagwise_bound(problem.rows, problem.fractions).misfit.max()),
            misfit=self.misfit,
            order_score=score_order(target, self.order).independence,
            topology_score=topology_score,
            dependence="shared",
            parametrization=self.parametrization,
            parameters=problem.before_thresholds + len(problem.laws),
            held_out=None if folds is None else folds.score(problem, parameters, self.order),
        )


def check_dependence(request: CalibrationRequest, labels: Sequence[int]) -> None:
    """Refuse to share noise where fields cannot.

    Raises
    ------
    InputError
        If there are not two fields, or one has several components.
    """
    if request.dependence != "shared":
        return
    if len(labels) != 3:
        raise InputError(
            f"{len(labels)} phases need {len(labels) - 1} fields: shared noise is for exactly two "
            "fields; give dependence independent"
        )
    for law in request.laws or ():
        if law.law.components > 1:
            raise InputError(
                f"a field of law {law.law.name} cannot share noise: expected gaussian or chi2:1"
            )


def shared_is_wanted(
    request: CalibrationRequest, target: Target, problem: Problem, parameters: np.ndarray
) -> bool:
    """Whether shared noise is to be tried, given the best independent fields.

    With "auto": where it is possible, and these miss the data by more than two standard errors.
    Never as the start of a training, which knows independent fields.
    """
    if request.trains:
        return False
    if request.dependence != "auto":
        return request.dependence == "shared"
    if len(target.labels) != 3 or any(law.law.components > 1 for law in request.laws or ()):
        return False
    misfit = np.abs(problem.model_rows(parameters) - problem.rows).max()
    return bool(misfit > _UNEXPLAINED * target.standard_errors().max())


def better(fit: SharedFit, problem: Problem, parameters: np.ndarray) -> bool:
    """Whether shared noise halves the root mean square misfit of independent fields."""
    return fit.deviation <= _MARKEDLY * root_mean_square_misfit(problem, parameters)


def fit_shared(
    target: Target, selection: Selection, request: CalibrationRequest
) -> list[SharedFit]:
    """Fit fields with shared noise; the best by the root mean square misfit comes first.

    Every order of decision is tried, unless one is given, with Gaussian fields, and the chosen one
    with the laws chosen for independent fields too, where these can share noise. The shared
    noise has a Gaussian covariance; a damped sinc, a Matern family and splines are tried in the
    best order where that misses the data by more than two standard errors.

    Parameters
    ----------
    target : Target
        The data.
    selection : Selection
        Best independent fields.
    request : CalibrationRequest
        What is fixed.
    """
    search = _Search(target, request.parametrization, request.free_thresholds)
    plain = Low(target.lags, GaussianKernel, target.axis)
    tried = [
        search.refine(search.screen(order, laws, plain), min(_COMPARING, request.evaluations))
        for order, laws in _combinations(target, selection, request)
    ]
    best, *others = sorted(tried, key=lambda fit: fit.deviation)
    found = search.refine(best, request.evaluations)
    close = _UNEXPLAINED * float(target.standard_errors().max())
    for member in _families(target, request.parametrization):
        if found.misfit <= close:
            break
        rough = search.screen(found.order, found.problem.laws, member)
        again = search.refine(rough, request.evaluations)
        if again.deviation < _WORTH_TAKING * found.deviation:
            found = again
    return [found, *others]


def joined(selection: Selection, rows: Sequence[Candidate], *, taken: bool) -> Selection:
    """Table of candidates with those that share noise, ranked together.

    Parameters
    ----------
    selection : Selection
        Independent fields.
    rows : sequence of Candidate
        Candidates that share noise, the best first.
    taken : bool
        Whether the best of them is the chosen model.
    """
    chosen, *others = (*rows, *selection.candidates) if taken else (*selection.candidates, *rows)
    return replace(selection, order=chosen.order, candidates=merged(chosen, others))


def root_mean_square_misfit(problem: Problem, parameters: np.ndarray) -> float:
    """Root mean square of C_ij(model) - C_ij(data)."""
    return float(np.sqrt(np.mean((problem.model_rows(parameters) - problem.rows) ** 2)))


def _combinations(
    target: Target, selection: Selection, request: CalibrationRequest
) -> Iterator[tuple[tuple[int, ...], tuple[FieldLaw, ...]]]:
    """Orders and laws to try."""
    orders = [request.order] if request.order else possible_orders(target.labels)
    for order in orders:
        yield order, tuple(request.laws or (_GAUSSIAN, _GAUSSIAN))
    chosen = tuple(fit.law for fit in selection.fits)
    plain = all(law == _GAUSSIAN for law in chosen)
    if not request.laws and not plain and all(law.law.components == 1 for law in chosen):
        yield selection.order, chosen


def _families(target: Target, parametrization: str) -> list[Parametrization]:
    found: list[Parametrization] = [
        Low(target.lags, family, target.axis) for family in (DampedSincKernel, MaternKernel)
    ]
    if parametrization == "high" and target.axis is None:
        reach = float(target.lags.distance[-1])
        found.append(high(target.lags, reach, _SHARED_SPLINES))
    return found


@dataclass(frozen=True, eq=False)
class _Search:
    """Fits shared noise to one target."""

    target: Target
    parametrization: str
    free_thresholds: bool

    def screen(
        self, order: tuple[int, ...], laws: tuple[FieldLaw, ...], common: Parametrization
    ) -> SharedFit:
        """Fit roughly, from independent fields and from loadings of like and unlike sign."""
        fractions, rows = self.target.in_order(order)
        own = self._fields(order, laws)
        members = (*(fit.parametrization for fit in own), common)
        problem = SharedProblem(rows, fractions, laws, members, self.free_thresholds)
        mean = np.mean([fit.parametrization.correlation(fit.parameters)[0] for fit in own], axis=0)
        kernels = [*(fit.parameters for fit in own), common.start(mean)]
        fits = [
            SharedFit(
                order,
                self.parametrization,
                problem,
                solve(problem, problem.start_shared(kernels, start), evaluations=_SCREENING),
            )
            for start in _STARTS
        ]
        return min(fits, key=lambda fit: fit.deviation)

    def refine(self, fit: SharedFit, evaluations: int) -> SharedFit:
        """Fit to the end."""
        start = fit.solution.parameters
        solution = solve(fit.problem, start, evaluations=evaluations, tolerance=1e-4)
        return replace(fit, solution=solution)

    def _fields(self, order: tuple[int, ...], laws: tuple[FieldLaw, ...]) -> list[FieldFit]:
        joints, probabilities = wanted(self.target, order)
        errors = self.target.standard_errors()
        members = parametrizations(self.target.lags, self.parametrization, self.target.axis)
        places = [self.target.labels.index(label) for label in order[:-1]]
        return [
            fit_field(joint, p, law, members, np.maximum(errors[place, place], FINEST_NOISE))
            for joint, p, law, place in zip(joints, probabilities, laws, places, strict=True)
        ]
