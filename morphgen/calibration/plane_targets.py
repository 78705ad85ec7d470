"""The target of a model with an axis: each family of planes with the lags that it shows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from morphgen.calibration.lags import Lags
from morphgen.calibration.matching import match_fractions, moved_match
from morphgen.calibration.plane_bins import BinnedCoverage, PlaneBins, plane_bins
from morphgen.calibration.plane_families import PlaneFamily, plane_families
from morphgen.calibration.targets import (
    FIRST_REACH,
    LAG_RANGE,
    SMALLEST_WIDTH,
    PlaneRows,
    Target,
    check_present,
    indicator_length,
    influence,
    too_narrow,
)
from morphgen.calibration.tiling import check_tiles, deviations, tiles
from morphgen.descriptors.coverage import (
    CoverageCounts,
    RadialCoverage,
    coverage_counts,
    pool,
)
from morphgen.errors import ImageError, InputError
from morphgen.fields.kernels import Axis
from morphgen.images import Section
from morphgen.phases import OUTSIDE

# (across, along)
Lengths = tuple[float, float]


def measure_cylindrical(
    sections: Sequence[Section],
    axis: Axis,
    max_lag: int | None = None,
    *,
    like: Target | None = None,
) -> Target:
    """Measure the coverage functions of sections of a material that is symmetric about an axis.

    Sections whose planes contain the axis are binned by the distances across and along it, see
    `plane_bins`; sections normal to the axis by distance, as in an isotropic target, with the
    distance along being 0. Sections of one family of planes are pooled; each family keeps its
    rows. Fractions are pooled over all sections, by pixels, and the rows of each family are
    brought to these fractions, see `match_fractions`: most of the error of C is that of the
    fractions (THEORY 8).

    Every bin has the same weight in a fit. Its error is that of the few correlation lengths that
    a section is wide, and hardly depends on how many pairs of pixels it pools; planes that contain
    the axis, which alone show the correlation along it, therefore count by their larger number of
    bins.

    Parameters
    ----------
    sections : sequence of Section
        Sections of one material, with the same phases and one voxel size along each axis.
    axis : {"z", "y", "x"}
        Axis of symmetry.
    max_lag : int, optional
        Largest lag in the finest pixels; by default 8 correlation lengths across and along.
    like : Target, optional
        Target of the same sections without a mask, whose bins are taken.

    Returns
    -------
    Target

    Raises
    ------
    InputError
        If no section contains the axis, or the sections do not belong together.
    ImageError
        If a section is smaller than 8 correlation lengths.
    """
    families = plane_families(sections, axis)
    labels = tuple(phase.label for phase in sections[0].phases)
    if like is not None and like.reaches is not None:
        parts = [_measured(family, labels, like.reaches) for family in families]
        return _target(parts, labels, axis, (like.correlation_length, like.width), like.reaches)
    longest = _quarters(families)
    lengths = _lengths(families, labels, longest, sections[0].unit)
    ratio, width = min(_widths(families, lengths))
    if ratio < SMALLEST_WIDTH:
        raise too_narrow(ratio, width / ratio, min(min(one.steps) for one in families))
    reaches = _reaches(families, lengths, longest, max_lag)
    measured = [_measured(family, labels, reaches) for family in families]
    return _target(measured, labels, axis, (width / ratio, width), reaches)


@dataclass(frozen=True, eq=False)
class _Measured:
    """One family of planes, binned.

    Attributes
    ----------
    lags : Lags
        Distances of the K bins in use, lag 0 being none of them.
    values : ndarray, shape (n, n, K)
        C_ij there.
    fractions : ndarray, shape (n,)
        Fractions of the family's own sections.
    moved, moved_fractions : ndarray, shapes (tiles, n, n, K) and (tiles, n)
        Deviations of both in each tile, see `deviations`.
    tile_fractions, tile_pixels : ndarray, shapes (tiles, n) and (tiles,)
        Fractions and pixels of the tiles.
    """

    family: PlaneFamily
    lags: Lags
    values: np.ndarray
    fractions: np.ndarray
    moved: np.ndarray
    moved_fractions: np.ndarray
    tile_fractions: np.ndarray
    tile_pixels: np.ndarray

    @property
    def pixels(self) -> int:
        """Pixels inside the specimen."""
        return sum(int(np.count_nonzero(part != OUTSIDE)) for part in self.family.specimens)


def _measured(family: PlaneFamily, labels: tuple[int, ...], reaches: Lengths) -> _Measured:
    own = reaches if family.with_axis else (reaches[0], reaches[0])
    rows, columns = (
        max(1, math.floor(reach / step + 1e-9))
        for reach, step in zip(own, family.steps, strict=True)
    )
    max_lag = max(rows, columns)
    bins = plane_bins(max_lag, family.steps, reaches) if family.with_axis else None
    whole = _binned(
        pool([coverage_counts(part, labels, max_lag) for part in family.specimens]), family, bins
    )
    parts = [
        _binned(coverage_counts(tile, labels, max_lag), family, bins)
        for part in family.specimens
        for tile in tiles(part, (rows, columns))
    ]
    check_tiles(len(parts))
    moved = deviations([part.values for part in parts], [part.weight for part in parts])
    # a mask may leave no pair of pixels at some lag
    keep = whole.weight > 0.0
    keep[0] = False
    return _Measured(
        family,
        Lags(whole.lags.across[keep], whole.lags.along[keep]),
        whole.values[..., keep],
        np.diagonal(whole.values[..., 0]).copy(),
        moved[..., keep],
        np.diagonal(moved[..., 0], axis1=1, axis2=2),
        np.stack([np.diagonal(part.values[..., 0]) for part in parts]),
        np.array([part.weight[0] for part in parts]),
    )


def _binned(counts: CoverageCounts, family: PlaneFamily, bins: PlaneBins | None) -> BinnedCoverage:
    if bins is not None:
        return bins.coverage(counts)
    radial = counts.radial(family.steps)
    return BinnedCoverage(
        Lags.radial(np.asarray(radial.lag)), np.asarray(radial.values), np.asarray(radial.weight)
    )


def _target(
    measured: Sequence[_Measured],
    labels: tuple[int, ...],
    axis: Axis,
    length_and_width: tuple[float, float],
    reaches: Lengths,
) -> Target:
    pixels = np.array([one.pixels for one in measured], dtype=np.float64)
    fractions = (pixels / pixels.sum()) @ np.stack([one.fractions for one in measured])
    moved_fractions = _moved_fractions(measured)
    ends = np.cumsum([one.lags.across.size for one in measured])
    values, moved, planes = [], [], []
    first = 0
    for one, end in zip(measured, ends, strict=True):
        size = one.lags.across.size
        own = slice(first, first + len(one.moved))
        first = own.stop
        shift = fractions - one.fractions
        change = np.zeros((len(moved_fractions), *one.values.shape))
        change[own] = one.moved
        moved_shift = moved_fractions.copy()
        moved_shift[own] -= one.moved_fractions
        values.append(match_fractions(one.values, shift))
        moved.append(moved_match(one.values, shift, change, moved_shift))
        planes.append(PlaneRows(one.family.planes, one.family.with_axis, int(end) - size, int(end)))
    return Target(
        labels,
        Lags(
            np.concatenate([one.lags.across for one in measured]),
            np.concatenate([one.lags.along for one in measured]),
        ),
        np.concatenate(values, axis=-1),
        fractions,
        influence(moved_fractions, np.concatenate(moved, axis=-1)),
        *length_and_width,
        int(pixels.sum()),
        axis,
        tuple(planes),
        reaches,
    )


def _moved_fractions(measured: Sequence[_Measured]) -> np.ndarray:
    """Deviations of the fractions of all sections in each tile, shape (tiles, n)."""
    values = np.concatenate([one.tile_fractions for one in measured])
    pixels = np.concatenate([one.tile_pixels for one in measured])
    # one number per phase and tile: `deviations` wants tables over lags
    tables = [np.diag(row)[..., None] for row in values]
    moved = deviations(tables, [count[None] for count in pixels])
    return np.diagonal(moved[..., 0], axis1=1, axis2=2).copy()


def _quarters(families: Sequence[PlaneFamily]) -> Lengths:
    """A quarter of the shortest side across and along the axis, in whole pixels."""
    across, along = [], []
    for one in families:
        quarters = [side // 4 * step for side, step in zip(one.sides, one.steps, strict=True)]
        across += quarters[:1] if one.with_axis else quarters
        along += quarters[1:] if one.with_axis else []
    return min(across), min(along)


def _reaches(
    families: Sequence[PlaneFamily], lengths: Lengths, longest: Lengths, max_lag: int | None
) -> Lengths:
    """Largest lags across and along the axis."""
    finest = min(min(one.steps) for one in families)
    if max_lag is not None:
        most = math.floor(min(longest) / finest + 1e-9)
        if not 4 <= max_lag <= most:
            raise InputError(f"the largest lag is {max_lag} px: expected 4 to {most} here")
        return max_lag * finest, max_lag * finest
    across, along = (
        min(end, max(8 * finest, LAG_RANGE * length))
        for length, end in zip(lengths, longest, strict=True)
    )
    return across, along


def _widths(families: Sequence[PlaneFamily], lengths: Lengths) -> list[tuple[float, float]]:
    """Each side in correlation lengths along it, and in the sections' unit."""
    found = []
    for one in families:
        own = lengths if one.with_axis else (lengths[0], lengths[0])
        for side, step, length in zip(one.sides, one.steps, own, strict=True):
            found.append((side * step / length, side * step))
    return found


