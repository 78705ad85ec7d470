"""What every kernel of a stationary Gaussian field offers.

A field is Z = k * W: white noise W convolved with a kernel k whose squares sum to one on the voxel
lattice. Its correlation is the kernel's autocorrelation, hence always valid (THEORY 7).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from morphgen._array_api import Array, namespace
from morphgen.errors import ModelError

Axis = Literal["z", "y", "x"]
AXES: tuple[Axis, ...] = ("z", "y", "x")

# points of an octant; the square root of a covariance needs some ten arrays of them
_MAX_KERNEL_VOXELS = 2**25


class GradientVariance(NamedTuple):
    """Minus the second derivatives of a correlation at lag 0, per squared unit of length.

    Infinite for a correlation that is not twice differentiable there.
    """

    perpendicular: float
    axial: float


class Kernel(ABC):
    """A kernel that is isotropic, or symmetric about one axis."""

    @property
    @abstractmethod
    def axis(self) -> Axis | None:
        """Axis of symmetry, or None for an isotropic kernel."""

    @abstractmethod
    def lattice_values(self, spacing: Sequence[float]) -> np.ndarray:
        """Kernel on the voxel lattice, with the squares of its values summing to one.

        Parameters
        ----------
        spacing : sequence of 3 floats
            Voxel size along (z, y, x), in the unit of the kernel's lengths.

        Returns
        -------
        ndarray of float64
            Odd in each length, centred on the middle voxel; half its length is the halo.
        """

    @abstractmethod
    def cylindrical_correlation(self, perpendicular: Array, axial: Array) -> Array:
        """Correlation at distances across and along the axis, of any backend and shape."""

    def grid_correlation(self, perpendicular: np.ndarray, axial: np.ndarray) -> np.ndarray:
        """Correlation at all pairs of distances across and along the axis.

        Parameters
        ----------
        perpendicular, axial : ndarray, shapes (A,) and (B,)
            Distances across and along the axis.

        Returns
        -------
        ndarray, shape (A, B)
        """
        grids = np.meshgrid(perpendicular, axial, indexing="ij")
        return np.asarray(self.cylindrical_correlation(grids[0], grids[1]))

    @property
    @abstractmethod
    def gradient_variance(self) -> GradientVariance:
        """Minus the second derivatives of the correlation at lag 0."""

    @property
    @abstractmethod
    def reach(self) -> float:
        """Distance beyond which the correlation is below 1e-5."""

    def correlation(self, offsets: Array) -> Array:
        """Correlation rho of the field at two points ``offsets`` apart.

        Parameters
        ----------
        offsets : array, shape (..., 3)
            Lag vectors (z, y, x), in the unit of the kernel's lengths.

        Returns
        -------
        array, shape (...)
        """
        xp = namespace(offsets)
        squares = [offsets[..., i] ** 2 for i in range(3)]
        if self.axis is None:
            distance = xp.sqrt(squares[0] + squares[1] + squares[2])
            return self.cylindrical_correlation(distance, xp.zeros_like(distance))
        along = AXES.index(self.axis)
        across = [squares[i] for i in range(3) if i != along]
        return self.cylindrical_correlation(
            xp.sqrt(across[0] + across[1]), xp.abs(offsets[..., along])
        )


def axis_distances(
    axis: Axis | None, spacing: Sequence[float], half: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Distances across and along an axis, on the octant of lattice points 0..half.

    Without an axis, the first is the distance from the origin and the second zero.
    """
    if math.prod(count + 1 for count in half) > _MAX_KERNEL_VOXELS:
        raise ModelError(
            f"a kernel of {'x'.join(str(2 * count + 1) for count in half)} voxels is too large; "
            "choose a coarser voxel size"
        )
    lengths = [step * np.arange(count + 1) for step, count in zip(spacing, half, strict=True)]
    grids = np.meshgrid(*lengths, indexing="ij", sparse=True)
    if axis is None:
        distance = np.sqrt(grids[0] ** 2 + grids[1] ** 2 + grids[2] ** 2)
        return distance, np.zeros_like(distance)
    along = AXES.index(axis)
    across = [grids[i] for i in range(3) if i != along]
    distance = np.sqrt(across[0] ** 2 + across[1] ** 2)
    broadcast = np.broadcast_arrays(distance, grids[along])
    return broadcast[0], broadcast[1]


def unfold(octant: np.ndarray) -> np.ndarray:
    """Mirror an octant into the whole kernel, and scale its squares to sum to one."""
    whole = octant
    for axis in range(octant.ndim):
        mirrored = np.flip(whole, axis=axis)
        whole = np.concatenate([np.delete(mirrored, -1, axis=axis), whole], axis=axis)
    norm = math.sqrt(float(np.sum(whole**2)))
    if not norm > 0.0:
        raise ModelError("the kernel vanishes on the voxel lattice; choose a finer voxel size")
    return whole / norm


def check_positive(name: str, value: float) -> None:
    """Refuse a parameter that is not a positive number of ordinary size.

    Raises
    ------
    ModelError
        With the parameter's name and value.
    """
    if not 1e-12 <= value <= 1e12:
        raise ModelError(f"{name} is {value}: expected a length or number from 1e-12 to 1e12")
