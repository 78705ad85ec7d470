"""Keyed white noise: its definition, its invariance and its statistics.

The oracle below repeats the definition with Python integers and shares no code with the package.
Every statistical check has fixed seeds and states its bound in standard errors (SE) under the
hypothesis of independent, uniformly distributed bits.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from conftest import Backend
from hypothesis import given, settings
from hypothesis import strategies as st

from morphgen.errors import BackendError, InputError
from morphgen.fields import noise
from morphgen.fields.noise import (
    NOISE_VERSION,
    check_arithmetic,
    noise_words,
    quantile_table,
    white_noise,
)

ORIGIN = (0, 0, 0)
APERIODIC = (None, None, None)

# seed, stream, z, y, g; the word of the voxels x = 4 g to 4 g + 3; their values
GOLDEN = [
    (
        (0, 0, 0, 0, 0),
        0x6DDF4C00E8422591,
        ("-0x1.0cec32p+0", "0x1.52f8f4p+0", "-0x1.1118e6p-1", "-0x1.6d6f12p-3"),
    ),
    (
        (1, 0, 0, 0, 0),
        0xF624F2E03C37CA8A,
        ("0x1.9efbf8p-1", "-0x1.718b2p-1", "0x1.a1fc4cp+0", "0x1.c4b05ap+0"),
    ),
    (
        (0, 1, 0, 0, 0),
        0x10F3FABCC05CD5E3,
        ("0x1.f3ca02p-1", "0x1.5b9eacp-1", "0x1.056a8cp+1", "-0x1.812d6cp+0"),
    ),
    (
        (2**64 - 1, 2**32 - 1, -1, -1, -1),
        0x8655EABF55B31E8C,
        ("-0x1.2da834p+0", "-0x1.b506a6p-2", "0x1.6294e8p+0", "0x1.fc64bep-5"),
    ),
    (
        (2026, 3, -(2**62), 2**62 - 1, 2**59),
        0x8550D8D81F4A0758,
        ("-0x1.e67e0cp+0", "-0x1.29f6bp+0", "0x1.061d8cp+0", "0x1.aa7af8p-5"),
    ),
]


def mixed(word: int) -> int:
    word ^= word >> 30
    word = word * 0xBF58476D1CE4E5B9 % 2**64
    word ^= word >> 27
    word = word * 0x94D049BB133111EB % 2**64
    return word ^ word >> 31


def oracle_word(seed: int, stream: int, z: int, y: int, g: int) -> int:
    key = 0
    for value in (1, seed, stream, z, y, g):
        key = mixed(key ^ mixed((value + 1) * 0x9E3779B97F4A7C15 % 2**64))
    return key


def oracle(
    seed: int,
    stream: int,
    start: Sequence[int],
    shape: Sequence[int],
    periods: Sequence[int | None] = APERIODIC,
) -> np.ndarray:
    values = np.empty(shape, np.float32)
    for index in np.ndindex(*shape):
        place = [first + offset for first, offset in zip(start, index, strict=True)]
        z, y, x = (at % p if p else at for at, p in zip(place, periods, strict=True))
        word = oracle_word(seed, stream, z, y, x // 4)
        values[index] = quantile_table()[word >> 16 * (x % 4) & 0xFFFF]
    return values


# The definition


def test_words_and_values_of_version_1_are_frozen():
    assert NOISE_VERSION == 1
    for (seed, stream, z, y, g), word, values in GOLDEN:
        assert oracle_word(seed, stream, z, y, g) == word
        found = noise_words(seed, stream, (z, y, 4 * g), (1, 1, 4))
        assert found.dtype == np.uint64
        assert found.tolist() == [[[word]]]
        four = white_noise(seed, stream, (z, y, 4 * g), (1, 1, 4))
        assert four[0, 0].tolist() == [float.fromhex(value) for value in values]


def test_table_is_frozen():
    table = quantile_table()
    assert table.dtype == np.float32
    assert table.shape == (65536,)
    digest = hashlib.sha256(table.astype("<f4").tobytes()).hexdigest()
    assert digest == "8babbcaf96568f10165a1eab530c0e5c92d04de96761b6dbb3dadfa94baba37f"


def test_table_is_ascending_antisymmetric_and_standardised():
    table = quantile_table().astype(np.float64)
    assert np.all(np.diff(table) > 0)
    np.testing.assert_array_equal(table, -table[::-1])
    assert abs(np.mean(table**2) - 1.0) < 1e-9
    assert table[-1] == pytest.approx(4.324963, abs=1e-6)


def test_table_cannot_be_overwritten():
    with pytest.raises(ValueError, match="read-only"):
        quantile_table()[0] = 0.0


@pytest.mark.slow
def test_table_agrees_with_fifty_digits_and_keeps_its_distance_from_rounding_boundaries():
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(50):
        exact = [exact_quantile(mpmath, i) for i in range(32768)]
        scale = mpmath.sqrt(mpmath.fsum(x * x for x in exact) / len(exact))
        distances = []
        for x, entry in zip(exact, quantile_table(), strict=False):
            value = x / scale
            below, above = (float(np.nextafter(entry, np.float32(end))) for end in (-9.0, 9.0))
            lower, upper = (below + float(entry)) / 2, (above + float(entry)) / 2
            assert lower < value < upper
            distances.append(min(value - lower, upper - value) / abs(value))
        assert np.argmin(distances) == 28629
        assert float(min(distances)) == pytest.approx(1.0068e-12, rel=1e-3)


def exact_quantile(mpmath, i):
    """Halley's iteration from a double-precision value; each step triples the digits."""
    from statistics import NormalDist

    probability = mpmath.mpf(2 * i + 1) / 2**17
    x = mpmath.mpf(NormalDist().inv_cdf(float(probability)))
    for _ in range(3):
        excess = mpmath.erfc(-x / mpmath.sqrt(2)) / 2 - probability
        step = excess * mpmath.sqrt(2 * mpmath.pi) * mpmath.exp(x * x / 2)
        x -= step / (1 + x * step / 2)
    assert abs(step) < 1e-30
    return x


