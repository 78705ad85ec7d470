"""Exact correlations of indicator images at short lags, by zero-padded FFTs."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

import numpy as np

from morphgen._array_api import Array, asarray_like, fast_length, fft, namespace


def spectrum(flags: Array, max_lag: int) -> Array:
    """Half-spectrum of a bool image, padded so that lags up to ``max_lag`` do not wrap."""
    xp = namespace(flags)
    transform = fft(xp)
    sizes = padded(flags.shape, max_lag)
    # Axis by axis from the last, so that the padding of the other axes is not transformed.
    values = transform.rfft(xp.astype(flags, xp.float64), n=sizes[-1], axis=-1)
    for axis in range(flags.ndim - 2, -1, -1):
        values = transform.fft(values, n=sizes[axis], axis=axis)
    return values


def correlation(first: Array, second: Array, shape: Sequence[int], max_lag: int) -> Array:
    """Number of x with both flags, the first at x and the second at x + h, on the lag grid.

    Takes the spectra of two images of one shape. The sums are integers and the rounding error of
    the FFT, about 1e-16 times the number of pixels, is far below one half: rounding is exact.
    """
    xp = namespace(first, second)
    transform = fft(xp)
    values = xp.conj(first) * second
    for axis in range(len(shape) - 1):
        # Lags out of reach are dropped before the next axis is transformed.
        values = _near_lags(xp, transform.ifft(values, axis=axis), axis, max_lag)
    size = padded(shape, max_lag)[-1]
    values = transform.irfft(values, n=size, axis=-1)
    values = _near_lags(xp, values, len(shape) - 1, max_lag)
    return xp.astype(xp.round(values), xp.int64)


def overlap(shape: Sequence[int], max_lag: int, like: Array) -> Array:
    """Number of pixel pairs of a full image on the lag grid; int64, on the device of ``like``."""
    counts = np.ones((), dtype=np.int64)
    for side in shape:
        counts = np.multiply.outer(counts, side - np.abs(np.arange(-max_lag, max_lag + 1)))
    return asarray_like(counts, like)


def padded(shape: Sequence[int], max_lag: int) -> tuple[int, ...]:
    """FFT sizes for an image: 5-smooth, and ``max_lag`` longer than its sides at least."""
    return tuple(fast_length(side + max_lag) for side in shape)


def _near_lags(xp: ModuleType, values: Array, axis: int, max_lag: int) -> Array:
    before = (slice(None),) * axis
    size = values.shape[axis]
    negative = values[*before, slice(size - max_lag, size), ...]
    positive = values[*before, slice(0, max_lag + 1), ...]
    return xp.concat([negative, positive], axis=axis)
