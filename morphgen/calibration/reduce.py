"""From a calibrated model to one of few parameters (HP to LP), and what that loses."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version

import numpy as np

from morphgen.calibration.coverage import fields_of, kept_intervals, quantities_of
from morphgen.calibration.fields import fit_field, parametrizations
from morphgen.calibration.lags import Lags
from morphgen.calibration.lengths import correlation_length
from morphgen.calibration.minimize import solve
from morphgen.calibration.objective import FieldLaw, coverage_rows, pairs_of
from morphgen.calibration.plane_targets import measure_cylindrical
from morphgen.calibration.problem import Problem
from morphgen.calibration.targets import Target, measure_target
from morphgen.calibration.uncertainty import spread
from morphgen.errors import InputError
from morphgen.excursion.coverage import first_match_fractions
from morphgen.excursion.model import ExcursionModel
from morphgen.excursion.provenance import Provenance, Reduction
from morphgen.excursion.shared import AnyKernel
from morphgen.excursion.storage import dump_model
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
        the reduced model. Without them standard errors are taken over from the model, where they
        determine those of the reduced one.

    Returns
    -------
    ExcursionModel
        Its provenance has the status "reduced" and a ``reduction``: the largest difference of each
        C_ij from the given model's over the lags, and the parameters without a standard error.

    Raises
    ------
    InputError
        If the model has few parameters already, its fields share noise, or it was calibrated on
        other sections.
    """
    if model.shared is not None:
        raise InputError(
            "the fields of the model share noise, which reduce does not know; calibrate with "
            "parametrization low instead"
        )
    if all(isinstance(field.kernel, ParametricKernel) for field in model.fields):
        raise InputError(
            "the kernels of the model are covariance families already; reduce needs a "
            "model calibrated with parametrization high"
        )
    if model.shared is not None:
        raise InputError("the fields of the model share noise; reduce takes independent fields")
    _check_sections(model, sections)
    found = _fit(model, model_lags(model))
    low = replace(model, fields=tuple(fields_of(found.problem, found.parameters)), provenance=None)
    accuracy = _measured(found, model, sections) if sections else _taken_over(found, model)
    return low.with_provenance(_provenance(model, found, accuracy))


def model_lags(model: ExcursionModel) -> Lags:
    """Lags at which a model is compared with another: those of its calibration, if known."""
    lengths = np.array([_lengths(field.kernel) for field in model.fields]).max(axis=0)
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
        fields = fields_of(self.problem, self.parameters)
        return tuple(field.kernel.type for field in fields)

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
    probabilities = [field.probability for field in model.fields]
    joints = [
        np.asarray(
            field.joint_exceedance(field.kernel.cylindrical_correlation(lags.across, lags.along))
        )
        for field in model.fields
    ]
    near = np.full(lags.across.shape, _nearness(model))
    fits = [
        fit_field(joint, p, law, parametrizations(lags, "low", field.kernel.axis), near)
        for joint, p, law, field in zip(joints, probabilities, laws, model.fields, strict=True)
    ]
    problem = Problem(
        coverage_rows(probabilities, joints),
        np.array(first_match_fractions(probabilities)),
        laws,
        tuple(fit.parametrization for fit in fits),
    )
    start = problem.start([fit.parameters for fit in fits])
    return _Fit(problem, solve(problem, start, evaluations=_EVALUATIONS).parameters)


def _nearness(model: ExcursionModel) -> float:
    """Standard error of C at a typical lag: what the given model itself is not sure of."""
    recorded = 0.0 if model.provenance is None else model.provenance.standard_error
    return max(_CLOSE_ENOUGH, recorded / _LARGEST_OVER_TYPICAL)


def _measured(found: _Fit, model: ExcursionModel, sections: Sequence[Section]) -> _Accuracy:
    """Standard errors by the influence of the sections' tiles, and the misfit to the sections."""
    origin = model.provenance
    target = _target(model, sections)
    problem = _at_sections(found.problem, target, model.order)
    known = spread(
        problem, found.parameters, target, model.order, quantities_of(model.order, target.lags)
    )
    worst = np.abs(problem.model_rows(found.parameters) - problem.rows).max(axis=-1)
    seed = 0 if origin is None else origin.seed
    return _Accuracy(known.standard_errors(), known.intervals(seed=seed), _per_pair(model, worst))


def _target(model: ExcursionModel, sections: Sequence[Section]) -> Target:
    axis = next((field.kernel.axis for field in model.fields if field.kernel.axis), None)
    if axis is not None:
        return measure_cylindrical(sections, axis)
    if model.provenance is None:
        return measure_target(sections)
    return measure_target(sections, round(model.provenance.max_lag / min(sections[0].pixel_size)))


def _at_sections(problem: Problem, target: Target, order: Sequence[int]) -> Problem:
    fractions, rows = target.in_order(order)
    members = tuple(member.at(target.lags) for member in problem.parametrizations)
    return Problem(rows, fractions, problem.laws, members)


def _taken_over(found: _Fit, model: ExcursionModel) -> _Accuracy:
    """Standard errors that the given model's record determines.

    Fractions and thresholds are the same, and so are to first order correlation lengths, to which
    the length of a Gaussian family is proportional, and their ratio along and across an axis.
    """
    origin = model.provenance
    if origin is None:
        return _Accuracy({}, {}, {})
    same = ("volume_fraction", "threshold", "correlation_length", "axial_scale")
    errors = {k: v for k, v in origin.uncertainty.items() if any(word in k for word in same)}
    intervals = {k: v for k, v in origin.intervals.items() if k in errors}
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
    names = [
        f"fields.{k}.kernel.{name}"
        for k, member in enumerate(found.problem.parametrizations)
        for name in member.names
    ]
    missing = tuple(name for name in names if name not in accuracy.uncertainty)
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
        misfit=accuracy.misfit,
        bound=0.0 if origin is None else origin.bound,
        standard_error=0.0 if origin is None else origin.standard_error,
        uncertainty={name: float(f"{value:.3g}") for name, value in accuracy.uncertainty.items()},
        intervals=kept_intervals(accuracy.intervals),
        reduction=Reduction(source, found.families, loss, missing),
    )


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
