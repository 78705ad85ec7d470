"""Exact numbers of pairs of voxels by lag, folded over the signs of the lag, for one part.

A pair has its first voxel in the core of the part and its second in the core or in the margin
around it, so that every pair of an image is counted once when its cores fill the image. Only lags
that do not point backwards along the first axis are looked at: in both orders of i and j they tell
of the others, since C_ji(h) = C_ij(-h).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from morphgen._array_api import fast_length
from morphgen.descriptors.parts import Counts, Labels, Part
from morphgen.phases import OUTSIDE

Plane = NDArray[np.complex128]
Triple = tuple[int, int, int]

_PLANES = 8


@dataclass(frozen=True, eq=False)
class Sight:
    """A core with what is seen from it, as a volume; what is wholly outside is cut off.

    Attributes
    ----------
    labels : array of uint8, 3 axes
        The core and what lies around it, but not before it along the first axis.
    core : tuple of 3 slices
        Where the core lies in it.
    reach : tuple of 3 ints
        Largest lag along each axis.
    """

    labels: Labels
    core: tuple[slice, slice, slice]
    reach: Triple

    @property
    def alone(self) -> bool:
        """Whether nothing is seen but the core."""
        return self.labels[self.core].shape == self.labels.shape

    @property
    def sizes(self) -> Triple:
        """FFT sizes at which no pair of a longer lag wraps round to a lag within reach."""
        sides = zip(self.core, self.labels.shape, self.reach, strict=True)
        longest = (s.stop - s.start + lag + max(s.start, n - s.stop) for s, n, lag in sides)
        _, y, x = map(fast_length, longest)
        # lags that point backwards along the first axis are not asked for, and may be wrong
        return fast_length(self.core[0].stop + self.reach[0]), y, x

    def overlap(self) -> Counts:
        """Number of pairs, folded as by `Spectra.pairs`, where nothing in sight is outside."""
        counts = np.full((), 2, dtype=np.int64)
        sides = zip(self.core, self.labels.shape, self.reach, strict=True)
        for axis, (core, side, reach) in enumerate(sides):
            lag = np.arange(reach + 1)
            ahead = np.minimum(core.stop, side - lag) - core.start
            behind = core.stop - np.maximum(core.start, lag)
            both = np.maximum(ahead, 0) + np.maximum(ahead if axis == 0 else behind, 0)
            counts = np.multiply.outer(counts, np.where(lag > 0, both, both // 2))
        return counts


def sight(part: Part, reach: int) -> Sight | None:
    """Cut a part off where nothing is inside; None if its core holds nothing.

    A section becomes a volume of a single voxel along the second axis.
    """
    labels, reaches = part.labels, (reach,) * 3
    margins = (part.margin,) * 3
    if labels.ndim == 2:
        labels, reaches, margins = labels[:, None], (reach, 0, reach), (part.margin, 0, part.margin)
    inside = labels != OUTSIDE
    cut, core = [], []
    for axis, (margin, lag) in enumerate(zip(margins, reaches, strict=True)):
        begin, end = margin, labels.shape[axis] - margin
        found = np.flatnonzero(inside.any(axis=tuple({0, 1, 2} - {axis})))
        if not found.size or found[0] >= end or found[-1] < begin:
            return None
        first = max(int(found[0]), begin - (lag if axis else 0))
        last = min(int(found[-1]) + 1, end + lag)
        cut.append(slice(first, last))
        core.append(slice(max(begin, first) - first, min(end, last) - first))
    z, y, x = core
    return Sight(labels[tuple(cut)], (z, y, x), (reaches[0], reaches[1], reaches[2]))


class Spectrum(Protocol):
    """Half-spectrum of flags, plane by plane along the first axis."""

    def __getitem__(self, plane: int) -> Plane:
        """Plane of a wave number along the first axis."""


@dataclass(frozen=True, eq=False)
class Spectra:
    """Half-spectra of flags: of the core's own, and of all that is seen from it."""

    core: Spectrum
    all: Spectrum

    @classmethod
    def of(cls, seen: Sight, flags: NDArray[np.bool_]) -> Spectra:
        """Transform flags of the shape of what is seen."""
        own = _transformed(flags[seen.core], seen.core, seen.sizes)
        return cls(own, own if seen.alone else _transformed(flags, _whole(seen), seen.sizes))

    @classmethod
    def of_everything(cls, seen: Sight) -> Spectra:
        """The spectra of flags that are true everywhere, without a transform."""
        own = _Box(seen.core, seen.sizes)
        return cls(own, own if seen.alone else _Box(_whole(seen), seen.sizes))

    def without(self, others: Sequence[Spectra]) -> Spectra:
        """The spectra of these flags where none of some others is set, which are among them."""
        own = _Rest(self.core, [other.core for other in others])
        if self.all is self.core:
            return Spectra(own, own)
        return Spectra(own, _Rest(self.all, [other.all for other in others]))


