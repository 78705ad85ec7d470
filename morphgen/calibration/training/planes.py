"""Families of sections that look alike to a model, and the periodic planes they are drawn on."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.fft
import scipy.sparse

from morphgen._array_api import fast_length
from morphgen.calibration.lags import Lags
from morphgen.excursion.sections import PLANE_AXES
from morphgen.images import Section

# nodes of the radial grid; linear interpolation between them errs by (diagonal/512)^2 rho''/8
_NODES = 512
# spectral lines below this share of the largest hardly count, but the derivative of their root
# is without bound: it is left out
_FLOOR = 1e-6

Images = tuple[np.ndarray, ...]


@dataclass(frozen=True, eq=False)
class PlaneFamily:
    """Sections whose law is one and the same.

    Attributes
    ----------
    name : str
        ``any plane``, ``across the axis`` or ``along the axis``.
    images : tuple of arrays of uint8
        Labels, 255 outside the specimen; the axis, if any, along the rows' index.
    pixel_size : tuple of 2 floats
        Spacing of rows and columns.
    axial : bool
        Whether the plane contains the axis of the model.
    """

    name: str
    images: Images
    pixel_size: tuple[float, float]
    axial: bool = False

    @property
    def turns(self) -> bool:
        """Whether quarter turns leave the law unchanged; reflections always do."""
        return not self.axial and math.isclose(*self.pixel_size)


def plane_families(sections: Sequence[Section], axis: int | None = None) -> list[PlaneFamily]:
    """Sort sections into families: one for an isotropic model, up to two for one with an axis.

    Parameters
    ----------
    sections : sequence of Section
        Sections alike in pixel size.
    axis : int, optional
        Axis of symmetry in (z, y, x); None for an isotropic model.
    """
    groups: dict[str, list[np.ndarray]] = {}
    sizes: dict[str, tuple[float, float]] = {}
    for section in sections:
        rows, columns = PLANE_AXES[section.plane]
        labels, size = section.labels, section.pixel_size
        if axis == columns:
            labels, size = labels.T, (size[1], size[0])
        name = "any plane" if axis is None else "across the axis"
        if axis in (rows, columns):
            name = "along the axis"
        groups.setdefault(name, []).append(labels)
        sizes[name] = size
    return [
        PlaneFamily(name, tuple(images), sizes[name], name == "along the axis")
        for name, images in groups.items()
    ]


@dataclass(frozen=True, eq=False)
class Torus:
    """A periodic plane: where correlations are needed, and how they become amplitudes.

    Attributes
    ----------
    shape : tuple of 2 ints
        Rows and columns.
    lags : Lags
        Where a model's correlation is evaluated, shape (K,).
    placing : sparse matrix, shape (quadrant pixels, K)
        Interpolation from there to the offsets of the quadrant.
    """

    shape: tuple[int, int]
    lags: Lags
    placing: scipy.sparse.csr_matrix

    def amplitude(
        self, correlation: np.ndarray
    ) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
        """Square root of the spectrum of a wrapped correlation, and its pullback.

        Returns
        -------
        amplitude : ndarray, shape (rows, columns // 2 + 1)
            On the half spectrum of a real transform.
        pullback : callable
            From the gradient in the amplitude to that in the correlation, shape (K,).
        """
        rows, columns = (np.minimum(np.arange(n), n - np.arange(n)) for n in self.shape)
        quadrant = (self.placing @ correlation).reshape(self._quadrant)
        spectrum = scipy.fft.rfft2(quadrant[np.ix_(rows, columns)]).real
        floor = _FLOOR * float(spectrum.max())
        amplitude = np.sqrt(np.clip(spectrum, 0.0, None))

        def pullback(gradient: np.ndarray) -> np.ndarray:
            whole = np.zeros(self.shape)
            roots = 2.0 * np.sqrt(np.maximum(spectrum, floor))
            whole[:, : gradient.shape[1]] = np.where(spectrum > floor, gradient / roots, 0.0)
            # the transform of an even image is symmetric: its transpose is itself, unscaled
            moved = scipy.fft.fft2(whole).real
            folded = np.zeros(self._quadrant)
            np.add.at(folded, np.ix_(rows, columns), moved)
            return np.asarray(self.placing.T @ folded.ravel())

        return amplitude, pullback

    @property
    def _quadrant(self) -> tuple[int, int]:
        return self.shape[0] // 2 + 1, self.shape[1] // 2 + 1


def torus_of(family: PlaneFamily, shape: Sequence[int], reach: float, *, least: int = 0) -> Torus:
    """Prepare a periodic plane.

    Parameters
    ----------
    family : PlaneFamily
        What the plane is to a model.
    shape : sequence of 2 ints
        Least rows and columns of a window that is to be drawn exactly.
    reach : float
        Distance beyond which correlations hardly count; the torus is so much wider.
    least : int
        Least edge of the torus in pixels, whatever the window.
    """
    sides = tuple(
        fast_length(max(int(length) + math.ceil(reach / size), least))
        for length, size in zip(shape, family.pixel_size, strict=True)
    )
    half = [np.arange(n // 2 + 1) * size for n, size in zip(sides, family.pixel_size, strict=True)]
    down, right = np.meshgrid(*half, indexing="ij")
    if family.axial:
        near = np.flatnonzero(np.hypot(down, right).ravel() <= reach)
        lags = Lags(right.ravel()[near], down.ravel()[near])
        ones = np.ones(near.size)
        entries = (ones, (near, np.arange(near.size)))
        return Torus(
            (sides[0], sides[1]), lags, scipy.sparse.csr_matrix(entries, (down.size, near.size))
        )
    # tails beyond the reach are wrapped, not cut: a jump would leave the spectrum below zero
    distance = np.hypot(down, right).ravel()
    nodes = np.linspace(0.0, float(distance.max()), _NODES)
    placing = _linear(distance, nodes)
    return Torus((sides[0], sides[1]), Lags.radial(nodes), placing)


def _linear(distance: np.ndarray, nodes: np.ndarray) -> scipy.sparse.csr_matrix:
    """Linear interpolation between equidistant nodes."""
    place = distance / nodes[1]
    left = np.minimum(place.astype(np.int64), nodes.size - 2)
    share = place - left
    rows = np.arange(distance.size)
    values = np.concatenate([1.0 - share, share])
    places = (np.concatenate([rows, rows]), np.concatenate([left, left + 1]))
    return scipy.sparse.csr_matrix((values, places), (distance.size, nodes.size))
