"""How well a window of a model determines its volume fractions, before anything is generated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from morphgen.errors import InputError
from morphgen.excursion.model import ExcursionModel

Floats = NDArray[np.float64]

# cells of lags along an axis: where correlations reach farther, a cell holds several lags
_MOST_CELLS = 96
# distances at which the covariances are evaluated, and between which they are interpolated
_DISTANCES = 2048
_LARGEST_EDGE = 2**20


@dataclass(frozen=True)
class LagCells:
    """Lags along one axis, in cells of an odd number of neighbours.

    Attributes
    ----------
    step : int
        Lags in a cell; cell k holds those around k * step.
    count : int
        Number of cells, of lags of 0 or more.
    """

    step: int
    count: int

    @property
    def centres(self) -> NDArray[np.int64]:
        """Lag in the middle of each cell, in voxels."""
        return self.step * np.arange(self.count)

    def pairs(self, side: int) -> Floats:
        """Share of the ordered pairs of ``side`` voxels in a row that lie in each cell."""
        farthest = min(side, self.step * self.count - self.step // 2) - 1
        lags = np.arange(-farthest, farthest + 1)
        cell = (np.abs(lags) + self.step // 2) // self.step
        shares = (side - np.abs(lags)) / side**2
        found = np.bincount(cell, weights=shares, minlength=self.count)
        return found.astype(np.float64)


@dataclass(frozen=True, eq=False)
class FractionScatter:
    """Scatter of the volume fractions of windows of a model.

    The fraction of phase i in a window of N voxels has the variance

        Var = (1 / N²) sum_h prod_k (n_k - |h_k|) (C_ii(h) - p_i²),

    the sum being over all lags between voxels of the window, n_k its voxels along axis k. This is
    exact for the voxels of a realization; for windows much larger than the correlation length it
    becomes (1/V) ∫ (C_ii(h) - p_i²) dh.

    Attributes
    ----------
    labels : tuple of int
        Labels of the phases.
    cells : tuple of three LagCells
        Lags along z, y and x, of which all combinations count.
    covariances : array of float64, shape (n, z, y, x)
        C_ii(h) - p_i² in the middle of the cells.

    References
    ----------
    Lantuéjoul, "Ergodicity and integral range", J. Microscopy 161 (1991) 387; Matheron,
    *Estimating and Choosing* (1989).
    """

    labels: tuple[int, ...]
    cells: tuple[LagCells, ...]
    covariances: Floats

    def standard_deviations(self, shape: Sequence[int]) -> dict[int, float]:
        """Standard deviation of each phase's fraction in a window, by label.

        Parameters
        ----------
        shape : sequence of three ints
            Voxels along (z, y, x); 1 along the normal of a section.

        Returns
        -------
        dict

        Raises
        ------
        InputError
            If there are not three positive numbers.
        """
        if len(shape) != 3 or min(shape) < 1:
            raise InputError(f"shape is {tuple(shape)}; expected three positive numbers (z, y, x)")
        z, y, x = (cells.pairs(side) for cells, side in zip(self.cells, shape, strict=True))
        variances = np.einsum("izyx,z,y,x->i", self.covariances, z, y, x, optimize=True)
        return dict(zip(self.labels, np.sqrt(np.clip(variances, 0.0, None)).tolist(), strict=True))

    def edge(self, precision: float) -> int:
        """Smallest edge of a cube, in voxels, in which no fraction scatters by more.

        Parameters
        ----------
        precision : float
            Largest standard deviation of a fraction.

        Returns
        -------
        int

        Raises
        ------
        InputError
            If the precision is not between 0 and 1, or a cube of 2^20 voxels a side is too small.
        """
        if not 0.0 < precision < 1.0:
            raise InputError(f"precision is {precision}; expected a standard deviation such as .01")
        low, high = 0, 1
        while self._worst(high) > precision:
            low, high = high, 2 * high
            if high > _LARGEST_EDGE:
                raise InputError(
                    f"no volume of up to {_LARGEST_EDGE} voxels a side has fractions as precise "
                    f"as {precision:g}; ask for less"
                )
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self._worst(middle) <= precision else (middle, high)
        return high

    def _worst(self, edge: int) -> float:
        return max(self.standard_deviations((edge, edge, edge)).values())


def fraction_scatter(model: ExcursionModel) -> FractionScatter:
    """Prepare the scatter of a model's volume fractions.

    Parameters
    ----------
    model : ExcursionModel
        The model. Where correlations reach more than 96 voxels, neighbouring lags share a cell;
        beyond their reach they are below 1e-5 and left out.

    Returns
    -------
    FractionScatter
    """
    cells = tuple(_cells(model.reach / size) for size in model.voxel_size)
    fractions = model.volume_fractions()
    p = np.array([fractions[phase.label] for phase in model.phases])
    z, y, x = (
        np.float64(size) * one.centres for one, size in zip(cells, model.voxel_size, strict=True)
    )
    if model.isotropic:
        covered = _isotropic(model, np.sqrt(z[:, None, None] ** 2 + y[:, None] ** 2 + x**2), p)
    else:
        covered = _cylindrical(model, (z, y, x), p)
    return FractionScatter(
        labels=tuple(phase.label for phase in model.phases),
        cells=cells,
        covariances=covered - (p**2)[:, None, None, None],
    )


def _cells(reach: float) -> LagCells:
    """Cells up to a reach in voxels."""
    step = int(np.ceil(reach / _MOST_CELLS))
    step += 1 - step % 2
    return LagCells(step, int(np.ceil(reach / step)) + 1)


def _isotropic(model: ExcursionModel, distance: Floats, p: Floats) -> Floats:
    """C_ii on an array of distances, shape (n, ...)."""
    grid = np.linspace(0.0, model.reach, _DISTANCES + 1)
    known = _same(model.two_point_coverage(grid[1:]), p)
    found = [
        np.interp(distance, grid, np.append(one, values), right=one**2)
        for one, values in zip(p, known, strict=True)
    ]
    return np.stack(found)


def _cylindrical(model: ExcursionModel, lags: Sequence[Floats], p: Floats) -> Floats:
    """C_ii at all combinations of lags along z, y and x, for fields with an axis."""
    axis = next(
        "zyx".index(noise.kernel.axis) for noise in model.noises if noise.kernel.axis is not None
    )
    first, second = (lags[k] for k in range(3) if k != axis)
    across = np.hypot(first[:, None], second)
    grid = np.linspace(0.0, float(across.max()), _DISTANCES // 4 + 1)
    layers = [_layer(model, axis, height, grid, across, p) for height in lags[axis]]
    return np.stack(layers, axis=1 + axis)


def _layer(
    model: ExcursionModel, axis: int, height: float, grid: Floats, across: Floats, p: Floats
) -> Floats:
    """C_ii at one lag along the axis, shape (n, ...) of the lags across it."""
    offsets = np.zeros((grid.size, 3))
    offsets[:, axis] = height
    offsets[:, (axis + 1) % 3] = grid
    apart = offsets.any(axis=1)
    values = np.repeat(p[:, None], grid.size, axis=1)
    values[:, apart] = _same(model.two_point_coverage(offsets[apart]), p)
    return np.stack([np.interp(across, grid, one) for one in values])


def _same(coverage: Floats, p: Floats) -> Floats:
    """C_ii of C_ij, shape (n, K)."""
    return np.asarray(coverage)[np.arange(p.size), np.arange(p.size)]
