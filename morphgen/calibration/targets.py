"""What a model is calibrated to: the coverage functions of the sections, and how sure they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from morphgen.calibration.lags import Lags
from morphgen.calibration.objective import pairs_of
from morphgen.descriptors.coverage import CoverageCounts, RadialCoverage, coverage_counts, pool
from morphgen.errors import ImageError, InputError
from morphgen.images import MIN_SIDE, Section
from morphgen.phases import OUTSIDE

# smallest and comfortable width of a section, in correlation lengths (THEORY 8)
SMALLEST_WIDTH, COMFORTABLE_WIDTH = 8.0, 32.0

# lags used, in correlation lengths
_LAG_RANGE = 8.0
# lags, in pixels, that most sections need at most
_FIRST_REACH = 128
# the indicator of a median Gaussian excursion set has this correlation where rho = exp(-1/2)
_INDICATOR_CORRELATION = 2.0 / math.pi * math.asin(math.exp(-0.5))
# tiles of a section for the block bootstrap: at most so many along a side, and no smaller than
# this many largest lags
_TILES_ALONG, _TILE_LAGS = 6, 2.0


@dataclass(frozen=True, eq=False)
class Target:
    """Coverage functions of pooled sections, symmetrised and binned by distance.

    Attributes
    ----------
    labels : tuple of int
        The phases, increasing.
    lag : ndarray, shape (K,)
        Mean distance of the pixel pairs of each bin, without lag 0, in the sections' unit.
    values : ndarray, shape (n, n, K)
        C_ij at these lags.
    fractions : ndarray, shape (n,)
        Area fractions.
    influence : ndarray, shape (tiles, n + pairs * K)
        Deviation of the fractions and the C_ij (i <= j) of each tile from the pooled ones,
        weighted by its number of pixel pairs: their covariance is influence.T @ influence.
    correlation_length : float
        Largest over the phases, see `indicator_length`.
    width : float
        Shortest side of any section.
    pixels : int
        Pixels inside the specimen, of all sections.
    """

    labels: tuple[int, ...]
    lag: np.ndarray
    values: np.ndarray
    fractions: np.ndarray
    influence: np.ndarray
    correlation_length: float
    width: float
    pixels: int

    @property
    def lags(self) -> Lags:
        """The lags as a model sees them."""
        return Lags.radial(self.lag)

    def in_order(self, order: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Fractions, and C_ij of shape (pairs, K), with the phases in an order of decision."""
        place = [self.labels.index(label) for label in order]
        values = self.values[np.ix_(place, place)]
        rows = np.stack([values[i, j] for i, j in pairs_of(len(place))])
        return self.fractions[place], rows

    def influence_in_order(self, order: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Deviations of fractions (tiles, n) and of C_ij (tiles, pairs, K) in an order."""
        place = [self.labels.index(label) for label in order]
        count = len(place)
        rows = self.influence[:, count:].reshape(len(self.influence), -1, self.lag.size)
        known = {pair: row for row, pair in enumerate(pairs_of(count))}
        picked = [
            known[min(place[i], place[j]), max(place[i], place[j])] for i, j in pairs_of(count)
        ]
        return self.influence[:, :count][:, place], rows[:, picked]

    def standard_errors(self) -> np.ndarray:
        """Standard errors of C_ij - p_i p_j, shape (n, n, K)."""
        count = len(self.labels)
        fractions, rows = self.influence_in_order(self.labels)
        found = np.zeros((count, count, self.lag.size))
        for row, (i, j) in enumerate(pairs_of(count)):
            shift = fractions[:, i] * self.fractions[j] + fractions[:, j] * self.fractions[i]
            error = np.sqrt(np.sum((rows[:, row] - shift[:, None]) ** 2, axis=0))
            found[i, j] = found[j, i] = error
        return found


def measure_target(sections: Sequence[Section], max_lag: int | None = None) -> Target:
    """Measure the coverage functions of sections.

    Parameters
    ----------
    sections : sequence of Section
        Sections of one material, of one pixel size and with the same phases.
    max_lag : int, optional
        Largest lag in pixels; 8 correlation lengths by default.

    Raises
    ------
    InputError
        If the sections do not belong together, or none is given.
    ImageError
        If a section is smaller than 8 correlation lengths.
    """
    _check_alike(sections)
    labels = tuple(phase.label for phase in sections[0].phases)
    specimens = [_specimen(section) for section in sections]
    spacing = sections[0].pixel_size
    longest = min(min(specimen.shape) for specimen in specimens) // 4
    if max_lag is not None and not 4 <= max_lag <= longest:
        raise InputError(f"the largest lag is {max_lag} px: expected 4 to {longest} here")
    reach = min(longest, _FIRST_REACH) if max_lag is None else max_lag
    radial = _pooled(specimens, labels, reach, spacing)
    _check_present(radial)
    if math.isinf(indicator_length(radial)) and reach < longest:
        reach = longest
        radial = _pooled(specimens, labels, reach, spacing)
    length = _longest_correlation(sections, radial)
    width = min(
        float(n * d) for part in specimens for n, d in zip(part.shape, spacing, strict=True)
    )
    _check_width(sections, width, length)
    wanted = max_lag or min(longest, max(8, math.ceil(_LAG_RANGE * length / min(spacing))))
    if wanted != reach:
        radial = _pooled(specimens, labels, wanted, spacing)
    return _target(specimens, labels, radial, wanted, spacing, length, width)


def indicator_length(radial: RadialCoverage) -> float:
    """Correlation length of the phases: the lag at which their fields' correlation is exp(-1/2).

    Read off each phase's indicator, as if it were a median excursion set of a Gaussian field;
    the largest one counts. Infinite if an indicator stays correlated over all lags.
    """
    lengths = []
    seen = np.asarray(radial.weight) > 0.0
    lag = np.asarray(radial.lag)[seen]
    for i in range(len(radial.phases)):
        covered = np.asarray(radial.values[i, i])[seen]
        share = (covered - covered[0] ** 2) / (covered[0] - covered[0] ** 2)
        below = np.flatnonzero(share < _INDICATOR_CORRELATION)
        if below.size == 0:
            return math.inf
        last = int(below[0])
        part = (share[last - 1] - _INDICATOR_CORRELATION) / (share[last - 1] - share[last])
        lengths.append(float(lag[last - 1] + part * (lag[last] - lag[last - 1])))
    return max(lengths)


def _target(
    specimens: Sequence[np.ndarray],
    labels: tuple[int, ...],
    radial: RadialCoverage,
    max_lag: int,
    spacing: tuple[float, float],
    length: float,
    width: float,
) -> Target:
    values = np.asarray(radial.values)
    # a mask may leave no pair of pixels at some distance
    keep = (np.asarray(radial.lag) > 0.0) & (np.asarray(radial.weight) > 0.0)
    tiles = [
        counts.radial(spacing)
        for specimen in specimens
        for counts in _tile_counts(specimen, labels, max_lag)
    ]
    if len(tiles) < 2:
        raise ImageError(
            "the specimen is too small to be cut into two tiles, which standard errors need; bring "
            "a larger section, or lower the largest lag"
        )
    return Target(
        labels,
        np.asarray(radial.lag)[keep],
        values[:, :, keep],
        np.array([values[i, i, 0] for i in range(len(labels))]),
        _influence(radial, tiles, keep),
        length,
        width,
        sum(int(np.count_nonzero(specimen != OUTSIDE)) for specimen in specimens),
    )


def _influence(
    radial: RadialCoverage, tiles: Sequence[RadialCoverage], keep: np.ndarray
) -> np.ndarray:
    """Weighted deviations of the tiles, scaled so that their squares add up to the variance."""
    weights = np.stack([np.asarray(tile.weight) for tile in tiles])
    # a bin without pairs has no value, and no weight
    values = np.nan_to_num(np.stack([np.asarray(tile.values) for tile in tiles]))
    shares = weights / np.maximum(weights.sum(axis=0), 1.0)
    mean = np.einsum("tk,tijk->ijk", shares, values)
    deviation = shares[:, None, None, :] * (values - mean)
    count = len(radial.phases)
    columns = [deviation[:, i, i, :1] for i in range(count)]
    columns += [deviation[:, i, j, keep] for i, j in pairs_of(count)]
    scale = math.sqrt(len(tiles) / max(1, len(tiles) - 1))
    return scale * np.concatenate(columns, axis=1)


def _tile_counts(
    specimen: np.ndarray, labels: tuple[int, ...], max_lag: int
) -> list[CoverageCounts]:
    edge = math.ceil(_TILE_LAGS * max_lag)
    bands = [
        np.array_split(np.arange(side), min(_TILES_ALONG, max(1, side // edge)))
        for side in specimen.shape
    ]
    tiles = [specimen[np.ix_(rows, columns)] for rows in bands[0] for columns in bands[1]]
    return [coverage_counts(tile, labels, max_lag) for tile in tiles if np.any(tile != OUTSIDE)]


def _specimen(section: Section) -> np.ndarray:
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


def _pooled(
    specimens: Sequence[np.ndarray],
    labels: tuple[int, ...],
    max_lag: int,
    spacing: tuple[float, float],
) -> RadialCoverage:
    counts = pool([coverage_counts(specimen, labels, max_lag) for specimen in specimens])
    return counts.radial(spacing)


def _check_present(radial: RadialCoverage) -> None:
    for place, label in enumerate(radial.phases):
        if not float(radial.values[place, place, 0]) > 0.0:
            raise InputError(
                f"phase {label} is absent from the sections; leave it out of the phases"
            )


def _longest_correlation(sections: Sequence[Section], radial: RadialCoverage) -> float:
    length = indicator_length(radial)
    if math.isinf(length):
        reach = float(np.asarray(radial.lag)[-1])
        raise ImageError(
            f"a phase is still correlated at the largest lag, {reach:.4g} {sections[0].unit}: the "
            f"sections show less than {SMALLEST_WIDTH:g} correlation lengths; bring larger ones"
        )
    return length


def _check_width(sections: Sequence[Section], width: float, length: float) -> None:
    if width < SMALLEST_WIDTH * length:
        pixels = math.ceil(SMALLEST_WIDTH * length / min(sections[0].pixel_size))
        better = math.ceil(COMFORTABLE_WIDTH * length / min(sections[0].pixel_size))
        raise ImageError(
            f"the shortest side of a section is {width / length:.1f} correlation lengths; bring "
            f"sections of at least {pixels} px a side (better {better} px)"
        )


def _check_alike(sections: Sequence[Section]) -> None:
    if not sections:
        raise InputError("no section is given; calibration needs at least one")
    first = sections[0]
    for section in sections[1:]:
        same = (section.unit, section.pixel_size, section.phases)
        if same != (first.unit, first.pixel_size, first.phases):
            raise InputError(
                f"{section.source} differs from {first.source} in pixel size, unit or phases; "
                "bring sections alike, resampled to one pixel size"
            )
