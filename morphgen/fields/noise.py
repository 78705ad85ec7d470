"""Keyed white noise: standard normal values that depend on seed, stream and voxel alone.

One 64-bit word serves four voxels that follow each other along x. With all sums and products
modulo 2^64, F the mixer below, G the odd integer nearest to 2^64 divided by the golden ratio, and

    absorb(key, value) = F(key xor F(value G + G)),

the word of the voxels x = 4 g, ..., 4 g + 3 of row (z, y) is found by absorbing, from key 0 on,
the version, the seed, the stream, z, y and g. Voxel x takes the 16 bits that begin at bit
16 (x mod 4) and looks up its value in a table of 65,536 quantiles. Negative coordinates enter in
two's complement. Nothing here is rounded differently from one machine to the next.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType
from typing import Any

import numpy as np
import scipy.special
from numpy.typing import NDArray

from morphgen._array_api import (
    Array,
    bring,
    entered,
    entries,
    is_accelerator,
    is_numpy,
    settled,
    sixteen_bits,
    standard,
)
from morphgen.errors import BackendError, InputError

NOISE_VERSION = 1

# Increment of SplitMix64 and Stafford's variant 13 of the MurmurHash3 finaliser, as used there
# (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators", OOPSLA;
# Stafford 2011, "Better bit mixing - improving on MurmurHash3's 64-bit finalizer").
_G = 0x9E3779B97F4A7C15
_ROUNDS = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
_LAST_SHIFT = 31
# As arrays without axes: NumPy then skips the conversion of a Python integer, half of a small call.
_ROUNDS_UNSIGNED = tuple(
    (np.asarray(shift, np.uint64), np.asarray(factor, np.uint64)) for shift, factor in _ROUNDS
)
_LAST_SHIFT_UNSIGNED = np.asarray(_LAST_SHIFT, np.uint64)

_LANES = 4
_LANE_BITS = 16
_TABLE_LENGTH = 2**_LANE_BITS

# Coordinates stay clear of the ends of int64, so that no sum of them overflows.
FARTHEST = 2**62

# 64 KiB of words: with their scratch copy, indices and values they stay in a second-level cache.
_PIECE_WORDS = 2**13
# Voxels that the generic form works on at a time: 8 bytes each, in about four temporaries.
_SLAB_VOXELS = 2**20
# The same on a GPU: each of some twenty passes over a slab is a call that costs microseconds.
_DEVICE_SLAB_VOXELS = 2**25

# Inputs and outputs of F whose products overflow in every way, computed with Python integers.
_KNOWN_INPUTS = (1, 0x9E3779B97F4A7C15, 2**63, 2**64 - 1)
_KNOWN_WORDS = (0x5692161D100B05E5, 0xE220A8397B1DCDAF, 0x25C26EA579CEA98A, 0xB4D055FCF2CBBD7B)

_checked: set[tuple[str, str]] = set()

_Words = NDArray[np.uint64]


@lru_cache(maxsize=1)
def quantile_table() -> NDArray[np.float32]:
    """Standard normal values by 16-bit index.

    Entry i is Phi^-1((i + 1/2) / 65536), divided by the root mean square of all such values
    (0.99998986) in float64 and then rounded to float32. The table is antisymmetric, so its mean
    is 0; its variance is 1 up to that rounding (6e-10), its kurtosis 2.99925, its largest entry
    4.325.

    Returns
    -------
    numpy.ndarray
        65,536 values, float32, ascending, write-protected.

    Notes
    -----
    In arithmetic of 50 digits, no entry comes closer to a rounding boundary halfway between two
    float32 numbers than 1.0e-12 of its value (entry 28,629). An inverse distribution function
    with a relative error below half of that, such as SciPy's (8e-16 on these arguments),
    therefore yields this very table.
    """
    below = (np.arange(_TABLE_LENGTH // 2) + 0.5) / _TABLE_LENGTH
    lower = scipy.special.ndtri(below)
    scale = math.sqrt(math.fsum((lower * lower).tolist()) / lower.size)
    half = (lower / scale).astype(np.float32)
    table = np.concatenate([half, -half[::-1]])
    table.flags.writeable = False
    return table


def white_noise(
    seed: int,
    stream: int,
    start: Sequence[int],
    shape: Sequence[int],
    *,
    periods: Sequence[int | None] = (None, None, None),
    xp: ModuleType = np,
    device: Any = None,
) -> Array:
    """Independent standard normal values on a window of the voxel lattice.

    The value of a voxel depends on ``seed``, ``stream`` and its coordinates, never on the window
    that it is computed in. All backends give the same bits.

    Parameters
    ----------
    seed : int
        Number of the realization, 0 <= seed < 2**64.
    stream : int
        Number of the noise within the realization, 0 <= stream < 2**32.
    start : sequence of int
        First voxel (z, y, x); negative coordinates are allowed.
    shape : sequence of int
        Number of voxels along z, y and x.
    periods : sequence of int or None
        Period of each axis in voxels; coordinates are taken modulo it. None: no period.
    xp : module
        Array backend, such as ``numpy``, ``torch``, ``cupy`` or ``jax.numpy``.
    device : object, optional
        Device of the result; None is the backend's current one.

    Returns
    -------
    array
        float32 array of the given shape, in C order. Backends other than NumPy take memory for
        one more such array meanwhile; the other temporaries are those of about a million voxels
        (on a GPU, of 32 million) or of one row, if that is longer.

    Raises
    ------
    InputError
        If a number is not an integer or lies outside its range.
    BackendError
        If the backend or the device does not exist or cannot do the integer arithmetic.

    Notes
    -----
    A voxel takes one of 65,536 equally probable values, none beyond 4.33 standard deviations (see
    `quantile_table`). Weighted sums over many voxels, which is what fields are made of, lie
    closer to a normal law than the voxels themselves.
    """
    raster = _raster(seed, stream, start, shape, periods)
    lengths = tuple(operator.index(length) for length in shape)
    space = standard(xp)
    check_arithmetic(xp, device)
    place = settled(space, device)
    with entered(space, place):
        if math.prod(lengths) == 0:
            return space.zeros(lengths, dtype=space.float32, device=place)
        rows = _rows_on_host(raster) if is_numpy(space) else _rows_on_device(raster, space, place)
        return space.reshape(rows, lengths)


def noise_words(
    seed: int,
    stream: int,
    start: Sequence[int],
    shape: Sequence[int],
    *,
    periods: Sequence[int | None] = (None, None, None),
) -> NDArray[np.uint64]:
    """64-bit words behind a window of white noise, for tests of the hash itself.

    Parameters and errors are those of `white_noise`.

    Returns
    -------
    numpy.ndarray
        uint64 array (z, y, g) of the words in the order in which the window meets them along x.
    """
    raster = _raster(seed, stream, start, shape, periods)
    words = raster.row_keys()[:, None] ^ raster.groups
    _mix_in_place(words, np.empty_like(words))
    return words.reshape(raster.planes.size, raster.rows.size, raster.groups.size)


def check_arithmetic(xp: ModuleType, device: Any = None) -> None:
    """Check known words of the hash on a backend and device, once per process.

    Products of int64 numbers must wrap around. Every library that was tried does so, yet C leaves
    it undefined.

    Raises
    ------
    BackendError
        If the backend or the device does not exist, or its words differ from the known ones.
    """
    space = standard(xp)
    name = xp.__name__.rpartition("array_api_compat.")[2]
    try:
        key = (name, str(settled(space, device)))
        if key in _checked:
            return
        inputs = space.asarray(_signed(_KNOWN_INPUTS), dtype=space.int64, device=device)
    except (AssertionError, RuntimeError, TypeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise BackendError(f"{name} has no usable device {device!r}: {reason}") from error
    expected = space.asarray(_signed(_KNOWN_WORDS), dtype=space.int64, device=device)
    if not bool(space.all(_mix(inputs) == expected)):
        raise BackendError(
            f"{name} on device {key[1]} does not wrap around in 64-bit integer products, so its "
            "noise would differ from that of other machines; use another backend or device"
        )
    _checked.add(key)


@dataclass(frozen=True)
class _Raster:
    """Hashed coordinates of a window, axis by axis."""

    planes: _Words
    """Key after absorbing version, seed, stream and each z."""
    rows: _Words
    """Hash of each y."""
    groups: _Words
    """Hash of each group of four voxels that the window meets along x."""
    lanes: slice | NDArray[np.int64]
    """Where the voxels of a row lie among the lanes of those groups."""

    def row_keys(self) -> _Words:
        """Key of each row (z, y), flat."""
        keys = self.planes[:, None] ^ self.rows
        _mix_in_place(keys, np.empty_like(keys))
        return keys.reshape(-1)


def _raster(
    seed: int,
    stream: int,
    start: Sequence[int],
    shape: Sequence[int],
    periods: Sequence[int | None],
) -> _Raster:
    if not len(start) == len(shape) == len(periods) == 3:
        raise InputError(
            f"start {start}, shape {shape} and periods {periods} need one entry for each of z, y, x"
        )
    key = np.zeros(1, dtype=np.uint64)
    for value in (
        NOISE_VERSION,
        integer("seed", seed, 0, 2**64 - 1),
        integer("stream", stream, 0, 2**32 - 1),
    ):
        key = _absorb(key, np.asarray([value], dtype=np.uint64))
    z, y, x = map(_coordinates, "zyx", start, shape, periods)
    groups, lanes = _groups(x)
    return _Raster(_absorb(key, z), _hash(y), _hash(groups), lanes)


def integer(name: str, value: int, least: int, greatest: int) -> int:
    """Value as a Python integer; InputError if it is none, or outside its range."""
    try:
        number = operator.index(value)
    except TypeError as error:
        raise InputError(f"{name} {value!r} is not an integer") from error
    if not least <= number <= greatest:
        raise InputError(f"{name} {number} is outside {least} to {greatest}")
    return number


def _coordinates(axis: str, start: int, length: int, period: int | None) -> NDArray[np.int64]:
    first = integer(f"start along {axis}", start, -FARTHEST, FARTHEST)
    count = integer(f"shape along {axis}", length, 0, FARTHEST)
    if period is None:
        return first + np.arange(count, dtype=np.int64)
    modulus = integer(f"period along {axis}", period, 1, FARTHEST)
    return (first % modulus + np.arange(count, dtype=np.int64)) % modulus


def _groups(x: NDArray[np.int64]) -> tuple[NDArray[np.int64], slice | NDArray[np.int64]]:
    """Groups that x runs through, and the lane of each x among them (a slice where possible)."""
    group = x // _LANES
    begins = np.ones(x.size, dtype=np.bool_)
    begins[1:] = group[1:] != group[:-1]
    lanes = _LANES * (np.cumsum(begins, dtype=np.int64) - 1) + x % _LANES
    if x.size and np.all(np.diff(lanes) == 1):
        return group[begins], slice(int(lanes[0]), int(lanes[-1]) + 1)
    return group[begins], lanes


def _hash(values: NDArray[Any]) -> _Words:
    """F(value G + G) of each value."""
    words = values.astype(np.uint64) * _G + _G
    _mix_in_place(words, np.empty_like(words))
    return words


def _absorb(keys: _Words, values: NDArray[Any]) -> _Words:
    words = keys ^ _hash(values)
    _mix_in_place(words, np.empty_like(words))
    return words


def _mix_in_place(words: _Words, scratch: _Words) -> None:
    """Mixer F in unsigned arithmetic."""
    for shift, factor in _ROUNDS_UNSIGNED:
        np.right_shift(words, shift, out=scratch)
        np.bitwise_xor(words, scratch, out=words)
        np.multiply(words, factor, out=words)
    np.right_shift(words, _LAST_SHIFT_UNSIGNED, out=scratch)
    np.bitwise_xor(words, scratch, out=words)


def _mix(words: Array) -> Array:
    """Mixer F on int64 arrays of any backend."""
    for shift, factor in _ROUNDS:
        words = _xor_shifted(words, shift) * _signed((factor,))[0]
    return _xor_shifted(words, _LAST_SHIFT)


def _xor_shifted(words: Array, shift: int) -> Array:
    # The shift of a negative int64 drags its sign along: the mask takes it off again.
    return words ^ ((words >> shift) & (2 ** (64 - shift) - 1))


def _signed(words: Sequence[int]) -> list[int]:
    """Unsigned 64-bit numbers as the int64 numbers of the same bits."""
    return [word - 2**64 if word >= 2**63 else word for word in words]


def _pieces(rows: int, step: int) -> Iterator[slice]:
    for first in range(0, rows, step):
        yield slice(first, min(first + step, rows))


def _rows_on_host(raster: _Raster) -> NDArray[np.float32]:
    """Noise of a non-empty window, row by row, in pieces that stay in the cache."""
    keys, groups, table = raster.row_keys(), raster.groups, quantile_table()
    step = max(1, _PIECE_WORDS // groups.size)
    # Stored with the lowest byte first on every machine, so that lane 0 is the lowest 16 bits.
    words = np.empty((min(step, keys.size), groups.size), dtype="<u8")
    scratch = np.empty_like(words)
    lanes = words.view("<u2")
    columns = lanes[:1, raster.lanes].shape[1]
    index = np.empty((words.shape[0], columns), dtype=np.intp)
    out = np.empty((keys.size, columns), dtype=np.float32)
    for piece in _pieces(keys.size, step):
        used = slice(0, piece.stop - piece.start)
        np.bitwise_xor(keys[piece, None], groups, out=words[used])
        _mix_in_place(words[used], scratch[used])
        index[used] = lanes[used, raster.lanes]
        # Any mode but "raise" writes into `out` without a copy; no index is out of range.
        np.take(table, index[used], out=out[piece], mode="wrap")
    return out


def _rows_on_device(raster: _Raster, xp: ModuleType, device: Any) -> Array:
    """Noise of a non-empty window, row by row, in slabs, with int64 arithmetic alone."""
    planes, rows, groups = (
        bring(hashed.view(np.int64), xp, device)
        for hashed in (raster.planes, raster.rows, raster.groups)
    )
    table = _table_on(xp, device)
    chosen = raster.lanes if isinstance(raster.lanes, slice) else bring(raster.lanes, xp, device)
    keys = xp.reshape(_mix(planes[:, None] ^ rows[None, :]), (-1, 1))
    slab = _DEVICE_SLAB_VOXELS if is_accelerator(groups) else _SLAB_VOXELS
    step = max(1, slab // (_LANES * raster.groups.size))
    slabs = []
    for piece in _pieces(keys.shape[0], step):
        values = entries(table, sixteen_bits(_mix(keys[piece, :] ^ groups[None, :])))
        # a slice is a view, copied when slabs are joined
        slabs.append(
            values[:, chosen] if isinstance(chosen, slice) else xp.take(values, chosen, axis=1)
        )
    return xp.concat(slabs, axis=0) if len(slabs) > 1 else slabs[0]


@lru_cache(maxsize=8)
def _table_on(xp: ModuleType, device: Any) -> Array:
    """Quantile table on a device, brought there once."""
    return bring(quantile_table(), xp, device)