# The same everywhere

WINDOWS = [
    (2**64 - 1, 2**32 - 1, (-5, -1, -7), (3, 2, 17), APERIODIC),
    (2**63, 5, (2**62 - 1, -(2**62), 2**61 + 1), (1, 2, 6), APERIODIC),
    (5, 6, (-5, -1, -7), (6, 7, 17), (4, 3, 10)),
    (5, 6, (-5, -1, -7), (2, 3, 17), (None, 3, 1)),
]


@pytest.mark.parametrize("window", WINDOWS)
def test_every_backend_follows_the_definition(backend: Backend, window):
    seed, stream, start, shape, periods = window
    found = white_noise(seed, stream, start, shape, periods=periods, xp=backend.xp)
    values = backend.to_numpy(found)
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, oracle(*window))


def test_every_backend_agrees_over_several_slabs(backend: Backend, monkeypatch):
    expected = white_noise(11, 2, (-3, -4, -5), (6, 21, 130))
    monkeypatch.setattr(noise, "_SLAB_VOXELS", 2000)
    monkeypatch.setattr(noise, "_PIECE_WORDS", 100)
    found = white_noise(11, 2, (-3, -4, -5), (6, 21, 130), xp=backend.xp)
    np.testing.assert_array_equal(backend.to_numpy(found), expected)


def test_fast_and_generic_forms_agree_on_numpy():
    raster = noise._raster(3, 4, (-20, 7, -131), (16, 32, 500), APERIODIC)
    generic = noise._rows_on_device(raster, noise.standard(np), None)
    np.testing.assert_array_equal(noise._rows_on_host(raster), generic)


def test_empty_windows_are_empty(backend: Backend):
    for shape in ((0, 2, 3), (2, 0, 3), (2, 3, 0)):
        found = backend.to_numpy(white_noise(0, 0, ORIGIN, shape, xp=backend.xp))
        assert found.shape == shape
        assert found.dtype == np.float32


def test_result_is_writeable_contiguous_and_fresh():
    first = white_noise(0, 0, ORIGIN, (3, 4, 5))
    first[...] = 0.0
    assert first.flags.c_contiguous
    assert np.all(white_noise(0, 0, ORIGIN, (3, 4, 5)) != 0.0)


def test_device_of_the_strict_backend_is_kept():
    strict = pytest.importorskip("array_api_strict")
    device = strict.Device("device1")
    assert white_noise(0, 0, ORIGIN, (2, 2, 6), xp=strict, device=device).device == device


# Any window is a slice of any larger one

coordinate = st.integers(-40, 40) | st.integers(-(2**61), 2**61)
starts = st.tuples(coordinate, coordinate, coordinate)
lengths = st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(1, 23))
margins = st.tuples(*[st.integers(0, 7)] * 6)
period = st.none() | st.integers(1, 13) | st.integers(2**40, 2**41)
seeds = st.integers(0, 2**64 - 1)
streams = st.integers(0, 2**32 - 1)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(seeds, streams, starts, lengths, margins, st.tuples(period, period, period))
def test_any_window_is_a_slice_of_a_larger_one(seed, stream, start, shape, margin, periods):
    before, after = margin[:3], margin[3:]
    larger = white_noise(
        seed,
        stream,
        [first - b for first, b in zip(start, before, strict=True)],
        [length + b + a for length, b, a in zip(shape, before, after, strict=True)],
        periods=periods,
    )
    inside = tuple(slice(b, b + n) for b, n in zip(before, shape, strict=True))
    window = white_noise(seed, stream, start, shape, periods=periods)
    np.testing.assert_array_equal(window, larger[inside])


