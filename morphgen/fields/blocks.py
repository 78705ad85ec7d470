"""Canonical blocks: the field values of one cell of an absolute lattice.

Rounding in an FFT depends on its size and on where it begins. A block's FFT therefore depends on
the block alone, never on the window that asks for it (THEORY 10).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType
from typing import Any

import numpy as np
import scipy.fft

from morphgen._array_api import Array, fast_length, fft, one_fft_thread
from morphgen.errors import ModelError
from morphgen.fields.kernels import Kernel
from morphgen.fields.laws import Law
from morphgen.fields.noise import white_noise

Index = tuple[int, int, int]
Periods = tuple[int | None, int | None, int | None]

# Powers of two, as the sides of most volumes are: an edge of 192 would cover 512 voxels with 576.
# Above 256 the gain in overlap no longer pays.
_EDGES = (64, 128, 256)
# FFTs stay within this length, or six halos if that is more: a worker then needs less than a GiB
_USUAL_FFT_LENGTH = 320
_LARGEST_FFT_LENGTH = 640
_COMPONENTS_PER_FIELD = 2**16


def stream(field: int, component: int) -> int:
    """Noise stream of one Gaussian component of one field of a model."""
    return field * _COMPONENTS_PER_FIELD + component


def block_edge(halos: Sequence[int]) -> int:
    """Edge of the canonical block for fields with the given halos, in voxels.

    The edge with the least arithmetic per voxel, among those whose FFT fits the memory of an
    ordinary worker.

    Raises
    ------
    ModelError
        If a kernel reaches too far for any block.
    """
    reach = max(halos)
    limit = min(max(_USUAL_FFT_LENGTH, 6 * reach), _LARGEST_FFT_LENGTH)
    fitting = [edge for edge in _EDGES if fast_length(edge + 2 * reach) <= limit]
    if not fitting:
        raise ModelError(
            f"a kernel reaches {reach} voxels, the limit is "
            f"{(_LARGEST_FFT_LENGTH - _EDGES[0]) // 2}; choose a coarser voxel size"
        )

    def work(edge: int) -> float:
        lengths = [fast_length(edge + 2 * halo) for halo in halos]
        return sum((n / edge) ** 3 * math.log2(n) for n in lengths)

    return min(fitting, key=work)


@dataclass(frozen=True, eq=False)
class Synthesis:
    """Everything that is computed once per kernel, block edge and device.

    Attributes
    ----------
    edge : int
        Edge of the cubic block, in voxels.
    halo : tuple of 3 ints
        Reach of the kernel along each axis, in voxels.
    transform : array of float32
        Real Fourier transform of the kernel, on the half spectrum.
    """

    edge: int
    halo: Index
    transform: Array
    xp: ModuleType
    device: Any

    @property
    def fft_shape(self) -> Index:
        """Lengths of the FFT along each axis."""
        return _fft_shape(self.edge, self.halo)

    def component(self, seed: int, stream: int, index: Index, periods: Periods) -> Array:
        """Values of one standard Gaussian field on a block.

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
        array of float32, shape (edge, edge, edge)
        """
        start = [i * self.edge - halo for i, halo in zip(index, self.halo, strict=True)]
        shape = self.fft_shape
        noise = white_noise(
            seed, stream, start, shape, periods=periods, xp=self.xp, device=self.device
        )
        transforms = fft(self.xp)
        with one_fft_thread(self.xp):
            spectrum = transforms.rfftn(noise, axes=(0, 1, 2))
            del noise
            spectrum *= self.transform
            values = transforms.irfftn(spectrum, s=shape, axes=(0, 1, 2))
        return values[tuple(slice(halo, halo + self.edge) for halo in self.halo)]


@lru_cache(maxsize=8)
def synthesis(
    kernel: Kernel, spacing: tuple[float, ...], edge: int, xp: ModuleType, device: Any
) -> Synthesis:
    """Prepare the convolution of noise blocks with a kernel; cached, since blocks share it."""
    values = kernel.lattice_values(spacing)
    halo = _halo(values)
    shape = _fft_shape(edge, halo)
    centred = np.zeros(shape, dtype=np.float32)
    wrapped = [np.arange(-h, h + 1) % length for h, length in zip(halo, shape, strict=True)]
    centred[np.ix_(*wrapped)] = values
    # a kernel that is even in every axis has a real transform
    transform = np.ascontiguousarray(scipy.fft.rfftn(centred).real)
    return Synthesis(edge, halo, xp.asarray(transform, device=device), xp, device)


def kernel_halo(kernel: Kernel, spacing: tuple[float, ...]) -> Index:
    """Reach of a kernel along each axis, in voxels."""
    return _halo(kernel.lattice_values(spacing))


def field_values(
    law: Law, prepared: Synthesis, seed: int, field: int, index: Index, periods: Periods
) -> Array:
    """Values of field number ``field`` of a model on one canonical block.

    Returns
    -------
    array of float32, shape (edge, edge, edge)
    """

    def components() -> Iterator[Array]:
        for component in range(law.components):
            yield prepared.component(seed, stream(field, component), index, periods)

    return law.combine(components())


def _halo(values: np.ndarray) -> Index:
    z, y, x = (length // 2 for length in values.shape)
    return z, y, x


def _fft_shape(edge: int, halo: Index) -> Index:
    z, y, x = (fast_length(edge + 2 * h) for h in halo)
    return z, y, x
