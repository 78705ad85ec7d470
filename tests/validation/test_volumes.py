"""A reference volume enters the verdict like sections do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from validation.samples import LENGTH, drawn, grown, origin_of, small_model

from morphgen.descriptors import KINDS
from morphgen.errors import InputError
from morphgen.excursion import ExcursionModel, fraction_scatter
from morphgen.images import Section, Volume
from morphgen.phases import OUTSIDE
from morphgen.validation import Comparison, compare
from morphgen.validation.cautions import cautions
from morphgen.validation.figures import deviations
from morphgen.validation.judgements import comparison_verdict
from morphgen.validation.shares import calibration_share
from morphgen.validation.specimens import reference_volume
from morphgen.validation.volumes import central_box, cubes, measure_volume, octants, volume_view
from morphgen.validation.words import box_words

SUMS = ("volume_fraction", "two_point_coverage", "covariance")
KIND = (*SUMS, "connected_fraction", "through_connected_fraction")
SHAPE = (64, 72, 80)


@pytest.fixture(scope="module")
def volume(model: ExcursionModel) -> Volume:
    return grown(model, 2, SHAPE)


@pytest.fixture(scope="module")
def both(model: ExcursionModel, section: Section, volume: Volume) -> Comparison:
    return compare(model, [section], volume=volume, kinds=KIND, max_lag=16.0)


def test_sections_and_volume_are_one_family(both: Comparison) -> None:
    assert both.realizations == 16
    assert {one.where for one in both.quantities} == {"sections", "volume"}
    assert {one.kind for one in both.quantities if one.where == "volume"} == set(KIND)
    n = both.realizations
    for one in both.quantities:
        if KINDS[one.kind].sums:
            half = both.critical * np.array(one.sd) * np.sqrt(1 + 1 / n)
            assert np.subtract(one.upper, one.mean) == pytest.approx(half)
        assert one.passed == (one.largest_deviation <= both.critical)
    assert both.passed == all(one.passed for one in both.quantities)


def test_observed_values_are_those_of_the_volume(both: Comparison, volume: Volume) -> None:
    for label in (0, 1, 2):
        one = both.quantity("volume_fraction", (label,), where="volume")
        assert one.observed == (pytest.approx(np.mean(volume.labels == label)),)
        assert 0.0 < one.standard_error[0] < 0.1
    with pytest.raises(KeyError):
        both.quantity("connected_fraction", (0,))


def test_simulated_mean_of_volumes_agrees_with_closed_form(both: Comparison) -> None:
    for one in both.quantities:
        if one.where == "volume" and one.kind in ("volume_fraction", "two_point_coverage"):
            error = np.array(one.sd) / np.sqrt(both.realizations)
            assert one.closed_form is not None
            assert np.all(np.abs(np.subtract(one.mean, one.closed_form)) < 5 * error)


@pytest.fixture(scope="module")
def small(model: ExcursionModel) -> Volume:
    return grown(model, 5, (48, 48, 48))


def test_true_volume_passes_alone(model: ExcursionModel, small: Volume) -> None:
    run = compare(model, volume=small, kinds=SUMS)
    assert run.passed
    assert run.sections == ()
    assert run.volume is not None
    assert run.volume.shape == run.volume.whole_shape == (48, 48, 48)


def test_wrong_length_fails(small: Volume) -> None:
    wrong = compare(small_model(length=1.5 * LENGTH), volume=small, kinds=SUMS)
    assert not wrong.passed
    assert wrong.verdicts()["differs"] > 0


def test_equivalence_must_be_shown(model: ExcursionModel, small: Volume) -> None:
    runs = {
        margin: compare(
            model, volume=small, kinds=SUMS, realizations=8, judge="equivalence", margin=margin
        )
        for margin in (0.001, 20.0)
    }
    assert not runs[0.001].passed
    assert all(one.passed for one in runs[0.001].quantities)
    assert runs[20.0].passed
    for one in runs[20.0].quantities:
        assert one.verdict == "equivalent"
        assert one.smallest_margin <= 20.0
    again = {one.kind: one.smallest_margin for one in runs[0.001].quantities}
    assert again == {one.kind: one.smallest_margin for one in runs[20.0].quantities}


def test_what_never_varies_is_still_judged(model: ExcursionModel) -> None:
    # the pore of the model always percolates; in slabs of it, it does not
    labels = np.array(grown(model, 3, (48, 48, 48)).labels)
    labels[::12] = np.where(labels[::12] == 0, 1, labels[::12])
    slabs = Volume(labels, (1.0,) * 3, "voxel", model.phases, "e" * 64, "slabs")
    found = compare(model, volume=slabs, kinds=("through_connected_fraction",), realizations=8)
    one = found.quantity("through_connected_fraction", (0,), "z", "volume")
    assert one.observed == (0.0,)
    assert not one.passed


def test_a_phase_that_is_cut_fails(model: ExcursionModel) -> None:
    # no path leads through the pore, whose length is thus not known
    labels = np.array(grown(model, 3, (32, 32, 32)).labels)
    labels[20] = np.where(labels[20] == 0, 1, labels[20])
    cut = Volume(labels, (1.0,) * 3, "voxel", model.phases, "e" * 64, "cut")
    kinds = ("volume_fraction", "mean_geodesic_tortuosity")
    found = compare(
        model, volume=cut, kinds=kinds, realizations=8, judge="equivalence", margin=20.0
    )
    one = found.quantity("mean_geodesic_tortuosity", (0,), "z", "volume")
    assert np.isnan(one.observed[0])
    assert np.isfinite(one.mean[0])
    assert one.verdict == "differs"
    # either judge fails it, and nothing else does
    assert [each for each in found.quantities if not each.passed] == [one]
    assert [each for each in found.quantities if not each.within_margin] == [one]
    assert not found.passed
    assert "infinite or has no value" in comparison_verdict(found, model).lines[1]
    assert "right end" in deviations(found.quantities, found, model).caption
    json.dumps(found.to_dict(), allow_nan=False)


def test_margins_are_shares_of_what_does_not_vanish(both: Comparison) -> None:
    for where in ("sections", "volume"):
        for i, j in ((0, 0), (0, 1), (1, 2)):
            p, q = (both.quantity("volume_fraction", (k,), where=where) for k in (i, j))
            bound = np.sqrt(np.prod([x.scale * (1 - x.scale) for x in (p, q)]))
            one = both.quantity("covariance", (i, j), where=where)
            assert one.scale == pytest.approx(bound, rel=0.1)
            assert one.scale > 0.95 * np.abs([*one.observed, *one.mean]).max()
    own = [both.quantity("section_euler_number", (k,)) for k in (0, 1, 2)]
    largest = max(abs(value) for one in own for value in (*one.observed, *one.mean))
    assert [one.scale for one in own] == [pytest.approx(largest)] * 3


def test_names_of_descriptors_are_read_without_a_volume(
    model: ExcursionModel, section: Section
) -> None:
    with pytest.raises(InputError, match="'volume_fractoin' is not known; .* volume_fraction"):
        compare(model, [section], kinds=("volume_fractoin",))
    with pytest.raises(InputError, match="there is none"):
        compare(model, [section], kinds=("volume_fraction",))


def test_a_volume_may_be_too_small(model: ExcursionModel) -> None:
    with pytest.raises(InputError, match="31 x 40 x 40 voxels; .* needs 32 at least"):
        compare(model, volume=grown(model, 1, (31, 40, 40)))


def test_a_volume_of_few_correlation_lengths_is_doubted(
    both: Comparison, model: ExcursionModel
) -> None:
    assert both.volume is not None
    # eight correlation lengths of the longer field are 32 voxels
    for side, doubted in ((31, True), (33, False)):
        thin = replace(both, volume=replace(both.volume, shape=(80, side, 80)))
        found = [words for words in cautions(thin, model) if "correlation lengths" in words]
        assert len(found) == doubted


def test_the_middle_of_a_larger_volume(model: ExcursionModel) -> None:
    part = grown(model, 1, (32, 192, 32))
    kinds = ("volume_fraction",)
    found = compare(model, volume=part, kinds=kinds, realizations=8, whole_shape=(32, 300, 32))
    assert found.volume is not None
    assert found.volume.whole_shape == (32, 300, 32)
    assert found.volume.start == (0, 54, 0)
    assert found.volume.shape == (32, 192, 32)
    with pytest.raises(InputError, match="the middle of"):
        compare(model, volume=part, kinds=kinds, realizations=8, whole_shape=(60, 300, 40))


def test_boxes_in_words(both: Comparison) -> None:
    assert both.volume is not None
    one = replace(both.volume, cubes=1, cube_side=64, shape=(64, 80, 90))
    assert box_words(one) == "1 cube of 64 voxels a side"
    assert box_words(replace(one, cubes=4)) == "4 cubes of 64 voxels a side"
    assert box_words(replace(one, cubes=2, shape=(90, 32, 32))) == "2 boxes of 64 × 32 × 32 voxels"


def test_error_of_the_calibration_in_units_of_the_volume(model: ExcursionModel) -> None:
    known = model.with_provenance(origin_of((96, 96), (96, 192)))
    specimen = reference_volume(known, grown(model, 1, (32, 32, 32)), 9.0, SUMS)
    scatter = fraction_scatter(model)

    def variance(*shape: int) -> float:
        return sum(sd**2 for sd in scatter.standard_deviations(shape).values())

    mixed = (variance(1, 96, 96) + 4 * variance(1, 96, 192)) / 9
    assert calibration_share(specimen) == pytest.approx(mixed / variance(32, 32, 32))
    assert calibration_share(replace(specimen, model=model)) == 0.0


def test_only_the_middle_of_a_large_volume_is_compared() -> None:
    law_free = small_model()
    labels = np.zeros((32, 200, 195), dtype=np.uint8)
    labels[..., ::2] = 1
    labels[..., ::3] = 2
    assert central_box(labels.shape) == (slice(0, 32), slice(4, 196), slice(1, 193))
    assert central_box((10, 20, 30)) == (slice(0, 10), slice(0, 20), slice(0, 30))
    volume = Volume(labels, (1.0,) * 3, "voxel", law_free.phases, "f" * 64, "plate")
    found = compare(law_free, volume=volume, kinds=("volume_fraction",), realizations=8)
    assert found.volume is not None
    assert found.volume.whole_shape == (32, 200, 195)
    assert found.volume.shape == (32, 192, 192)
    assert found.volume.start == (0, 4, 1)


@pytest.mark.parametrize(
    ("shape", "count"),
    [((192, 192, 192), 4), ((64, 64, 64), 1), ((64, 200, 150), 4), ((5, 70, 128), 2)],
)
def test_cubes_lie_apart(shape: Sequence[int], count: int) -> None:
    seen = np.zeros(shape, dtype=int)
    for box in cubes(shape):
        assert seen[box].shape == (min(64, shape[0]), 64, 64)
        seen[box] += 1
    assert len(cubes(shape)) == count
    assert seen.max() == 1


def test_octants_fill_a_volume() -> None:
    seen = np.zeros((48, 50, 61), dtype=int)
    for box in octants(seen.shape):
        seen[box] += 1
    assert np.all(seen == 1)
    assert octants((47, 90, 90)) == ()


def test_voxels_outside_count_nowhere(model: ExcursionModel) -> None:
    whole = grown(model, 4, (48, 48, 64))
    labels = np.array(whole.labels)
    labels[..., 48:] = OUTSIDE
    masked = replace(whole, labels=labels)
    cut = replace(whole, labels=labels[..., :48])
    found = [measure_volume(one.labels, volume_view(one, 9.0, SUMS)) for one in (masked, cut)]
    for key, reading in found[1].items():
        assert found[0][key].values == pytest.approx(reading.values, abs=1e-12)
    view = volume_view(masked, 9.0, SUMS)
    assert view.voxels == 48**3
    assert np.all(view.hide(whole.labels)[..., 48:] == OUTSIDE)


def test_voxel_size_is_that_of_the_volume() -> None:
    model = small_model()
    fine = replace(small_model(), voxel_size=(0.5, 0.5, 0.5))
    volume = grown(fine, 6, (48, 48, 48))
    found = compare(model, volume=volume, kinds=SUMS, max_lag=8.0)
    assert found.passed
    one = found.quantity("two_point_coverage", (0, 0), where="volume")
    assert one.x[0] == pytest.approx(0.5)
    assert found.max_lag == 8.0


def test_other_volumes_are_refused(model: ExcursionModel, volume: Volume) -> None:
    with pytest.raises(InputError, match="measured in um"):
        compare(model, volume=replace(volume, unit="um"))
    with pytest.raises(InputError, match="descriptor 'colour' is not known"):
        compare(model, volume=volume, kinds=("colour",))
    with pytest.raises(InputError, match="nothing was measured"):
        compare(model, volume=volume, kinds=("effective_ionic_conductivity",), realizations=8)


def test_a_volume_of_the_calibration_is_named(model: ExcursionModel, volume: Volume) -> None:
    known = model.with_provenance(origin_of((96, 96), sha256=volume.sha256))
    found = compare(known, volume=volume, kinds=("volume_fraction",), realizations=8)
    assert not found.held_out
    assert found.volume_share > 0.0


@pytest.mark.slow
def test_level_over_many_seeds_of_volumes(model: ExcursionModel) -> None:
    runs = [
        compare(
            model,
            [drawn(model, 300 + seed, shape=(128, 128))],
            volume=grown(model, 300 + seed, (64, 64, 64)),
            kinds=KIND,
            seed=seed,
        )
        for seed in range(8)
    ]
    # two or more of eight at 1 % would come once in 370 times
    assert sum(not run.passed for run in runs) <= 1
