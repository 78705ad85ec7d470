"""Plane sections of a model, drawn in two dimensions.

A plane section of a stationary Gaussian field is itself one, with the correlation restricted to
the plane (THEORY 7). It is drawn by circulant embedding: no volume is needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

import numpy as np
import scipy.fft

from morphgen._array_api import Array, fast_length, fft, one_thread, standard
from morphgen.errors import InputError
from morphgen.excursion.labels import decide, first_match
from morphgen.excursion.model import ExcursionModel
from morphgen.excursion.shared import Term
from morphgen.fields.blocks import stream
from morphgen.fields.kernels import AXES, Kernel
from morphgen.fields.noise import white_noise

Plane = Literal["xy", "xz", "yz"]

# rows, then columns, as axes of (z, y, x)
PLANE_AXES: dict[str, tuple[int, int]] = {"xy": (1, 2), "xz": (0, 2), "yz": (0, 1)}

# sections and volumes of one seed must not share noise
_SECTION_STREAMS = 2**31


@dataclass(frozen=True, eq=False)
class SectionSampler:
    """Draws plane sections of a model; made by `section_sampler`.

    Attributes
    ----------
    shape : tuple of 2 ints
        Rows and columns of a section.
    torus : tuple of 2 ints
        Rows and columns of the periodic plane that it is cut from.
    amplitudes : tuple of arrays
        Square root of the spectrum of each of the model's noises on the torus, on the half
        spectrum.
    """

    model: ExcursionModel
    shape: tuple[int, int]
    torus: tuple[int, int]
    amplitudes: tuple[Array, ...]
    xp: ModuleType
    device: Any

    def labels(self, seed: int) -> Array:
        """Label image of one section: uint8, of shape ``shape``."""
        fields = enumerate(self.model.fields)
        decisions = (decide(field, self.values(seed, number)) for number, field in fields)
        return first_match(self.model.order, decisions, self.xp)

    def values(self, seed: int, number: int) -> Array:
        """Values of one field on a section: float32, of shape ``shape``."""
        law = self.model.fields[number].law
        return law.combine(self._components(seed, number, law.components))

    def _components(self, seed: int, number: int, count: int) -> Iterator[Array]:
        terms = self.model.terms(number)
        for component in range(count):
            parts = [self._noise(seed, term, component) for term in terms]
            if self.model.shared is None:
                yield parts[0]
            else:
                yield sum(term.weight * part for term, part in zip(terms, parts, strict=True))

    def _noise(self, seed: int, term: Term, component: int) -> Array:
        """Values of one Gaussian field with noise of its own."""
        transforms = fft(self.xp)
        key = _SECTION_STREAMS + stream(term.stream, component)
        torus = (1, *self.torus)
        noise = white_noise(seed, key, (0, 0, 0), torus, xp=self.xp, device=self.device)
        with one_thread(self.xp):
            spectrum = transforms.rfftn(noise[0, ...], axes=(0, 1)) * self.amplitudes[term.noise]
            values = transforms.irfftn(spectrum, s=self.torus, axes=(0, 1))
        return values[: self.shape[0], : self.shape[1]]


def section_sampler(
    model: ExcursionModel,
    shape: Sequence[int],
    *,
    plane: Plane = "xy",
    pixel_size: tuple[float, float] | None = None,
    xp: ModuleType = np,
    device: Any = None,
) -> SectionSampler:
    """Prepare to draw sections of a model.

    Parameters
    ----------
    model : ExcursionModel
        The model.
    shape : sequence of 2 ints
        Rows and columns.
    plane : {"xy", "xz", "yz"}
        Plane of the section: rows are the first axis that is not normal to it, in (z, y, x).
    pixel_size : tuple of 2 floats, optional
        Row and column spacing in the model's unit; the model's voxel size by default.
    xp, device
        Array module and device to draw on.
    """
    if plane not in PLANE_AXES:
        raise InputError(f"plane is {plane!r}: expected xy, xz or yz")
    rows, columns = PLANE_AXES[plane]
    sizes = pixel_size or (model.voxel_size[rows], model.voxel_size[columns])
    reach = model.reach
    torus = tuple(
        fast_length(length + int(np.ceil(reach / size)))
        for length, size in zip(shape, sizes, strict=True)
    )
    space = standard(xp)
    amplitudes = tuple(
        space.asarray(_amplitude(noise.kernel, (rows, columns), torus, sizes), device=device)
        for noise in model.noises
    )
    return SectionSampler(
        model, (shape[0], shape[1]), (torus[0], torus[1]), amplitudes, space, device
    )


def _amplitude(
    kernel: Kernel, axes: tuple[int, int], torus: Sequence[int], sizes: Sequence[float]
) -> np.ndarray:
    """Square root of the spectrum of a correlation that is wrapped around a torus."""
    half = [np.arange(length // 2 + 1) * size for length, size in zip(torus, sizes, strict=True)]
    quadrant = _plane_correlation(kernel, axes, half)
    wrapped = [np.minimum(np.arange(n), n - np.arange(n)) for n in torus]
    correlation = quadrant[np.ix_(wrapped[0], wrapped[1])]
    spectrum = scipy.fft.rfft2(correlation).real
    # the wrapped correlation is positive definite up to the tail that the torus cuts off
    return np.asarray(np.sqrt(np.clip(spectrum, 0.0, None)), dtype=np.float32)


def _plane_correlation(
    kernel: Kernel, axes: tuple[int, int], half: Sequence[np.ndarray]
) -> np.ndarray:
    """Correlation at all pairs of distances along rows and columns of a plane.

    In a plane normal to the axis, or of an isotropic kernel, by interpolation in distance: the lags
    are many.
    """
    if kernel.axis is not None and AXES.index(kernel.axis) in axes:
        along = axes.index(AXES.index(kernel.axis))
        found = kernel.grid_correlation(half[1 - along], half[along])
        return found if along == 1 else found.T
    distance = np.sqrt(half[0][:, None] ** 2 + half[1] ** 2)
    grid = np.linspace(0.0, kernel.reach, 4001)
    values = kernel.cylindrical_correlation(grid, np.zeros_like(grid))
    return np.asarray(np.interp(distance, grid, values, right=0.0))
