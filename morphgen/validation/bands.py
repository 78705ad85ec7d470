"""Simultaneous bands: how far a specimen may lie from the mean of simulated ones.

Hundreds of points are compared at once, most of them strongly correlated (neighbouring lags,
C_ij and C_ij - p_i p_j). Sharing the level among them by Bonferroni would be safe, but needs
quantiles of about 5.4 standard deviations where 4 do: it would overlook models that are wrong.
The simulations themselves show how far the worst of all points strays: each of them is compared
with the others as the section is compared with all, and the worst deviation is kept. A rank test
of these maxima is exact but cannot reach a level below 1/(n + 1), 3 % for n = 32. Their
distribution is therefore taken as that of the largest of m independent Student variables, with
the effective number of points m estimated from the largest quarter of the maxima, and the band is
the predictive quantile, which includes the error of that estimate. On sections of 24 to 48
correlation lengths, compared with 16 to 99 simulations of the same model at a level of 1 %, 0.7 to
1.5 % did not pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from morphgen.errors import InputError

Floats = NDArray[np.float64]

# Chord length distributions and covariances of a section have heavier tails than normal, with an
# excess kurtosis of up to 2 at 24 correlation lengths. Student's with these degrees of freedom,
# combined with those of the spread, gives the rates in the docstring; the normal 2 to 4 %.
_TAIL_FREEDOM = 30.0

# a spread below this share of the values is rounding
_ROUNDING = 1e-9


@dataclass(frozen=True)
class FamilyLevel:
    """Distribution of the largest deviation among all points of a comparison.

    With U = -log F(M), F the distribution of |t| and M the largest of m independent |t|, U is
    exponential with rate m. From the k smallest of n values of U, their type-II censored total
    T = sum U_(i) + (n - k) U_(k) has 2 m T ~ chi-square(2k), whatever m, and hence
    P(U_new <= u) = 1 - (1 + u / T)^-k.

    Attributes
    ----------
    total : float
        T.
    used : int
        k, a quarter of the simulations.
    freedom : float
        Degrees of freedom of a deviation: 1 / (1 / (n - 2) + 1 / 30), for the spread that is
        estimated from n - 1 others and for tails that are heavier than normal.
    """

    total: float
    used: int
    freedom: float

    @property
    def effective_points(self) -> float:
        """Number m of independent points that would stray as far: k / T."""
        return self.used / self.total

    def critical(self, level: float) -> float:
        """Deviation that the worst of all points exceeds with a probability of ``level``."""
        rare = self.total * np.expm1(-np.log1p(-level) / self.used)
        return float(student.isf(-0.5 * np.expm1(-rare), self.freedom))

    def p_value(self, deviation: float) -> float:
        """Probability that the worst of all points strays at least as far."""
        if deviation <= 0.0:
            return 1.0
        rare = _rareness(np.asarray(deviation), self.freedom)
        return float(-np.expm1(-self.used * np.log1p(rare / self.total)))


@dataclass(frozen=True, eq=False)
class Bands:
    """Deviations of P observed values from n simulated ones, with a band for all of them.

    Attributes
    ----------
    mean, sd : arrays, shape (P,)
        Mean and standard deviation over the simulations.
    scale : array, shape (P,)
        Standard deviation of observed - mean: sqrt(sd^2 + resolution^2) times
        sqrt(1 + 1/n + calibration_share).
    z : array, shape (P,)
        (observed - mean) / scale; NaN where a point is not judged.
    judged : array of bool, shape (P,)
        False where a value is missing or the simulations do not vary.
    family : FamilyLevel
        Distribution of the largest deviation.
    """

    mean: Floats
    sd: Floats
    scale: Floats
    z: Floats
    judged: NDArray[np.bool_]
    family: FamilyLevel

    def part(self, points: slice) -> Bands:
        """The same for some of the points, in the family of all."""
        return Bands(
            self.mean[points],
            self.sd[points],
            self.scale[points],
            self.z[points],
            self.judged[points],
            self.family,
        )


def simultaneous_bands(
    simulated: Floats,
    observed: Floats,
    calibration_share: float | Floats,
    resolution: float | Floats = 0.0,
    levelled: Sequence[slice] = (),
) -> Bands:
    """Compare observed values with simulated ones at all points together.

    Parameters
    ----------
    simulated : array, shape (n, P)
        Values of each of n independent simulations, at least 4.
    observed : array, shape (P,)
        Values of the specimen.
    calibration_share : float, or array of shape (P,)
        Variance of the model's own error from the sections that it was calibrated on, in units of
        the variance between specimens like the observed one.
    resolution : float, or array of shape (P,)
        Standard deviation that is added to the scatter of the simulations. With it, points at
        which all simulations agree are judged as well.
    levelled : sequence of slice
        Curves whose points all count with the largest scatter among them, so that their bands are
        of one width.

    Returns
    -------
    Bands
        Deviations, and the distribution of the largest of them.

    Raises
    ------
    InputError
        If no point can be judged.

    References
    ----------
    Westfall and Young, *Resampling-Based Multiple Testing* (1993), for the largest deviation of
    simulations; Lawless, *Statistical Models and Methods for Lifetime Data* (2003), section 4.1,
    for the censored exponential.
    """
    n = simulated.shape[0]
    # bins without any pair are NaN throughout, which is no reason for a warning
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = simulated.mean(axis=0)
        sd = simulated.std(axis=0, ddof=1)
        floor = np.broadcast_to(np.asarray(resolution, dtype=np.float64), mean.shape)
        varies = _varies(simulated, mean) | (floor > 0.0)
        judged = np.isfinite(mean) & np.isfinite(observed) & varies
        spread = _level(np.sqrt(sd**2 + floor**2)[None], levelled)[0]
        scale = spread * np.sqrt(1.0 + 1.0 / n + calibration_share)
        z = np.where(judged, (observed - mean) / np.where(judged, scale, 1.0), np.nan)
        if not judged.any():
            raise InputError(
                "nothing can be judged: what was measured does not vary, or is missing; compare "
                "larger images"
            )
        deviations = left_out(simulated, floor, levelled)[:, judged]
    return Bands(mean, sd, scale, z, judged, family_level(deviations))


def family_level(deviations: Floats) -> FamilyLevel:
    """Distribution of the largest deviation of a new specimen, from those of simulations.

    Parameters
    ----------
    deviations : array, shape (n, P)
        Deviation of each simulation from the others at each point, in standard deviations.

    Returns
    -------
    FamilyLevel
    """
    n = deviations.shape[0]
    largest = np.max(np.abs(deviations), axis=1)
    freedom = 1.0 / (1.0 / (n - 2) + 1.0 / _TAIL_FREEDOM)
    rare = np.sort(_rareness(largest, freedom))
    used = (n + 3) // 4
    return FamilyLevel(float(rare[:used].sum() + (n - used) * rare[used - 1]), used, freedom)


def left_out(
    simulated: Floats, resolution: float | Floats = 0.0, levelled: Sequence[slice] = ()
) -> Floats:
    """Deviation of each simulation from the others, in standard deviations of the difference.

    Parameters
    ----------
    simulated, resolution, levelled
        As for `simultaneous_bands`.

    Returns
    -------
    array, shape (n, P)
    """
    n = simulated.shape[0]
    residual = simulated - simulated.mean(axis=0)
    spread = _level(np.sqrt(_spread_of_others(residual) ** 2 + np.square(resolution)), levelled)
    # x - mean of the others = residual n / (n - 1), of variance sd^2 (1 + 1/(n - 1))
    deviation: Floats = residual * np.sqrt(n / (n - 1)) / spread
    return deviation


def _level(spread: Floats, levelled: Sequence[slice]) -> Floats:
    """The same with the largest spread of each of these curves at all its points."""
    found = spread.copy()
    for curve in levelled:
        if not np.isnan(spread[:, curve]).all():
            found[:, curve] = np.nanmax(spread[:, curve], axis=1, keepdims=True)
    return found


def _spread_of_others(residual: Floats) -> Floats:
    n = residual.shape[0]
    squares = np.sum(residual**2, axis=0) - residual**2 * (n / (n - 1))
    spread: Floats = np.sqrt(np.clip(squares, 0.0, None) / (n - 2))
    return spread


def _varies(simulated: Floats, mean: Floats) -> NDArray[np.bool_]:
    """Whether the simulations differ at a point, also when any one of them is left out."""
    others = _spread_of_others(simulated - mean).min(axis=0)
    varies: NDArray[np.bool_] = others > _ROUNDING * (np.abs(mean) + 1e-300)
    return varies


def _rareness(deviation: Floats, freedom: float) -> Floats:
    """-log P(|t| <= deviation): small for large deviations."""
    rare: Floats = -np.log1p(-2.0 * student.sf(deviation, freedom))
    return rare
