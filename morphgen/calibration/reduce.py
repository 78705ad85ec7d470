"""From a calibrated model to one of few parameters (HP to LP), and what that loses."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version

import numpy as np

from morphgen.calibration.coverage import WITH_ERRORS, fields_of, kept_intervals, quantities_of
from morphgen.calibration.fields import FieldFit, fit_field, parametrizations
from morphgen.calibration.held_out import on
from morphgen.calibration.lags import Lags
from morphgen.calibration.lengths import correlation_length
from morphgen.calibration.minimize import solve
from morphgen.calibration.objective import FieldLaw, pairs_of
from morphgen.calibration.plane_targets import measure_cylindrical
from morphgen.calibration.problem import Problem
from morphgen.calibration.shared_problem import SharedProblem
from morphgen.calibration.targets import Target, measure_target
from morphgen.calibration.uncertainty import spread
from morphgen.errors import InputError
from morphgen.excursion.model import ExcursionModel
from morphgen.excursion.provenance import Provenance, Reduction
from morphgen.excursion.shared import AnyKernel, Noise
from morphgen.excursion.storage import dump_model
from morphgen.fields.kernels import Axis
from morphgen.fields.laws import Gaussian
from morphgen.fields.parametric import GaussianKernel, ParametricKernel
from morphgen.images import Section

# lags without a record of the calibration, in correlation lengths; and how many are compared
_LAG_RANGE, _MOST_LAGS = 8.0, 160
# directions from across to along an axis
_SECTORS = 7

# a family that comes this near in C needs no second parameter
_CLOSE_ENOUGH = 1e-3
# largest standard error of the sections over one of a typical lag
_LARGEST_OVER_TYPICAL = 2.0
_EVALUATIONS = 200


def reduce_model(model: ExcursionModel, sections: Sequence[Section] = ()) -> ExcursionModel:
    """Low-parametric model that comes nearest to a calibrated one.

    Each field gets the covariance family (Gaussian, Matern, damped sinc) that reproduces its joint
    probabilities best; a family of more parameters must lower the squared deviation by a tenth.
    Their parameters then follow from a least-squares fit of all C_ij of the model jointly, at its
    volume fractions: the route from HP to LP of Furat et al., arXiv:2503.17171. Families, lags
    and the preference are ours.

    Parameters
    ----------
    model : ExcursionModel
        Model with spline kernels, of any origin.
    sections : sequence of Section
        The sections that it was calibrated on: they give the standard errors and the misfit of
        the reduced model, at its own fractions. Without them standard errors are taken over from
        the model, where they determine those of the reduced one. An adversarially trained model
        has none either way.

    Returns
    -------
    ExcursionModel
        Its provenance has the status "reduced" and a ``reduction``: the largest difference of each
        C_ij from the given model's over the lags, and the parameters without a standard error.

    Raises
    ------
    InputError
        If the model has few parameters already, or was calibrated on other sections.
    """
    if all(isinstance(noise.kernel, ParametricKernel) for noise in model.noises):
        raise InputError(
            "the kernels of the model are covariance families already; reduce needs a "
            "model calibrated with parametrization high"
        )
    _check_sections(model, sections)
    found = _fit(model, model_lags(model))
    low = replace(
        model,
        fields=tuple(fields_of(found.problem, found.parameters)),
        shared=found.problem.shared(found.parameters),
        provenance=None,
    )
    accuracy = _measured(found, model, sections) if sections else _taken_over(found, model)
    return low.with_provenance(_provenance(model, found, accuracy))


def model_lags(model: ExcursionModel) -> Lags:
    """Lags at which a model is compared with another: those of its calibration, if known."""
    lengths = np.array([_lengths(noise.kernel) for noise in model.noises]).max(axis=0)
    if model.provenance is not None and model.provenance.max_lag > 0.0:
        reach = model.provenance.max_lag
    else:
        reach = _LAG_RANGE * float(lengths.max())
    if model.isotropic:
        count = _rings(reach, model, _MOST_LAGS)
        return Lags.radial(np.linspace(reach / count, reach, count))
    # sectors and rings of an ellipse, as in planes that contain the axis
    across, along = reach * lengths / lengths.max()
    count = _rings(min(across, along), model, _MOST_LAGS // 4)
    rings, angles = np.meshgrid(
        np.linspace(1.0 / count, 1.0, count), np.linspace(0.0, 0.5 * np.pi, _SECTORS), indexing="ij"
    )
    return Lags((across * rings * np.cos(angles)).ravel(), (along * rings * np.sin(angles)).ravel())


def _rings(reach: float, model: ExcursionModel, most: int) -> int:
    """Distances to compare at: no nearer to each other than voxels are."""
    return min(most, max(8, round(reach / min(model.voxel_size))))


@dataclass(frozen=True, eq=False)
class _Fit:
    """The low-parametric problem and its solution."""

    problem: Problem
    parameters: np.ndarray

    @property
    def families(self) -> tuple[str, ...]:
        members = self.problem.parametrizations
        pieces = self.problem.split(self.parameters)
        return tuple(
            member.kernel(piece).type for member, piece in zip(members, pieces, strict=True)
        )

    def loss(self, model: ExcursionModel) -> dict[str, float]:
        """Largest deviation from the given C_ij, per pair of labels."""
        worst = np.abs(self.problem.model_rows(self.parameters) - self.problem.rows).max(axis=-1)
        return _per_pair(model, worst)


@dataclass(frozen=True, eq=False)
class _Accuracy:
    """What is known of the reduced model's parameters, and of its misfit."""

    uncertainty: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    misfit: dict[str, float]


