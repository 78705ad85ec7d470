"""Power laws by least squares on logarithms, and how well they predict what they have not seen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.stats
from numpy.typing import NDArray

from morphgen.errors import InputError
from morphgen.fields.noise import integer
from morphgen.studies.published import Floats, PowerLaw

Integers = NDArray[np.int64]

# singular values of the logarithms, each column of unit variance, below which nothing is determined
_SINGULAR = 1e-6
# standard deviation of a logarithm; for less, constants beyond all numbers are as likely
_LEAST_SPREAD = 3e-3


@dataclass(frozen=True, eq=False)
class Observations:
    """What a law is to relate.

    Attributes
    ----------
    response : array of float64, shape (N,)
        Positive values that are predicted.
    predictors : dict of str to array of float64, shape (N,)
        Positive values of each descriptor.
    groups : array of int64, shape (N,)
        Independent point that each observation belongs to: the observations of one are not
        independent of each other, and are held out together.
    """

    response: Floats
    predictors: Mapping[str, Floats]
    groups: Integers

    def __len__(self) -> int:
        return self.response.size

    def part(self, chosen: NDArray[np.bool_]) -> Observations:
        """Some of the observations."""
        predictors = {name: values[chosen] for name, values in self.predictors.items()}
        return Observations(self.response[chosen], predictors, self.groups[chosen])


@dataclass(frozen=True)
class Accuracy:
    """How well predictions agree with observations.

    Attributes
    ----------
    r_squared : float
        1 - sum (M - M')^2 / sum (M - mean M)^2, of the values, not their logarithms.
    percentage_error : float
        Mean of 100 |M - M'| / M.
    """

    r_squared: float
    percentage_error: float


@dataclass(frozen=True, eq=False)
class Regression:
    """A power law that was fitted.

    Attributes
    ----------
    law : PowerLaw
        The law.
    intervals : dict of str to tuple of 2 floats
        Confidence interval of the exponent of each descriptor; that of ``constant``.
    confidence : float
        Their level.
    smearing : float
        Mean of exp(r) over the residuals r of the logarithms. The law predicts medians; times
        this factor it predicts means (Duan, J. Am. Stat. Assoc. 78 (1983) 605).
    seen : Accuracy
        Of the observations that it was fitted to.
    held_out : Accuracy
        Of observations that were left out of the fit that predicts them.
    predictions : array of float64, shape (N,)
        What was predicted for each observation while it was held out.
    folds : int
        Number of parts that were held out, one after the other.
    """

    law: PowerLaw
    intervals: Mapping[str, tuple[float, float]]
    confidence: float
    smearing: float
    seen: Accuracy
    held_out: Accuracy
    predictions: Floats
    folds: int


def accuracy(response: Floats, predicted: Floats) -> Accuracy:
    """Compare predictions with observations."""
    spread = float(np.sum((response - response.mean()) ** 2))
    missed = float(np.sum((response - predicted) ** 2))
    share = 1.0 - missed / spread if spread > 0.0 else math.nan
    return Accuracy(share, float(100.0 * np.mean(np.abs(predicted / response - 1.0))))


def fit_power_law(
    data: Observations,
    *,
    name: str = "fitted",
    confidence: float = 0.95,
    folds: int = 10,
    seed: int = 0,
) -> Regression:
    """Fit a power law by least squares on logarithms.

    The variance of the coefficients b is that of the jackknife over the G points,
    (G - 1) / G sum_g (b_g - b)^2 where b_g is fitted without point g. Observations of a point may
    depend on each other in any way, and their errors may differ in size. The intervals are those
    of Student's t with G - 1 degrees of freedom (CR3 of Bell and McCaffrey, Survey Methodology 28
    (2002) 169; MacKinnon, Nielsen and Webb, J. Appl. Econometrics 38 (2023) 671).

    Parameters
    ----------
    data : Observations
        What is related.
    name : str
        Name of the law.
    confidence : float
        Level of the intervals.
    folds : int
        Number of parts that are held out, one after the other; where there are fewer points, each
        is a part.
    seed : int
        Seed of the drawing of parts.

    Raises
    ------
    InputError
        If there are too few points, overall or beside a part, or descriptors that do not vary
        independently.
    """
    points = np.unique(data.groups).size
    count = 1 + len(data.predictors)
    folds = _folds(folds, points, count)
    if not 0.0 < confidence < 1.0:
        raise InputError(f"confidence {confidence}: expected more than 0 and less than 1")
    coefficients, residual, variances = _least_squares(data)
    half = scipy.stats.t.ppf(0.5 + 0.5 * confidence, points - 1) * np.sqrt(variances)
    law = _law(name, coefficients, list(data.predictors))
    names = ["constant", *data.predictors]
    ends = zip(coefficients - half, coefficients + half, strict=True)
    intervals = {
        key: (float(low), float(high)) for key, (low, high) in zip(names, ends, strict=True)
    }
    low, high = intervals["constant"]
    predicted = held_out_predictions(data, folds, seed)
    return Regression(
        law=law,
        intervals=intervals | {"constant": (math.exp(low), math.exp(high))},
        confidence=confidence,
        smearing=float(np.mean(np.exp(residual))),
        seen=accuracy(data.response, law.predict(data.predictors)),
        held_out=accuracy(data.response, predicted),
        predictions=predicted,
        folds=folds,
    )


def held_out_predictions(data: Observations, folds: int, seed: int = 0) -> Floats:
    """Prediction of every observation by a law that was fitted without its part of the points."""
    random = np.random.default_rng(integer("seed", seed, 0, 2**64 - 1))
    points = random.permutation(np.unique(data.groups))
    predicted = np.empty(len(data))
    for part in np.array_split(points, folds):
        held = np.isin(data.groups, part)
        coefficients, _ = _coefficients(data.part(~held))
        law = _law("", coefficients, list(data.predictors))
        predicted[held] = law.predict(data.part(held).predictors)
    return predicted


def _folds(folds: int, points: int, count: int) -> int:
    """Number of parts, each of which leaves enough points to the others."""
    if points < count + 2:
        raise InputError(
            f"{points} independent points do not determine {count} coefficients; "
            f"expected {count + 2} or more"
        )
    if folds < 2:
        raise InputError(f"{folds} folds: expected 2 or more")
    parts = min(folds, points)
    left = points - math.ceil(points / parts)
    if left < count + 1:
        raise InputError(
            f"{folds} folds leave {left} of {points} points to a fit of {count} coefficients; "
            f"expected {count + 1} or more: ask for more folds"
        )
    return parts


def _law(name: str, coefficients: Floats, predictors: Sequence[str]) -> PowerLaw:
    exponents = dict(zip(predictors, map(float, coefficients[1:]), strict=True))
    return PowerLaw(name, math.exp(coefficients[0]), exponents)


def _least_squares(data: Observations) -> tuple[Floats, Floats, Floats]:
    """Coefficients of the logarithms, residuals, and the coefficients' jackknife variances."""
    coefficients, matrix = _coefficients(data)
    residual = np.log(data.response) - matrix @ coefficients
    orthonormal, triangle = np.linalg.qr(matrix)
    places = np.unique(data.groups, return_inverse=True)[1]
    points, count = int(places.max()) + 1, coefficients.size
    # b - b_g = R^-1 (1 - Q_g' Q_g)^-1 Q_g' r_g for the rows g of the matrix Q R
    others = np.tile(np.eye(count), (points, 1, 1))
    np.subtract.at(others, places, orthonormal[:, :, None] * orthonormal[:, None, :])
    if np.linalg.eigvalsh(others).min() < _SINGULAR:
        raise InputError(
            f"one point alone tells {', '.join(data.predictors)} apart; vary more, or relate fewer"
        )
    scores = np.zeros((points, count, 1))
    np.add.at(scores, places, (orthonormal * residual[:, None])[:, :, None])
    shifts = np.linalg.solve(triangle, np.linalg.solve(others, scores)[:, :, 0].T)
    return coefficients, residual, (points - 1) / points * np.sum(shifts**2, axis=1)


def _coefficients(data: Observations) -> tuple[Floats, Floats]:
    """Coefficients of the logarithms, and the matrix whose columns they multiply."""
    columns = [np.ones(len(data)), *(np.log(values) for values in data.predictors.values())]
    matrix = np.stack(columns, axis=1)
    _check_determined(matrix[:, 1:], list(data.predictors))
    return np.linalg.lstsq(matrix, np.log(data.response), rcond=None)[0], matrix


def _check_determined(logs: Floats, names: Sequence[str]) -> None:
    spread = logs.std(axis=0)
    for name, one in zip(names, spread, strict=True):
        if not one > _LEAST_SPREAD:
            raise InputError(
                f"{name} varies by {100.0 * one:.2g} %, expected more than "
                f"{100.0 * _LEAST_SPREAD:g} %; vary it, or leave it out"
            )
    if np.linalg.svd((logs - logs.mean(axis=0)) / spread, compute_uv=False)[-1] < _SINGULAR:
        raise InputError(
            f"{', '.join(names)} do not vary independently; vary more parameters, or relate fewer"
        )
