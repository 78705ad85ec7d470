"""A made-up section of a battery electrode, drawn by no random field: grains with cracks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.uint8]

PORE, ACTIVE, ELECTROLYTE = 0, 1, 2
PHASES = "0=pore,1=active material,2=solid electrolyte"

_MARGIN = 24
_FACETS = 7
_CRACKED = 0.6


def demo_section(seed: int, side: int = 512) -> Labels:
    """Draw a section.

    Polygons of random size at the points of a Poisson process, in two layers: particles of solid
    electrolyte, and over them larger grains of active material, most of them cracked. What is
    left is pore.

    Parameters
    ----------
    seed : int
        Seed; sections of different seeds are independent.
    side : int
        Rows and columns.

    Returns
    -------
    array of uint8, shape (side, side)
        0 pore, 1 active material, 2 solid electrolyte.
    """
    random = np.random.default_rng(seed)
    wide = np.full((side + 2 * _MARGIN,) * 2, PORE, dtype=np.uint8)
    _scatter(wide, random, ELECTROLYTE, density=1 / 110, radii=(4.0, 7.5), cracked=0.0)
    _scatter(wide, random, ACTIVE, density=1 / 520, radii=(8.0, 16.0), cracked=_CRACKED)
    return np.ascontiguousarray(wide[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN])


def _scatter(
    image: Labels,
    random: np.random.Generator,
    label: int,
    *,
    density: float,
    radii: tuple[float, float],
    cracked: float,
) -> None:
    """Paint a Poisson number of polygons, later ones over earlier ones."""
    for _ in range(random.poisson(density * image.size)):
        centre = random.uniform(0.0, image.shape[0], size=2)
        radius = random.uniform(*radii)
        reach = int(np.ceil(1.5 * radius))
        low = np.maximum(np.floor(centre).astype(int) - reach, 0)
        part = image[low[0] : low[0] + 2 * reach, low[1] : low[1] + 2 * reach]
        y, x = np.ogrid[: part.shape[0], : part.shape[1]]
        down, right = y + low[0] - centre[0], x + low[1] - centre[1]
        inside = _polygon(random, down, right, radius)
        part[inside] = label
        if random.random() < cracked:
            part[inside & _crack(random, down, right, radius)] = PORE


def _polygon(
    random: np.random.Generator,
    down: NDArray[np.float64],
    right: NDArray[np.float64],
    radius: float,
) -> NDArray[np.bool_]:
    """Pixels on the inner side of some random lines around the centre."""
    turns = (np.arange(_FACETS) + random.uniform(0.0, 0.8, _FACETS)) * (2.0 * np.pi / _FACETS)
    distances = radius * random.uniform(0.7, 1.0, _FACETS)
    inside = down**2 + right**2 < (1.4 * radius) ** 2
    for turn, distance in zip(turns, distances, strict=True):
        inside &= np.cos(turn) * down + np.sin(turn) * right < distance
    return inside


def _crack(
    random: np.random.Generator,
    down: NDArray[np.float64],
    right: NDArray[np.float64],
    radius: float,
) -> NDArray[np.bool_]:
    """Pixels on a thin wavy line near the centre."""
    turn, shift, phase = random.uniform(0.0, 2.0 * np.pi, size=3)
    along = np.cos(turn) * down + np.sin(turn) * right
    across = np.cos(turn) * right - np.sin(turn) * down
    wave = 0.12 * radius * np.sin(4.0 * along / radius + phase)
    crack: NDArray[np.bool_] = np.abs(across - wave - 0.3 * radius * np.cos(shift)) < 0.9
    return crack
