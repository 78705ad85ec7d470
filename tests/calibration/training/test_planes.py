"""Periodic planes: amplitudes and their pullback."""

from __future__ import annotations

import numpy as np
import scipy.fft

from morphgen.calibration.plane_families import PlaneFamily
from morphgen.calibration.training.planes import torus_of


def blank(with_axis: bool) -> PlaneFamily:
    return PlaneFamily(("xz",), with_axis, (1.0, 1.0), (np.zeros((8, 8), np.uint8),), ("a.png",))


def bell(distance: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * (distance / 3.0) ** 2)


def test_amplitude_is_the_root_of_the_spectrum() -> None:
    torus = torus_of(blank(with_axis=False), (20, 30), 16.0)
    amplitude, _ = torus.amplitude(bell(torus.lags.distance))
    rows, columns = (np.minimum(np.arange(n), n - np.arange(n)) for n in torus.shape)
    whole = bell(np.hypot(rows[:, None], columns))
    spectrum = scipy.fft.rfft2(whole).real
    # linear interpolation errs by at most (33/511)^2 / 8 / 9 = 6e-5 at each of 2000 pixels
    assert np.abs(amplitude**2 - np.clip(spectrum, 0.0, None)).max() < 0.04
    assert torus.shape[0] >= 36
    assert torus.shape[1] >= 46


def test_pullback_is_the_derivative() -> None:
    for with_axis in (False, True):
        torus = torus_of(blank(with_axis), (10, 12), 12.0)
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


def test_the_axis_runs_along_the_columns() -> None:
    torus = torus_of(blank(with_axis=True), (20, 30), 12.0)
    lags = torus.lags
    # longer along the axis, so narrower in frequency along the columns
    amplitude, _ = torus.amplitude(bell(np.hypot(lags.across, lags.along / 2.0)))
    rows, columns = (np.minimum(np.arange(n), n - np.arange(n)) for n in torus.shape)
    near = np.hypot(rows[:, None], columns) <= 12.0
    whole = np.where(near, bell(np.hypot(rows[:, None], columns / 2.0)), 0.0)
    spectrum = np.clip(scipy.fft.rfft2(whole).real, 0.0, None)
    assert np.allclose(amplitude**2, spectrum, atol=1e-9)
