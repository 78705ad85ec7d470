"""Gaussian fields on a block: noise, its convolution on a lattice, interpolation to the voxels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType
from typing import Any

import numpy as np
import scipy.fft

from morphgen._array_api import Array, bring, fft, full_precision, one_thread
from morphgen.fields.kernels import Kernel
from morphgen.fields.noise import white_noise
from morphgen.fields.sampling import Index, Periods, Sampling, interpolation_weights

# Version of the way from noise to field values: another one gives other voxels.
SYNTHESIS_VERSION = 2


@dataclass(frozen=True, eq=False)
class Synthesis:
    """Everything that is computed once per kernel, block edge and device.

    Attributes
    ----------
    edge : int
        Edge of the cubic block, in voxels.
    sampling : Sampling
        The lattice on which noise and kernel are convolved.
    transform : array of float32
        Real Fourier transform of the kernel on that lattice, on the half spectrum.
    matrices : tuple of 3 tuples of arrays of float32
        Interpolation from lattice points to the voxels of a block, shape (edge, points), along
        each axis: by the place of the block's first voxel behind a lattice point.
    """

    edge: int
    sampling: Sampling
    transform: Array
    matrices: tuple[tuple[Array, ...], ...]
    xp: ModuleType
    device: Any

    @property
    def fft_shape(self) -> Index:
        """Lengths of the FFT along each axis, in lattice points."""
        return self.sampling.fft_shape(self.edge)

    @property
    def kept(self) -> tuple[slice, slice, slice]:
        """Lattice points of the FFT that the block is interpolated from."""
        z, y, x = (slice(a.halo, a.halo + a.points(self.edge)) for a in self.sampling.axes)
        return z, y, x

    def noise_start(self, index: Index) -> Index:
        """First lattice point of the noise behind a block."""
        z, y, x = (
            axis.first_point(i * self.edge) - axis.halo
            for i, axis in zip(index, self.sampling.axes, strict=True)
        )
        return z, y, x

    def noise_periods(self, periods: Periods) -> Periods:
        """Periods in lattice points."""
        z, y, x = (
            None if period is None else period // axis.factor
            for period, axis in zip(periods, self.sampling.axes, strict=True)
        )
        return z, y, x

    def matrix(self, axis: int, index: Index) -> Array:
        """Interpolation along an axis, from the kept lattice points to the voxels of a block."""
        return self.matrices[axis][index[axis] * self.edge % self.sampling.factors[axis]]

    def lattice_values(self, seed: int, stream: int, index: Index, periods: Periods) -> Array:
        """Values of one standard Gaussian field on the lattice points that a block needs.

        Parameters
        ----------
        seed, stream : int
            Keys of the noise.
        index : tuple of 3 ints
            Position on the lattice of blocks; the block begins at voxel ``index * edge``.
        periods : tuple of 3 ints or None
            Periods of the noise along each axis, in voxels.

        Returns
        -------
        array of float32
        """
        noise = white_noise(
            seed,
            stream,
            self.noise_start(index),
            self.fft_shape,
            periods=self.noise_periods(periods),
            xp=self.xp,
            device=self.device,
        )
        transforms = fft(self.xp)
        with one_thread(self.xp):
            spectrum = transforms.rfftn(noise, axes=(0, 1, 2))
            del noise
            spectrum *= self.transform
            values = transforms.irfftn(spectrum, s=self.fft_shape, axes=(0, 1, 2))
        return values[self.kept]

    def component(self, seed: int, stream: int, index: Index, periods: Periods) -> Array:
        """Values of one standard Gaussian field on a block; parameters as `lattice_values`.

        Returns
        -------
        array of float32, shape (edge, edge, edge)
        """
        values = self.lattice_values(seed, stream, index, periods)
        if not self.sampling.interpolated:
            return values
        z, y, x = (self.matrix(axis, index) for axis in range(3))
        values = values[: z.shape[1], : y.shape[1], : x.shape[1]]
        planes, rows, columns = values.shape
        matmul, reshape = self.xp.matmul, self.xp.reshape
        with one_thread(self.xp), full_precision(self.xp):
            flat = reshape(values, (planes * rows, columns))
            wide = reshape(matmul(flat, self.xp.permute_dims(x, (1, 0))), (planes, rows, self.edge))
            high = matmul(y, wide)
            deep = matmul(z, reshape(high, (planes, self.edge**2)))
        return reshape(deep, (self.edge,) * 3)


@lru_cache(maxsize=32)
def synthesis(
    kernel: Kernel,
    spacing: tuple[float, float, float],
    sampling: Sampling,
    edge: int,
    xp: ModuleType,
    device: Any,
) -> Synthesis:
    """Prepare the synthesis of blocks; cached, since blocks share it.

    Parameters
    ----------
    kernel : Kernel
        Kernel of the field.
    spacing : tuple of 3 floats
        Voxel size along (z, y, x), in the kernel's unit.
    sampling : Sampling
        Lattice of the synthesis: see `morphgen.fields.sampling.sampling`.
    edge : int
        Edge of the block, in voxels.
    xp : module
        Standard namespace of the arrays.
    device : object
        Their device, settled: what is prepared is kept under it.
    """
    values = kernel.lattice_values(sampling.lattice(spacing))
    shape = sampling.fft_shape(edge)
    centred = np.zeros(shape, dtype=np.float32)
    halves = [length // 2 for length in values.shape]
    wrapped = [np.arange(-h, h + 1) % n for h, n in zip(halves, shape, strict=True)]
    centred[np.ix_(*wrapped)] = values
    # a kernel that is even in every axis has a real transform
    transform = np.ascontiguousarray(scipy.fft.rfftn(centred).real)
    matrices = tuple(
        tuple(bring(one, xp, device) for one in found)
        for found in (
            _matrices(interpolation_weights(kernel, spacing, axis, one.factor, one.taps), edge)
            for axis, one in enumerate(sampling.axes)
        )
    )
    return Synthesis(edge, sampling, bring(transform, xp, device), matrices, xp, device)


def _matrices(weights: np.ndarray, edge: int) -> tuple[np.ndarray, ...]:
    """Interpolation matrices of blocks that begin 0, 1, ... voxels behind a lattice point."""
    factor, taps = weights.shape
    voxels = np.arange(edge)
    found = []
    for offset in range(factor):
        cells, distances = np.divmod(offset + voxels, factor)
        matrix = np.zeros((edge, (offset + edge - 1) // factor + taps), dtype=np.float32)
        matrix[voxels[:, None], cells[:, None] + np.arange(taps)] = weights[distances]
        matrix.flags.writeable = False
        found.append(matrix)
    return tuple(found)


def forget() -> None:
    """Drop what was prepared for all kernels: up to a hundred megabytes each, kept for 32 of them.

    For who draws from one model after the other.
    """
    synthesis.cache_clear()
