"""Where a model comes from, and how far it can be trusted: what model.json keeps beside it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from morphgen.errors import ModelError
from morphgen.excursion.isotropy import IsotropyTest


@dataclass(frozen=True)
class Source:
    """An image that a model was calibrated on."""

    name: str
    sha256: str
    plane: str
    shape: tuple[int, int]
    pixel_size: tuple[float, float]
    pixels: int


@dataclass(frozen=True)
class Candidate:
    """One row of the ranked table of models that were considered.

    Attributes
    ----------
    order : tuple of int
        Labels in the order of decision.
    laws : tuple of str
        Law of each field, as on the command line.
    bound : float
        Least misfit of any independent fields in this order, whatever their covariances.
    misfit : float
        Largest |C_ij(model) - C_ij(sections)| with the fields fitted one by one; where the laws
        are "any", with the fields that fit best lag by lag.
    order_score : float
        Root mean square deviation, in standard errors, from what independence demands of the
        first phase (THEORY 5).
    topology_score : float or None
        The same for the section Euler numbers against simulated sections (THEORY 9); None where
        nothing was simulated.
    symmetry : str
        "isotropic" or "cylindrical".
    parametrization : str
        "high" or "low".
    dependence : str
        "independent", or "shared" where the fields share noise.
    parameters : int or None
        Numbers that the model has: thresholds and parameters of kernels; None where no field was
        fitted.
    held_out : float or None
        Root mean square deviation of C_ij - p_i p_j, in standard errors, on tiles of the sections
        that the fields were not fitted to.
    discriminator_score : float or None
        Logarithm of the likelihood ratio of this model to the chosen one, per crop of the sections,
        by classifiers of simulated sections; None where no classifier was asked.
    """

    order: tuple[int, ...]
    laws: tuple[str, ...]
    bound: float
    misfit: float
    order_score: float
    topology_score: float | None = None
    symmetry: str = "isotropic"
    parametrization: str = "high"
    dependence: str = "independent"
    parameters: int | None = None
    held_out: float | None = None
    discriminator_score: float | None = None


@dataclass(frozen=True)
class Reduction:
    """How a low-parametric model was obtained from a high-parametric one.

    Attributes
    ----------
    source : str
        SHA-256 of the model that it was obtained from, as JSON.
    families : tuple of str
        Covariance family of each field.
    loss : dict
        Largest |C_ij(low) - C_ij(high)| over the lags used, per pair "i-j".
    missing : tuple of str
        Names of the parameters whose standard error is not known.
    """

    source: str
    families: tuple[str, ...]
    loss: dict[str, float]
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrainingRecord:
    """How a training went.

    Attributes
    ----------
    estimator : str
        ``closed`` or ``sampled`` coverage functions.
    request : str
        Fingerprint of sections, options and versions: what ``--resume`` compares.
    steps, best_step : int
        Steps taken, and the one whose parameters were kept; 0 is the closed-form fit.
    score_start, score_best : float or None
        Root mean square deviation of the descriptors of the held-out part of the sections, in
        standard deviations of simulated ones; None where nothing was held out.
    ended : str
        Why training ended, in words.
    losses : dict of tuples
        By name, thinned to about a hundred points; ``step`` holds their steps.
    scores : tuple of pairs
        Step and held-out score.
    device : str
        ``cpu`` or ``cuda``: where sections were drawn; empty in records of earlier versions.
    precision : str
        ``float32`` or ``bfloat16``: arithmetic of the networks' convolutions.
    """

    estimator: str
    request: str
    steps: int
    best_step: int
    ended: str
    score_start: float | None = None
    score_best: float | None = None
    losses: dict[str, tuple[float, ...]] = field(default_factory=dict)
    scores: tuple[tuple[int, float], ...] = ()
    device: str = ""
    precision: str = "float32"


@dataclass(frozen=True)
class Provenance:
    """Where a model comes from, and how far it can be trusted.

    Attributes
    ----------
    misfit : dict
        Largest |C_ij(model) - C_ij(sections)| over the lags used, per pair "i-j".
    bound : float
        Least misfit that any independent fields could reach, found lag by lag.
    standard_error : float
        Largest standard error of the sections' C_ij - p_i p_j over these lags.
    uncertainty : dict
        Standard error of each parameter and derived quantity, by name.
    intervals : dict
        95 % confidence interval (low, high) of each but spline coefficients, by block bootstrap.
    reduction : Reduction or None
        Of a low-parametric model that was obtained from another model: what that lost.
    isotropy : IsotropyTest or None
        What the sections say about isotropy; None where they are too small, or were not asked.
    training : TrainingRecord or None
        Record of a training; None where the closed form was all.
    reaches : tuple of 2 floats, or None
        Largest lags across and along an axis of symmetry; None for an isotropic model.
    """

    method: str
    parametrization: str
    status: str
    message: str
    seed: int
    versions: dict[str, str]
    sources: tuple[Source, ...]
    max_lag: float
    misfit: dict[str, float] = field(default_factory=dict)
    bound: float = 0.0
    standard_error: float = 0.0
    uncertainty: dict[str, float] = field(default_factory=dict)
    candidates: tuple[Candidate, ...] = ()
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    reduction: Reduction | None = None
    isotropy: IsotropyTest | None = None
    training: TrainingRecord | None = None
    reaches: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        for name, value in {**self.misfit, **self.uncertainty, "bound": self.bound}.items():
            if not math.isfinite(value):
                raise ModelError(f"{name} is {value}: expected a finite number")
        for name, interval in self.intervals.items():
            if not all(math.isfinite(end) for end in interval):
                raise ModelError(f"interval of {name} is {interval}: expected finite numbers")
