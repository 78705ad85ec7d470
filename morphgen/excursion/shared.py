"""Noise that fields share, and what fields are made of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, NamedTuple

import numpy as np
from pydantic import Discriminator

from morphgen._array_api import Array
from morphgen.errors import ModelError
from morphgen.fields.blocks import SHARED_NOISE
from morphgen.fields.kernels import Axis
from morphgen.fields.parametric import DampedSincKernel, GaussianKernel, MaternKernel
from morphgen.fields.spline import CylindricalSplineKernel, SplineKernel
from morphgen.fields.stretched import StretchedSplineKernel

if TYPE_CHECKING:
    from morphgen.excursion.model import Field

# beyond this product of loadings two fields are one, and quadrature ends
_MOST_CROSS_CORRELATION = 0.99

AnyKernel = Annotated[
    SplineKernel
    | CylindricalSplineKernel
    | StretchedSplineKernel
    | GaussianKernel
    | MaternKernel
    | DampedSincKernel,
    Discriminator("type"),
]


class Noise(NamedTuple):
    """A Gaussian field that is made from noise of its own, and how many copies of it there are."""

    kernel: AnyKernel
    components: int


class Term(NamedTuple):
    """What one noise contributes to a component of a field.

    Attributes
    ----------
    noise : int
        Number in `ExcursionModel.noises`.
    stream : int
        Number that keys of the noise begin with: see `morphgen.fields.blocks.stream`.
    weight : float
        Weight of the noise.
    """

    noise: int
    stream: int
    weight: float


@dataclass(frozen=True)
class MixedCorrelation:
    """Correlation of a weighted sum of independent Gaussian fields.

    Attributes
    ----------
    parts : tuple of (float, Kernel)
        Share of the variance and kernel of each field.
    """

    parts: tuple[tuple[float, AnyKernel], ...]

    @property
    def axis(self) -> Axis | None:
        """Axis of symmetry, or None where all kernels are isotropic."""
        return next((one.axis for _, one in self.parts if one.axis is not None), None)

    def cylindrical_correlation(self, perpendicular: Array, axial: Array) -> Array:
        """Correlation at distances across and along the axis."""
        return sum(
            share * one.cylindrical_correlation(perpendicular, axial) for share, one in self.parts
        )

    def grid_correlation(self, perpendicular: np.ndarray, axial: np.ndarray) -> np.ndarray:
        """Correlation on the grid of some distances across and some along the axis."""
        return np.asarray(
            sum(share * one.grid_correlation(perpendicular, axial) for share, one in self.parts)
        )


@dataclass(frozen=True)
class SharedNoise:
    """Noise that two fields share: the linear model of coregionalization, with one factor.

    The Gaussian component of field k is Z_k = a_k G + sqrt(1 - a_k^2) k_k * W_k, where G is a
    standard Gaussian field common to both, with a kernel and noise of its own (Journel and
    Huijbregts 1978; Goulard and Voltz 1992). Its correlation is a_k^2 rho_G + (1 - a_k^2) rho_k,
    its correlation with the other field a_1 a_2 rho_G.

    Parameters
    ----------
    kernel : Kernel
        Kernel of G.
    loadings : tuple of 2 floats
        The a_k, from -1 to 1: 0 for a field that does not share, 1 for one that is G.

    Raises
    ------
    ModelError
        If a loading is out of range, or the fields would be one and the same.
    """

    kernel: AnyKernel
    loadings: tuple[float, ...]

    def __post_init__(self) -> None:
        if not all(-1.0 <= loading <= 1.0 for loading in self.loadings):
            raise ModelError(f"loadings are {self.loadings}: expected numbers from -1 to 1")
        if abs(math.prod(self.loadings)) > _MOST_CROSS_CORRELATION:
            raise ModelError(
                f"loadings {self.loadings} make one field of two: expected a product of at most "
                f"{_MOST_CROSS_CORRELATION} in size"
            )

    @property
    def cross_correlation(self) -> float:
        """Correlation of the two fields at one point."""
        return math.prod(self.loadings)

    def mixed(self, number: int, common: Array, own: Array) -> Array:
        """Correlation of field ``number`` from that of G and that of its own part."""
        share = self.loadings[number] ** 2
        return share * common + (1.0 - share) * own

    def terms(self, own: Term, noise: int) -> tuple[Term, ...]:
        """What a field is the sum of, without what has no weight.

        Parameters
        ----------
        own : Term
            The field's own noise.
        noise : int
            Number of the shared noise.
        """
        loading = self.loadings[own.noise]
        rest = own._replace(weight=math.sqrt(1.0 - loading**2))
        common = Term(noise, SHARED_NOISE, loading)
        return tuple(term for term in (common, rest) if term.weight != 0.0)

    def check(self, fields: Sequence[Field]) -> None:
        """Refuse fields that cannot share noise.

        Raises
        ------
        ModelError
            If there are not two fields, one has several components, or kernels have two axes.
        """
        if len(fields) != 2 or len(self.loadings) != 2:
            raise ModelError(
                f"{len(self.loadings)} loadings for {len(fields)} fields: shared noise is for "
                "models of exactly two fields"
            )
        for one in fields:
            if one.law.components > 1:
                raise ModelError(
                    f"a field of law {one.law.name} cannot share noise: expected gaussian or chi2:1"
                )
        axes = {one.axis for one in (self.kernel, *(member.kernel for member in fields))}
        if len(axes - {None}) > 1:
            raise ModelError(f"kernels have the axes {sorted(map(str, axes))}: expected one")