@settings(max_examples=50, deadline=None, derandomize=True)
@given(seeds, starts, lengths, st.tuples(*[st.integers(1, 13)] * 3))
def test_periodic_noise_repeats_the_first_period(seed, start, shape, periods):
    first_period = white_noise(seed, 0, ORIGIN, periods)
    window = white_noise(seed, 0, start, shape, periods=periods)
    # In Python integers: coordinates near 2^61 leave no room for mistakes.
    wrapped = [
        [(first + i) % p for i in range(n)]
        for first, n, p in zip(start, shape, periods, strict=True)
    ]
    np.testing.assert_array_equal(window, first_period[np.ix_(*wrapped)])


# What is refused


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": -1}, "seed -1 is outside 0 to 18446744073709551615"),
        ({"seed": 2**64}, "seed"),
        ({"seed": 1.5}, r"seed 1\.5 is not an integer"),
        ({"stream": 2**32}, "stream"),
        ({"stream": -1}, "stream"),
        ({"start": (0, 2**62 + 1, 0)}, "start along y"),
        ({"start": (0, 0)}, "one entry for each of z, y, x"),
        ({"shape": (1, 1, -1)}, "shape along x"),
        ({"periods": (0, None, None)}, "period along z 0"),
    ],
)
def test_numbers_out_of_range_are_refused(change, message):
    request = {"seed": 0, "stream": 0, "start": ORIGIN, "shape": (1, 1, 1), "periods": APERIODIC}
    with pytest.raises(InputError, match=message):
        white_noise(**(request | change))


def test_an_unknown_device_is_refused():
    with pytest.raises(BackendError, match="numpy has no usable device 'cuda'"):
        white_noise(0, 0, ORIGIN, (1, 1, 1), device="cuda")


def test_arithmetic_that_does_not_wrap_is_refused(monkeypatch):
    monkeypatch.setattr(noise, "_checked", set())
    monkeypatch.setattr(noise, "_mix", lambda words: words)
    with pytest.raises(BackendError, match="does not wrap around"):
        check_arithmetic(np)


def test_arithmetic_is_checked_once(backend: Backend, monkeypatch):
    check_arithmetic(backend.xp)
    monkeypatch.setattr(noise, "_mix", None)
    check_arithmetic(backend.xp)


# Moments and uniformity


def test_moments_are_those_of_the_table():
    values = white_noise(1, 0, (-64, -64, -64), (128, 128, 256)).astype(np.float64)
    table = quantile_table().astype(np.float64)
    for power in (1, 2, 3, 4):
        expected = np.mean(table**power)
        standard_error = np.std(table**power) / np.sqrt(values.size)
        assert abs(np.mean(values**power) - expected) < 4.0 * standard_error  # 4 SE
    # The table itself is normal up to its cut-off at 4.33: kurtosis 3 - 7.5e-4.
    assert np.mean(table**4) == pytest.approx(3.0, abs=1e-3)


def test_every_bit_is_fair():
    words = noise_words(2, 0, (-8, -8, -1024), (64, 128, 1024)).reshape(-1)
    ones = np.unpackbits(words.view(np.uint8)).reshape(words.size, 64).sum(axis=0, dtype=np.int64)
    excess = (ones - words.size / 2) / np.sqrt(words.size / 4)
    assert np.max(np.abs(excess)) < 4.5  # SE of each of 64 bits


def test_every_lane_is_uniform():
    lanes = noise_words(3, 0, (-8, -8, -1024), (64, 128, 512)).reshape(-1, 1).view("<u2")
    for lane in range(4):
        assert abs(uniformity(lanes[:, lane], 65536)) < 4.5  # SE of chi-square, 65,535 freedoms


def uniformity(values: np.ndarray, bins: int) -> float:
    """Chi-square against equal frequencies, in standard errors from its mean."""
    expected = values.size / bins
    counts = np.bincount(values.reshape(-1), minlength=bins)
    chi_square = np.sum((counts - expected) ** 2) / expected
    return (chi_square - (bins - 1)) / np.sqrt(2.0 * (bins - 1))


# Independence

