"""White noise has the same bits on every library and device."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from matrix.libraries import parameters, variant

from morphgen._array_api import device_of, standard
from morphgen.fields import noise
from morphgen.fields.noise import white_noise

# seed, stream, start, shape, periods; SHA-256 of the float32 values, lowest byte first
GOLDEN = [
    (
        (0, 0, (0, 0, 0), (4, 5, 30), (None,) * 3),
        "5e666bc2364e4f4927e76474ec695041e2b1751683be475a8112bba6628d30c8",
    ),
    (
        (2**64 - 1, 2**32 - 1, (-5, -1, -7), (3, 2, 17), (None,) * 3),
        "7ef59367f62a30c3887f64ea62f5c97b76421a03dbad8abe8919a55bf38f1b3f",
    ),
    (
        (2026, 3, (-(2**62), 2**62 - 2, 2**61 + 1), (1, 2, 9), (None,) * 3),
        "d75abc2154138734375977a0d0ab604d83a6a8efbf175bd45b00142b87159341",
    ),
    (
        (5, 6, (-5, -1, -7), (6, 7, 17), (4, 3, 10)),
        "3373414068253e0c3756634cf1b5530411a5a65b8c531d5f15e44217a5d4efab",
    ),
    (
        (5, 6, (-5, 2**61, -7), (2, 3, 40), (None, 3, 1)),
        "7420647d4492088eb5cae335f072d42deb97fbcc808ad65f59687aadc232c43e",
    ),
]


def digest(values: np.ndarray) -> str:
    return hashlib.sha256(values.astype("<f4", copy=False).tobytes()).hexdigest()


@pytest.mark.parametrize("name", parameters("torch-meta", "dask"))
def test_bits_are_golden(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    on = variant(name)
    # the arithmetic of every device is checked, whatever ran before
    monkeypatch.setattr(noise, "_checked", set())
    for (seed, stream, start, shape, periods), expected in GOLDEN:
        found = white_noise(seed, stream, start, shape, periods=periods, xp=on.xp, device=on.device)
        assert found.dtype == standard(on.xp).float32
        assert on.device is None or device_of(found) == on.device
        assert digest(on.to_numpy(found)) == expected


@pytest.mark.parametrize("name", parameters("torch-meta", "dask"))
def test_bits_do_not_depend_on_pieces(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    on = variant(name)
    window = (11, 2, (-3, -4, -5), (6, 21, 33))
    expected = white_noise(*window)
    monkeypatch.setattr(noise, "_SLAB_VOXELS", 700)
    monkeypatch.setattr(noise, "_DEVICE_SLAB_VOXELS", 700)
    monkeypatch.setattr(noise, "_PIECE_WORDS", 50)
    found = white_noise(*window, xp=on.xp, device=on.device)
    np.testing.assert_array_equal(on.to_numpy(found), expected)
