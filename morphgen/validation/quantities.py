"""From readings to judged quantities: which points are compared, and what is said of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from morphgen.descriptors.catalogue import KINDS
from morphgen.descriptors.description import unit_of
from morphgen.descriptors.readings import Key, Reading
from morphgen.errors import InputError
from morphgen.validation.bands import Bands, Floats, simultaneous_bands
from morphgen.validation.comparison import Quantity
from morphgen.validation.measure import LAGGED, Readings, values_at
from morphgen.validation.specimens import Place
from morphgen.validation.verdicts import (
    difference_interval,
    one_sided,
    smallest_margin,
    unshown,
    verdict_of,
)

# Distributions are judged where the simulated mean lies between these shares of its largest value:
# what lies beyond are single chords or pores, whose number is far from normal.
SHARES = (0.05, 0.95)
CURVE_POINTS = 40

# A share of the scale that is added to the scatter of what sees a volume as a whole. It may be the
# same in all simulations (a phase that percolates in each of them) or nearly so, and no spread of
# 16 tells how rarely it is not.
RESOLUTION = 0.002

# numbers that are 0 for some microstructures that are not empty
SIGNED = ("euler_number", "section_euler_number")

Points = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Measured:
    """A specimen and its simulations, measured.

    Attributes
    ----------
    place : {"sections", "volume"}
        What it is.
    observed : dict
        Readings of the specimen.
    simulated : list of dict
        Readings of each simulation.
    share : float
        Variance of the model's error from its calibration, in units of the variance between such
        specimens.
    exact, shown : dict or None
        Closed forms, and values of a volume that is shown beside, at the observed arguments.
    """

    place: Place
    observed: Readings
    simulated: Sequence[Readings]
    share: float
    exact: Mapping[Key, Floats]
    shown: Mapping[Key, Floats] | None = None


@dataclass(frozen=True, eq=False)
class _Curve:
    """One reading with the points of it that are compared."""

    subject: Measured
    reading: Reading
    simulated: Floats
    points: Points

    @property
    def largest(self) -> float:
        """Largest value, observed or simulated on average, without its sign."""
        with np.errstate(invalid="ignore"):
            mean = np.abs(self.simulated.mean(axis=0))
        values = np.concatenate([np.abs(self.reading.values), mean])
        return float(np.max(values[np.isfinite(values)], initial=0.0))

    @property
    def resolution(self) -> float:
        """Standard deviation that is added to its scatter."""
        return 0.0 if KINDS[self.reading.key.kind].sums else RESOLUTION * self.largest

    @property
    def levelled(self) -> bool:
        """Whether its band is of one width.

        So are those of distributions that see a volume as a whole. Balls of nearly one size enter a
        phase everywhere in one simulation and nowhere in another: at the flanks of such curves
        single simulations stray by many standard deviations.
        """
        return self.reading.x is not None and not KINDS[self.reading.key.kind].sums

    @property
    def standard_error(self) -> Floats:
        """Own standard error of the compared points, NaN where it is not known."""
        own = self.reading.standard_error
        return np.full(self.points.size, np.nan) if own is None else own[self.points]


@dataclass(frozen=True)
class Rule:
    """What is judged, and how strictly.

    Attributes
    ----------
    level : float
        Probability that a true model leaves any band.
    margin : float
        Margin of equivalence, as a share of a quantity's scale.
    unit : str
        Unit of lengths.
    """

    level: float
    margin: float
    unit: str


def judge_all(subjects: Sequence[Measured], rule: Rule) -> tuple[Bands, tuple[Quantity, ...]]:
    """Judge every quantity of every specimen, in bands of one family.

    Parameters
    ----------
    subjects : sequence of Measured
        Specimens with equally many simulations.
    rule : Rule
        Level and margin.

    Returns
    -------
    Bands
        Of all points side by side.
    tuple of Quantity
        By decreasing deviation.

    Raises
    ------
    InputError
        If nothing was measured, or nothing can be judged.
    """
    curves = [
        curve
        for subject in subjects
        for reading in subject.observed.values()
        if (curve := _curve(subject, reading)).points.size
    ]
    if not curves:
        raise InputError("nothing was measured; ask for descriptors that such images have")
    sizes = [curve.points.size for curve in curves]
    ends = np.cumsum(sizes).tolist()
    places = [slice(end - size, end) for size, end in zip(sizes, ends, strict=True)]
    observed = np.concatenate([curve.reading.values[curve.points] for curve in curves])
    bands = simultaneous_bands(
        np.concatenate([curve.simulated[:, curve.points] for curve in curves], axis=1),
        observed,
        np.repeat([curve.subject.share for curve in curves], sizes),
        np.repeat([curve.resolution for curve in curves], sizes),
        [place for curve, place in zip(curves, places, strict=True) if curve.levelled],
    )
    found = [
        _quantity(curve, bands.part(place), scale, rule)
        for curve, place, scale in zip(curves, places, _scales(curves), strict=True)
    ]
    return bands, tuple(sorted(found, key=lambda one: -one.largest_deviation))


def _scales(curves: Sequence[_Curve]) -> list[float]:
    """What a margin is a share of: the largest value of each, but not of what crosses 0.

    A covariance C_ij - p_i p_j is at most sqrt(p_i (1 - p_i) p_j (1 - p_j)) (Cauchy and Schwarz),
    and the covariance of a phase with itself is p_i (1 - p_i) at lag 0. An Euler number may vanish
    for one phase and not for the others.
    """
    largest = {(curve.subject.place, curve.reading.key): curve.largest for curve in curves}
    return [_scale(curve, largest) for curve in curves]


def _scale(curve: _Curve, largest: Mapping[tuple[Place, Key], float]) -> float:
    key, place = curve.reading.key, curve.subject.place
    if key.kind == "covariance":
        own = [largest.get((place, key._replace(phases=(one, one))), 0.0) for one in key.phases]
        return max(curve.largest, math.sqrt(math.prod(own)))
    if key.kind in SIGNED:
        return max(
            value
            for (where, other), value in largest.items()
            if where == place and other.kind == key.kind
        )
    return curve.largest


def _curve(subject: Measured, reading: Reading) -> _Curve:
    missing = np.full(reading.values.shape, np.nan)
    simulated = np.array(
        [
            values_at(one[reading.key], reading.x) if reading.key in one else missing
            for one in subject.simulated
        ]
    )
    return _Curve(subject, reading, simulated, _points(reading, simulated))


def _points(reading: Reading, simulated: Floats) -> Points:
    """Points that are compared; not lag 0, which repeats the fractions."""
    if reading.x is None:
        return np.arange(reading.values.size)
    if reading.key.kind in LAGGED:
        return np.flatnonzero(reading.x > 0.0)
    mean = simulated.mean(axis=0)
    if not np.isfinite(mean).any():
        return np.zeros(1, dtype=np.intp)
    low, high = np.array(SHARES) * np.nanmax(mean)
    found = np.flatnonzero((mean >= low) & (mean <= high))
    if not found.size:
        return np.zeros(1, dtype=np.intp)
    count = min(found.size, CURVE_POINTS)
    return found[np.linspace(0, found.size - 1, count).round().astype(np.intp)]


def _quantity(curve: _Curve, bands: Bands, scale: float, rule: Rule) -> Quantity:
    key, at = curve.reading.key, curve.points
    observed = curve.reading.values[at]
    critical = bands.family.critical(rule.level)
    half = critical * bands.scale
    simulated = curve.simulated[:, at]
    worst = float(np.max(np.nan_to_num(np.abs(bands.z)), initial=0.0))
    if one_sided(simulated, observed):
        worst = math.inf
    count = len(curve.subject.simulated)
    interval = difference_interval(bands, observed, curve.standard_error, count)
    margin = smallest_margin(interval, scale)
    if unshown(bands, simulated, observed):
        margin = math.inf
    return Quantity(
        where=curve.subject.place,
        kind=key.kind,
        phases=key.phases,
        direction=key.direction,
        unit=unit_of(KINDS[key.kind].power, rule.unit),
        x=() if curve.reading.x is None else _floats(curve.reading.x[at]),
        observed=_floats(observed),
        standard_error=_floats(curve.standard_error),
        mean=_floats(bands.mean),
        sd=_floats(bands.sd),
        lower=_floats(bands.mean - half),
        upper=_floats(bands.mean + half),
        z=_floats(bands.z),
        difference_low=_floats(interval.low),
        difference_high=_floats(interval.high),
        judged=tuple(bool(one) for one in bands.judged),
        closed_form=_chosen(curve.subject.exact, key, at),
        shown=None if curve.subject.shown is None else _chosen(curve.subject.shown, key, at),
        scale=scale,
        smallest_margin=margin,
        largest_deviation=worst,
        p_value=bands.family.p_value(worst),
        passed=worst <= critical,
        verdict=verdict_of(worst <= critical, margin, rule.margin),
    )


def _chosen(values: Mapping[Key, Floats], key: Key, at: Points) -> tuple[float, ...] | None:
    return _floats(values[key][at]) if key in values else None


def _floats(values: Floats) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