def _lengths(
    families: Sequence[PlaneFamily], labels: tuple[int, ...], longest: Lengths, unit: str
) -> Lengths:
    """Correlation lengths across and along the axis: the largest over phases and planes."""
    across: list[float] = []
    along: list[float] = []
    for one in families:
        most = max(side // 4 for side in one.sides)
        own = longest if one.with_axis else (longest[0], longest[0])
        reach = min(most, FIRST_REACH)
        lines = _lines(one, labels, reach)
        if reach < most and any(math.isinf(indicator_length(line)) for line in lines):
            lines = _lines(one, labels, most)
        for line, end, into in zip(
            lines, own, (across, along) if one.with_axis else (across, across), strict=True
        ):
            length = indicator_length(line)
            if math.isinf(length) or length > end:
                raise ImageError(
                    f"a phase is still correlated at the largest lag, {end:.4g} {unit}, in planes "
                    f"{', '.join(one.planes)}: the sections show less than {SMALLEST_WIDTH:g} "
                    "correlation lengths; bring larger ones"
                )
            into.append(length)
    return max(across), max(along)


def _lines(family: PlaneFamily, labels: tuple[int, ...], reach: int) -> list[RadialCoverage]:
    """C_ij along rows and along columns of a family: lag vectors across, and along the axis."""
    reach = min(reach, *(min(part.shape) - 1 for part in family.specimens))
    counts = pool([coverage_counts(part, labels, reach) for part in family.specimens])
    values, totals = np.asarray(counts.symmetrised()), np.asarray(counts.totals, dtype=np.float64)
    along_rows = values[..., reach:, reach], totals[reach:, reach]
    along_columns = values[..., reach, reach:], totals[reach, reach:]
    lines = [
        RadialCoverage(labels, step * np.arange(reach + 1), *line)
        for line, step in zip((along_rows, along_columns), family.steps, strict=True)
    ]
    for line in lines:
        check_present(line)
    return lines
