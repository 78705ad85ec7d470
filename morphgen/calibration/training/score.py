"""A score on the part of the sections that no discriminator sees: by descriptors, not by losses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch

from morphgen.calibration.objective import pairs_of
from morphgen.calibration.plane_families import PlaneFamily
from morphgen.calibration.topology import euler_numbers
from morphgen.calibration.training.crops import inner_corners
from morphgen.calibration.training.generator import Generator
from morphgen.calibration.training.transfer import to_host
from morphgen.descriptors import chord_lengths, coverage_counts, interface_densities
from morphgen.errors import ImageError
from morphgen.phases import OUTSIDE

# of each section; the strip must be wide enough to measure something
_SHARE, _NARROWEST = 0.2, 32
# simulated sections are no larger a side, and so many
_LARGEST_SIDE, _SIMULATED = 512, 12
# lags at which C_ij count, in correlation lengths
_LAGS = (0.0, 0.5, 1.0, 2.0, 4.0)
# tori of the score, among those of the steps
_FIRST_TORUS = 2**40


def hold_out(family: PlaneFamily) -> tuple[PlaneFamily, PlaneFamily]:
    """Cut every section of a family in two: for training, and a strip that is held out.

    The strip is a fifth of the part that holds the specimen, at the end of its longer side.

    Raises
    ------
    ImageError
        If a strip holds no square of 32 pixels of the specimen: too little to measure.
    """
    kept, held = [], []
    for image, source in zip(family.specimens, family.sources, strict=True):
        axis = int(np.argmax(image.shape))
        strip = max(_NARROWEST, round(_SHARE * image.shape[axis]))
        first, last = np.split(image, [image.shape[axis] - strip], axis=axis)
        if not len(inner_corners(last != OUTSIDE, _NARROWEST)):
            raise ImageError(
                f"{source}: no square of {_NARROWEST} px of the specimen lies in the strip of "
                f"{strip} px that is held out of the training; crop the image to its specimen, "
                "bring a larger section, or take --method coverage"
            )
        kept.append(first)
        held.append(last)
    return replace(family, specimens=tuple(kept)), replace(family, specimens=tuple(held))


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Compares the held-out strips of one family with simulated ones, always of the same noise.

    Attributes
    ----------
    family : PlaneFamily
        The strips.
    generator : Generator
        Draws tori on which strips of the largest shape lie.
    order : tuple of int
        Labels in the order of decision.
    length : float
        Correlation length, in the unit of the pixel size.
    start : ndarray, shape (P,)
        Parameters whose scatter standardises the descriptors.
    """

    family: PlaneFamily
    generator: Generator
    order: tuple[int, ...]
    length: float
    start: np.ndarray

    def score(self, parameters: np.ndarray) -> float:
        """Root mean square deviation of the descriptors, in standard deviations of the strips'.

        That of one simulated strip, known from their scatter, falls as pixels are added.
        """
        means = self._simulated(parameters).mean(axis=0)
        rows, columns = window_of(self.family)
        share = rows * columns / float(self._pixels.sum())
        spread = self._scatter * np.sqrt(share + 1.0 / _SIMULATED)
        return float(np.sqrt(np.mean(((self._observed - means) / spread) ** 2)))

    @cached_property
    def _pixels(self) -> np.ndarray:
        return np.array([np.count_nonzero(image != OUTSIDE) for image in self.family.specimens])

    @cached_property
    def _observed(self) -> np.ndarray:
        rows = np.stack([self._descriptors(image) for image in self.family.specimens])
        return np.asarray(np.average(rows, axis=0, weights=self._pixels))

    @cached_property
    def _scatter(self) -> np.ndarray:
        table = self._simulated(self.start)
        spread = table.std(axis=0, ddof=1)
        return np.asarray(np.maximum(spread, 1e-6 + 1e-3 * np.abs(table).max(axis=0)))

    def _simulated(self, parameters: np.ndarray) -> np.ndarray:
        rows, columns = window_of(self.family)
        places = []
        for number in range(_SIMULATED):
            with torch.no_grad():
                maps = self.generator.phases(
                    torch.from_numpy(parameters), _FIRST_TORUS + number, 1, 1.0, "straight-through"
                )
            places.append(maps[0, :, :rows, :columns].argmax(dim=0).to(torch.uint8))
        images = np.asarray(self.order, dtype=np.uint8)[to_host(torch.stack(places)).numpy()]
        return np.stack([self._descriptors(image) for image in images])

    def _descriptors(self, image: np.ndarray) -> np.ndarray:
        """C_ij, interfaces, mean chords, and Euler numbers of parallel sets, in one row."""
        size = self.family.steps
        pixels = self.length / min(size)
        lags = sorted({round(lag * pixels) for lag in _LAGS})
        # the same lags for all strips, whatever their shapes
        reach = min(lags[-1], min(self.family.sides) // 2, _LARGEST_SIDE // 2)
        radial = coverage_counts(image, self.order, reach).radial(size)
        near = [int(np.argmin(np.abs(radial.lag - lag * min(size)))) for lag in lags]
        pairs = pairs_of(len(self.order))
        covered = [np.asarray(radial.values)[i, j, near] for i, j in pairs]
        areas = np.asarray(interface_densities(image, self.order, size))
        chords = [self._chord(image, label, axis) for label in self.order for axis in (0, 1)]
        radius = min(4, max(1, round(0.25 * pixels)))
        inside = image != OUTSIDE
        euler = [
            euler_numbers(image == label, radius, size, None if inside.all() else inside)
            for label in self.order
        ]
        boundaries = [areas[i, j] for i, j in pairs if i < j]
        return np.concatenate([*covered, boundaries, chords, *euler])

    def _chord(self, image: np.ndarray, label: int, axis: int) -> float:
        found = chord_lengths(image, label, axis, spacing=self.family.steps)
        return float(found.mean()) if np.any(found.counts) else 0.0


def window_of(family: PlaneFamily) -> tuple[int, int]:
    """Rows and columns of the simulated strips of a family."""
    rows, columns = (
        min(_LARGEST_SIDE, max(image.shape[axis] for image in family.specimens)) for axis in (0, 1)
    )
    return rows, columns
