"""Periodic planes on which the sections of a family are drawn."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.fft
import scipy.sparse

from morphgen._array_api import fast_length
from morphgen.calibration.lags import Lags
from morphgen.calibration.plane_families import PlaneFamily

# nodes of the radial grid; linear interpolation between them errs by (diagonal/512)^2 rho''/8
_NODES = 512
# spectral lines below this share of the largest hardly count, but the derivative of their root
# is without bound: it is left out
_FLOOR = 1e-6


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
        for length, size in zip(shape, family.steps, strict=True)
    )
    half = [np.arange(n // 2 + 1) * size for n, size in zip(sides, family.steps, strict=True)]
    down, right = np.meshgrid(*half, indexing="ij")
    if family.with_axis:
        near = np.flatnonzero(np.hypot(down, right).ravel() <= reach)
        lags = Lags(down.ravel()[near], right.ravel()[near])
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
