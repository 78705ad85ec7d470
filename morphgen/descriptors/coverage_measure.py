"""Two-point coverage and covariance of an image that is counted part by part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from morphgen.descriptors._folded import Spectra, pairs, sight
from morphgen.descriptors._lags import LagBins, lag_bins
from morphgen.descriptors.parts import Counts, Frame, Part
from morphgen.descriptors.readings import Floats, Key, Reading
from morphgen.phases import OUTSIDE

# as CoverageCounts.radial has it
_EXACT_BELOW = 3.0


@dataclass(frozen=True)
class CoverageMeasure:
    """Two-point coverage by distance and along each axis, as a measure of parts.

    The values are those of `CoverageCounts.radial` and, along an axis, of
    `CoverageCounts.symmetrised` there: (C_ij(h) + C_ji(h)) / 2, which is also the mean over h and
    -h. Pairs that cross from one part to another count like all others.

    Parameters
    ----------
    max_lag : int
        Largest lag along each axis, in voxels.
    """

    max_lag: int
    along: int | None = None

    @property
    def margin(self) -> int:
        """The largest lag."""
        return self.max_lag

    def counts(self, part: Part, frame: Frame) -> Counts:
        """Numbers of ordered pairs by the absolute values of the lag.

        Returns
        -------
        array of int64, shape (1 + n (n + 1) / 2,) + (max_lag + 1,) * d
            First the pairs inside, each of them twice; then those of ``phases[i]`` and
            ``phases[j]`` in either order, for all i <= j. Each is a sum over the lags of all signs.

        Notes
        -----
        In memory: two arrays of complex128 for each phase but one, each of half the voxels of the
        padded part, which is longer than its core by ``max_lag`` along the first axis and by twice
        that along the others; by ``max_lag`` for an image in one part. One more phase where labels
        of no phase or voxels outside are among them.
        """
        shape = (self.max_lag + 1,) * part.labels.ndim
        found = np.zeros((1 + len(list(_orders(frame))), *shape), dtype=np.int64)
        seen = sight(part, self.max_lag)
        if seen is None:
            return found
        inside = seen.labels != OUTSIDE
        full = bool(inside.all())
        whole = Spectra.of_everything(seen) if full else Spectra.of(seen, inside)
        found[0] = (seen.overlap() if full else pairs(whole, whole, seen)).reshape(shape)
        present = np.bincount(seen.labels.reshape(-1), minlength=OUTSIDE + 1)
        phases = list(frame.phases)
        closed = present[phases].sum() + present[OUTSIDE] == seen.labels.size
        spectra = [Spectra.of(seen, seen.labels == one) for one in phases[: -1 if closed else None]]
        if closed:
            spectra.append(whole.without(spectra))
        for row, (i, j) in enumerate(_orders(frame), 1):
            found[row] = pairs(spectra[i], spectra[j], seen).reshape(shape)
        return found

    def readings(self, counts: Counts, frame: Frame) -> tuple[Reading, ...]:
        """Curves of all pairs of phases, by distance and along each axis."""
        lines = list(self._lines(counts, frame))
        phases, origin = frame.phases, counts.reshape(counts.shape[0], -1)[:, 0]
        at_once = _ratio(origin[1:], origin[:1])
        fraction = {i: at_once[row] for row, (i, j) in enumerate(_orders(frame)) if i == j}
        found = []
        for row, (i, j) in enumerate(_orders(frame)):
            for direction, lag, pooled in lines:
                values = _ratio(pooled[row + 1], pooled[0])
                shared = ((phases[i], phases[j]), direction)
                found += [
                    Reading(Key("two_point_coverage", *shared), values, lag),
                    Reading(Key("covariance", *shared), values - fraction[i] * fraction[j], lag),
                ]
        return tuple(found)

    def _lines(self, counts: Counts, frame: Frame) -> Iterator[tuple[str, Floats, Counts]]:
        """Direction, lag and pooled counts: by distance, and along each axis."""
        bins = _bins(self.max_lag, frame.spacing)
        flat = counts.reshape(counts.shape[0], -1)
        yield "", bins.mean_distance(flat[0]), bins.total(flat)
        for axis, (name, step) in enumerate(zip(frame.axes, frame.spacing, strict=True)):
            line = tuple(slice(None) if other == axis else 0 for other in range(len(frame.shape)))
            yield name, step * np.arange(self.max_lag + 1.0), counts[(slice(None), *line)]


def _orders(frame: Frame) -> Iterator[tuple[int, int]]:
    """Numbers i <= j of all pairs of phases, in the order of the counts."""
    phases = range(len(frame.phases))
    return ((i, j) for i in phases for j in phases[i:])


@lru_cache(maxsize=4)
def _bins(max_lag: int, spacing: tuple[float, ...]) -> LagBins:
    return lag_bins(max_lag, spacing, _EXACT_BELOW, folded=True)


def _ratio(counts: Counts, totals: Counts) -> Floats:
    """Quotient, NaN where there is no pair."""
    found = np.full(np.broadcast_shapes(counts.shape, totals.shape), np.nan)
    np.divide(counts, totals, out=found, where=totals > 0)
    return found
