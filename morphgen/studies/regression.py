"""Power laws by least squares on logarithms, and how well they predict what they have not seen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.stats
from numpy.typing import NDArray

from morphgen.errors import InputError
from morphgen.studies.published import Floats, PowerLaw

Integers = NDArray[np.int64]

# singular values of the logarithms, each column of unit variance, below which nothing is determined
_SINGULAR = 1e-6


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
        Point of the design that each observation belongs to: observations of one point are not
        independent, and are held out together.
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

    The intervals are those of Student's t. Where every point of the design gave one observation,
    the variance of the coefficients is that of ordinary least squares; otherwise that of clusters
    (Liang and Zeger 1986, with the factor G (N - 1) / ((G - 1) (N - p)) for G points), with
    G - 1 degrees of freedom.

    Parameters
    ----------
    data : Observations
        What is related.
    name : str
        Name of the law.
    confidence : float
        Level of the intervals.
    folds : int
        Number of parts that are held out, one after the other; at most one for each point.
    seed : int
        Seed of the drawing of parts.

    Raises
    ------
    InputError
        If there are too few points, or descriptors that do not vary independently.
    """
    points = np.unique(data.groups)
    count = 1 + len(data.predictors)
    if points.size < count + 2:
        raise InputError(
            f"{points.size} points do not determine {count} coefficients; "
            f"expected {count + 2} or more"
        )
    if folds < 2 or not 0.0 < confidence < 1.0:
        raise InputError(
            f"{folds} folds and confidence {confidence}: expected 2 or more, and 0 to 1"
        )
    coefficients, variances, freedom = _least_squares(data)
    half = scipy.stats.t.ppf(0.5 + 0.5 * confidence, freedom) * np.sqrt(variances)
    law = _law(name, coefficients, list(data.predictors))
    names = ["constant", *data.predictors]
    ends = zip(coefficients - half, coefficients + half, strict=True)
    intervals = {
        key: (float(low), float(high)) for key, (low, high) in zip(names, ends, strict=True)
    }
    low, high = intervals["constant"]
    folds = min(folds, points.size)
    predicted = held_out_predictions(data, folds, seed)
    return Regression(
        law=law,
        intervals=intervals | {"constant": (math.exp(low), math.exp(high))},
        confidence=confidence,
        seen=accuracy(data.response, law.predict(data.predictors)),
        held_out=accuracy(data.response, predicted),
        predictions=predicted,
        folds=folds,
    )


def held_out_predictions(data: Observations, folds: int, seed: int = 0) -> Floats:
    """Prediction of every observation by a law that was fitted without its part of the points."""
    points = np.random.default_rng(seed).permutation(np.unique(data.groups))
    predicted = np.empty(len(data))
    for part in np.array_split(points, folds):
        held = np.isin(data.groups, part)
        coefficients, _, _ = _least_squares(data.part(~held))
        law = _law("", coefficients, list(data.predictors))
        predicted[held] = law.predict(data.part(held).predictors)
    return predicted


def _law(name: str, coefficients: Floats, predictors: Sequence[str]) -> PowerLaw:
    exponents = dict(zip(predictors, map(float, coefficients[1:]), strict=True))
    return PowerLaw(name, math.exp(coefficients[0]), exponents)


def _least_squares(data: Observations) -> tuple[Floats, Floats, int]:
    """Coefficients of the logarithms, their variances, and degrees of freedom."""
    columns = [np.ones(len(data)), *(np.log(values) for values in data.predictors.values())]
    matrix = np.stack(columns, axis=1)
    _check_determined(matrix[:, 1:], list(data.predictors))
    inverse = np.linalg.inv(matrix.T @ matrix)
    response = np.log(data.response)
    coefficients = inverse @ (matrix.T @ response)
    residual = response - matrix @ coefficients
    rows, count = matrix.shape
    groups = np.unique(data.groups)
    if groups.size == rows:
        variance = float(residual @ residual) / (rows - count)
        return coefficients, variance * np.diag(inverse), rows - count
    scores = np.stack(
        [matrix[data.groups == one].T @ residual[data.groups == one] for one in groups]
    )
    factor = groups.size * (rows - 1) / ((groups.size - 1) * (rows - count))
    robust = factor * inverse @ (scores.T @ scores) @ inverse
    return coefficients, np.diag(robust), groups.size - 1


def _check_determined(logs: Floats, names: Sequence[str]) -> None:
    spread = logs.std(axis=0)
    for name, one in zip(names, spread, strict=True):
        if not one > _SINGULAR:
            raise InputError(f"{name} does not vary; vary more, or leave it out")
    if np.linalg.svd((logs - logs.mean(axis=0)) / spread, compute_uv=False)[-1] < _SINGULAR:
        raise InputError(
            f"{', '.join(names)} do not vary independently; vary more parameters, or relate fewer"
        )
