"""Two-point coverage against counting pairs one lag at a time."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from morphgen.descriptors import CoverageCounts, coverage_counts, pool, two_point_coverage
from morphgen.errors import BackendError, InputError

SHAPES = st.one_of(
    hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9),
    hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=5),
)


def slices(shape: tuple[int, ...], lag: tuple[int, ...]) -> tuple[Any, Any]:
    """Parts of an image that hold x and x + lag."""
    pairs = list(zip(shape, lag, strict=True))
    here = tuple(slice(max(0, -h), n - max(0, h)) for n, h in pairs)
    there = tuple(slice(max(0, h), n + min(0, h)) for n, h in pairs)
    return here, there


def count_by_hand(
    labels: np.ndarray, phases: list[int], max_lag: int, inside: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    grid = (2 * max_lag + 1,) * labels.ndim
    pairs = np.zeros((len(phases), len(phases), *grid), dtype=np.int64)
    totals = np.zeros(grid, dtype=np.int64)
    for index in np.ndindex(grid):
        here, there = slices(labels.shape, tuple(k - max_lag for k in index))
        both = inside[here] & inside[there]
        totals[index] = np.count_nonzero(both)
        for (i, a), (j, b) in itertools.product(enumerate(phases), repeat=2):
            found = both & (labels[here] == a) & (labels[there] == b)
            pairs[i, j, *index] = np.count_nonzero(found)
    return pairs, totals


def radial_by_hand(
    counts: CoverageCounts, spacing: tuple[float, ...], exact_below: float
) -> dict[float, tuple[int, float, np.ndarray]]:
    """Pairs, sum of distances and labelled pairs of each bin, by its nominal distance in pixels."""
    unit, bins = min(spacing), {}
    for index in np.ndindex(counts.totals.shape):
        steps = [(k - counts.max_lag) * s for k, s in zip(index, spacing, strict=True)]
        distance = float(np.linalg.norm(steps)) / unit
        if distance > counts.max_lag + 1e-9:
            continue
        key = round(distance, 6) if distance < exact_below else float(np.rint(distance))
        total, moment, pairs = bins.get(key, (0, 0.0, 0))
        total += int(counts.totals[index])
        moment += int(counts.totals[index]) * distance * unit
        bins[key] = (total, moment, pairs + counts.pairs[:, :, *index])
    return dict(sorted(bins.items()))


def image(shape: tuple[int, ...], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels 0 to 3 and 255, and a mask that leaves most of it."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(np.array([0, 1, 2, 3, 255], dtype=np.uint8), size=shape)
    return labels, rng.random(shape) < 0.8


@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data(), shape=SHAPES)
def test_pairs_are_those_counted_by_hand(data: st.DataObject, shape: tuple[int, ...]) -> None:
    labels = data.draw(hnp.arrays(np.uint8, shape, elements=st.sampled_from([0, 1, 2, 7, 255])))
    labels[(0,) * labels.ndim] = 1
    mask = data.draw(st.none() | hnp.arrays(np.bool_, shape))
    if mask is not None:
        mask[(0,) * labels.ndim] = True
    phases = data.draw(st.lists(st.sampled_from([0, 1, 2, 5, 7]), min_size=1, unique=True))
    max_lag = data.draw(st.integers(0, min(shape) - 1))
    inside = (labels != 255) & (True if mask is None else mask)

    counts = coverage_counts(labels, phases, max_lag, mask=mask)

    pairs, totals = count_by_hand(labels, phases, max_lag, inside)
    np.testing.assert_array_equal(counts.pairs, pairs)
    np.testing.assert_array_equal(counts.totals, totals)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(data=st.data(), shape=SHAPES)
def test_sum_rules(data: st.DataObject, shape: tuple[int, ...]) -> None:
    labels = data.draw(hnp.arrays(np.uint8, shape, elements=st.sampled_from([0, 1, 2])))
    max_lag = min(shape) - 1
    counts = coverage_counts(labels, [0, 1, 2], max_lag)
    inside = np.ones(shape, dtype=bool)
    np.testing.assert_allclose(counts.directional().sum(axis=(0, 1)), 1.0, rtol=1e-14)
    for i in range(3):
        # the pixels of phase i that have a neighbour at the lag
        whole, _ = count_by_hand(np.where(labels == i, 1, 0), [1], 0, inside)
        marginal = counts.pairs[i].sum(axis=0)
        assert marginal[(max_lag,) * labels.ndim] == whole.ravel()[0]
        for index in np.ndindex(counts.totals.shape):
            here, _ = slices(shape, tuple(k - max_lag for k in index))
            assert marginal[index] == np.count_nonzero(labels[here] == i)


@pytest.mark.parametrize(("shape", "max_lag"), [((12, 17), 4), ((5, 6, 7), 2)])
def test_every_backend_counts_the_same(backend: Any, shape: tuple[int, ...], max_lag: int) -> None:
    if backend.name == "jax" and len(shape) == 3:
        pytest.skip("JAX compiles for seconds; it counts in two dimensions")
    labels, mask = image(shape)
    phases = [2, 0, 1]
    counts = coverage_counts(
        backend.asarray(labels), phases, max_lag, mask=backend.asarray(mask, dtype="bool")
    )
    pairs, totals = count_by_hand(labels, phases, max_lag, (labels != 255) & mask)
    np.testing.assert_array_equal(backend.to_numpy(counts.pairs), pairs)
    np.testing.assert_array_equal(backend.to_numpy(counts.totals), totals)
    assert backend.to_numpy(counts.pairs).dtype == np.int64
    directional = backend.to_numpy(counts.directional())
    assert directional.dtype == np.float64
    np.testing.assert_allclose(directional, pairs / totals, rtol=1e-14)
    lags = tuple(range(2, 2 + len(shape)))
    mean = 0.25 * (directional + np.flip(directional, lags))
    mean += np.swapaxes(mean, 0, 1)
    np.testing.assert_allclose(backend.to_numpy(counts.symmetrised()), mean, rtol=1e-14)
    centre = (max_lag,) * len(shape)
    shares = [pairs[i, i, *centre] / totals[centre] for i in range(3)]
    np.testing.assert_allclose(backend.to_numpy(counts.fractions()), shares, rtol=1e-14)
    offsets = backend.to_numpy(counts.offsets)
    assert offsets.shape == (len(shape), *totals.shape)
    assert offsets[:, *centre].tolist() == [0] * len(shape)
    assert offsets[0, 0, ...].max() == -max_lag
    assert offsets[-1, ..., -1].min() == max_lag
    radial = counts.radial(0.5)
    expected = coverage_counts(labels, phases, max_lag, mask=mask).radial(0.5)
    for name in ("lag", "values", "weight"):
        values = backend.to_numpy(getattr(radial, name))
        assert values.dtype == np.float64
        np.testing.assert_allclose(values, getattr(expected, name), rtol=1e-13)


@pytest.mark.parametrize(
    ("shape", "spacing", "exact_below"),
    [((12, 17), (1.0, 1.0), 3.0), ((12, 17), (0.3, 0.2), 2.5), ((7, 6, 7), (0.065,) * 3, 0.0)],
)
def test_radial_pools_lags_of_one_distance(
    shape: tuple[int, ...], spacing: tuple[float, ...], exact_below: float
) -> None:
    labels, mask = image(shape)
    counts = coverage_counts(labels, [0, 1], 5, mask=mask)
    radial = counts.radial(spacing, exact_below)
    bins = radial_by_hand(counts, spacing, exact_below)
    total = np.array([total for total, _, _ in bins.values()], dtype=float)
    moment = np.array([moment for _, moment, _ in bins.values()])
    pairs = np.stack([pairs for _, _, pairs in bins.values()], axis=-1)
    values = 0.5 * (pairs + np.swapaxes(pairs, 0, 1)) / total
    np.testing.assert_array_equal(radial.weight, total)
    np.testing.assert_allclose(radial.lag, moment / total, rtol=1e-12)
    np.testing.assert_allclose(radial.values, values, rtol=1e-12)
    assert radial.lag[0] == 0.0
    assert radial.phases == (0, 1)


def test_exact_distances_are_free_of_rounding() -> None:
    labels, _ = image((40, 40))
    lag = two_point_coverage(labels, max_lag=6, spacing=0.065).radial().lag
    expected = 0.065 * np.sqrt([0.0, 1.0, 2.0, 4.0, 5.0, 8.0])
    np.testing.assert_allclose(lag[:6], expected, rtol=3e-16)
    assert 3.0 < lag[6] / 0.065 < 3.5
    assert lag[-1] <= 6 * 0.065


def test_lags_without_a_pair_are_nan() -> None:
    labels = np.full((6, 6), 255, dtype=np.uint8)
    labels[:2, :2] = 0
    coverage = two_point_coverage(labels, max_lag=3)
    assert coverage.phases == (0,)
    assert np.isnan(coverage.directional()[0, 0, 0, 0])
    radial = coverage.radial()
    none = radial.weight == 0
    np.testing.assert_array_equal(np.isnan(radial.values[0, 0]), none)
    np.testing.assert_allclose(radial.lag[none], np.sqrt([4.0, 5.0, 8.0, 9.0]), rtol=1e-9)


def test_checkerboard() -> None:
    board = (np.indices((20, 21)).sum(axis=0) % 2).astype(np.uint8)
    found = coverage_counts(board, [0, 1], 4)
    odd = found.offsets.sum(axis=0) % 2 == 1
    same = found.directional()[0, 0] + found.directional()[1, 1]
    np.testing.assert_array_equal(same, np.where(odd, 0.0, 1.0))
    np.testing.assert_allclose(found.symmetrised()[0, 1], np.where(odd, 0.5, 0.0), rtol=1e-15)


def test_stripes() -> None:
    # rows 0 0 1 1 0 0 1 1 ...; 24 rows have a partner two rows down
    stripes = np.repeat((np.arange(26) // 2 % 2)[:, None], 9, axis=1).astype(np.uint8)
    coverage = two_point_coverage(stripes, max_lag=3, spacing=(0.5, 2.0)).directional()
    for columns in range(7):
        np.testing.assert_array_equal(coverage[:, :, 5, columns], [[0.0, 0.5], [0.5, 0.0]])
        np.testing.assert_allclose(coverage[:, :, 3, columns], [[14 / 26, 0], [0, 12 / 26]])


def test_noise_has_no_correlation() -> None:
    shares = np.array([0.3, 0.5, 0.2])
    labels = np.random.default_rng(3).choice(3, size=(256, 256), p=shares).astype(np.uint8)
    coverage = two_point_coverage(labels, max_lag=8)
    expected = np.multiply.outer(shares, shares)
    # variance of one value at most 2 p_i p_j / pairs; 5 standard deviations
    error = np.abs(coverage.directional() - expected[:, :, None, None])
    error[:, :, 8, 8] = 0.0
    bound = 5.0 * np.sqrt(2.0 * expected / 248**2)
    assert np.all(error < bound[:, :, None, None])
    # variance p (1 - p) / pixels; 5 standard deviations
    bound = 5.0 * np.sqrt(shares * (1.0 - shares)) / 256
    assert np.all(np.abs(coverage.fractions() - shares) < bound)


def test_images_are_pooled(backend: Any) -> None:
    first, second = image((12, 17), 1), image((12, 17), 2)
    arrays = [backend.asarray(labels) for labels, _ in (first, second)]
    masks = [backend.asarray(mask, dtype="bool") for _, mask in (first, second)]
    pooled = two_point_coverage(arrays, [2, 0, 1], max_lag=4, spacing=0.5, mask=masks)
    each = [coverage_counts(labels, [2, 0, 1], 4, mask=mask) for labels, mask in (first, second)]
    assert pooled.phases == (2, 0, 1)
    pairs, totals = (
        backend.to_numpy(counts) for counts in (pooled.counts.pairs, pooled.counts.totals)
    )
    np.testing.assert_array_equal(pairs, each[0].pairs + each[1].pairs)
    np.testing.assert_array_equal(totals, each[0].totals + each[1].totals)
    np.testing.assert_array_equal(backend.to_numpy(pooled.lags), 0.5 * each[0].offsets)


def test_images_of_different_size_are_pooled() -> None:
    (small, mask), (large, _) = image((5, 9), 1), image((13, 8), 2)
    large[large == 3] = 4
    pooled = two_point_coverage([small, large], max_lag=3, spacing=0.5, mask=[mask, None])
    phases = sorted({*small[mask].tolist(), *large.ravel().tolist()} - {255})
    assert pooled.phases == tuple(phases)
    both = pool([coverage_counts(small, phases, 3, mask=mask), coverage_counts(large, phases, 3)])
    np.testing.assert_array_equal(both.totals, pooled.counts.totals)
    np.testing.assert_array_equal(both.pairs, pooled.counts.pairs)
    for name in ("directional", "symmetrised", "fractions"):
        np.testing.assert_array_equal(getattr(both, name)(), getattr(pooled, name)())
    np.testing.assert_array_equal(both.radial(0.5).values, pooled.radial().values)
    assert float(pooled.fractions().sum()) == pytest.approx(1.0, rel=1e-14)


def test_labels_present_are_the_phases(backend: Any) -> None:
    labels = np.array([[255, 9, 0], [4, 0, 255], [7, 7, 0]], dtype=np.uint8)
    mask = labels != 4
    arrays = backend.asarray(labels), backend.asarray(mask, dtype="bool")
    assert two_point_coverage(arrays[0], max_lag=0, mask=arrays[1]).phases == (0, 7, 9)


def test_results_stay_on_the_device() -> None:
    strict = pytest.importorskip("array_api_strict")
    device = strict.Device("device1")
    labels, mask = image((9, 8))
    coverage = two_point_coverage(
        strict.asarray(labels, device=device), max_lag=2, mask=strict.asarray(mask, device=device)
    )
    radial = coverage.radial()
    results = [coverage.counts.pairs, coverage.counts.totals, coverage.lags]
    results += [coverage.directional(), coverage.symmetrised(), coverage.fractions()]
    results += [radial.lag, radial.values, radial.weight]
    assert all(result.device == device for result in results)


@pytest.mark.filterwarnings("ignore:Explicitly requested dtype int64")
def test_narrow_integers_are_refused() -> None:
    jax = pytest.importorskip("jax")
    labels = jax.numpy.zeros((4, 4), dtype="uint8")
    with jax.enable_x64(False), pytest.raises(BackendError, match="64-bit"):
        coverage_counts(labels, [0], 1)


LABELS = np.zeros((6, 8), dtype=np.uint8)


@pytest.mark.parametrize(
    ("labels", "phases", "max_lag", "mask", "message"),
    [
        (LABELS, [0], 6, None, r"max_lag is 6 voxels; expected 0 to 5"),
        (LABELS, [0], -1, None, r"max_lag is -1"),
        (LABELS, [0], 1.5, None, r"max_lag is 1.5; expected an integer"),
        (LABELS, [0, 1, 0], 2, None, r"phases are \(0, 1, 0\)"),
        (LABELS, [], 2, None, r"phases are \(\)"),
        (LABELS, [255], 2, None, r"phase 255 is no label"),
        (LABELS, ["pore"], 2, None, r"phase is 'pore'; expected an integer"),
        (LABELS.astype(np.int64), [0], 2, None, r"dtype int64; expected uint8"),
        (LABELS[0], [0], 2, None, r"1 axes; expected 2 or 3"),
        (LABELS + np.uint8(255), [0], 2, None, r"no pixel is inside"),
        (LABELS, [0], 2, LABELS > 0, r"no pixel is inside"),
        (LABELS, [0], 2, LABELS, r"mask has dtype uint8"),
        (LABELS, [0], 2, LABELS[:4] == 0, r"mask has .* shape \(4, 8\)"),
        (LABELS, [0], 2, [[True]], r"expected arrays of one library"),
        ("image", [0], 2, None, r"labels and mask: got builtins.str"),
    ],
)
def test_bad_input_is_refused(
    labels: Any, phases: Any, max_lag: Any, mask: Any, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        coverage_counts(labels, phases, max_lag, mask=mask)


def test_bad_collections_are_refused() -> None:
    with pytest.raises(InputError, match="spacing is 0"):
        two_point_coverage(LABELS, max_lag=2, spacing=0.0)
    for spacing in ([1.0, 1.0, 1.0], [1.0, float("inf")], "fine", None):
        with pytest.raises(InputError, match="one positive number or 2"):
            two_point_coverage(LABELS, max_lag=2, spacing=spacing)
    assert two_point_coverage(LABELS, max_lag=2, spacing=np.float32(0.5)).spacing == (0.5, 0.5)
    with pytest.raises(InputError, match="got 0 images"):
        two_point_coverage([], max_lag=2)
    with pytest.raises(InputError, match="one mask for each"):
        two_point_coverage([LABELS, LABELS], max_lag=2, mask=[None])
    with pytest.raises(InputError, match="no counts to pool"):
        pool([])
    counts = coverage_counts(LABELS, [0], 2)
    with pytest.raises(InputError, match="have max_lag 2 and 1"):
        pool([counts, coverage_counts(LABELS, [0], 1)])
    with pytest.raises(InputError, match=r"have phases \(0,\) and \(1,\)"):
        pool([counts, coverage_counts(LABELS, [1], 2)])
