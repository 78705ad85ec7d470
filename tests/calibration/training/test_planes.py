"""Periodic planes: amplitudes, their pullback, and families of sections."""

from __future__ import annotations

import numpy as np
import scipy.fft

from morphgen.calibration.training.planes import PlaneFamily, plane_families, torus_of
from morphgen.images import read_section

BLANK = (np.zeros((8, 8), dtype=np.uint8),)


def bell(distance: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * (distance / 3.0) ** 2)


def test_amplitude_is_the_root_of_the_spectrum() -> None:
    family = PlaneFamily("any plane", BLANK, (1.0, 1.0))
    torus = torus_of(family, (20, 30), 16.0)
    amplitude, _ = torus.amplitude(bell(torus.lags.distance))
    rows, columns = (np.minimum(np.arange(n), n - np.arange(n)) for n in torus.shape)
    whole = bell(np.hypot(rows[:, None], columns))
    spectrum = scipy.fft.rfft2(whole).real
    # linear interpolation errs by at most (33/511)^2 / 8 / 9 = 6e-5 at each of 2000 pixels
    assert np.abs(amplitude**2 - np.clip(spectrum, 0.0, None)).max() < 0.04
    assert torus.shape[0] >= 36
    assert torus.shape[1] >= 46


def test_pullback_is_the_derivative() -> None:
    for axial in (False, True):
        family = PlaneFamily("plane", BLANK, (1.0, 1.0), axial)
        torus = torus_of(family, (10, 12), 12.0)
        keyed = np.random.default_rng(1)
        lags = torus.lags
        correlation = bell(np.hypot(lags.across, 1.5 * lags.along))
        amplitude, pullback = torus.amplitude(correlation)
        weights, change = keyed.normal(size=amplitude.shape), keyed.normal(size=correlation.shape)
        # where the spectrum is not at its floor
        weights[amplitude < 1e-2 * amplitude.max()] = 0.0
        step = 1e-7
        ends = [torus.amplitude(correlation + sign * step * change)[0] for sign in (1, -1)]
        slope = float(np.sum(weights * (ends[0] - ends[1]))) / (2.0 * step)
        assert np.isclose(slope, float(pullback(weights) @ change), rtol=1e-5)


def test_families() -> None:
    labels = np.arange(40 * 50).reshape(40, 50) % 2
    images = [read_section(labels.astype(np.uint8), plane=plane) for plane in ("xy", "xz", "yz")]
    (alone,) = plane_families(images)
    assert alone.turns
    assert len(alone.images) == 3
    across, along = plane_families(images, axis=0)
    assert (across.name, across.turns, len(across.images)) == ("across the axis", True, 1)
    assert (along.axial, along.turns, len(along.images)) == (True, False, 2)
    # with the axis x, it runs along the columns of xy and xz, which are turned
    turned = [one for one in plane_families(images, axis=2) if one.axial]
    assert [image.shape for image in turned[0].images] == [(50, 40), (50, 40)]
