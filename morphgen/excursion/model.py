"""The excursion-set model: an ordered list of thresholded fields, and what is known of its origin.

Everything here is frozen and made of plain values, so that a model is a few kilobytes of JSON.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import ConfigDict, Discriminator

from morphgen._array_api import Array
from morphgen.errors import ModelError
from morphgen.excursion import coverage
from morphgen.excursion.provenance import Provenance
from morphgen.excursion.resolution import resized
from morphgen.excursion.shared import AnyKernel, MixedCorrelation, Noise, SharedNoise, Term
from morphgen.fields.blocks import block_edge
from morphgen.fields.kernels import GradientVariance, check_positive
from morphgen.fields.laws import ChiSquare, Gaussian, Law
from morphgen.fields.orthants import Steps, steps
from morphgen.fields.sampling import Sampling, sampling
from morphgen.phases import Phase

# reach of a correlation in voxels beyond which no block could hold its kernel
_FARTHEST = 10_000

Side = Literal["above", "below"]
AnyLaw = Annotated[Gaussian | ChiSquare, Discriminator("type")]


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
        """Surface area of the excursion set per volume, in 1 / unit (THEORY 6).

        Of a field with noise of its own only; otherwise see `ExcursionModel.field_surface_area`.
        """
        across, along = self.kernel.gradient_variance
        return mean_gradient(across, along) * self.law.surface_factor(self.threshold)

    @property
    def steps(self) -> Steps:
        """Values of the Gaussian component for which the field decides, if it has only one."""
        return steps(self.law, self.threshold, below=self.side == "below")


@dataclass(frozen=True)
class ExcursionModel:
    """A random microstructure: phases decided one after the other by random fields.

    The fields are independent unless they share noise.

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
    shared : SharedNoise or None
        Noise that the fields share, in a model of two Gaussian fields or chi-square fields with
        one degree of freedom.

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
    shared: SharedNoise | None = None

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
        if self.shared is not None:
            self.shared.check(self.fields)
        farthest = self.reach / min(self.voxel_size)
        if farthest > _FARTHEST:
            raise ModelError(
                f"correlations reach {farthest:.3g} voxels, the limit is {_FARTHEST}; choose a "
                "coarser voxel_size"
            )

    @property
    def isotropic(self) -> bool:
        """Whether no field has an axis."""
        return all(noise.kernel.axis is None for noise in self.noises)

    @property
    def noises(self) -> tuple[Noise, ...]:
        """Gaussian fields with noise of their own: of each field, then what the fields share."""
        own = tuple(Noise(field.kernel, field.law.components) for field in self.fields)
        return own if self.shared is None else (*own, Noise(self.shared.kernel, 1))

    def terms(self, number: int) -> tuple[Term, ...]:
        """What each component of field ``number`` is the sum of."""
        own = Term(number, number, 1.0)
        if self.shared is None:
            return (own,)
        return self.shared.terms(own, len(self.fields))

    def correlation(self, number: int, offsets: Array) -> Array:
        """Correlation of a component of field ``number`` at lag vectors; see `Kernel.correlation`.

        Parameters
        ----------
        number : int
            The field.
        offsets : array, shape (..., 3)
            Lag vectors (z, y, x), in ``unit``.
        """
        own = self.fields[number].kernel.correlation(offsets)
        if self.shared is None:
            return own
        return self.shared.mixed(number, self.shared.kernel.correlation(offsets), own)

    def field_correlation(self, number: int) -> MixedCorrelation:
        """Correlation of a component of field ``number`` across and along the axis."""
        return MixedCorrelation(
            tuple((term.weight**2, self.noises[term.noise].kernel) for term in self.terms(number))
        )

    def gradient_variance(self, number: int) -> GradientVariance:
        """Minus the second derivatives of the correlation of field ``number`` at lag 0."""
        return GradientVariance(
            *(
                sum(term.weight**2 * self.noises[term.noise].kernel.gradient_variance[axis]
                    for term in self.terms(number))
                for axis in range(2)
            )
        )  # fmt: skip

    def mean_gradient(self, number: int) -> float:
        """E|grad Z| of a component of field ``number``, in 1 / unit (THEORY 6)."""
        return mean_gradient(*self.gradient_variance(number))

    def field_surface_area(self, number: int) -> float:
        """Surface area of the excursion set of field ``number`` per volume, in 1 / unit."""
        field = self.fields[number]
        return self.mean_gradient(number) * field.law.surface_factor(field.threshold)

    @property
    def reach(self) -> float:
        """Distance beyond which no correlation exceeds 1e-5, in ``unit``."""
        return max(noise.kernel.reach for noise in self.noises)

    @cached_property
    def samplings(self) -> tuple[Sampling, ...]:
        """Synthesis lattice of each of the `noises`, in volumes without periods."""
        return tuple(sampling(noise.kernel, self.voxel_size) for noise in self.noises)

    @property
    def halos(self) -> tuple[int, ...]:
        """Distance from which noise enters a voxel of each field, in voxels."""
        return tuple(
            max(self.samplings[term.noise].reach for term in self.terms(number))
            for number in range(len(self.fields))
        )

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

    def at_voxel_size(self, size: float | Sequence[float]) -> ExcursionModel:
        """Return the same model on voxels of another size.

        Kernels are functions of length, sampled and normalised anew on the other lattice: every
        closed form in lengths stays, up to `Realization.synthesis_errors`. What coarser voxels
        lose and finer ones invent is told by `morphgen.excursion.resolution_notes`.

        Parameters
        ----------
        size : float or sequence of 3 floats
            Edge of cubic voxels, or voxel size along (z, y, x), in the model's unit.

        Raises
        ------
        ModelError
            If kernels reach farther than blocks of such voxels can hold, or neighbouring voxels
            of a field hardly correlate.
        """
        return resized(self, size)

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
