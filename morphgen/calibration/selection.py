"""Which phase is decided first, and by which class of field: chosen, and shown as a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import permutations

import numpy as np

from morphgen.calibration.bound import lagwise_bound
from morphgen.calibration.fields import FieldFit, fit_field, parametrizations, wanted_joints
from morphgen.calibration.held_out import FINEST_NOISE, Folds
from morphgen.calibration.lags import Lags
from morphgen.calibration.objective import FieldLaw, conditional_probabilities, coverage_rows
from morphgen.calibration.ranking import Contender, parameter_count, ranked
from morphgen.calibration.targets import Target
from morphgen.calibration.topology import Simulator
from morphgen.errors import InputError
from morphgen.excursion.provenance import Candidate
from morphgen.fields.laws import ChiSquare, Gaussian
from morphgen.images import Section
from morphgen.progress import Progress, silent

# degrees of freedom tried: neighbours among 1, 2, 4 are what one section can tell apart
DEGREES_OF_FREEDOM = (1, 2, 4)

LAWS = (
    FieldLaw(Gaussian()),
    *(FieldLaw(ChiSquare(n), below) for n in DEGREES_OF_FREEDOM for below in (False, True)),
)

# orders to try number n!/2
_MOST_PHASES, _ORDERS_SHOWN = 6, 5

# a chi-square field must bring the data nearer by one standard deviation to be taken
_PARSIMONY = 1.0


@dataclass(frozen=True, eq=False)
class OrderScore:
    """How well independent fields in one order can describe the data.

    Attributes
    ----------
    order : tuple of int
        Labels in the order of decision.
    misfit : float
        Root mean square residual of the best fields lag by lag.
    independence : float
        Root mean square of the order test of THEORY 5, in standard errors.
    """

    order: tuple[int, ...]
    misfit: float
    independence: float


@dataclass(frozen=True, eq=False)
class Selection:
    """The chosen order and the fields fitted to it one by one, with what else was considered."""

    order: tuple[int, ...]
    fits: tuple[FieldFit, ...]
    candidates: tuple[Candidate, ...]


def possible_orders(labels: Sequence[int]) -> list[tuple[int, ...]]:
    """Orders of decision that differ: the last two phases share one field, so they may swap."""
    return [order for order in permutations(labels) if order[-2] < order[-1]]


def score_order(target: Target, order: tuple[int, ...]) -> OrderScore:
    """Score one order of decision."""
    fractions, rows = target.in_order(order)
    probabilities = conditional_probabilities(fractions.tolist())
    joints = list(wanted_joints(rows, probabilities))
    residuals = coverage_rows(probabilities, joints) - rows
    misfit = float(np.sqrt(np.mean(residuals**2)))
    return OrderScore(order, misfit, _independence(target, order))


def select(
    target: Target,
    sections: Sequence[Section],
    simulator: Simulator,
    *,
    order: tuple[int, ...] | None,
    laws: Sequence[FieldLaw] | None,
    parametrization: str,
    folds: Folds | None = None,
    progress: Progress,
) -> Selection:
    """Choose the order of decision and the law of each field, unless they are given.

    The order is the one in which independent fields describe the C_ij best lag by lag. The laws
    are chosen field by field: each candidate is fitted to the two-point functions, and sections
    simulated from it are compared with the data by their Euler numbers. Both deviations count, in
    standard errors.

    Parameters
    ----------
    target : Target
        The data.
    sections : sequence of Section
        The sections behind them.
    simulator : Simulator
        Draws sections of candidates.
    order : tuple of int or None
        Labels in the order of decision, if fixed.
    laws : sequence of FieldLaw or None
        Law of each field in that order, if fixed.
    parametrization : {"high", "low"}
        Kind of kernel.
    folds : Folds or None
        Halves of the data, for the held-out scores of the table.
    progress : Progress
        Told after each candidate.
    """
    if order is None and len(target.labels) > _MOST_PHASES:
        raise InputError(
            f"{len(target.labels)} phases can be decided in too many orders to try; give the order"
        )
    orders = [order] if order else possible_orders(target.labels)
    scores = sorted((score_order(target, entry) for entry in orders), key=lambda s: s.misfit)
    chosen = scores[0].order
    search = _Search(target, sections, simulator, chosen, parametrization, progress)
    found = search.fixed(laws) if laws else search.all_laws()
    variants = search.variants(found[0])
    found[1:1] = variants
    bound = _bound(target, chosen)
    known = [
        replace(one, row=replace(one.row, bound=bound, order_score=scores[0].independence))
        for one in found
    ]
    others = [Contender(_order_row(target, score)) for score in scores[1 : 1 + _ORDERS_SHOWN]]
    table = ranked([*known, *others], target, folds, always=1 + len(variants))
    return Selection(chosen, found[0].fits, tuple(table))


def wanted(target: Target, order: Sequence[int]) -> tuple[np.ndarray, list[float]]:
    """Joint probabilities that the data ask of each field, (fields, K), and its probability."""
    fractions, rows = target.in_order(order)
    probabilities = conditional_probabilities(fractions.tolist())
    return wanted_joints(rows, probabilities), probabilities


def noise_of(target: Target, order: Sequence[int]) -> np.ndarray:
    """Standard errors of the wanted joint probabilities, shape (fields, K)."""
    joints, probabilities = wanted(target, order)
    errors = target.standard_errors()
    neither = np.ones(target.lag.size)
    rows = []
    for label, joint, p in zip(order, joints, probabilities, strict=False):
        place = target.labels.index(label)
        rows.append(errors[place, place] / neither)
        neither = neither * (1.0 - 2.0 * p + joint)
    return np.asarray(np.maximum(np.stack(rows), FINEST_NOISE))


def contender(
    target: Target,
    sections: Sequence[Section],
    simulator: Simulator,
    order: tuple[int, ...],
    fits: Sequence[FieldFit],
    parametrization: str,
) -> Contender:
    """Contender of fields that were fitted one by one, with its misfit and topology score.

    Parameters are those of `select`.
    """
    search = _Search(target, sections, simulator, order, parametrization, silent)
    return search.contender(fits, search.topologies(fits))


def fit_law(
    target: Target, order: Sequence[int], number: int, law: FieldLaw, parametrization: str
) -> FieldFit:
    """Fit field ``number`` alone, with a given law and kind of kernel."""
    joints, probabilities = wanted(target, order)
    members = parametrizations(target.lags, parametrization, target.axis)
    noise = noise_of(target, order)[number]
    return fit_field(joints[number], probabilities[number], law, members, noise)


@dataclass(frozen=True, eq=False)
class _Search:
    """Fits laws in one order of decision."""

    target: Target
    sections: Sequence[Section]
    simulator: Simulator
    order: tuple[int, ...]
    parametrization: str
    progress: Progress

    def fixed(self, laws: Sequence[FieldLaw]) -> list[Contender]:
        """Fit the given laws, one per field."""
        return [self.contender(self._fits(laws, self.parametrization), None)]

    def all_laws(self) -> list[Contender]:
        """Choose the law of each field in turn; the first contender is the chosen one."""
        fits = self._fits(LAWS[:1] * (len(self.order) - 1), self.parametrization)
        open_sets = self.simulator.open_sets()
        table, best = [], []
        for number in range(len(fits)):
            tried = self._try_laws(number, fits[number], open_sets)
            chosen = min(tried, key=lambda trial: trial.penalised)
            fits[number] = chosen.fit
            best.append(chosen.score)
            open_sets = [a & ~b for a, b in zip(open_sets, chosen.sets, strict=True)]
            table.append((number, tried, chosen))
        found = [self.contender(fits, best)]
        for number, tried, chosen in table:
            for trial in tried:
                if trial is not chosen:
                    swapped = [*fits[:number], trial.fit, *fits[number + 1 :]]
                    scores = [*best[:number], trial.score, *best[number + 1 :]]
                    found.append(self.contender(swapped, scores))
        return found

    def variants(self, chosen: Contender) -> list[Contender]:
        """The chosen laws with the other kind of kernels, and without an axis if there is one.

        Splines about an axis take many times as long as families: they are not tried unasked.
        """
        laws, axis = [fit.law for fit in chosen.fits], self.target.axis
        found = []
        if self.parametrization == "high" or axis is None:
            other = "low" if self.parametrization == "high" else "high"
            fits = self._fits(laws, other)
            found.append(self._scored(fits, chosen, other, self.target.symmetry))
        if axis is not None:
            fits = self._isotropic_fits(laws)
            found.append(self._scored(fits, chosen, self.parametrization, "isotropic"))
        return found

    def _scored(
        self, fits: list[FieldFit], chosen: Contender, kind: str, symmetry: str
    ) -> Contender:
        """Contender with a topology score, if the chosen one has such."""
        simulated = chosen.row.topology_score is not None
        one = self.contender(fits, self.topologies(fits) if simulated else None)
        return replace(one, row=replace(one.row, parametrization=kind, symmetry=symmetry))

    def topologies(self, fits: Sequence[FieldFit]) -> list[float]:
        """Topology score of each field, simulated one after the other."""
        open_sets, scores = self.simulator.open_sets(), []
        for number, fit in enumerate(fits):
            sets, score = self._simulated(number, fit, open_sets)
            open_sets = [a & ~b for a, b in zip(open_sets, sets, strict=True)]
            scores.append(score)
        return scores

    def _isotropic_fits(self, laws: Sequence[FieldLaw]) -> list[FieldFit]:
        """Fields without an axis, to data that have one: lags count by their distance alone."""
        joints, probabilities = wanted(self.target, self.order)
        noises = noise_of(self.target, self.order)
        by_distance = np.argsort(self.target.lag)
        members = parametrizations(Lags.radial(self.target.lag[by_distance]), self.parametrization)
        found = []
        for joint, p, law, noise in zip(joints, probabilities, laws, noises, strict=True):
            fit = fit_field(joint[by_distance], p, law, members, noise[by_distance])
            unsorted = np.empty_like(fit.joint)
            unsorted[by_distance] = fit.joint
            member = fit.parametrization.at(self.target.lags)
            found.append(replace(fit, parametrization=member, joint=unsorted))
        return found

    def _fits(self, laws: Sequence[FieldLaw], kind: str) -> list[FieldFit]:
        return [
            fit_law(self.target, self.order, number, law, kind) for number, law in enumerate(laws)
        ]

    def _try_laws(
        self, number: int, gaussian: FieldFit, open_sets: Sequence[np.ndarray]
    ) -> list[_Trial]:
        joints, probabilities = wanted(self.target, self.order)
        joint, noise = joints[number], noise_of(self.target, self.order)[number]
        members = parametrizations(self.target.lags, self.parametrization, self.target.axis)
        trials = []
        for step, law in enumerate(LAWS):
            fit = gaussian
            if step:
                fit = fit_field(joint, probabilities[number], law, members, noise)
            sets, score = self._simulated(number, fit, open_sets)
            misfit = float(np.sqrt(np.mean(((fit.joint - joint) / noise) ** 2)))
            trials.append(_Trial(fit, score, misfit, sets))
            self.progress(
                "choosing fields", number * len(LAWS) + step + 1, (len(self.order) - 1) * len(LAWS)
            )
        return trials

    def _simulated(
        self, number: int, fit: FieldFit, open_sets: Sequence[np.ndarray]
    ) -> tuple[list[np.ndarray], float]:
        """Excursion sets simulated from a field, and the deviation of their Euler numbers."""
        last = number == len(self.order) - 2
        decided = self.order[number:] if last else self.order[number : number + 1]
        observed = self.simulator.observed(self.sections, decided)
        probability = wanted(self.target, self.order)[1][number]
        sets = self.simulator.excursion_sets(fit.kernel, fit.law, probability, number)
        topology = self.simulator.topology(open_sets, sets, last)
        return sets, topology.score(*observed)

    def contender(self, fits: Sequence[FieldFit], scores: Sequence[float] | None) -> Contender:
        """Contender of some fields, with the topology score of each if they are known."""
        fractions, rows = self.target.in_order(self.order)
        probabilities = conditional_probabilities(fractions.tolist())
        misfit = coverage_rows(probabilities, [fit.joint for fit in fits]) - rows
        row = Candidate(
            self.order,
            tuple(fit.law.name for fit in fits),
            0.0,
            float(np.abs(misfit).max()),
            0.0,
            None if scores is None else _root_mean_square(scores),
            symmetry=self.target.symmetry,
            parametrization=self.parametrization,
            parameters=parameter_count(fits),
        )
        return Contender(row, tuple(fits))


@dataclass(frozen=True, eq=False)
class _Trial:
    """A law tried for one field, with the excursion sets simulated from it."""

    fit: FieldFit
    score: float
    fit_score: float
    sets: list[np.ndarray]

    @property
    def penalised(self) -> float:
        plain = self.fit.law == LAWS[0]
        return math.hypot(self.score, self.fit_score) + (0.0 if plain else _PARSIMONY)


def _order_row(target: Target, score: OrderScore) -> Candidate:
    """Table row of an order that was not taken: the best fields lag by lag, nothing simulated."""
    fractions, rows = target.in_order(score.order)
    probabilities = conditional_probabilities(fractions.tolist())
    joints = list(wanted_joints(rows, probabilities))
    misfit = float(np.abs(coverage_rows(probabilities, joints) - rows).max())
    laws, bound = ("any",) * len(joints), _bound(target, score.order)
    return Candidate(score.order, laws, bound, misfit, score.independence, symmetry=target.symmetry)


def _bound(target: Target, order: Sequence[int]) -> float:
    fractions, rows = target.in_order(order)
    return float(lagwise_bound(rows, fractions).misfit.max())


def _independence(target: Target, order: Sequence[int]) -> float:
    """Deviation of p_b C_1a - p_a C_1b from 0, which the first phase's independence demands."""
    count = len(order)
    if count < 3:
        return 0.0
    fractions, rows = target.in_order(order)
    shares, deviations = target.influence_in_order(order)
    first = shares[:, :count]
    squares = []
    for a in range(1, count):
        for b in range(a + 1, count):
            # rows 0..count-1 are the pairs (0, 0), (0, 1), ...
            value = fractions[b] * rows[a] - fractions[a] * rows[b]
            change = first[:, b, None] * rows[a] + fractions[b] * deviations[:, a]
            change -= first[:, a, None] * rows[b] + fractions[a] * deviations[:, b]
            squares.append(value**2 / np.maximum(np.sum(change**2, axis=0), 1e-30))
    return float(np.sqrt(np.mean(squares)))


def _root_mean_square(values: Sequence[float]) -> float:
    return math.sqrt(sum(value**2 for value in values) / len(values))
