"""Verdicts: whether a difference was found, and whether it was shown to be small.

Two questions are asked of every quantity. *Is there a difference?* It is found where the band is
left, which the model itself does with a small probability for all quantities together. *Is the
difference small?* It is shown to be where its confidence interval lies within a margin. Neither
answer follows from the other: of small images one knows too little for either.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import t as student

from morphgen.validation.bands import Bands, Floats

Verdict = Literal[
    "equivalent", "not told apart", "differs, within the margin", "differs", "not judged"
]

CONFIDENCE = 0.95


@dataclass(frozen=True, eq=False)
class Interval:
    """Confidence interval of the difference between specimen and model, point by point.

    Attributes
    ----------
    low, high : arrays, shape (P,)
        Its ends; NaN where a point is not judged.
    """

    low: Floats
    high: Floats

    @property
    def farthest(self) -> Floats:
        """Largest difference that the interval allows, without its sign; shape (P,)."""
        return np.maximum(np.abs(self.low), np.abs(self.high))


def difference_interval(
    bands: Bands, observed: Floats, standard_error: Floats, realizations: int
) -> Interval:
    """Interval of the difference between a specimen's material and a model.

    observed - mean +- t sqrt(s^2 + sd^2 / n), with s the scatter of the observed value: that of the
    simulations, or its own standard error from parts of the specimen where that is larger. The
    model's error from its calibration is no part of it: it is in the difference.

    Parameters
    ----------
    bands : Bands
        Mean and scatter of the simulations.
    observed, standard_error : arrays, shape (P,)
        Values of the specimen and their own standard errors, NaN where these are not known.
    realizations : int
        Number n of simulations.
    """
    own = np.nan_to_num(standard_error, posinf=np.inf)
    scatter = np.maximum(bands.sd, own)
    t = float(student.isf(0.5 * (1.0 - CONFIDENCE), realizations - 1))
    half = t * np.sqrt(scatter**2 + bands.sd**2 / realizations)
    # the tortuosity factor of a phase that conducts nowhere is infinite
    with np.errstate(invalid="ignore"):
        difference = np.where(bands.judged, observed - bands.mean, np.nan)
    return Interval(difference - half, difference + half)


def smallest_margin(interval: Interval, scale: float) -> float:
    """Least share of the scale within which all judged points of a quantity lie for certain.

    Infinite where the scale is 0, NaN where nothing is judged.
    """
    known = interval.farthest[~np.isnan(interval.farthest)]
    if not known.size:
        return float("nan")
    return float(known.max() / scale) if scale > 0.0 else float("inf")


def one_sided(simulated: Floats, observed: Floats) -> bool:
    """Whether either the specimen or the simulations alone have values.

    A phase that conducts nowhere has an infinite tortuosity factor, and no path of which the
    length were known. That is a difference from simulations all of which conduct, though no number
    says how large it is.

    Parameters
    ----------
    simulated : array, shape (n, P)
        Values of each of n simulations.
    observed : array, shape (P,)
        Values of the specimen.

    Returns
    -------
    bool
        True if all simulated values are finite and no observed one, or an observed one is finite
        and no simulated one. Single simulations without a value prove nothing.
    """
    theirs, ours = np.isfinite(simulated), np.isfinite(observed)
    return bool((theirs.all() and not ours.any()) or (ours.any() and not theirs.any()))


def unshown(bands: Bands, simulated: Floats, observed: Floats) -> bool:
    """Whether a point that is not judged could hide a difference of any size.

    It cannot where neither side has a value, or where all have the same.

    Parameters
    ----------
    bands : Bands
        Which points are judged.
    simulated, observed : arrays, shapes (n, P) and (P,)
        Values of the simulations and of the specimen.
    """
    empty = ~np.isfinite(observed) & ~np.isfinite(simulated).any(axis=0)
    same = np.isclose(simulated, observed, rtol=1e-9, atol=0.0).all(axis=0)
    return bool(np.any(~bands.judged & ~empty & ~same))


def verdict_of(within_band: bool, shown_within: float, margin: float) -> Verdict:
    """Verdict of one quantity.

    Parameters
    ----------
    within_band : bool
        Whether no judged point lies outside its band.
    shown_within : float
        Its `smallest_margin`.
    margin : float
        Margin, as a share of the scale.
    """
    if np.isnan(shown_within):
        return "not judged"
    if shown_within <= margin:
        return "equivalent" if within_band else "differs, within the margin"
    return "not told apart" if within_band else "differs"