def _fit(model: ExcursionModel, lags: Lags) -> _Fit:
    laws = tuple(FieldLaw(field.law, field.side == "below") for field in model.fields)
    fits = [_family(noise.kernel, law, p, model, lags) for noise, law, p in _noises(model, laws)]
    fractions, rows = _coverage(model, lags)
    members = tuple(fit.parametrization for fit in fits)
    kernels = [fit.parameters for fit in fits]
    if model.shared is None:
        problem = Problem(rows, fractions, laws, members)
        start = problem.start(kernels)
    else:
        problem = SharedProblem(rows, fractions, laws, members)
        first, second = model.shared.loadings
        start = problem.start_shared(kernels, (first, second))
    return _Fit(problem, solve(problem, start, evaluations=_EVALUATIONS).parameters)


def _noises(model: ExcursionModel, laws: Sequence[FieldLaw]) -> list[tuple[Noise, FieldLaw, float]]:
    """Every noise with the law and the probability of the set that its correlation shows in."""
    shown = [(law, field.probability) for law, field in zip(laws, model.fields, strict=True)]
    if model.shared is not None:
        shown.append((FieldLaw(Gaussian()), 0.5))
    return [(noise, *one) for noise, one in zip(model.noises, shown, strict=True)]


def _family(
    kernel: AnyKernel, law: FieldLaw, probability: float, model: ExcursionModel, lags: Lags
) -> FieldFit:
    """Family whose joint probabilities come nearest to those of a kernel."""
    rho = np.asarray(kernel.cylindrical_correlation(lags.across, lags.along))
    near = np.full(rho.shape, _nearness(model))
    members = parametrizations(lags, "low", kernel.axis)
    return fit_field(law.joint(rho, probability), probability, law, members, near)


def _coverage(model: ExcursionModel, lags: Lags) -> tuple[np.ndarray, np.ndarray]:
    """Fractions and C_ij (pairs, K) of a model, in the order of decision."""
    place = [[phase.label for phase in model.phases].index(label) for label in model.order]
    axis = _axis(model)
    along = "zyx".index(axis) if axis else 0
    offsets = np.zeros((lags.across.size, 3))
    offsets[:, along], offsets[:, (along + 1) % 3] = lags.along, lags.across
    table = np.asarray(model.two_point_coverage(offsets))
    rows = np.stack([table[place[i], place[j]] for i, j in pairs_of(len(place))])
    fractions = model.volume_fractions()
    return np.array([fractions[label] for label in model.order]), rows


def _axis(model: ExcursionModel) -> Axis | None:
    return next((noise.kernel.axis for noise in model.noises if noise.kernel.axis), None)


def _nearness(model: ExcursionModel) -> float:
    """Standard error of C at a typical lag: what the given model itself is not sure of."""
    recorded = 0.0 if model.provenance is None else model.provenance.standard_error
    return max(_CLOSE_ENOUGH, recorded / _LARGEST_OVER_TYPICAL)


def _measured(found: _Fit, model: ExcursionModel, sections: Sequence[Section]) -> _Accuracy:
    """Standard errors by the influence of the sections' tiles, and the misfit to the sections."""
    origin = model.provenance
    target = _target(model, sections)
    # free or trained thresholds have fractions of their own: these count, not the sections'
    problem = on(found.problem, target, model.order, fractions=found.problem.fractions)
    worst = np.abs(problem.model_rows(found.parameters) - problem.rows).max(axis=-1)
    misfit = _per_pair(model, worst)
    if origin is not None and origin.method not in WITH_ERRORS:
        return _Accuracy({}, {}, misfit)
    known = spread(
        problem, found.parameters, target, model.order, quantities_of(model.order, target.lags)
    )
    seed = 0 if origin is None else origin.seed
    return _Accuracy(known.standard_errors(), known.intervals(seed=seed), misfit)


def _target(model: ExcursionModel, sections: Sequence[Section]) -> Target:
    """The sections at the lags of the calibration."""
    axis, origin = _axis(model), model.provenance
    finest = min(min(section.pixel_size) for section in sections)
    if axis is not None:
        # unequal reaches are those found from the sections
        reaches = None if origin is None else origin.reaches
        given = reaches is not None and math.isclose(*reaches)
        lag = round(reaches[0] / finest) if reaches is not None and given else None
        return measure_cylindrical(sections, axis, lag)
    return measure_target(sections, None if origin is None else round(origin.max_lag / finest))


