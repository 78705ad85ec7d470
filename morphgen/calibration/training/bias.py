"""What a soft threshold does to coverage functions: its bias, known without sampling.

For a smoothed indicator s of a field of correlation rho,

    E[s(X) s(X')] = sum_m c_m^2 rho^m        (Gaussian: Hermite polynomials; Mehler 1866)
    E[s(Y) s(Y')] = sum_m c_m^2 rho^(2 m)    (chi-square: Laguerre polynomials; Kibble 1941)

with the coefficients c_m of s in the polynomials that are orthonormal under the field's law. The
probit on a Gaussian field needs no series: it is a hard threshold a / sqrt(1 + tau^2) at the
correlation rho / (1 + tau^2) (THEORY 5).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.special

from morphgen.calibration.objective import FieldLaw, coverage_rows
from morphgen.calibration.problem import Problem
from morphgen.calibration.training.soft import LOGISTIC_SLOPE

_TERMS = 400
_NODES = 4001


@dataclass(frozen=True, eq=False)
class SoftSet:
    """Mean and joint expectation of a smoothed indicator.

    Attributes
    ----------
    probability : float
        E[s], the soft counterpart of the excursion set's probability.
    squares : ndarray, shape (M,)
        c_m^2 for m = 0, 1, ...
    even : bool
        Whether the series is one in rho^2.
    remainder : float
        E[s^2] less the sum of the squares: at a correlation rho the truncation errs by at most
        this times |rho|^M (or rho^(2M)).
    """

    probability: float
    squares: np.ndarray
    even: bool
    remainder: float

    def joint(self, correlation: np.ndarray) -> np.ndarray:
        """E[s s'] at correlations, of their shape."""
        power = correlation**2 if self.even else correlation
        return np.asarray(np.polynomial.polynomial.polyval(power, self.squares))


def soft_set(
    law: FieldLaw, probability: float, width: float, smoothing: str, *, terms: int = _TERMS
) -> SoftSet:
    """Expand the smoothed indicator of an excursion set.

    Parameters
    ----------
    law : FieldLaw
        Law and side.
    probability : float
        Probability of the hard excursion set.
    width : float
        Width of the step, on X for a Gaussian field and on sqrt(Y) for a chi-square one.
    smoothing : {"probit", "logistic"}
        Form of the step.
    terms : int
        Terms of the series.
    """
    threshold = law.threshold(probability)
    degrees = law.law.components
    if law.law.squared:
        nodes = np.linspace(0.0, math.sqrt(degrees) + 10.0, _NODES)
        margin = (nodes - math.sqrt(threshold)) / width
        weights = _chi_density(nodes, degrees)
        polynomials = _laguerre(0.5 * nodes**2, 0.5 * degrees)
    else:
        nodes = np.linspace(-10.0, 10.0, _NODES)
        margin = (nodes - threshold) / width
        weights = np.exp(-0.5 * nodes**2) / math.sqrt(2.0 * math.pi)
        polynomials = _hermite(nodes)
    weights = weights * _simpson(nodes)
    values = _step(-margin if law.below else margin, smoothing)
    columns = itertools.islice(polynomials, terms)
    squares = np.array([float(weights @ (values * column)) ** 2 for column in columns])
    remainder = float(weights @ values**2) - float(squares.sum())
    return SoftSet(float(weights @ values), squares, law.law.squared, max(0.0, remainder))


def soft_joint(
    law: FieldLaw, probability: float, correlation: np.ndarray, width: float, smoothing: str
) -> tuple[float, np.ndarray]:
    """E[s] and E[s s'] of a smoothed excursion set, in closed form where there is one."""
    if smoothing == "probit" and not law.law.squared:
        wider = 1.0 + width**2
        threshold = law.threshold(probability) / math.sqrt(wider)
        above = float(law.law.survival(threshold))
        softened = 1.0 - above if law.below else above
        return softened, law.joint(correlation / wider, softened)
    found = soft_set(law, probability, width, smoothing)
    return found.probability, found.joint(correlation)


def coverage_bias(
    problem: Problem, parameters: np.ndarray, width: float, smoothing: str
) -> np.ndarray:
    """C_ij with soft thresholds less C_ij with hard ones, shape (pairs, K).

    Straight-through thresholds are hard in value: their bias is zero.
    """
    if smoothing == "straight-through":
        return np.zeros_like(problem.rows)
    probabilities, joints = [], []
    members = zip(problem.laws, problem.parametrizations, problem.split(parameters), strict=True)
    for (law, member, piece), p in zip(members, problem.decisions(parameters), strict=True):
        soft, joint = soft_joint(law, p, member.correlation(piece)[0], width, smoothing)
        probabilities.append(soft)
        joints.append(joint)
    return np.asarray(coverage_rows(probabilities, joints) - problem.model_rows(parameters))


def _step(margin: np.ndarray, smoothing: str) -> np.ndarray:
    if smoothing == "logistic":
        return np.asarray(scipy.special.expit(LOGISTIC_SLOPE * margin))
    return np.asarray(scipy.special.ndtr(margin))


def _chi_density(radius: np.ndarray, degrees: int) -> np.ndarray:
    """Density of sqrt(Y) for a chi-square variable Y."""
    power = radius ** (degrees - 1) if degrees > 1 else np.ones_like(radius)
    scale = 2.0 ** (1.0 - 0.5 * degrees) / math.gamma(0.5 * degrees)
    return np.asarray(scale * power * np.exp(-0.5 * radius**2))


def _simpson(nodes: np.ndarray) -> np.ndarray:
    weights = np.full(nodes.size, 2.0)
    weights[1::2] = 4.0
    weights[[0, -1]] = 1.0
    return np.asarray(weights * (nodes[1] - nodes[0]) / 3.0)


def _hermite(x: np.ndarray) -> Iterator[np.ndarray]:
    """Hermite polynomials, orthonormal under the standard normal law."""
    before, last = np.zeros_like(x), np.ones_like(x)
    m = 0
    while True:
        yield last
        before, last = last, (x * last - math.sqrt(m) * before) / math.sqrt(m + 1)
        m += 1


def _laguerre(x: np.ndarray, alpha: float) -> Iterator[np.ndarray]:
    """Generalised Laguerre polynomials, orthonormal under the gamma law of shape ``alpha``."""
    before, last = np.zeros_like(x), np.ones_like(x)
    m = 0
    while True:
        yield last
        ahead = (2 * m + alpha - x) * last - math.sqrt(m * max(m + alpha - 1.0, 0.0)) * before
        before, last = last, ahead / math.sqrt((m + 1) * (m + alpha))
        m += 1