def pairs(first: Spectra, second: Spectra, seen: Sight) -> Counts:
    """Number of pairs with both flags, in either order, by the absolute values of the lag.

    Added up over all parts of an image, the sum of N_ij(h) + N_ji(h) over all lags h of these
    absolute values, of whatever signs. Rounding is exact: see `morphgen.descriptors._correlation`.

    Returns
    -------
    array of int64, of the shape of the reach plus 1
    """
    (depth, rows, columns), (_, far_row, far_column) = seen.sizes, seen.reach
    near = np.empty((depth // 2 + 1, far_row + 1, far_column + 1), dtype=np.complex128)
    for number in range(depth // 2 + 1):
        plane = _product(first, second, number) + np.conj(_product(first, second, -number % depth))
        near[number] = _folded(plane, far_row, far_column)
    lags = scipy.fft.irfft(near, n=depth, axis=0)[: seen.reach[0] + 1]
    counts = np.rint(lags / (rows * columns)).astype(np.int64)
    # the lag 0 is its own opposite; along the first axis the opposite lags were left out
    counts[:, 0] //= 2
    counts[:, :, 0] //= 2
    counts[1:] *= 2
    return counts


def _product(first: Spectra, second: Spectra, number: int) -> Plane:
    found: Plane = np.conj(first.core[number]) * second.all[number]
    if first is second:
        return 2.0 * found
    return found + np.conj(second.core[number]) * first.all[number]


def _folded(plane: Plane, far_row: int, far_column: int) -> Plane:
    """Fold a plane over the signs of the lag along its two axes, and transform it back.

    What is folded is even: its transform is one of cosines, half as long. Along the last axis, of
    which there is one half only, the opposite plane was added, which is the same.
    """
    half = plane.shape[0] // 2
    folded = plane[: half + 1]
    folded[1:half] += plane[:half:-1]
    folded[[0, half]] *= 2.0
    parts = folded.view(np.float64).reshape(*folded.shape, 2)
    near = scipy.fft.dct(parts, type=1, axis=1)[:, : far_column + 1]
    near = scipy.fft.dct(near, type=1, axis=0)[: far_row + 1]
    return near[..., 0] + 1j * near[..., 1]


class _Box:
    """Half-spectrum of a box of ones: a product of three lines."""

    def __init__(self, place: Sequence[slice], sizes: Triple) -> None:
        lines = []
        for where, size in zip(place, sizes, strict=True):
            ones = np.zeros(size)
            ones[where] = 1.0
            lines.append(scipy.fft.fft(ones))
        self._depth, self._plane = lines[0], np.outer(lines[1], lines[2][: sizes[2] // 2 + 1])

    def __getitem__(self, plane: int) -> Plane:
        found: Plane = self._depth[plane] * self._plane
        return found


class _Rest:
    """Half-spectrum of what is left of flags without others."""

    def __init__(self, flags: Spectrum, others: Sequence[Spectrum]) -> None:
        self._flags, self._others = flags, others

    def __getitem__(self, plane: int) -> Plane:
        found = self._flags[plane].copy()
        for other in self._others:
            found -= other[plane]
        return found


def _whole(seen: Sight) -> list[slice]:
    return [slice(0, side) for side in seen.labels.shape]


def _transformed(flags: NDArray[np.bool_], place: Sequence[slice], sizes: Triple) -> Spectrum:
    """Half-spectrum of flags that lie at a place of a box where all others are false."""
    depth, rows, columns = sizes
    found = np.empty((depth, rows, columns // 2 + 1), dtype=np.complex128)
    first, last = place[0].start, place[0].stop
    found[:first], found[last:] = 0.0, 0.0
    # a few planes at a time: fresh pages for arrays of all planes cost more than the arithmetic;
    # axis by axis from the last, so that the padding of the other axes is not transformed
    lines = np.zeros((_PLANES, flags.shape[1], columns))
    planes = np.zeros((_PLANES, *found.shape[1:]), dtype=np.complex128)
    for begin in range(0, last - first, _PLANES):
        some = flags[begin : begin + _PLANES]
        lines[: len(some), :, place[2]] = some
        planes[: len(some), place[1]] = scipy.fft.rfft(lines[: len(some)], axis=2)
        here = slice(first + begin, first + begin + len(some))
        found[here] = scipy.fft.fft(planes[: len(some)], axis=1)
    values: Plane = scipy.fft.fft(found, axis=0, overwrite_x=True)
    return values
