"""Two-point coverage of two correlated fields, by integration over the strength of correlation.

Four variables count: the Gaussian components X, Y of both fields at points 0 and h, with the
correlations rho_X(h), rho_Y(h), c(0) of X and Y at one point, and c(h) at two. Let t in [0, 1]
scale both cross-correlations. At t = 0 the fields are independent and every probability is a
product; and by the theorem of Price (1958; for orthants Plackett 1954) the derivative of a
probability in a correlation is, summed over the steps of the two indicators concerned, the density
of the two variables at the steps times the probability of the others given these. For each pair,
t rho = sin s makes the density smooth however strong the correlation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import scipy.optimize

from morphgen._array_api import Array, asarray_like, gauss_legendre, namespace
from morphgen.fields.laws import Law
from morphgen.fields.orthants import Steps, both_probability, steps

_NODES = 12
# least conditional variance: the limit of lag 0 is smooth
_FINEST = 1e-12


@dataclass(frozen=True)
class Correlations:
    """Correlations of two fields at some lags.

    Attributes
    ----------
    first, second : arrays of one backend and shape
        Correlations rho_X(h) and rho_Y(h) of each field with itself.
    cross : array of the same shape
        Correlation c(h) of one field with the other, at the same lags.
    cross_at_zero : float
        Correlation c(0) of the fields at one point.
    """

    first: Array
    second: Array
    cross: Array
    cross_at_zero: float


def fractions(first: Steps, second: Steps, cross: float) -> list[float]:
    """Fractions of three phases in the order of decision.

    Parameters
    ----------
    first, second : Steps
        Excursion sets of the components X and Y.
    cross : float
        Correlation c(0) of X and Y at one point.
    """
    p = float(first.probability())
    q = float(both_probability(first.complement, second, cross))
    return [p, q, 1.0 - p - q]


def second_probability(
    first: Steps, law: Law, share: float, cross: float, *, below: bool = False
) -> float:
    """Probability of a second field's set that leaves a phase its fraction.

    Solves P(X not in A, Y in B) = ``share`` for P(Y in B).

    Parameters
    ----------
    first : Steps
        Excursion set A of the component X.
    law : Law
        Law of the second field, of one component Y.
    share : float
        Fraction of the second phase, 1e-6 at least and less than what the first leaves.
    cross : float
        Correlation c(0) of X and Y at one point.
    below : bool
        Whether B is the lower excursion set.
    """

    def excess(probability: float) -> float:
        above = 1.0 - probability if below else probability
        second = steps(law, law.threshold(above), below=below)
        return float(both_probability(first.complement, second, cross)) - share

    return float(scipy.optimize.brentq(excess, 1e-9, 1.0 - 1e-9, xtol=1e-14))


def coverage(
    first: Steps, second: Steps, joints: tuple[Array, Array], rho: Correlations
) -> list[list[Array]]:
    """C_ij of three phases in the order of decision.

    Parameters
    ----------
    first, second : Steps
        Excursion sets A and B of the components X and Y.
    joints : tuple of 2 arrays
        P(X(0) in A, X(h) in A) and P(Y(0) in B, Y(h) in B).
    rho : Correlations
        Correlations at the lags.

    Returns
    -------
    list of 3 lists of 3 arrays
        Absolute error below 1e-9 for cross-correlations up to .9 in size.

    Notes
    -----
    C_12 = P(X(0) in A, X(h) not in A, Y(h) in B) and C_22 = P(X(0), X(h) not in A, Y(0), Y(h) in B)
    are integrated; the rest follows from the sums over j, which are the fractions.
    """
    p, q, rest = fractions(first, second, rho.cross_at_zero)
    mixed, both = _mixed(first, second, joints, rho), _both(first, second, joints, rho)
    to_third = p - joints[0] - mixed
    from_second = q - mixed - both
    return [
        [joints[0], mixed, to_third],
        [mixed, both, from_second],
        [to_third, from_second, rest - to_third - from_second],
    ]


def interfaces(first: Steps, second: Steps, gradients: Sequence[float], cross: float) -> np.ndarray:
    """Interface areas per volume of three phases in the order of decision, above the diagonal.

    At one point a field's gradient is independent of both fields, since the cross-correlation is
    even. By Rice's formula, with phi the normal density and sums over the steps x, y of A and B,
    S_12 = E|grad X| sum phi(x) P(Y in B | X = x), S_13 likewise with Y not in B, and
    S_23 = E|grad Y| sum phi(y) P(X not in A | Y = y).

    Parameters
    ----------
    first, second : Steps
        Excursion sets A and B.
    gradients : sequence of 2 floats
        E|grad X| and E|grad Y|.
    cross : float
        Correlation c(0) of X and Y at one point.

    Returns
    -------
    ndarray, shape (3, 3)
    """
    deviation = math.sqrt(1.0 - cross**2)

    def seen(own: Steps, other: Steps) -> float:
        return sum(_density(x) * float(other.probability(cross * x, deviation)) for x in own.places)

    table = np.zeros((3, 3))
    table[0, 1] = gradients[0] * seen(first, second)
    table[0, 2] = gradients[0] * seen(first, second.complement)
    table[1, 2] = gradients[1] * seen(second, first.complement)
    return table


def crossing_length(
    first: Steps, second: Steps, variances: Sequence[float], covariance: float, cross: float
) -> float:
    """Length per volume of the lines in which the surfaces of two isotropic fields meet.

    E|grad X x grad Y| sum phi_2(x, y; c(0)) over the steps. The gradients have variances l_X, l_Y
    and the covariance m in each direction: grad Y is a multiple of grad X and an independent rest,
    and E|grad X x grad Y| = 2 sqrt(l_X l_Y - m^2).

    Parameters
    ----------
    first, second : Steps
        Excursion sets.
    variances : sequence of 2 floats
        l_X and l_Y.
    covariance : float
        m = -c''(0).
    cross : float
        Correlation c(0) of the fields at one point.
    """
    if not all(math.isfinite(value) for value in (*variances, covariance)):
        return math.inf
    spread = 1.0 - cross**2
    density = sum(
        _density(x) * _density((y - cross * x) / math.sqrt(spread)) / math.sqrt(spread)
        for x in first.places
        for y in second.places
    )
    return 2.0 * math.sqrt(variances[0] * variances[1] - covariance**2) * density


def _mixed(first: Steps, second: Steps, joints: tuple[Array, Array], rho: Correlations) -> Array:
    """C_12, of which X(0), X(h) and Y(h) decide."""
    near, far = _paths(rho)
    outside = first.complement
    product = (first.probability() - joints[0]) * second.probability()
    with_x0 = _integral(far, first, second, lambda x, y: far.first(x, y, outside))
    with_xh = _integral(near, outside, second, lambda x, y: near.first(x, y, first))
    return product + with_x0 + with_xh


def _both(first: Steps, second: Steps, joints: tuple[Array, Array], rho: Correlations) -> Array:
    """C_22, of which all four variables decide."""
    outside = first.complement
    total = (1.0 - 2.0 * first.probability() + joints[0]) * joints[1]
    for path in _paths(rho):
        rest = partial(path.both, first=outside, second=second)
        # two pairs of variables have this correlation
        total = total + 2.0 * _integral(path, outside, second, rest)
    return total


def _paths(rho: Correlations) -> tuple[_Path, _Path]:
    """Ways for X and Y that are fixed at one point, and at two."""
    zero = rho.cross_at_zero + namespace(rho.cross).zeros_like(rho.cross)
    own = (rho.first[..., None], rho.second[..., None])
    return _path(zero, rho.cross, own), _path(rho.cross, zero, own)


def _density(x: float) -> float:
    return math.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)


@dataclass(frozen=True, eq=False)
class _Path:
    """The way from independence, for a pair of variables X, Y that are fixed at steps.

    The last axis of each array runs along the way, t from 0 to 1.

    Attributes
    ----------
    weight : array
        Weight of each node, in the angle s.
    sine : array
        Correlation of the fixed pair, t rho = sin s; also that of the two others.
    across : array
        Correlation of a fixed variable with the other one of the other field.
    own : tuple of 2 arrays
        Correlation of the fixed with the other variable of the same field.
    """

    weight: Array
    sine: Array
    across: Array
    own: tuple[Array, Array]

    def density(self, x: float, y: float) -> Array:
        """Density of the fixed variables, times the weights."""
        xp = namespace(self.sine)
        exponent = -0.5 * (x * x + y * y - 2.0 * x * y * self.sine) / (1.0 - self.sine**2)
        return self.weight * xp.exp(exponent) / (2.0 * math.pi)

    def first(self, x: float, y: float, within: Steps) -> Array:
        """Probability that the other X lies within a set, given X = x and Y = y."""
        return within.probability(*self._given(x, y, self.own[0]))

    def both(self, x: float, y: float, *, first: Steps, second: Steps) -> Array:
        """Probability that the other X and the other Y lie in sets, given X = x and Y = y."""
        means, deviations = zip(
            self._given(x, y, self.own[0]), self._given(y, x, self.own[1]), strict=True
        )
        a, b, r = self.own[0], self.own[1], self.sine
        explained = (a * self.across - r * (a * b + self.across**2) + self.across * b) / (1 - r**2)
        correlation = (r - explained) / (deviations[0] * deviations[1])
        bounded = namespace(r).clip(correlation, -1.0, 1.0)
        return both_probability(first, second, bounded, means, deviations)

    def _given(self, x: float, y: float, own: Array) -> tuple[Array, Array]:
        """Mean and deviation of the other variable of a field.

        ``x`` is the fixed value of its own field, ``y`` that of the other one.
        """
        r, across = self.sine, self.across
        rest = 1.0 - r**2
        mean = (own * (x - r * y) + across * (y - r * x)) / rest
        variance = 1.0 - (own**2 - 2.0 * r * own * across + across**2) / rest
        return mean, namespace(r).sqrt(namespace(r).clip(variance, _FINEST, 1.0))


def _path(rho: Array, other: Array, own: tuple[Array, Array]) -> _Path:
    """Nodes on the way to correlation ``rho`` of a pair, and ``other`` of the crossed pairs."""
    xp = namespace(rho)
    nodes, weights = (asarray_like(part, rho) for part in gauss_legendre(_NODES))
    angle = xp.asin(xp.clip(rho, -1.0, 1.0))[..., None]
    sine = xp.sin(angle * nodes)
    small = xp.abs(rho[..., None]) < 1e-8
    strength = xp.where(small, nodes, sine / xp.where(small, 1.0, rho[..., None]))
    return _Path(angle * weights, sine, strength * other[..., None], own)


def _integral(
    path: _Path, first: Steps, second: Steps, rest: Callable[[float, float], Array]
) -> Array:
    """Sum over the steps of two indicators, integrated along the way from independence."""
    total: Any = 0.0
    for x, x_sign in zip(first.places, first.signs, strict=True):
        for y, y_sign in zip(second.places, second.signs, strict=True):
            total = total + x_sign * y_sign * path.density(x, y) * rest(x, y)
    return namespace(path.sine).sum(total, axis=-1)
