"""Crops of the real sections: in the specimen, turned and reflected as the symmetry allows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from morphgen.calibration.plane_families import PlaneFamily
from morphgen.errors import ImageError
from morphgen.phases import OUTSIDE


@dataclass(frozen=True, eq=False)
class RealCrops:
    """Square windows of real sections; made by `real_crops`.

    Attributes
    ----------
    images : tuple of arrays of uint8
        Labels of the sections.
    corners : tuple of arrays, shape (windows, 2)
        First row and column of every window of each image that lies in the specimen.
    order : tuple of int
        Labels in the order of decision: the channels.
    edge : int
        Edge of a window.
    symmetries : int
        8 with quarter turns, 4 without.
    seed : int
        Seed of the choice.
    """

    images: tuple[np.ndarray, ...]
    corners: tuple[np.ndarray, ...]
    order: tuple[int, ...]
    edge: int
    symmetries: int
    seed: int

    def batch(self, step: int, count: int) -> np.ndarray:
        """Crops of one step: float32, shape (count, phases, edge, edge); keyed by seed and step."""
        keyed = np.random.default_rng([self.seed, step])
        sizes = np.array([len(corners) for corners in self.corners])
        drawn = []
        for _ in range(count):
            image = int(keyed.choice(sizes.size, p=sizes / sizes.sum()))
            row, column = self.corners[image][keyed.integers(sizes[image])]
            window = self.images[image][row : row + self.edge, column : column + self.edge]
            drawn.append(transformed(window, int(keyed.integers(self.symmetries))))
        return one_hot(np.stack(drawn), self.order)

    def all_tiles(self) -> list[np.ndarray]:
        """Windows side by side, none overlapping another: uint8, shape (tiles, edge, edge) each."""
        found = []
        for image, corners in zip(self.images, self.corners, strict=True):
            inside = {(int(row), int(column)) for row, column in corners}
            grid = [
                (row, column)
                for row in range(0, image.shape[0] - self.edge + 1, self.edge)
                for column in range(0, image.shape[1] - self.edge + 1, self.edge)
                if (row, column) in inside
            ]
            tiles = [image[r : r + self.edge, c : c + self.edge] for r, c in grid]
            if tiles:
                found.append(np.stack(tiles))
        return found


def real_crops(
    family: PlaneFamily, order: tuple[int, ...], edge: int, *, seed: int = 0
) -> RealCrops:
    """Prepare to crop the sections of a family.

    Raises
    ------
    ImageError
        If no window of this edge lies in the specimen.
    """
    corners = tuple(inner_corners(image != OUTSIDE, edge) for image in family.specimens)
    if not any(len(part) for part in corners):
        sizes = ", ".join(f"{rows} x {columns}" for rows, columns in _shapes(family))
        raise ImageError(
            f"no crop of {edge} x {edge} px lies in the specimen of the sections ({sizes} px for "
            "training); lower --crop, or bring larger sections"
        )
    return RealCrops(family.specimens, corners, order, edge, 8 if family.turns else 4, seed)


def transformed(window: np.ndarray, symmetry: int) -> np.ndarray:
    """Window under one of 8 symmetries of the square; the first 4 keep rows and columns apart."""
    if symmetry & 1:
        window = window[::-1]
    if symmetry & 2:
        window = window[:, ::-1]
    return window.T if symmetry & 4 else window


def one_hot(labels: np.ndarray, order: tuple[int, ...]) -> np.ndarray:
    """Maps of the phases: float32, shape (batch, phases, rows, columns)."""
    return np.stack([labels == label for label in order], axis=1).astype(np.float32)


def inner_corners(inside: np.ndarray, edge: int) -> np.ndarray:
    """First row and column of every square of this edge that is wholly inside: (windows, 2)."""
    if min(inside.shape) < edge:
        return np.zeros((0, 2), dtype=np.int64)
    sums = np.pad(inside.astype(np.int64).cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    held = sums[edge:, edge:] - sums[:-edge, edge:] - sums[edge:, :-edge] + sums[:-edge, :-edge]
    return np.argwhere(held == edge * edge)


def _shapes(family: PlaneFamily) -> list[tuple[int, ...]]:
    return [image.shape for image in family.specimens]
