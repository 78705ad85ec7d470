"""Where fields exceed a threshold on a block, piece by piece, in the cache of one core.

For NumPy on the host. A block is worked through in pieces of 16 planes by 32 rows: what is done
to a voxel after its interpolation, three to ten operations, then never leaves the cache. A field
without interpolation is convolved by FFTs along one axis after the other, on few planes or rows at
a time, and only where they are needed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import scipy.fft

from morphgen.fields.blocks import stream
from morphgen.fields.laws import Law
from morphgen.fields.noise import white_noise
from morphgen.fields.sampling import Index, Periods
from morphgen.fields.synthesis import Synthesis

PLANES, ROWS = 16, 32
# planes, or rows, that are transformed together: a few hundred kilobytes
_SLAB = 2

Part = tuple[slice, slice, slice]


@dataclass(frozen=True)
class Piece:
    """Planes and rows of a block, across its whole width."""

    z: slice
    y: slice

    @property
    def height(self) -> int:
        """Number of planes."""
        return int(self.z.stop - self.z.start)

    @property
    def depth(self) -> int:
        """Number of rows."""
        return int(self.y.stop - self.y.start)


def pieces(edge: int, part: Part) -> Iterator[Piece]:
    """Pieces of a block that a part of it touches, rows outermost."""
    for y in _touched(part[1], ROWS, edge):
        for z in _touched(part[0], PLANES, edge):
            yield Piece(z, y)


@dataclass(frozen=True)
class Workspace:
    """Large buffers for blocks that are computed one after the other, by one thread.

    Fresh memory costs as much as the arithmetic that fills it.
    """

    buffers: dict[tuple[str, tuple[int, ...], str], np.ndarray] = field(default_factory=dict)

    def array(self, name: str, shape: tuple[int, ...], dtype: type) -> np.ndarray:
        """Buffer of that name, of undefined content; it is the same one for the same shape."""
        key = (name, shape, np.dtype(dtype).str)
        if key not in self.buffers:
            self.buffers[key] = np.empty(shape, dtype)
        return self.buffers[key]


@dataclass(frozen=True)
class Source:
    """One field of a model on one block."""

    law: Law
    prepared: Synthesis
    seed: int
    number: int
    index: Index
    periods: Periods

    def streams(self) -> list[int]:
        """Noise streams of the components."""
        return [stream(self.number, component) for component in range(self.law.components)]


# one threshold, or one for each plane across an axis of a block: (n, 1, 1), (1, n, 1), (1, 1, n)
Threshold = float | np.ndarray


class Exceedance(ABC):
    """Where a field reaches a threshold."""

    @abstractmethod
    def on(self, piece: Piece) -> np.ndarray:
        """Booleans of shape (planes, rows, edge); valid until the next piece is asked for."""


def exceedance(
    source: Source, threshold: Threshold, part: Part, workspace: Workspace
) -> Exceedance:
    """Where a field reaches a threshold, on the pieces that a part of a block touches.

    Parameters
    ----------
    source : Source
        The field.
    threshold : float, or array of shape (edge, 1, 1), (1, edge, 1) or (1, 1, edge)
        The threshold, or that of each plane of the block across an axis.
    part : tuple of 3 slices
        Part of the block, in voxels from its beginning.
    workspace : Workspace
        Buffers. The result holds some of them until the next block is begun.
    """
    if source.prepared.sampling.interpolated:
        return _Interpolated(source, threshold, workspace)
    return _Convolved(source, threshold, part, workspace)


Weighted = Sequence[tuple[Source, float]]
# values of noises that several fields share, by the number of their source
Known = dict[int, "_Values"]


def mixed_exceedance(
    terms: Weighted,
    number: int,
    threshold: Threshold,
    part: Part,
    workspace: Workspace,
    known: Known,
) -> Exceedance:
    """Where a field reaches a threshold, if its one component is a weighted sum of noises.

    Parameters
    ----------
    terms : sequence of (Source, float)
        The noises with their weights; their law is that of the field.
    number : int
        Number of the field.
    threshold, part, workspace
        As in `exceedance`.
    known : dict
        Noises of the same block that other fields have met; those of this one are added.
    """
    return _Mixed(terms, number, threshold, part, workspace, known)


class _Interpolated(Exceedance):
    """A field that is interpolated from the lattice of its synthesis."""

    def __init__(self, source: Source, threshold: Threshold, workspace: Workspace) -> None:
        self._components = [_Component(source, key) for key in source.streams()]
        self._squared = source.law.squared
        self._threshold = _thresholds(threshold)
        self._edge = source.prepared.edge
        self._workspace = workspace
        self._number = source.number

    def on(self, piece: Piece) -> np.ndarray:
        """Interpolate the components, combine them and compare."""
        shape = (piece.height, piece.depth, self._edge)
        total = self._workspace.array("total", shape, np.float32)
        term = self._workspace.array("term", shape, np.float32)
        for number, component in enumerate(self._components):
            values = term if number else total
            component.write(piece, values)
            if self._squared:
                np.multiply(values, values, out=values)
            if number:
                np.add(total, term, out=total)
        mask = self._workspace.array(f"mask {self._number}", shape, np.bool_)
        np.greater_equal(total, _cut(self._threshold, piece.z, piece.y), out=mask)
        return mask


class _Values(ABC):
    """Values of one Gaussian field on the pieces of a block."""

    @abstractmethod
    def write(self, piece: Piece, out: np.ndarray) -> None:
        """Write the values on a piece."""


class _Component(_Values):
    """One Gaussian component of an interpolated field, whose columns are interpolated already."""

    def __init__(self, source: Source, key: int) -> None:
        prepared = source.prepared
        self._z, self._y, x = (_Along(prepared, axis, source.index) for axis in range(3))
        values = prepared.lattice_values(source.seed, key, source.index, source.periods)
        values = values[: self._z.points, : self._y.points, : x.points]
        flat = np.ascontiguousarray(values).reshape(-1, x.points)
        self._columns = (flat @ x.matrix.T).reshape(*values.shape[:2], prepared.edge)
        self._rows = slice(0, 0)
        self._wide = np.empty(0, np.float32)

    def write(self, piece: Piece, out: np.ndarray) -> None:
        """Interpolate the values on a piece."""
        if piece.y != self._rows:
            band = self._y.band(piece.y)
            rows = np.matmul(self._y.matrix[piece.y, band], self._columns[:, band])
            self._rows, self._wide = piece.y, rows.reshape(rows.shape[0], -1)
        band = self._z.band(piece.z)
        flat = out.reshape(piece.height, -1)
        np.matmul(self._z.matrix[piece.z, band], self._wide[band], out=flat)


class _Along:
    """Interpolation along one axis of a block."""

    def __init__(self, prepared: Synthesis, axis: int, index: Index) -> None:
        self.matrix = prepared.matrix(axis, index)
        self.points = self.matrix.shape[1]
        sampled = prepared.sampling.axes[axis]
        self._factor, self._taps = sampled.factor, sampled.taps
        self._offset = index[axis] * prepared.edge % sampled.factor

    def band(self, voxels: slice) -> slice:
        """Lattice points that an interval of voxels is interpolated from."""
        first = (self._offset + voxels.start) // self._factor
        last = (self._offset + voxels.stop - 1) // self._factor
        return slice(first, last + self._taps)


class _Convolved(Exceedance):
    """A field that is convolved voxel by voxel; its decision is made for a whole part at once."""

    def __init__(
        self, source: Source, threshold: Threshold, part: Part, workspace: Workspace
    ) -> None:
        edge = source.prepared.edge
        self._mask = workspace.array(f"mask {source.number}", (edge,) * 3, np.bool_)
        limits, total = _thresholds(threshold), None
        if source.law.components > 1:
            total = workspace.array("sum", (edge,) * 3, np.float32)
        streams = source.streams()
        for number, key in enumerate(streams):
            for planes, values in _convolved(source, key, part, workspace):
                if source.law.squared:
                    np.multiply(values, values, out=values)
                if total is not None:
                    if number:
                        np.add(total[planes], values, out=values)
                    total[planes] = values
                if key == streams[-1]:
                    np.greater_equal(values, _cut(limits, planes), out=self._mask[planes])

    def on(self, piece: Piece) -> np.ndarray:
        """Look up the decisions."""
        return self._mask[piece.z, piece.y]


class _Stored(_Values):
    """A Gaussian field that is convolved voxel by voxel, for a whole part at once."""

    def __init__(self, source: Source, part: Part, workspace: Workspace) -> None:
        edge = source.prepared.edge
        self._values = workspace.array(f"values {source.number}", (edge,) * 3, np.float32)
        for planes in _touched(part[0], PLANES, edge):
            # pieces have planes that the part does not ask for
            self._values[planes] = 0.0
        for planes, values in _convolved(source, source.streams()[0], part, workspace):
            self._values[planes] = values

    def write(self, piece: Piece, out: np.ndarray) -> None:
        """Look up the values on a piece."""
        out[...] = self._values[piece.z, piece.y]


class _Mixed(Exceedance):
    """A field whose component is a weighted sum of noises."""

    def __init__(
        self,
        terms: Weighted,
        number: int,
        threshold: Threshold,
        part: Part,
        workspace: Workspace,
        known: Known,
    ) -> None:
        source = terms[0][0]
        self._squared = source.law.squared
        self._edge = source.prepared.edge
        self._threshold = _thresholds(threshold)
        self._workspace = workspace
        self._name = f"mask {number}"
        self._terms: list[tuple[_Values, np.float32]] = []
        for one, weight in terms:
            if one.number not in known:
                known[one.number] = _values(one, part, workspace)
            self._terms.append((known[one.number], np.float32(weight)))

    def on(self, piece: Piece) -> np.ndarray:
        """Add the noises and compare."""
        shape = (piece.height, piece.depth, self._edge)
        total = self._workspace.array("total", shape, np.float32)
        term = self._workspace.array("term", shape, np.float32)
        for number, (values, weight) in enumerate(self._terms):
            out = term if number else total
            values.write(piece, out)
            np.multiply(out, weight, out=out)
            if number:
                np.add(total, term, out=total)
        if self._squared:
            np.multiply(total, total, out=total)
        mask = self._workspace.array(self._name, shape, np.bool_)
        np.greater_equal(total, _cut(self._threshold, piece.z, piece.y), out=mask)
        return mask


def _thresholds(threshold: Threshold) -> np.ndarray:
    """Thresholds as a block has them, as float32 of three axes."""
    return np.atleast_3d(np.asarray(threshold, dtype=np.float32))


def _cut(thresholds: np.ndarray, *part: slice) -> np.ndarray:
    """Thresholds on a part along the first axes; one that is alike along an axis holds there."""
    sides = zip(part, thresholds.shape, strict=False)
    return thresholds[tuple(side if count > 1 else slice(None) for side, count in sides)]


def _values(source: Source, part: Part, workspace: Workspace) -> _Values:
    if source.prepared.sampling.interpolated:
        return _Component(source, source.streams()[0])
    return _Stored(source, part, workspace)


def _convolved(
    source: Source, key: int, part: Part, workspace: Workspace
) -> Iterator[tuple[slice, np.ndarray]]:
    """Noise convolved with the kernel: a few planes of a block at a time, as float32."""
    prepared = source.prepared
    spectrum = _spectrum(source, key, workspace)
    z, y, x = prepared.kept
    length = prepared.fft_shape[2]
    for planes in _touched(part[0], _SLAB, prepared.edge):
        slab = spectrum[z.start + planes.start : z.start + planes.stop]
        rows = scipy.fft.ifft(slab, axis=1)[:, y]
        yield planes, scipy.fft.irfft(rows, n=length, axis=2)[:, :, x]


def _spectrum(source: Source, key: int, workspace: Workspace) -> np.ndarray:
    """Convolution in the planes that the block needs, still transformed along y and x."""
    prepared = source.prepared
    depth, height, width = prepared.fft_shape
    spectrum = workspace.array("spectrum", (depth, height, width // 2 + 1), np.complex64)
    start = prepared.noise_start(source.index)
    for planes in _touched(slice(0, depth), _SLAB, depth):
        first = (start[0] + planes.start, start[1], start[2])
        shape = (planes.stop - planes.start, height, width)
        noise = white_noise(source.seed, key, first, shape, periods=source.periods)
        wide = scipy.fft.rfft(noise, axis=2)
        spectrum[planes] = scipy.fft.fft(wide, axis=1, overwrite_x=True)
    kept = prepared.kept[0]
    for rows in _touched(slice(0, height), _SLAB, height):
        columns = np.ascontiguousarray(spectrum[:, rows])
        columns = scipy.fft.fft(columns, axis=0, overwrite_x=True)
        columns *= prepared.transform[:, rows]
        columns = scipy.fft.ifft(columns, axis=0, overwrite_x=True)
        spectrum[kept, rows] = columns[kept]
    return spectrum


def _touched(part: slice, step: int, end: int) -> Iterator[slice]:
    """Intervals of an absolute raster of ``step`` that a part of 0 to ``end`` touches."""
    for first in range(part.start - part.start % step, part.stop, step):
        yield slice(first, min(first + step, end))
