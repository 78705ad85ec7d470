"""What is measured on sections, real or simulated, before they are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, cast

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
from morphgen.images import Section
from morphgen.phases import OUTSIDE

Plane = Literal["xy", "xz", "yz"]
Floats = NDArray[np.float64]
Labels = NDArray[np.uint8]


class Key(NamedTuple):
    """Which quantity: what kind, of which phases, and along which axis if it has one."""

    kind: str
    phases: tuple[int, ...]
    direction: str = ""


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


@dataclass(frozen=True, eq=False)
class Measured:
    """Values of each quantity, pooled over the sections of one set.

    Attributes
    ----------
    values : dict
        One array for each `Key`: of one element for a number, of shape (K,) for a curve.
    lag : array
        Lags of the two-point coverage.
    lengths : dict
        Chord lengths of the distributions, by direction.
    """

    values: dict[Key, Floats]
    lag: Floats
    lengths: dict[str, Floats]


def view_of(section: Section, max_lag: float) -> View:
    """Look at a section with lags up to ``max_lag``, in its unit."""
    lag = int(np.floor(max_lag / min(section.pixel_size) + 1e-9))
    rows, columns = section.labels.shape
    return View(
        (rows, columns), cast("Plane", section.plane), section.pixel_size, section.mask, lag
    )


def measure(images: Sequence[Labels], views: Sequence[View], phases: Sequence[int]) -> Measured:
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
    Measured
    """
    area = np.array([view.area for view in views])
    share = area / area.sum()
    values = _interfaces(images, views, phases, share) | _euler(images, views, phases, share)
    lag, coverage = _coverage(images, views, phases)
    lengths, chords = _chords(images, views, phases)
    return Measured(values | coverage | chords, lag, lengths)


def _interfaces(
    images: Sequence[Labels], views: Sequence[View], phases: Sequence[int], share: Floats
) -> dict[Key, Floats]:
    found = [
        interface_densities(image, phases, view.pixel_size)
        for image, view in zip(images, views, strict=True)
    ]
    mean = np.tensordot(share, np.asarray(found), axes=1)
    return {
        Key("interface_area", (first, second)): np.atleast_1d(mean[i, j])
        for i, first in enumerate(phases)
        for j, second in enumerate(phases)
        if i < j
    }


def _euler(
    images: Sequence[Labels], views: Sequence[View], phases: Sequence[int], share: Floats
) -> dict[Key, Floats]:
    def mean(phase: int) -> Floats:
        found = [
            float(section_euler_density(image, phase, view.pixel_size))
            for image, view in zip(images, views, strict=True)
        ]
        return np.atleast_1d(share @ np.array(found))

    return {Key("section_euler_number", (phase,)): mean(phase) for phase in phases}


def _coverage(
    images: Sequence[Labels], views: Sequence[View], phases: Sequence[int]
) -> tuple[Floats, dict[Key, Floats]]:
    """Fractions, C_ij and C_ij - p_i p_j."""
    counts = [
        coverage_counts(image, phases, view.max_lag)
        for image, view in zip(images, views, strict=True)
    ]
    area = np.array([view.area for view in views])
    p = (area / area.sum()) @ np.array([count.fractions() for count in counts])
    radial = [count.radial(v.pixel_size) for count, v in zip(counts, views, strict=True)]
    lag, pooled = _pooled(radial, [min(view.pixel_size) for view in views], area)
    values = {Key("volume_fraction", (one,)): p[i : i + 1] for i, one in enumerate(phases)}
    for i, first in enumerate(phases):
        for j in range(i, len(phases)):
            pair = (first, phases[j])
            values[Key("two_point_coverage", pair)] = pooled[i, j]
            values[Key("covariance", pair)] = pooled[i, j] - p[i] * p[j]
    return lag, values


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
) -> tuple[dict[str, Floats], dict[Key, Floats]]:
    """Mean chord and cumulative distribution, by phase and direction."""
    lengths: dict[str, Floats] = {}
    values: dict[Key, Floats] = {}
    for direction in sorted({axis for view in views for axis in view.directions}, reverse=True):
        seen = [
            (image, view, view.directions.index(direction))
            for image, view in zip(images, views, strict=True)
            if direction in view.directions
        ]
        lengths[direction] = _length_grid([(view, axis) for _, view, axis in seen])
        for phase in phases:
            found = [
                chord_lengths(image, phase, axis, spacing=view.pixel_size)
                for image, view, axis in seen
            ]
            mean, cumulative = _pooled_chords(found, lengths[direction])
            values[Key("mean_chord_length", (phase,), direction)] = mean
            values[Key("chord_length_distribution", (phase,), direction)] = cumulative
    return lengths, values


def _length_grid(seen: Sequence[tuple[View, int]]) -> Floats:
    step = max(view.pixel_size[axis] for view, axis in seen)
    longest = max(view.shape[axis] * view.pixel_size[axis] for view, axis in seen)
    count = int(np.ceil(longest / step - 1e-9))
    return np.linspace(step, count * step, count)


def _pooled_chords(found: Sequence[ChordLengths], grid: Floats) -> tuple[Floats, Floats]:
    total = sum(float(one.counts.sum()) for one in found)
    if not total:
        return np.array([np.nan]), np.full(grid.size, np.nan)
    length = sum(float(one.counts @ one.lengths) for one in found)
    cumulative = np.zeros(grid.size)
    for one in found:
        until = np.concatenate([[0.0], np.cumsum(one.counts)])
        cumulative += until[np.searchsorted(one.lengths, grid * (1.0 + 1e-9), side="right")]
    return np.array([length / total]), cumulative / total
