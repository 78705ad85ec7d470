"""Marginal laws of stationary fields, and how often two points exceed a threshold together.

Thresholds and correlations may be Python floats or arrays of any backend; given torch tensors,
every result is differentiable in both.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np
import scipy.special

from morphgen._array_api import (
    Array,
    asarray_like,
    check_eager,
    gauss_legendre,
    is_numpy,
    namespace,
)
from morphgen.errors import ModelError

_NODES = 32
_MAX_DEGREES_OF_FREEDOM = 64


class EulerDensities(NamedTuple):
    """Euler-characteristic densities of an isotropic excursion set, per unit of volume.

    ``r1`` is a quarter of the specific surface area, ``r2`` the Euler number per area of a plane
    section, ``r3`` the Euler number per volume (Adler and Taylor 2007; THEORY 6).
    """

    r1: Any
    r2: Any
    r3: Any


def angle(correlation: Array) -> Array:
    """Correlation angle arccos(rho), accurate where rho is close to 1."""
    xp = namespace(correlation)
    # rounding may carry a correlation past 1
    return 2.0 * xp.asin(xp.sqrt(xp.clip((1.0 - correlation) / 2.0, 0.0, 1.0)))


def normal_survival(threshold: Any) -> Any:
    """Probability that a standard normal variable is at least ``threshold``.

    For arrays of other libraries than NumPy by quadrature of the density over [0, threshold], with
    an absolute error below 1e-14: the standard has no such function, and this one is
    differentiable.
    """
    if isinstance(threshold, (int, float)):
        return 0.5 * math.erfc(threshold / math.sqrt(2.0))
    xp = namespace(threshold)
    if is_numpy(xp):
        return scipy.special.ndtr(-threshold)
    bounded = xp.clip(threshold, -9.0, 9.0)
    nodes, weights = (asarray_like(part, threshold) for part in gauss_legendre(64))
    total = xp.sum(weights * xp.exp(-0.5 * (bounded[..., None] * nodes) ** 2), axis=-1)
    return 0.5 - bounded / math.sqrt(2.0 * math.pi) * total


@dataclass(frozen=True)
class Gaussian:
    """The field is Z itself: a standard Gaussian field with correlation rho."""

    type: Literal["gaussian"] = "gaussian"

    @property
    def components(self) -> int:
        """Number of independent Gaussian fields that the field is made of."""
        return 1

    @property
    def squared(self) -> bool:
        """Whether the components are squared before they are added."""
        return False

    @property
    def name(self) -> str:
        """Name on the command line."""
        return "gaussian"

    def combine(self, components: Iterable[Array]) -> Array:
        """Field values from the values of its Gaussian components."""
        return next(iter(components))

    def survival(self, threshold: Any) -> Any:
        """P(X >= threshold)."""
        return normal_survival(threshold)

    def threshold(self, probability: float) -> float:
        """Threshold that is exceeded with the given probability."""
        return float(-scipy.special.ndtri(probability))

    def density(self, threshold: float) -> float:
        """Probability density at a threshold."""
        return math.exp(-0.5 * threshold**2) / math.sqrt(2.0 * math.pi)

    def joint_exceedance(self, correlation: Array, threshold: Any) -> Array:
        """P(X(0) >= a, X(h) >= a) for rho(h) = ``correlation``.

        C = p - (1/2pi) int_0^psi exp(-a^2 / (1 + cos s)) ds with psi = arccos(rho)
        (Plackett 1954), which is p - 2 T(a, tan(psi/2)) with Owen's T function (Owen 1956).

        Parameters
        ----------
        correlation : array
            Correlations in [-1, 1], any shape. The derivatives at -1 and 1 are infinite.
        threshold : float or 0-d array
            The threshold a.

        Returns
        -------
        array
            Of the shape of ``correlation``; absolute error below 1e-11.
        """
        return _gaussian_joint(angle(correlation), threshold)

    def joint_slope(self, psi: Array, threshold: float) -> Array:
        """Rate -dC/dpsi at which the joint exceedance falls with the correlation angle."""
        # 1 / (1 + cos psi) without a division by zero at pi
        steepness = 0.5 * (1.0 + namespace(psi).tan(0.5 * psi) ** 2)
        return _exp(-(threshold**2) * steepness) / (2.0 * math.pi)

    def euler_densities(self, threshold: Any, gradient_variance: Any) -> EulerDensities:
        """Euler densities of {X >= u} for lambda = ``gradient_variance`` = -rho''(0)."""
        u, root = threshold, gradient_variance**0.5
        bell = _exp(-0.5 * u**2)
        return EulerDensities(
            root * bell / (2.0 * math.pi),
            root**2 * u * bell / (2.0 * math.pi) ** 1.5,
            root**3 * (u**2 - 1.0) * bell / (2.0 * math.pi) ** 2,
        )

    def surface_factor(self, threshold: float) -> float:
        """Specific surface area of {X >= u} divided by E|grad X|."""
        return self.density(threshold)


@dataclass(frozen=True)
class ChiSquare:
    """The field is Y = Z_1^2 + ... + Z_n^2, for n independent copies of Z.

    Only rho^2 enters its joint laws: the sign of the correlation cannot be seen.
    """

    degrees_of_freedom: int
    type: Literal["chi_square"] = "chi_square"

    def __post_init__(self) -> None:
        if not 1 <= self.degrees_of_freedom <= _MAX_DEGREES_OF_FREEDOM:
            raise ModelError(
                f"{self.degrees_of_freedom} degrees of freedom: expected 1 to "
                f"{_MAX_DEGREES_OF_FREEDOM}"
            )

    @property
    def components(self) -> int:
        """Number of independent Gaussian fields that the field is made of."""
        return self.degrees_of_freedom

    @property
    def squared(self) -> bool:
        """Whether the components are squared before they are added."""
        return True

    @property
    def name(self) -> str:
        """Name on the command line."""
        return f"chi2:{self.degrees_of_freedom}"

    def combine(self, components: Iterable[Array]) -> Array:
        """Field values from the values of its Gaussian components, taken one at a time."""
        remaining = iter(components)
        total = next(remaining) ** 2
        for component in remaining:
            total += component * component
            # or it would live on while the next one is computed
            del component
        return total

    def survival(self, threshold: Any) -> Any:
        """P(Y >= threshold)."""
        u = _host(threshold)
        value = float(scipy.special.gammaincc(0.5 * self.degrees_of_freedom, 0.5 * u))
        return _first_order(value, -self.density(u), threshold)

    def threshold(self, probability: float) -> float:
        """Threshold that is exceeded with the given probability."""
        return float(2.0 * scipy.special.gammainccinv(0.5 * self.degrees_of_freedom, probability))

    def density(self, threshold: float) -> float:
        """Probability density at a threshold."""
        half = 0.5 * self.degrees_of_freedom
        return (
            math.exp((half - 1.0) * math.log(0.5 * threshold) - 0.5 * threshold - math.lgamma(half))
            / 2.0
        )

    def joint_exceedance(self, correlation: Array, threshold: Any) -> Array:
        """P(Y(0) >= u, Y(h) >= u) for components of correlation rho(h) = ``correlation``.

        The bivariate gamma law of Kibble (1941). One degree of freedom reduces to the bivariate
        normal law; otherwise C = q - int_0^psi g(s) ds (THEORY 4) is evaluated through a
        Chebyshev series in psi = arccos|rho|, built once for (n, u) in float64.

        Parameters
        ----------
        correlation : array
            Correlations in [-1, 1], any shape. The derivative at +-1 is infinite.
        threshold : float or 0-d array
            The threshold u > 0. The value of an array is read on the host to build the series;
            first derivatives in it are exact, second ones are not supported.

        Returns
        -------
        array
            Of the shape of ``correlation``; absolute error below 1e-11.
        """
        psi = angle(namespace(correlation).abs(correlation))
        if self.degrees_of_freedom == 1:
            root = threshold**0.5
            return 2.0 * (_gaussian_joint(psi, root) + _gaussian_joint(math.pi - psi, root))
        series = _chi_square_series(self.degrees_of_freedom, _host(threshold))
        value = _clenshaw(series.joint, psi)
        if isinstance(threshold, (int, float)):
            return value
        return _first_order(value, _clenshaw(series.threshold_slope, psi), threshold)

    def joint_slope(self, psi: Array, threshold: float) -> Array:
        """Rate -dC/dpsi at which the joint exceedance falls with the correlation angle."""
        if self.degrees_of_freedom == 1:
            normal, root = Gaussian(), math.sqrt(threshold)
            return 2.0 * (normal.joint_slope(psi, root) - normal.joint_slope(math.pi - psi, root))
        series = _chi_square_series(self.degrees_of_freedom, threshold)
        return _clenshaw(series.angle_slope, psi)

    def euler_densities(self, threshold: Any, gradient_variance: Any) -> EulerDensities:
        """Euler densities of {Y >= u} for lambda = ``gradient_variance`` of one component."""
        u, n, root = threshold, self.degrees_of_freedom, gradient_variance**0.5
        scale = _exp(-0.5 * u) / (2.0 ** (0.5 * (n - 2)) * math.gamma(0.5 * n))
        cubic = u**2 - (2 * n - 1) * u + (n - 1) * (n - 2)
        return EulerDensities(
            root * u ** (0.5 * (n - 1)) * scale / math.sqrt(2.0 * math.pi),
            root**2 * u ** (0.5 * (n - 2)) * (u - n + 1) * scale / (2.0 * math.pi),
            root**3 * u ** (0.5 * (n - 3)) * cubic * scale / (2.0 * math.pi) ** 1.5,
        )

    def surface_factor(self, threshold: float) -> float:
        """Specific surface area of {Y >= u} divided by E|grad Z|."""
        return 2.0 * math.sqrt(threshold) * self.density(threshold)


Law = Gaussian | ChiSquare


def parse_law(text: str) -> tuple[Law, bool]:
    """Read ``gaussian``, ``chi2:N`` or either with ``:below``; returns (law, below).

    Raises
    ------
    ModelError
        If the text names no law.
    """
    parts = text.strip().lower().split(":")
    below = parts[-1] == "below"
    parts = parts[:-1] if below else parts
    if parts == ["gaussian"]:
        return Gaussian(), below
    if len(parts) == 2 and parts[0] == "chi2" and parts[1].isdecimal():
        return ChiSquare(int(parts[1])), below
    raise ModelError(
        f"'{text}' is not a field law; expected gaussian or chi2:N (N degrees of freedom), "
        "with :below for a lower excursion set"
    )


def correlation_angle(law: Law, joint: Array, threshold: float) -> Array:
    """Correlation angle psi in [0, pi/2] at which the joint exceedance takes given values.

    Newton steps in psi, where the map is almost straight; in rho it has a square-root
    singularity at 1 (THEORY 3). Joint probabilities outside [p^2, p] give the nearer end.

    Parameters
    ----------
    law : Law
        The law of the field.
    joint : array
        Joint exceedance probabilities, any shape, host or device.
    threshold : float
        The threshold.
    """
    xp = namespace(joint)
    check_eager(xp, "the inversion of a joint probability")
    p = law.survival(float(threshold))
    psi = xp.clip(0.5 * math.pi * (p - joint) / (p - p * p), 0.0, 0.5 * math.pi)
    for _ in range(8):
        excess = law.joint_exceedance(xp.cos(psi), threshold) - joint
        slope = law.joint_slope(psi, threshold)
        # the chi-square slope vanishes at pi/2: bound the step there
        step = xp.clip(excess / xp.clip(slope, 1e-12, math.inf), -0.5, 0.5)
        psi = xp.clip(psi + step, 0.0, 0.5 * math.pi)
    return psi


def _exp(value: Any) -> Any:
    return math.exp(value) if isinstance(value, (int, float)) else namespace(value).exp(value)


def _host(threshold: Any) -> float:
    detached = threshold.detach() if hasattr(threshold, "detach") else threshold
    return float(detached)


def _first_order(value: Any, slope: Any, threshold: Any) -> Any:
    """Attach the derivative of a value to the threshold it was computed at; adds exactly zero."""
    if isinstance(threshold, (int, float)):
        return value
    return value + slope * (threshold - _host(threshold))


def _gaussian_joint(psi: Array, threshold: Any) -> Array:
    """P(X >= a, X' >= a) = Q(a) - 2 T(a, tan(psi/2)), with Owen's T function."""
    xp = namespace(psi)
    slope = xp.tan(0.5 * psi)
    steep = slope > 1.0
    h = abs(threshold) * xp.ones_like(psi)
    inverse = 1.0 / xp.where(steep, slope, xp.ones_like(psi))
    near = _owen(xp.where(steep, h * slope, h), xp.where(steep, inverse, slope))
    # T(h, b) + T(hb, 1/b) = (Q(h) + Q(hb)) / 2 - Q(h) Q(hb) keeps the integral on [0, 1]
    p, far = normal_survival(h), normal_survival(h * slope)
    owen = xp.where(steep, 0.5 * (p + far) - p * far - near, near)
    return normal_survival(threshold) - 2.0 * owen


def _owen(h: Array, b: Array) -> Array:
    """Owen's T(h, b) for 0 <= b <= 1, by Gauss-Legendre quadrature (Owen 1956)."""
    xp = namespace(h)
    nodes, weights = (asarray_like(part, h) for part in gauss_legendre(_NODES))
    spread = 1.0 + (b[..., None] * nodes) ** 2
    total = xp.sum(weights * xp.exp(-0.5 * h[..., None] ** 2 * spread) / spread, axis=-1)
    return b * total / (2.0 * math.pi)


class _Series(NamedTuple):
    """Chebyshev coefficients in psi on [0, pi/2]."""

    joint: tuple[float, ...]
    angle_slope: tuple[float, ...]
    threshold_slope: tuple[float, ...]


@lru_cache(maxsize=64)
def _chi_square_series(n: int, u: float) -> _Series:
    for size in (48, 96, 192, 384):
        psi = 0.25 * math.pi * (1.0 + np.cos(math.pi * (np.arange(size) + 0.5) / size))
        joint, threshold_slope = _chi_square_joint(n, u, psi)
        columns = [joint, _chi_square_slopes(n, u, psi)[0], threshold_slope]
        series = [scipy.fft.dct(column, type=2) / size for column in columns]
        if max(np.abs(column[-4:]).max() for column in series) < 1e-13:
            break
    return _Series(*(_trimmed(column) for column in series))


def _trimmed(column: np.ndarray) -> tuple[float, ...]:
    column[0] *= 0.5
    kept = np.flatnonzero(np.abs(column) > 1e-14)
    return tuple(column[: kept[-1] + 1].tolist()) if kept.size else (0.0,)


def _chi_square_joint(n: int, u: float, psi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Joint exceedance and its derivative in u, by integrating g(s) and dg/du over the angle."""
    q = float(scipy.special.gammaincc(0.5 * n, 0.5 * u))
    dq = -ChiSquare(n).density(u)
    near = psi < 0.25 * math.pi
    start = np.where(near, 0.0, 0.5 * math.pi)
    nodes, weights = gauss_legendre(64)
    slope, derivative = _chi_square_slopes(n, u, start[:, None] + (psi - start)[:, None] * nodes)
    joint = np.where(near, q, q * q) - (psi - start) * (slope @ weights)
    return joint, np.where(near, dq, 2.0 * q * dq) - (psi - start) * (derivative @ weights)


def _chi_square_slopes(n: int, u: float, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slope g(s) of THEORY 4 and its derivative in u, for angles inside (0, pi/2)."""
    alpha, x = 0.5 * n, 0.5 * u
    cosine, sine = np.cos(s), np.sin(s)
    bessel, elasticity = _scaled_bessel(alpha, 2.0 * x * cosine / sine**2)
    scale = np.exp(alpha * math.log(x) - 2.0 * x / (1.0 + cosine) - math.lgamma(alpha))
    slope = 2.0 / sine * cosine ** (1.0 - alpha) * scale * bessel
    return slope, slope * (0.5 * (alpha + elasticity) / x - 1.0 / (1.0 + cosine))


def _scaled_bessel(order: float, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return w(z) = exp(-z) I_order(z) and its elasticity z w'(z) / w(z), for z > 0."""
    large = z > 1e4
    moderate = np.where(large, 1.0, z)
    value = scipy.special.ive(order, moderate)
    elasticity = order + moderate * (scipy.special.ive(order + 1.0, moderate) / value - 1.0)
    # asymptotic series in 1 / (8 z), from which scipy's values drift beyond 1e4
    eighth = 1.0 / (8.0 * np.where(large, z, 1e4))
    term, series, weighted = np.ones_like(z), np.ones_like(z), np.zeros_like(z)
    for k in range(1, 9):
        term = -term * (4.0 * order**2 - (2 * k - 1) ** 2) * eighth / k
        series, weighted = series + term, weighted + k * term
    return (
        np.where(large, series * np.sqrt(4.0 * eighth / math.pi), value),
        np.where(large, -0.5 - weighted / series, elasticity),
    )


def _clenshaw(coefficients: tuple[float, ...], psi: Array) -> Array:
    t = psi * (4.0 / math.pi) - 1.0
    last = 0.0 * t
    before = 0.0 * t
    for coefficient in reversed(coefficients[1:]):
        last, before = coefficient + 2.0 * t * last - before, last
    return coefficients[0] + t * last - before