# One of each pair of opposite neighbours.
DIRECTIONS = [step for step in itertools.product((-1, 0, 1), repeat=3) if step > ORIGIN]


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Mean product in standard errors: values have mean 0 and variance 1 by construction."""
    return float(np.vdot(first, second)) / np.sqrt(first.size)


@pytest.fixture(scope="module")
def volume() -> np.ndarray:
    return white_noise(4, 0, (-48, -48, -48), (96, 96, 96)).astype(np.float64)


@pytest.mark.parametrize("step", DIRECTIONS)
def test_neighbours_are_uncorrelated(volume, step):
    here = tuple(slice(max(0, -s), 96 - max(0, s)) for s in step)
    there = tuple(slice(max(0, s), 96 - max(0, -s)) for s in step)
    for power in (1, 2):
        values = volume if power == 1 else (volume**2 - 1.0) / np.std(volume**2)
        assert abs(correlation(values[here], values[there])) < 4.0  # SE


def test_there_are_thirteen_directions():
    assert len(DIRECTIONS) == 13


@pytest.mark.parametrize("distance", [2, 3, 4, 5, 7, 8, 16])
def test_voxels_of_a_row_are_uncorrelated_within_and_between_words(volume, distance):
    assert abs(correlation(volume[:, :, distance:], volume[:, :, :-distance])) < 4.0  # SE


def test_corners_of_rectangles_are_independent():
    """The inputs of F at the corners of a rectangle in (y, g), or (z, y), cancel under xor."""
    words = noise_words(5, 0, ORIGIN, (8, 512, 2048))
    across = (
        words[:, 0::2, 0::2] ^ words[:, 1::2, 0::2] ^ words[:, 0::2, 1::2] ^ words[:, 1::2, 1::2]
    )
    upright = words[0::2, 0::2] ^ words[1::2, 0::2] ^ words[0::2, 1::2] ^ words[1::2, 1::2]
    for corners in (across, upright):
        octets = np.ascontiguousarray(corners).reshape(-1, 1).view(np.uint8)
        for octet in octets.T:
            assert abs(uniformity(octet, 256)) < 4.5  # SE of chi-square, 255 freedoms


@pytest.mark.parametrize(
    "keys",
    [
        [(0, stream) for stream in range(40)],
        [(seed, 0) for seed in range(40)],
        [(7, stream) for stream in (0, 2**16, 2**31, 2**32 - 1)],
    ],
    ids=["streams", "seeds", "far streams"],
)
def test_streams_and_seeds_are_uncorrelated(keys):
    values = np.stack([white_noise(*key, (-16, 0, 5), (32, 32, 32)).reshape(-1) for key in keys])
    products = values.astype(np.float64) @ values.T.astype(np.float64) / np.sqrt(values.shape[1])
    pairs = products[np.triu_indices(len(keys), 1)]
    assert np.max(np.abs(pairs)) < 5.0  # SE, over at most 780 pairs


def test_seed_and_stream_are_not_exchangeable():
    words = {
        int(noise_words(s, t, ORIGIN, (1, 1, 1))[0, 0, 0]) for s in range(32) for t in range(32)
    }
    assert len(words) == 32 * 32


def test_axes_are_not_exchangeable():
    values = white_noise(6, 0, ORIGIN, (48, 48, 48)).astype(np.float64)
    for axes in ((0, 2, 1), (1, 0, 2), (2, 1, 0), (1, 2, 0)):
        # 48^2 voxels lie on the diagonal, where both arrays hold the same value.
        other = np.transpose(values, axes)
        differs = values != other
        assert np.count_nonzero(differs) > 0.95 * values.size
        # In an exchange of two axes each pair counts twice, which doubles the variance.
        assert abs(correlation(values[differs], other[differs])) < 4.0 * np.sqrt(2.0)  # 4 SE


@pytest.mark.parametrize("what", ["seed", "stream", "z", "y", "x"])
def test_each_input_bit_changes_half_of_the_output(what):
    """Each of 64 output bits flips for half of 4,096 words when one input bit flips.

    Bound: 5.5 SE over at most 64 x 64 cells (expected exceedances: 2e-4); the mean number of
    flipped bits, whose SE is 4 / sqrt(4096), within 4.5 SE for each input bit.
    """
    reference = words_near(what, 0)
    for bit in range({"seed": 64, "stream": 32}.get(what, 60)):
        flipped = reference ^ words_near(what, 1 << bit)
        cells = np.unpackbits(flipped.view(np.uint8)).reshape(4096, 64)
        assert np.max(np.abs(cells.mean(axis=0) - 0.5)) < 5.5 * 0.5 / 64.0
        assert abs(cells.sum(axis=1).mean() - 32.0) < 4.5 * 4.0 / 64.0


def words_near(what: str, flip: int) -> np.ndarray:
    """4,096 words whose keys differ from those for ``flip`` = 0 by that bit pattern alone."""
    seed = 0x5EED ^ (flip if what == "seed" else 0)
    stream = 3 ^ (flip if what == "stream" else 0)
    start = [5 ^ (flip if what == axis else 0) for axis in "zyx"]
    start[2] = 4 * start[2]
    shape = [1 if what == axis else 64 for axis in "zyx"]
    if what in ("seed", "stream"):
        shape = [16, 16, 16]
    shape[2] *= 4
    return noise_words(seed, stream, start, shape).reshape(-1)
