"""Fitting one field at a time, to the joint probabilities that the data ask of it lag by lag."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from morphgen.calibration.bound import joints_from, linear_coverage
from morphgen.calibration.cylindrical import high_cylindrical
from morphgen.calibration.lags import Lags
from morphgen.calibration.minimize import solve
from morphgen.calibration.objective import FieldLaw, coverage_rows
from morphgen.calibration.parametrization import Low, Parametrization, high
from morphgen.calibration.problem import Problem
from morphgen.errors import InputError
from morphgen.excursion.shared import AnyKernel
from morphgen.fields.kernels import Axis
from morphgen.fields.laws import correlation_angle
from morphgen.fields.parametric import DampedSincKernel, GaussianKernel, MaternKernel

SPLINES = 12
# along each of the two directions of a kernel with an axis
TENSOR_SPLINES = 8

# splines closer than this many pixels are not resolved by the voxel lattice: the volume would
# have another correlation than the closed form
_KNOT_PIXELS = 1.5
_FEWEST_SPLINES = 4

_SUPPORT_SHARES = (0.25, 0.35, 0.5, 0.7, 1.0)
# a wider support costs halo, a second parameter its uncertainty
_WORTH_TAKING = 0.9
# residuals of this many standard errors follow the data as closely as they can be trusted
_CLOSE = 0.5
_SCREENING = 40


@dataclass(frozen=True, eq=False)
class FieldFit:
    """One field fitted on its own.

    Attributes
    ----------
    law : FieldLaw
        Its law.
    parametrization : Parametrization
        What its parameters mean.
    parameters : ndarray
        The best parameters.
    joint : ndarray, shape (K,)
        Its joint probabilities at the data's lags.
    cost : float
        Half the sum of squared deviations from the wanted joint probabilities.
    """

    law: FieldLaw
    parametrization: Parametrization
    parameters: np.ndarray
    joint: np.ndarray
    cost: float

    @property
    def kernel(self) -> AnyKernel:
        """The fitted kernel."""
        return self.parametrization.kernel(self.parameters)


def wanted_joints(rows: np.ndarray, probabilities: list[float]) -> np.ndarray:
    """Joint probability of each field that fits the C_ij best at each lag, by least squares.

    Parameters
    ----------
    rows : ndarray, shape (pairs, K)
        C_ij of the data, phases in the order of decision.
    probabilities : list of float
        Conditional probabilities of the decisions.

    Returns
    -------
    ndarray, shape (fields, K)
    """
    constant, slopes = linear_coverage(probabilities)
    products = np.linalg.lstsq(slopes, rows - constant[:, None], rcond=None)[0]
    return joints_from(products, probabilities)


def fit_field(
    joint: np.ndarray,
    probability: float,
    law: FieldLaw,
    members: Sequence[Parametrization],
    noise: np.ndarray,
) -> FieldFit:
    """Fit one field's kernel to wanted joint probabilities.

    Parameters
    ----------
    joint : ndarray, shape (K,)
        Joint probabilities wanted at the data's lags.
    probability : float
        Probability of the excursion set.
    law : FieldLaw
        Law of the field.
    members : sequence of Parametrization
        Parametrisations to try, the most economical first: a later one is taken only if it lowers
        the cost by a tenth, and not once the fit is as close as the data are sure.
    noise : ndarray, shape (K,)
        Standard errors of the wanted joint probabilities.
    """
    correlation = _wanted_correlation(joint, probability, law)
    close = 0.5 * _CLOSE**2 * float(np.sum(noise**2))
    chosen = None
    for member in members:
        if chosen is not None and chosen.cost <= close:
            break
        fit = _fit_one(member, joint, probability, law, correlation)
        if chosen is None or fit.cost < _WORTH_TAKING * chosen.cost:
            chosen = fit
    if chosen is None:
        raise InputError("no parametrization is given; expected one at least")
    return chosen


def parametrizations(lags: Lags, kind: str, axis: Axis | None = None) -> list[Parametrization]:
    """Parametrisations of a field: ``high`` splines by support, or the ``low`` families.

    Parameters
    ----------
    lags : Lags
        The data's lags.
    kind : {"high", "low"}
        Splines, or families of few parameters.
    axis : {"z", "y", "x"}, optional
        Axis of symmetry; isotropic by default.

    Raises
    ------
    InputError
        If the kind is neither.
    """
    if kind == "low":
        return [
            Low(lags, family, axis) for family in (GaussianKernel, MaternKernel, DampedSincKernel)
        ]
    if kind == "high":
        return list(_splines(lags) if axis is None else _tensor_splines(lags, axis))
    raise InputError(f"parametrization is {kind!r}: expected high or low")


def _splines(lags: Lags) -> Iterator[Parametrization]:
    """Spline kernels of growing support, as many knots as the voxel lattice resolves."""
    reach = float(lags.distance[-1])
    for share in _SUPPORT_SHARES:
        # the first lag is one pixel
        count = _resolved(share * reach, float(lags.distance[0]), SPLINES)
        if count >= _FEWEST_SPLINES or share == _SUPPORT_SHARES[-1]:
            yield high(lags, share * reach, max(count, _FEWEST_SPLINES))


def _tensor_splines(lags: Lags, axis: Axis) -> Iterator[Parametrization]:
    """Tensor splines whose supports grow by one factor across and along the axis."""
    # the shortest lags across and along the axis are one pixel
    steps = [
        float(values[(values > 0.0) & (others == 0.0)].min())
        for values, others in ((lags.across, lags.along), (lags.along, lags.across))
    ]
    reaches = [float(values.max()) for values in (lags.across, lags.along)]
    for share in _SUPPORT_SHARES:
        radius, height = (share * reach for reach in reaches)
        rows, columns = (
            _resolved(support, step, TENSOR_SPLINES)
            for support, step in zip((radius, height), steps, strict=True)
        )
        if min(rows, columns) >= _FEWEST_SPLINES or share == _SUPPORT_SHARES[-1]:
            shape = max(rows, _FEWEST_SPLINES), max(columns, _FEWEST_SPLINES)
            yield high_cylindrical(lags, (radius, height), shape, axis)


def _resolved(support: float, pixel: float, most: int) -> int:
    """Splines on a support that the voxel lattice resolves."""
    return min(most, int(support / (_KNOT_PIXELS * pixel)) - 1)


def _fit_one(
    member: Parametrization,
    joint: np.ndarray,
    probability: float,
    law: FieldLaw,
    correlation: np.ndarray,
) -> FieldFit:
    rows = coverage_rows([probability], [joint])
    problem = Problem(rows, np.array([probability, 1.0 - probability]), (law,), (member,))
    start = member.start(correlation)
    found = solve(problem, start, evaluations=_SCREENING, tolerance=1e-3)
    fitted = law.joint(member.correlation(found.parameters)[0], probability)
    cost = 0.5 * float(np.sum((fitted - joint) ** 2))
    return FieldFit(law, member, found.parameters, fitted, cost)


def _wanted_correlation(joint: np.ndarray, probability: float, law: FieldLaw) -> np.ndarray:
    above = joint - (2.0 * probability - 1.0 if law.below else 0.0)
    psi = correlation_angle(law.law, above, law.threshold(probability))
    correlation = np.asarray(np.cos(psi))
    if law.law.type == "gaussian":
        # the inversion ends at rho = 0: below it the joint probability is almost straight in rho
        p = float(law.law.survival(law.threshold(probability)))
        density = law.law.density(law.threshold(probability))
        correlation = correlation + np.minimum(above - p * p, 0.0) / density**2
    return np.asarray(np.clip(correlation, -0.9, 1.0))
