"""What a model is calibrated to: the coverage functions of the sections, and how sure they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from morphgen.calibration.lags import Lags
from morphgen.calibration.objective import pairs_of
from morphgen.calibration.tiling import check_tiles, deviations, specimen, tiles
from morphgen.descriptors.coverage import RadialCoverage, coverage_counts, pool
from morphgen.errors import ImageError, InputError
from morphgen.fields.kernels import Axis
from morphgen.images import Section
from morphgen.phases import OUTSIDE

# smallest and comfortable width of a section, in correlation lengths (THEORY 8)
SMALLEST_WIDTH, COMFORTABLE_WIDTH = 8.0, 32.0

# lags used, in correlation lengths
LAG_RANGE = 8.0
# lags, in pixels, that most sections need at most
FIRST_REACH = 128
# the indicator of a median Gaussian excursion set has this correlation where rho = exp(-1/2)
_INDICATOR_CORRELATION = 2.0 / math.pi * math.asin(math.exp(-0.5))


@dataclass(frozen=True)
class PlaneRows:
    """Lags of a target that were measured in planes that lie alike about the axis.

    Attributes
    ----------
    planes : tuple of str
        The planes, such as ("xz", "yz").
    with_axis : bool
        Whether the planes contain the axis; otherwise they are normal to it.
    start, stop : int
        First lag, and the one after the last.
    """

    planes: tuple[str, ...]
    with_axis: bool
    start: int
    stop: int


@dataclass(frozen=True, eq=False)
class Target:
    """Coverage functions of pooled sections, symmetrised and binned by distance.

    With an axis, lags are binned by the distances across and along it: see `measure_cylindrical`.

    Attributes
    ----------
    labels : tuple of int
        The phases, increasing.
    lags : Lags
        Mean distances of the pixel pairs of each of K bins, without lag 0, in the sections' unit.
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
        Shortest side of any section. With an axis, length and width are those of the direction
        and section that hold the fewest correlation lengths.
    pixels : int
        Pixels inside the specimen, of all sections.
    axis : {"z", "y", "x"} or None
        Axis of symmetry; None for an isotropic target.
    planes : tuple of PlaneRows
        Which lags were measured in which planes; empty for an isotropic target.
    reaches : tuple of 2 floats, or None
        Largest lags across and along the axis; None for an isotropic target.
    """

    labels: tuple[int, ...]
    lags: Lags
    values: np.ndarray
    fractions: np.ndarray
    influence: np.ndarray
    correlation_length: float
    width: float
    pixels: int
    axis: Axis | None = None
    planes: tuple[PlaneRows, ...] = ()
    reaches: tuple[float, float] | None = None

    @property
    def lag(self) -> np.ndarray:
        """Distance of the lags, shape (K,)."""
        return self.lags.distance

    @property
    def symmetry(self) -> str:
        """Symmetry of the models that can be fitted: "isotropic" or "cylindrical"."""
        return "isotropic" if self.axis is None else "cylindrical"

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


def influence(fractions: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Lay deviations of fractions (tiles, n) and of C_ij (tiles, n, n, K) side by side."""
    pairs = pairs_of(values.shape[1])
    return np.concatenate([fractions, *(values[:, i, j] for i, j in pairs)], axis=1)


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
    check_alike(sections)
    labels = tuple(phase.label for phase in sections[0].phases)
    specimens = [specimen(section) for section in sections]
    spacing = sections[0].pixel_size
    longest = min(min(specimen.shape) for specimen in specimens) // 4
    if max_lag is not None and not 4 <= max_lag <= longest:
        raise InputError(f"the largest lag is {max_lag} px: expected 4 to {longest} here")
    reach = min(longest, FIRST_REACH) if max_lag is None else max_lag
    radial = _pooled(specimens, labels, reach, spacing)
    check_present(radial)
    if math.isinf(indicator_length(radial)) and reach < longest:
        reach = longest
        radial = _pooled(specimens, labels, reach, spacing)
    length = _longest_correlation(sections, radial)
    width = min(
        float(n * d) for part in specimens for n, d in zip(part.shape, spacing, strict=True)
    )
    _check_width(sections, width, length)
    wanted = max_lag or min(longest, max(8, math.ceil(LAG_RANGE * length / min(spacing))))
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
    parts = [
        coverage_counts(tile, labels, max_lag).radial(spacing)
        for specimen in specimens
        for tile in tiles(specimen, (max_lag, max_lag))
    ]
    check_tiles(len(parts))
    moved = deviations([part.values for part in parts], [part.weight for part in parts])
    return Target(
        labels,
        Lags.radial(np.asarray(radial.lag)[keep]),
        values[:, :, keep],
        np.array([values[i, i, 0] for i in range(len(labels))]),
        influence(np.diagonal(moved[..., 0], axis1=1, axis2=2), moved[..., keep]),
        length,
        width,
        sum(int(np.count_nonzero(specimen != OUTSIDE)) for specimen in specimens),
    )


def _pooled(
    specimens: Sequence[np.ndarray],
    labels: tuple[int, ...],
    max_lag: int,
    spacing: tuple[float, float],
) -> RadialCoverage:
    counts = pool([coverage_counts(specimen, labels, max_lag) for specimen in specimens])
    return counts.radial(spacing)


def check_present(radial: RadialCoverage) -> None:
    """Refuse sections without any pixel of a phase.

    Raises
    ------
    InputError
        If a phase is absent.
    """
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
        raise too_narrow(width / length, length, min(sections[0].pixel_size))


def too_narrow(ratio: float, length: float, pixel: float) -> ImageError:
    """Error that names the width of a section in correlation lengths, and what it should be."""
    pixels = math.ceil(SMALLEST_WIDTH * length / pixel)
    better = math.ceil(COMFORTABLE_WIDTH * length / pixel)
    return ImageError(
        f"the shortest side of a section is {ratio:.1f} correlation lengths; bring "
        f"sections of at least {pixels} px a side (better {better} px)"
    )


def check_alike(sections: Sequence[Section]) -> None:
    """Refuse sections of different pixel sizes, units or phases.

    Raises
    ------
    InputError
        If there is none, or two of them differ.
    """
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
