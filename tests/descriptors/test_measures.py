"""What is measured on an image, and how it is asked for."""

from __future__ import annotations

import numpy as np
import pytest

from morphgen.descriptors import (
    KINDS,
    Frame,
    Wanted,
    chosen_kinds,
    left_out,
    measure,
    measure_sections,
    possible_kinds,
)
from morphgen.descriptors.fractions import VolumeFractions
from morphgen.descriptors.measures import summed
from morphgen.descriptors.parts import Part, whole
from morphgen.errors import InputError

FRAME = Frame((6, 5), (1.0, 1.0), "yx", (0, 1, 7))


def image(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).choice(np.array([0, 1, 7, 255], np.uint8), (6, 5))


def test_fractions_are_shares_of_what_is_inside() -> None:
    labels = image(1)
    readings = measure(labels, FRAME, Wanted(("volume_fraction",), 2))
    inside = labels[labels != 255]
    assert [one.key.phases for one in readings] == [(0,), (1,), (7,)]
    for one in readings:
        assert one.values == np.mean(inside == one.key.phases[0])


def test_an_image_without_specimen_has_no_fraction() -> None:
    nothing = np.full((6, 5), 255, np.uint8)
    (first, *_) = measure(nothing, FRAME, Wanted(("volume_fraction",), 2))
    assert np.isnan(first.values).all()


def test_counts_of_parts_add_up() -> None:
    labels, fractions = image(2), VolumeFractions()
    parts = [Part(labels[:4]), Part(labels[4:])]
    total = sum(fractions.counts(part, FRAME) for part in parts)
    assert np.array_equal(total, fractions.counts(whole(labels, 0), FRAME))


def test_a_margin_is_outside() -> None:
    part = whole(image(3), 2)
    assert part.labels.shape == (10, 9)
    assert np.array_equal(part.core, image(3))
    assert np.count_nonzero(part.labels == 255) >= 90 - 30


def test_sections_are_pooled_and_their_scatter_is_the_error() -> None:
    images = [image(seed) for seed in range(4)]
    wanted = Wanted(("volume_fraction",), 2)
    pooled = measure_sections(images, FRAME, wanted)
    own = np.array([[one.values[0] for one in summed([x], FRAME, wanted)] for x in images])
    together = np.stack(images)
    for number, one in enumerate(pooled):
        assert one.values == np.mean(together[together != 255] == one.key.phases[0])
        assert one.standard_error == pytest.approx(own[:, number].std(ddof=1) / 2)
    (alone, *_) = measure_sections(images[:1], FRAME, wanted)
    assert alone.standard_error is None


def test_kinds_belong_to_numbers_of_axes() -> None:
    assert "section_euler_number" in possible_kinds(2)
    assert "section_euler_number" not in possible_kinds(3)
    reasons = left_out(2, ("volume_fraction",))
    assert "volume_fraction" not in reasons
    assert set(reasons) < set(KINDS)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "cc3d" else name)
    reasons = left_out(3, possible_kinds(3))
    assert reasons["constrictivity"] == ('cc3d is not installed: pip install "morphgen[analysis]"')


def test_wrong_requests() -> None:
    with pytest.raises(InputError, match="'volume_fractoin' is not known; did you mean volume_f"):
        Wanted(("volume_fractoin",), 2)
    with pytest.raises(InputError, match="descriptor 'tpb' is not known; expected one such as vol"):
        Wanted(("tpb",), 2)
    with pytest.raises(InputError, match="max_lag is 0 voxels"):
        Wanted(("volume_fraction",), 0)


@pytest.mark.parametrize("outside", [False, True])
def test_every_kind_of_a_volume_is_measured_once(outside: bool) -> None:
    labels = np.random.default_rng(0).integers(0, 3, (12, 11, 13)).astype(np.uint8)
    if outside:
        labels[:, :, 12] = 255
    frame = Frame(labels.shape, (1.0, 0.5, 2.0), "zyx", (0, 1, 2), "um")
    currents = ((0, 1.0), (1, 0.1))
    found = measure(labels, frame, Wanted(possible_kinds(3), 3, currents, currents))
    assert {one.key.kind for one in found} == set(possible_kinds(3))
    assert len({one.key for one in found}) == len(found)
    # a curve has an argument, as its kind says
    assert all((one.x is not None) == bool(KINDS[one.key.kind].argument) for one in found)


def test_conductivities_that_are_missing_are_not_asked_for() -> None:
    kinds = chosen_kinds(3, None, ((0, 1.0),), ())
    assert "effective_ionic_conductivity" in kinds
    assert "effective_electronic_conductivity" not in kinds
    with pytest.raises(InputError, match="effective_electronic_conductivity needs conductiv"):
        chosen_kinds(3, ["effective_electronic_conductivity"], ((0, 1.0),), ())


def test_kinds_that_such_an_image_does_not_have_are_refused() -> None:
    with pytest.raises(InputError, match="tortuosity_factor is a descriptor of volumes; expected"):
        chosen_kinds(2, ["volume_fraction", "tortuosity_factor"], (), ())
    with pytest.raises(InputError, match="section_euler_number is a descriptor of sections; exp"):
        chosen_kinds(3, ["section_euler_number"], (), ())
    with pytest.raises(InputError, match="did you mean volume_fraction"):
        chosen_kinds(2, ["volume_fractoin"], (), ())
    assert chosen_kinds(2, ["covariance"], (), ()) == ("covariance",)


def test_kinds_whose_packages_are_missing_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "edt" else name)
    with pytest.raises(InputError, match="constrictivity cannot be measured: edt is not inst.*pip"):
        chosen_kinds(3, ["constrictivity"], (), ())
    assert "constrictivity" not in chosen_kinds(3, None, (), ())
