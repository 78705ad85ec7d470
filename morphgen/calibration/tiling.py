"""Sections as what lies inside the specimen, cut into tiles whose scatter gives standard errors."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from morphgen.errors import ImageError
from morphgen.images import MIN_SIDE, Section
from morphgen.phases import OUTSIDE

# tiles of a section: at most so many along a side, and no smaller than this many largest lags
TILES_ALONG, TILE_LAGS = 6, 2.0


def tiles(specimen: np.ndarray, max_lags: tuple[int, int]) -> list[np.ndarray]:
    """Cut a label image into tiles with a part of the specimen in them.

    Parameters
    ----------
    specimen : ndarray, shape (rows, columns)
        Labels.
    max_lags : tuple of 2 ints
        Largest lag along rows and columns, in pixels.
    """
    bands = []
    for side, lag in zip(specimen.shape, max_lags, strict=True):
        # pairs are counted up to the larger lag along both axes
        edge = max(math.ceil(TILE_LAGS * lag), max(max_lags) + 1)
        bands.append(np.array_split(np.arange(side), min(TILES_ALONG, max(1, side // edge))))
    parts = [specimen[np.ix_(rows, columns)] for rows in bands[0] for columns in bands[1]]
    return [part for part in parts if np.any(part != OUTSIDE)]


def check_tiles(count: int) -> None:
    """Refuse sections that are cut into fewer than two tiles.

    Raises
    ------
    ImageError
        If there are fewer.
    """
    if count < 2:
        raise ImageError(
            "the specimen is too small to be cut into two tiles, which standard errors need; bring "
            "a larger section, or lower the largest lag"
        )


def deviations(values: Sequence[np.ndarray], weights: Sequence[np.ndarray]) -> np.ndarray:
    """Weighted deviations of tiles, scaled so that their squares add up to the variance.

    Parameters
    ----------
    values : sequence of arrays of shape (n, n, K)
        C_ij of each tile; NaN in bins without a pair.
    weights : sequence of arrays of shape (K,)
        Number of pairs in each bin.

    Returns
    -------
    ndarray, shape (tiles, n, n, K)
    """
    weight = np.stack([np.asarray(one) for one in weights])
    # a bin without pairs has no value, and no weight
    value = np.nan_to_num(np.stack([np.asarray(one) for one in values]))
    shares = weight / np.maximum(weight.sum(axis=0), 1.0)
    mean = np.einsum("tk,tijk->ijk", shares, value)
    scale = math.sqrt(len(value) / max(1, len(value) - 1))
    return np.asarray(scale * (shares[:, None, None, :] * (value - mean)))


def specimen(section: Section) -> np.ndarray:
    """Part of a section's labels that holds the specimen.

    Raises
    ------
    ImageError
        If a side of it is under 32 pixels.
    """
    inside = section.labels != OUTSIDE
    rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
    part = section.labels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    if min(part.shape) < MIN_SIDE:
        raise ImageError(
            f"{section.source}: the specimen is {part.shape[0]} x {part.shape[1]} px; expected at "
            f"least {MIN_SIDE} px a side"
        )
    return part
