"""A test for isotropy: correlations of the phases along the axes that sections show.

The correlated distance of phase i along a direction is the sum of (C_ii(t) - p_i^2) / (p_i - p_i^2)
over lags t up to 4 correlation lengths, times the lag step: the integral of the indicator's
correlation. Its error follows from the scatter between tiles.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import scipy.special

from morphgen.calibration.plane_families import check_voxels
from morphgen.calibration.targets import FIRST_REACH, indicator_length
from morphgen.calibration.tiling import deviations, specimen, tiles
from morphgen.descriptors.coverage import CoverageCounts, RadialCoverage, coverage_counts
from morphgen.excursion.isotropy import DirectionPair, IsotropyTest
from morphgen.excursion.sections import PLANE_AXES
from morphgen.fields.kernels import AXES
from morphgen.images import Section

LEVEL = 0.01
# lags summed, in correlation lengths of the direction and phase where it is largest
_RANGE = 4.0
# fewer tiles do not tell their scatter
_FEWEST_TILES = 4


@dataclass(frozen=True, eq=False)
class _Line:
    """C_ii of one tile along one axis, lag 0 first: values (n, K) and numbers of pairs (K,)."""

    step: float
    values: np.ndarray
    weight: np.ndarray


@dataclass(frozen=True, eq=False)
class _Direction:
    """Correlated distances along one axis, what each tile adds to them, and which phases it has."""

    distance: np.ndarray
    moved: np.ndarray
    seen: np.ndarray

    @property
    def error(self) -> np.ndarray:
        """Standard errors of the distances, shape (n,)."""
        return np.asarray(np.sqrt(np.sum(self.moved**2, axis=0)))


def isotropy_test(sections: Sequence[Section], level: float = LEVEL) -> IsotropyTest | None:
    """Compare the correlations of the phases along the axes that sections show.

    Parameters
    ----------
    sections : sequence of Section
        Sections of one material, of any planes, with one voxel size along each axis.
    level : float
        Nominal probability of rejecting a material that is isotropic. Every phase and every pair of
        directions is compared; a difference over its standard error has about Student's
        distribution, with the `degrees_of_freedom`; the least probability counts times
        the number of comparisons (Bonferroni).

    Returns
    -------
    IsotropyTest or None
        None where the sections are too small to be cut into four tiles.

    Raises
    ------
    InputError
        If the sections do not belong together.
    """
    check_voxels(sections)
    labels = tuple(phase.label for phase in sections[0].phases)
    specimens = [specimen(section) for section in sections]
    reach = _reach(sections, specimens, labels)
    lines, owners = _tile_lines(sections, specimens, labels, reach)
    found = {axis: _direction(own) for axis, own in lines.items()}
    if any(np.count_nonzero(one.moved.any(axis=1)) < _FEWEST_TILES for one in found.values()):
        return None
    pairs = tuple(
        _pair(label, place, names, [found[name] for name in names], owners)
        for place, label in enumerate(labels)
        for names in combinations(found, 2)
        if all(found[name].seen[place] for name in names)
    )
    if not pairs:
        return None
    rejected = min(pair.p_value for pair in pairs) * len(pairs) < level
    return IsotropyTest(
        level,
        reach,
        labels,
        tuple(found),
        tuple(tuple(float(one.distance[i]) for one in found.values()) for i in range(len(labels))),
        tuple(tuple(float(one.error[i]) for one in found.values()) for i in range(len(labels))),
        pairs,
        rejected,
        _differing(pairs, tuple(found)),
    )


def _tile_lines(
    sections: Sequence[Section],
    specimens: Sequence[np.ndarray],
    labels: tuple[int, ...],
    reach: float,
) -> tuple[dict[str, list[_Line | None]], np.ndarray]:
    """Lines of all tiles along each axis seen, in the order z, y, x; None where it is not seen.

    Beside them the number of the section that each tile belongs to.
    """
    rows: list[dict[str, _Line]] = []
    owners = []
    for number, (section, part) in enumerate(zip(sections, specimens, strict=True)):
        lags = [
            max(1, min(math.floor(reach / size + 1e-9), side // 4))
            for size, side in zip(section.pixel_size, part.shape, strict=True)
        ]
        for tile in tiles(part, (lags[0], lags[1])):
            counts = coverage_counts(tile, labels, max(lags))
            rows.append(_lines(counts, section, reach))
            owners.append(number)
    seen = [name for name in AXES if any(name in row for row in rows)]
    return {name: [row.get(name) for row in rows] for name in seen}, np.array(owners)


def _lines(counts: CoverageCounts, section: Section, reach: float) -> dict[str, _Line]:
    values = np.diagonal(np.asarray(counts.symmetrised())).transpose(2, 0, 1)
    totals = np.asarray(counts.totals, dtype=np.float64)
    middle = counts.max_lag
    found: dict[str, _Line] = {}
    for place, (axis, size) in enumerate(
        zip(PLANE_AXES[section.plane], section.pixel_size, strict=True)
    ):
        until = 1 + middle + math.floor(min(middle, reach / size + 1e-9))
        if place == 0:
            line, weight = values[:, middle:until, middle], totals[middle:until, middle]
        else:
            line, weight = values[:, middle, middle:until], totals[middle, middle:until]
        found[AXES[axis]] = _Line(size, line, weight)
    return found


def _direction(tiles_of_axis: Sequence[_Line | None]) -> _Direction:
    known = [line for line in tiles_of_axis if line is not None]
    # sections of different sizes may know different lags
    length = min(line.weight.size for line in known)
    values = [line.values[:, :length] for line in known]
    weights = np.stack([line.weight[:length] for line in known])
    tables = [np.stack([np.diag(column) for column in one.T], axis=-1) for one in values]
    change = np.diagonal(deviations(tables, list(weights)), axis1=1, axis2=2).swapaxes(1, 2)
    mean = np.einsum("tk,tik->ik", weights, np.nan_to_num(np.stack(values))) / weights.sum(axis=0)
    p = mean[:, :1]
    present = p[:, 0] > 0.0
    variance = np.where(present[:, None], p - p**2, 1.0)
    share = (mean - p**2) / variance
    moved = np.zeros((len(tiles_of_axis), len(p)))
    seen = [number for number, line in enumerate(tiles_of_axis) if line is not None]
    # derivative of the share in C and in p
    slope = (-2.0 * p - share * (1.0 - 2.0 * p)) / variance
    by_lag = change / variance + slope * change[..., :1]
    step = known[0].step
    moved[seen] = step * by_lag[..., 1:].sum(axis=-1)
    return _Direction(step * share[:, 1:].sum(axis=-1), moved, present)


def _pair(
    label: int,
    place: int,
    names: tuple[str, str],
    directions: Sequence[_Direction],
    owners: np.ndarray,
) -> DirectionPair:
    first, second = directions
    moved = first.moved[:, place] - second.moved[:, place]
    error = float(np.sqrt(np.sum(moved**2)))
    difference = float(first.distance[place] - second.distance[place])
    deviation = difference / max(error, 1e-12)
    seen = moved != 0.0
    freedom = degrees_of_freedom([moved[seen & (owners == one)] for one in np.unique(owners[seen])])
    p_value = 2.0 * float(scipy.special.stdtr(freedom, -abs(deviation)))
    return DirectionPair(label, names, deviation, p_value)


def degrees_of_freedom(influences: Sequence[np.ndarray]) -> float:
    """Degrees of freedom of a variance that is the sum of the squares of tiles' influences.

    The relative variance of n squares with excess kurtosis k is 2 / (n - 1) + k / n (Cramer,
    Mathematical Methods of Statistics, 1946, 27.4); that of f degrees of freedom is 2 / f. The
    variances of independent sections add up (Satterthwaite, Biometrics Bulletin 2, 1946, 110).

    Parameters
    ----------
    influences : sequence of arrays of shape (tiles,)
        Influences of the tiles of each section, with mean zero.
    """
    total, spread = 0.0, 0.0
    for own in influences:
        variance = float(np.sum(own**2))
        total += variance
        spread += variance**2 * (2.0 / max(1, own.size - 1) + _excess_kurtosis(own) / own.size)
    return max(1.0, 2.0 * total**2 / spread) if spread > 0.0 else 1.0


def _excess_kurtosis(influences: np.ndarray) -> float:
    """Excess kurtosis about zero, without the bias of few influences; at least zero."""
    n = influences.size
    if n < _FEWEST_TILES:
        return 0.0
    raw = n * float(np.sum(influences**4)) / float(np.sum(influences**2)) ** 2 - 3.0
    return max(0.0, (n - 1) * ((n + 1) * raw + 6.0) / ((n - 2) * (n - 3)))


def _differing(pairs: Sequence[DirectionPair], directions: tuple[str, ...]) -> str | None:
    """The direction that is no part of the two that are most alike."""
    if len(directions) < 3:
        return None
    apart = {
        axis: max(abs(pair.deviation) for pair in pairs if axis not in pair.directions)
        for axis in directions
    }
    return min(directions, key=lambda axis: apart[axis])


def _reach(
    sections: Sequence[Section], specimens: Sequence[np.ndarray], labels: tuple[int, ...]
) -> float:
    """Four correlation lengths, of the direction and phase where it is largest."""
    lengths = []
    ends = []
    for section, part in zip(sections, specimens, strict=True):
        most = min(min(part.shape) // 4, FIRST_REACH)
        line = _lines(coverage_counts(part, labels, most), section, math.inf)
        ends += [
            side / 4.0 * size for side, size in zip(part.shape, section.pixel_size, strict=True)
        ]
        for one in line.values():
            lags = one.step * np.arange(one.weight.size)
            for row in one.values:
                single = RadialCoverage((0,), lags, row[None, None], one.weight)
                # an absent phase has no correlation
                if row[0] > 0.0:
                    lengths.append(indicator_length(single))
    return float(min(_RANGE * max(lengths), *ends))