def _taken_over(found: _Fit, model: ExcursionModel) -> _Accuracy:
    """Standard errors that the given model's record determines.

    Fractions and thresholds are the same, and so are to first order correlation lengths, to which
    the length of a Gaussian family is proportional, and their ratio along and across an axis. Of
    fields that share noise only fractions and the first threshold are.
    """
    origin = model.provenance
    if origin is None:
        return _Accuracy({}, {}, {})
    same: tuple[str, ...] = ("volume_fraction", "threshold", "correlation_length", "axial_scale")
    if model.shared is not None:
        same = ("volume_fraction", "fields.0.threshold")
    errors = {k: v for k, v in origin.uncertainty.items() if any(word in k for word in same)}
    intervals = {k: v for k, v in origin.intervals.items() if k in errors}
    if model.shared is not None:
        return _Accuracy(errors, intervals, {})
    for number, field in enumerate(fields_of(found.problem, found.parameters)):
        kernel, place = field.kernel, f"fields.{number}"
        assert isinstance(kernel, ParametricKernel)
        across, along = _lengths(model.fields[number].kernel)
        known = {"axial_scale": (kernel.axial_scale, along / across)} if kernel.axis else {}
        if isinstance(kernel, GaussianKernel):
            known["length"] = (kernel.length, across)
        for name, (value, before) in known.items():
            source = "correlation_length" if name == "length" else name
            _scale(errors, intervals, f"{place}.{source}", f"{place}.kernel.{name}", value / before)
    return _Accuracy(errors, intervals, {})


def _provenance(model: ExcursionModel, found: _Fit, accuracy: _Accuracy) -> Provenance:
    origin = model.provenance
    loss = found.loss(model)
    missing = tuple(name for name in _names(found.problem) if name not in accuracy.uncertainty)
    source = hashlib.sha256(dump_model(model).encode()).hexdigest()
    return Provenance(
        method="reduction" if origin is None else origin.method,
        parametrization="low",
        status="reduced",
        message=f"C_ij at most {max(loss.values()):.4f} from those of the model that was reduced",
        seed=0 if origin is None else origin.seed,
        versions={name: version(name) for name in ("morphgen", "numpy", "scipy")},
        sources=() if origin is None else origin.sources,
        max_lag=float(found.problem.parametrizations[0].lags.distance.max()),
        reaches=None if origin is None else origin.reaches,
        misfit=accuracy.misfit,
        bound=0.0 if origin is None else origin.bound,
        standard_error=0.0 if origin is None else origin.standard_error,
        uncertainty={name: float(f"{value:.3g}") for name, value in accuracy.uncertainty.items()},
        intervals=kept_intervals(accuracy.intervals),
        reduction=Reduction(source, found.families, loss, missing),
    )


def _names(problem: Problem) -> list[str]:
    """Names of all parameters of the reduced model."""
    count = len(problem.laws)
    places = [f"fields.{k}" for k in range(count)]
    found = [f"{place}.threshold" for place in places]
    if isinstance(problem, SharedProblem):
        found += [f"shared.loadings.{k}" for k in range(count)]
        places.append("shared")
    for place, member in zip(places, problem.parametrizations, strict=True):
        found += [f"{place}.kernel.{name}" for name in member.names]
    return found


def _per_pair(model: ExcursionModel, worst: np.ndarray) -> dict[str, float]:
    found = {}
    for row, (i, j) in zip(worst, pairs_of(len(model.order)), strict=True):
        first, second = sorted((model.order[i], model.order[j]))
        found[f"{first}-{second}"] = float(f"{row:.4g}")
    return dict(sorted(found.items()))


def _scale(
    errors: dict[str, float],
    intervals: dict[str, tuple[float, float]],
    source: str,
    name: str,
    factor: float,
) -> None:
    """Add the error and the interval of what is proportional to a known quantity."""
    if source in errors:
        errors[name] = factor * errors[source]
    if source in intervals:
        low, high = intervals[source]
        intervals[name] = (factor * low, factor * high)


def _lengths(kernel: AnyKernel) -> tuple[float, float]:
    """Distances across and along the axis at which a correlation is exp(-1/2)."""
    distance = np.linspace(0.0, kernel.reach, 2001)[1:]
    zero = np.zeros_like(distance)
    across, along = (
        correlation_length(distance, np.asarray(kernel.cylindrical_correlation(*line)))
        for line in ((distance, zero), (zero, distance))
    )
    return across, along


def _check_sections(model: ExcursionModel, sections: Sequence[Section]) -> None:
    if model.provenance is None or not sections:
        return
    known = sorted(source.sha256 for source in model.provenance.sources)
    given = sorted(section.sha256 for section in sections)
    if known != given:
        names = ", ".join(source.name for source in model.provenance.sources)
        raise InputError(f"the model was calibrated on other sections than these: give {names}")
