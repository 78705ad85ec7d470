"""Chord lengths against runs counted row by row."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from morphgen.descriptors import chord_lengths
from morphgen.errors import InputError


def count_by_hand(labels: np.ndarray, phase: int, axis: int, inside: np.ndarray) -> np.ndarray:
    counts = np.zeros(labels.shape[axis], dtype=np.int64)
    coded = np.where(inside, np.where(labels == phase, 1, 0), -1)
    for row in np.moveaxis(coded, axis, -1).reshape(-1, labels.shape[axis]):
        runs = [(value, len(list(run))) for value, run in itertools.groupby(row)]
        for before, (value, length), after in zip(runs, runs[1:], runs[2:], strict=False):
            if value == 1 and before[0] == after[0] == 0:
                counts[length - 1] += 1
    return counts


@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data())
def test_chords_are_those_counted_by_hand(data: st.DataObject) -> None:
    shape = data.draw(hnp.array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=9))
    labels = data.draw(hnp.arrays(np.uint8, shape, elements=st.sampled_from([0, 1, 1, 2, 255])))
    labels[(0,) * labels.ndim] = 0
    mask = data.draw(st.none() | hnp.arrays(np.bool_, shape, fill=st.just(True)))
    if mask is not None:
        mask[(0,) * labels.ndim] = True
    axis = data.draw(st.integers(-labels.ndim, labels.ndim - 1))
    inside = (labels != 255) & (True if mask is None else mask)
    found = chord_lengths(labels, 1, axis, mask=mask)
    np.testing.assert_array_equal(found.counts, count_by_hand(labels, 1, axis, inside))


def test_every_backend_agrees(backend: Any) -> None:
    axis = 0
    rng = np.random.default_rng(4)
    labels = rng.choice(np.array([0, 1, 1, 1, 255], dtype=np.uint8), size=(9, 4, 11))
    mask = rng.random(labels.shape) < 0.95
    found = chord_lengths(
        backend.asarray(labels),
        1,
        axis,
        spacing=(0.5, 1.0, 0.25),
        mask=backend.asarray(mask, dtype="bool"),
    )
    expected = count_by_hand(labels, 1, axis, (labels != 255) & mask)
    counts = backend.to_numpy(found.counts)
    np.testing.assert_array_equal(counts, expected)
    assert counts.dtype == np.int64
    lengths = np.arange(1, labels.shape[axis] + 1) * (0.5, 1.0, 0.25)[axis]
    np.testing.assert_array_equal(backend.to_numpy(found.lengths), lengths)
    shares = expected / expected.sum()
    np.testing.assert_allclose(backend.to_numpy(found.distribution()), shares, rtol=1e-14)
    np.testing.assert_allclose(backend.to_numpy(found.cumulative()), shares.cumsum(), rtol=1e-14)
    mean = backend.to_numpy(found.mean())
    assert mean.shape == ()
    np.testing.assert_allclose(mean, (lengths * shares).sum(), rtol=1e-14)


def test_slabs() -> None:
    # the first and the last slab touch the border
    profile = np.repeat(np.array([1, 0, 1, 0, 1, 2, 1], dtype=np.uint8), [4, 2, 3, 1, 5, 2, 6])
    labels = np.broadcast_to(profile[:, None, None], (profile.size, 2, 3))
    found = chord_lengths(labels, 1, 0, spacing=0.5)
    assert {k + 1: int(n) for k, n in enumerate(found.counts) if n} == {3: 6, 5: 6}
    assert found.mean() == 2.0
    np.testing.assert_array_equal(found.distribution()[[2, 4]], [0.5, 0.5])
    np.testing.assert_array_equal(found.cumulative()[[1, 2, 3, 4, -1]], [0.0, 0.5, 0.5, 1.0, 1.0])
    # along the slabs every run touches the border
    along = chord_lengths(labels, 1, 1)
    assert int(along.counts.sum()) == 0
    assert np.isnan(along.mean())
    assert np.all(np.isnan(along.distribution()))


def test_mask_takes_away_what_it_touches() -> None:
    row = np.array([[0, 1, 1, 0, 1, 1, 1, 0]], dtype=np.uint8)
    mask = np.ones(row.shape, dtype=bool)
    mask[0, 3] = False
    assert chord_lengths(row, 1, 1, mask=mask).counts.sum() == 0
    row[0, 0] = 255
    assert chord_lengths(row, 1, 1).counts.tolist() == [0, 0, 1, 0, 0, 0, 0, 0]


def test_noise_is_geometric() -> None:
    p, side = 0.6, 2000
    labels = (np.random.default_rng(8).random((100, side)) < p).astype(np.uint8)
    found = chord_lengths(labels, 1, 1)
    k = np.arange(1, side + 1)
    expected = 100 * np.maximum(side - k - 1, 0) * p**k * (1 - p) ** 2
    # counts of rare, hardly dependent events; 5 standard deviations, and a few for the tail
    assert np.all(np.abs(found.counts - expected) <= 5.0 * np.sqrt(expected) + 3.0)
    # share p^(k-1) (1-p), but for whole chords being rarer the longer they are (1e-3 here);
    # about 100 * 2000 * p (1-p) chords, 5 standard deviations
    chords = 100 * side * p * (1 - p)
    share = p ** (k - 1) * (1 - p)
    assert np.all(np.abs(found.distribution() - share) < 5.0 * np.sqrt(share / chords) + 1e-3)
    deviation = np.sqrt(p) / (1 - p) / np.sqrt(chords)
    assert abs(found.mean() - 1.0 / (1.0 - p)) < 5.0 * deviation + 1e-3


def test_results_stay_on_the_device() -> None:
    strict = pytest.importorskip("array_api_strict")
    device = strict.Device("device1")
    labels = strict.asarray(np.arange(24, dtype=np.uint8).reshape(4, 6) % 3, device=device)
    found = chord_lengths(labels, 1, 1)
    results = [found.lengths, found.counts, found.mean(), found.distribution(), found.cumulative()]
    assert all(result.device == device for result in results)


def test_bad_input_is_refused() -> None:
    labels = np.zeros((4, 5), dtype=np.uint8)
    with pytest.raises(InputError, match="axis is 2; expected -2 to 1"):
        chord_lengths(labels, 0, 2)
    with pytest.raises(InputError, match="phase 300 is no label"):
        chord_lengths(labels, 300, 0)
    with pytest.raises(InputError, match="spacing is"):
        chord_lengths(labels, 0, 0, spacing=[1.0])
