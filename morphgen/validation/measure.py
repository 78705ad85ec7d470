"""What is measured on sections, real or simulated, before they are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from morphgen.descriptors import (
    ChordLengths,
    RadialCoverage,
    chord_lengths,
    coverage_counts,
    interface_densities,
    section_euler_density,
)
from morphgen.descriptors.readings import Key, Reading, number
from morphgen.images import Section
from morphgen.phases import OUTSIDE

Plane = Literal["xy", "xz", "yz"]
Floats = NDArray[np.float64]
Labels = NDArray[np.uint8]
Readings = dict[Key, Reading]

# curves that are functions of a lag
LAGGED = ("two_point_coverage", "covariance")


@dataclass(frozen=True, eq=False)
class View:
    """How a section is looked at: all that a simulation shares with it.

    Attributes
    ----------
    shape : tuple of 2 ints
        Rows and columns.
    plane : str
        Rows and columns as axes, such as "xy".
    pixel_size : tuple of 2 floats
        Row and column spacing.
    mask : array of bool or None
        True inside the specimen.
    max_lag : int
        Largest lag, in the finer of the two spacings.
    """

    shape: tuple[int, int]
    plane: Plane
    pixel_size: tuple[float, float]
    mask: NDArray[np.bool_] | None
    max_lag: int

    @property
    def directions(self) -> tuple[str, str]:
        """Axis along which the row number grows, and the one along which the column number does."""
        return self.plane[1], self.plane[0]

    @property
    def pixels(self) -> int:
        """Number of pixels inside the specimen."""
        if self.mask is None:
            return self.shape[0] * self.shape[1]
        return int(np.count_nonzero(self.mask))

    @property
    def area(self) -> float:
        """Area inside the specimen, in squared units of length."""
        return self.pixels * self.pixel_size[0] * self.pixel_size[1]

    def hide(self, labels: Labels) -> Labels:
        """Label image with 255 where the section has no specimen."""
        if self.mask is None:
            return labels
        return np.where(self.mask, labels, np.uint8(OUTSIDE))


def view_of(section: Section, max_lag: float) -> View:
    """Look at a section with lags up to ``max_lag``, in its unit."""
    lag = int(np.floor(max_lag / min(section.pixel_size) + 1e-9))
    rows, columns = section.labels.shape
    return View(
        (rows, columns), cast("Plane", section.plane), section.pixel_size, section.mask, lag
    )


def measure(images: Sequence[Labels], views: Sequence[View], phases: Sequence[int]) -> Readings:
    """Measure everything that is compared, on a set of sections.

    Sections are pooled: numbers per area by area, two-point coverage by pairs of pixels, chords by
    their number.

    Parameters
    ----------
    images : sequence of arrays of uint8
        Label images, 255 outside the specimen.
    views : sequence of View
        One for each image.
    phases : sequence of int
        Labels of the phases.

    Returns
    -------
    dict
        Readings by their keys.
    """
    area = np.array([view.area for view in views])
    share = area / area.sum()
    found = [
        *_interfaces(images, views, phases, share),
        *_euler(images, views, phases, share),
        *_coverage(images, views, phases),
        *_chords(images, views, phases),
    ]
    return {reading.key: reading for reading in found}


def values_at(reading: Reading, x: Floats | None) -> Floats:
    """Values of a reading at other arguments: linear between its own.

    Two-point coverage is NaN beyond its last lag, a distribution keeps its last value.
    """
    if x is None or reading.x is None or np.array_equal(x, reading.x):
        return reading.values
    if reading.key.kind in LAGGED:
        return at_lags(x, reading.x, reading.values)
    return np.asarray(np.interp(x, reading.x, reading.values))


def _interfaces(
    images: Sequence[Labels], views: Sequence[View], phases: Sequence[int], share: Floats
) -> list[Reading]:
    found = [
        interface_densities(image, phases, view.pixel_size)
        for image, view in zip(images, views, strict=True)
    ]
    mean = np.tensordot(share, np.asarray(found), axes=1)
    return [
        number("interface_area", (first, second), mean[i, j])
        for i, first in enumerate(phases)
        for j, second in enumerate(phases)
        if i < j
    ]


def _euler(
    images: Sequence[Labels], views: Sequence[View], phases: Sequence[int], share: Floats
) -> list[Reading]:
    def mean(phase: int) -> float:
        found = [
            float(section_euler_density(image, phase, view.pixel_size))
            for image, view in zip(images, views, strict=True)
        ]
        return float(share @ np.array(found))

    return [number("section_euler_number", (phase,), mean(phase)) for phase in phases]


def _coverage(
    images: Sequence[Labels], views: Sequence[View], phases: Sequence[int]
) -> list[Reading]:
    """Fractions, C_ij and C_ij - p_i p_j."""
    counts = [
        coverage_counts(image, phases, view.max_lag)
        for image, view in zip(images, views, strict=True)
    ]
    area = np.array([view.area for view in views])
    p = (area / area.sum()) @ np.array([count.fractions() for count in counts])
    radial = [count.radial(v.pixel_size) for count, v in zip(counts, views, strict=True)]
    lag, pooled = _pooled(radial, [min(view.pixel_size) for view in views], area)
    found = [number("volume_fraction", (one,), p[i]) for i, one in enumerate(phases)]
    for i, first in enumerate(phases):
        for j in range(i, len(phases)):
            pair = (first, phases[j])
            found += [
                Reading(Key("two_point_coverage", pair), pooled[i, j], lag),
                Reading(Key("covariance", pair), pooled[i, j] - p[i] * p[j], lag),
            ]
    return found


def _pooled(
    radial: Sequence[RadialCoverage], units: Sequence[float], area: Floats
) -> tuple[Floats, Floats]:
    """Mean C_ij by number of pairs, at the lags of the coarsest section."""
    lag = np.asarray(radial[int(np.argmax(units))].lag)
    # a section of finer pixels has more pixels per area and more lag vectors per distance
    size = area * np.asarray(units) / np.array([float(one.weight[0]) for one in radial])
    values = np.stack([at_lags(lag, np.asarray(one.lag), np.asarray(one.values)) for one in radial])
    weights = np.stack(
        [s * at_lags(lag, one.lag, one.weight) for s, one in zip(size, radial, strict=True)]
    )
    empty = weights == 0.0
    known = np.where(empty[:, None, None, :], 0.0, values)
    with np.errstate(invalid="ignore"):
        mean: Floats = np.einsum("sk,sijk->ijk", weights, known) / weights.sum(axis=0)
    return lag, mean


def at_lags(lag: Floats, known: Floats, values: Floats) -> Floats:
    """Values on the last axis at other lags: linear between, NaN beyond the last one."""
    if np.array_equal(lag, known):
        return values
    flat = values.reshape(-1, known.size)
    # mean distances of the last bin differ a little between sections of different shape
    reach = known[-1] + 0.6 * (known[-1] - known[-2])
    rows = [np.where(lag <= reach, np.interp(lag, known, row), np.nan) for row in flat]
    return np.array(rows, dtype=np.float64).reshape(*values.shape[:-1], lag.size)


def _chords(
    images: Sequence[Labels], views: Sequence[View], phases: Sequence[int]
) -> list[Reading]:
    """Mean chord and cumulative distribution, by phase and direction."""
    values: list[Reading] = []
    for direction in sorted({axis for view in views for axis in view.directions}, reverse=True):
        seen = [
            (image, view, view.directions.index(direction))
            for image, view in zip(images, views, strict=True)
            if direction in view.directions
        ]
        grid = _length_grid([(view, axis) for _, view, axis in seen])
        for phase in phases:
            found = [
                chord_lengths(image, phase, axis, spacing=view.pixel_size)
                for image, view, axis in seen
            ]
            mean, cumulative = _pooled_chords(found, grid)
            key = Key("chord_length_distribution", (phase,), direction)
            values += [
                number("mean_chord_length", (phase,), mean, direction),
                Reading(key, cumulative, grid),
            ]
    return values


def _length_grid(seen: Sequence[tuple[View, int]]) -> Floats:
    step = max(view.pixel_size[axis] for view, axis in seen)
    longest = max(view.shape[axis] * view.pixel_size[axis] for view, axis in seen)
    count = int(np.ceil(longest / step - 1e-9))
    return np.linspace(step, count * step, count)


def _pooled_chords(found: Sequence[ChordLengths], grid: Floats) -> tuple[float, Floats]:
    total = sum(float(one.counts.sum()) for one in found)
    if not total:
        return np.nan, np.full(grid.size, np.nan)
    length = sum(float(one.counts @ one.lengths) for one in found)
    cumulative = np.zeros(grid.size)
    for one in found:
        until = np.concatenate([[0.0], np.cumsum(one.counts)])
        cumulative += until[np.searchsorted(one.lengths, grid * (1.0 + 1e-9), side="right")]
    return length / total, cumulative / total
