"""The excursion-set model: an ordered list of thresholded fields, and what is known of its origin.

Everything here is frozen and made of plain values, so that a model is a few kilobytes of JSON.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import ConfigDict, Discriminator

from morphgen._array_api import Array
from morphgen.errors import ModelError
from morphgen.excursion import coverage
from morphgen.fields.blocks import block_edge
from morphgen.fields.kernels import check_positive
from morphgen.fields.laws import ChiSquare, Gaussian, Law
from morphgen.fields.parametric import DampedSincKernel, GaussianKernel, MaternKernel
from morphgen.fields.sampling import Sampling, sampling
from morphgen.fields.spline import CylindricalSplineKernel, SplineKernel
from morphgen.phases import Phase

# reach of a correlation in voxels beyond which no block could hold its kernel
_FARTHEST = 10_000

Side = Literal["above", "below"]
AnyLaw = Annotated[Gaussian | ChiSquare, Discriminator("type")]
AnyKernel = Annotated[
    SplineKernel | CylindricalSplineKernel | GaussianKernel | MaternKernel | DampedSincKernel,
    Discriminator("type"),
]


@dataclass(frozen=True)
class Field:
    """One decision: where the field lies on the stated side of its threshold, it decides.

    Parameters
    ----------
    kernel : Kernel
        Kernel of the field, or of each of its Gaussian components.
    law : Law
        Gaussian, or chi-square with its degrees of freedom.
    threshold : float
        Threshold of the excursion set.
    side : {"above", "below"}
        Whether the excursion set is {field >= threshold} or its complement.
    """

    kernel: AnyKernel
    law: AnyLaw
    threshold: float
    side: Side = "above"

    def __post_init__(self) -> None:
        if not math.isfinite(self.threshold):
            raise ModelError(f"threshold is {self.threshold}: expected a finite number")
        if isinstance(self.law, ChiSquare) and self.threshold <= 0.0:
            raise ModelError(f"threshold is {self.threshold}: expected > 0 for a chi-square field")
        if not 0.0 < self.probability < 1.0:
            raise ModelError(f"threshold {self.threshold} leaves a phase without any volume")

    @property
    def probability(self) -> float:
        """Probability that a point lies in the excursion set."""
        above = float(self.law.survival(self.threshold))
        return above if self.side == "above" else 1.0 - above

    def joint_exceedance(self, correlation: Array) -> Array:
        """Probability that two points of a given correlation both lie in the excursion set."""
        return joint_probability(self.law, self.side, correlation, self.threshold)

    @property
    def specific_surface_area(self) -> float:
        """Surface area of the excursion set per volume, in 1 / unit (THEORY 6)."""
        across, along = self.kernel.gradient_variance
        return mean_gradient(across, along) * self.law.surface_factor(self.threshold)


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
        Mean logarithm of the probability that a network trained on sections of all candidates
        gives this one, over crops of the sections; None where no network was asked.
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
    training : TrainingRecord or None
        Record of a training; None where the closed form was all.
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
    training: TrainingRecord | None = None

    def __post_init__(self) -> None:
        for name, value in {**self.misfit, **self.uncertainty, "bound": self.bound}.items():
            if not math.isfinite(value):
                raise ModelError(f"{name} is {value}: expected a finite number")


@dataclass(frozen=True)
class ExcursionModel:
    """A random microstructure: phases decided one after the other by independent fields.

    Parameters
    ----------
    phases : tuple of Phase
        The phases, by increasing label.
    order : tuple of int
        Labels in the order of decision; the last one takes what no field decides.
    fields : tuple of Field
        One field fewer than phases: ``fields[k]`` decides ``order[k]``.
    voxel_size : tuple of 3 floats
        Voxel size along (z, y, x), in ``unit``.
    unit : str
        Unit of all lengths; "voxel" when the voxel size is not known.
    provenance : Provenance or None
        Record of the calibration.

    Raises
    ------
    ModelError
        If the parts do not fit together.
    """

    # holds for everything inside the model too
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid", allow_inf_nan=False, strict=True
    )

    phases: tuple[Phase, ...]
    order: tuple[int, ...]
    fields: tuple[Field, ...]
    voxel_size: tuple[float, float, float] = (1.0, 1.0, 1.0)
    unit: str = "voxel"
    provenance: Provenance | None = None

    def __post_init__(self) -> None:
        labels = [phase.label for phase in self.phases]
        if len(labels) < 2 or labels != sorted(set(labels)):
            raise ModelError(f"phase labels are {labels}: expected two or more, increasing")
        if sorted(self.order) != labels:
            raise ModelError(f"order is {list(self.order)}: expected each of {labels} once")
        if len(self.fields) != len(labels) - 1:
            raise ModelError(
                f"{len(self.fields)} fields for {len(labels)} phases: expected one less"
            )
        for size in self.voxel_size:
            check_positive("voxel_size", size)
        farthest = max(member.kernel.reach for member in self.fields) / min(self.voxel_size)
        if farthest > _FARTHEST:
            raise ModelError(
                f"correlations reach {farthest:.3g} voxels, the limit is {_FARTHEST}; choose a "
                "coarser voxel_size"
            )

    @property
    def isotropic(self) -> bool:
        """Whether no field has an axis."""
        return all(member.kernel.axis is None for member in self.fields)

    @cached_property
    def samplings(self) -> tuple[Sampling, ...]:
        """Synthesis lattice of each field, in volumes without periods."""
        return tuple(sampling(field.kernel, self.voxel_size) for field in self.fields)

    @property
    def halos(self) -> tuple[int, ...]:
        """Distance from which noise enters a voxel of each field, in voxels."""
        return tuple(one.reach for one in self.samplings)

    @cached_property
    def block_edge(self) -> int:
        """Edge of the model's canonical blocks in volumes without periods, in voxels."""
        return block_edge(self.samplings)

    def volume_fractions(self) -> dict[int, float]:
        """Volume fraction of each label."""
        return coverage.volume_fractions(self)

    def two_point_coverage(self, lags: Array) -> Array:
        """C_ij at physical lags: see `morphgen.excursion.two_point_coverage`."""
        return coverage.two_point_coverage(self, lags)

    def interface_densities(self) -> np.ndarray:
        """Interface area per volume of each pair of phases, in 1 / unit."""
        return coverage.interface_densities(self)

    def specific_surface_areas(self) -> dict[int, float]:
        """Surface area per volume of each label, in 1 / unit."""
        return coverage.specific_surface_areas(self)

    def with_provenance(self, provenance: Provenance | None) -> ExcursionModel:
        """Return the same model with another record of its origin."""
        return replace(self, provenance=provenance)

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write the model as JSON; see `morphgen.load_model`.

        Raises
        ------
        ModelError
            If the file exists and ``overwrite`` is not set, or cannot be written.
        """
        from morphgen.excursion.storage import save_model  # noqa: PLC0415 - storage knows models

        save_model(self, path, overwrite=overwrite)


def joint_probability(law: Law, side: Side, correlation: Array, threshold: float) -> Array:
    """Probability that two points both lie above, or both below, a threshold."""
    above = law.joint_exceedance(correlation, threshold)
    if side == "above":
        return above
    return 1.0 - 2.0 * float(law.survival(threshold)) + above


def mean_gradient(across: float, along: float) -> float:
    """E|grad Z| for gradient variances across and along an axis (THEORY 6)."""
    if math.isinf(across) or math.isinf(along):
        return math.inf
    difference = along - across
    if abs(difference) < 1e-9 * max(along, across):
        return 2.0 * math.sqrt(2.0 * along / math.pi)
    if difference > 0:
        tail = across / math.sqrt(difference) * math.asinh(math.sqrt(difference / across))
    else:
        tail = across / math.sqrt(-difference) * math.asin(math.sqrt(-difference / across))
    return math.sqrt(2.0 / math.pi) * (math.sqrt(along) + tail)
