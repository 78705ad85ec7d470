"""Graded structures: fractions follow a profile, and the voxels know no window."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Backend
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import PHASES, spline_kernel, three_phases, two_phases

from morphgen.errors import InputError
from morphgen.excursion import (
    ExcursionModel,
    Field,
    GradedModel,
    Profile,
    Realization,
    SharedNoise,
    fraction_scatter,
    load_profile,
)
from morphgen.fields import blocks
from morphgen.fields.laws import ChiSquare, Gaussian
from morphgen.fields.parametric import GaussianKernel, MaternKernel

ORIGIN, SHAPE = (-12, 20, -30), (40, 30, 60)


def profile(axis: str = "z", **changes: Any) -> Profile:
    """Three phases that vary over the window of these tests."""
    values = {
        "positions": (-10.0, 5.0, 30.0),
        "fractions": {0: (0.6, 0.3, 0.2), 1: (0.1, 0.3, 0.55)},
    }
    return Profile(axis, **values | changes)  # type: ignore[arg-type]


def shared_phases(second: str = "gaussian") -> ExcursionModel:
    law = Gaussian() if second == "gaussian" else ChiSquare(1)
    fields = (
        Field(GaussianKernel(4.0), Gaussian(), 0.3, "below"),
        Field(MaternKernel(3.0, smoothness=2.5), law, 0.4),
    )
    shared = SharedNoise(GaussianKernel(5.0), (0.7, -0.6))
    return ExcursionModel(PHASES, (1, 0, 2), fields, shared=shared)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let windows of a few thousand voxels straddle many blocks."""
    monkeypatch.setattr(blocks, "_EDGES", (32,))


def test_fractions_at_and_between_the_positions() -> None:
    graded = GradedModel(three_phases(), profile())
    found = graded.fractions([-99.0, -10.0, -2.5, 5.0, 30.0, 99.0])
    np.testing.assert_allclose(found[0], [0.6, 0.6, 0.45, 0.3, 0.2, 0.2])
    np.testing.assert_allclose(found[1], [0.1, 0.1, 0.2, 0.3, 0.55, 0.55])
    np.testing.assert_allclose(found[2], [0.3, 0.3, 0.35, 0.4, 0.25, 0.25])


def test_phases_that_are_not_named_share_the_rest_as_in_the_model() -> None:
    model = three_phases()
    own = model.volume_fractions()
    found = GradedModel(model, profile(fractions={0: (0.6, 0.3, 0.2)})).fractions([5.0])
    assert found[0] == pytest.approx([0.3])
    assert float(found[1][0] / found[2][0]) == pytest.approx(own[1] / own[2])
    assert sum(values[0] for values in found.values()) == pytest.approx(1.0)


models = st.sampled_from(
    [three_phases(), shared_phases(), shared_phases("chi2"), two_phases()],
)


@settings(max_examples=30, deadline=None)
@given(
    model=models,
    values=st.lists(st.floats(0.02, 0.9), min_size=2, max_size=6),
    between=st.sampled_from(["linear", "monotone"]),
    where=st.floats(-1.0, 6.0),
)
def test_the_local_model_has_the_local_fractions(
    model: ExcursionModel, values: list[float], between: Any, where: float
) -> None:
    graded = GradedModel(model, Profile("y", range(len(values)), {1: values}, between))
    local = graded.fractions([where])
    if len(model.phases) == 2 or between == "linear":
        assert min(values) - 1e-12 <= local[1][0] <= max(values) + 1e-12
    assert sum(one[0] for one in local.values()) == pytest.approx(1.0, abs=1e-12)
    for label, fraction in graded.at(where).volume_fractions().items():
        assert fraction == pytest.approx(local[label][0], abs=1e-9)


def test_monotone_profiles_do_not_overshoot_and_have_no_kinks() -> None:
    values = (0.2, 0.2, 0.6, 0.65)
    graded = GradedModel(two_phases(), Profile("z", (0, 10, 20, 30), {0: values}, "monotone"))
    places = np.linspace(0.0, 30.0, 3001)
    found = graded.fractions(places)[0]
    assert np.all(np.diff(found) >= -1e-15)
    assert found[0] == pytest.approx(0.2)
    assert found[-1] == pytest.approx(0.65)
    # slopes change by at most the largest curvature of a cubic, 6 steps / span^2, times the step
    assert np.abs(np.diff(found, n=2)).max() < 2.0 * 6.0 * 0.4 / 10.0**2 * 0.01**2


@pytest.mark.parametrize(("axis", "exact"), [("z", False), ("z", True), ("y", True), ("x", False)])
@pytest.mark.parametrize("model", [three_phases(), shared_phases()], ids=["independent", "shared"])
def test_any_window_shows_the_same_voxels(
    small_blocks: None, model: ExcursionModel, axis: str, exact: bool
) -> None:
    sample = Realization(model, 11, exact=exact, profile=profile(axis))
    whole = sample.window(ORIGIN, SHAPE)
    rng = np.random.default_rng(5)
    for _ in range(3):
        first = rng.integers(0, SHAPE)
        sides = [int(rng.integers(1, n - a + 1)) for a, n in zip(first, SHAPE, strict=True)]
        found = sample.window([int(a) + o for a, o in zip(first, ORIGIN, strict=True)], sides)
        part = tuple(slice(a, a + n) for a, n in zip(first, sides, strict=True))
        np.testing.assert_array_equal(found, whole[part])


@pytest.mark.parametrize("axis", ["z", "y", "x"])
def test_windows_on_every_backend(small_blocks: None, backend: Backend, axis: str) -> None:
    sample = Realization(three_phases(), 11, profile=profile(axis))
    found = backend.to_numpy(sample.window(ORIGIN, SHAPE, backend.xp))
    # at most one of 72,000 voxels, at 1e-5 each
    assert np.count_nonzero(found != sample.window(ORIGIN, SHAPE)) <= 1


@pytest.mark.parametrize("name", ["independent", "shared"])
def test_every_plane_is_cut_from_the_local_model(small_blocks: None, name: str) -> None:
    model = three_phases() if name == "independent" else shared_phases()
    sample = Realization(model, 3, profile=profile())
    whole = sample.window(ORIGIN, SHAPE)
    for plane in (-12, 0, 4, 27):
        local = GradedModel(model, profile()).at(plane + 0.5)
        found = Realization(local, 3).window((plane, *ORIGIN[1:]), (1, *SHAPE[1:]))
        np.testing.assert_array_equal(found[0], whole[plane + 12])


def test_a_constant_profile_changes_nothing(small_blocks: None) -> None:
    model = three_phases()
    same = {label: (f, f) for label, f in model.volume_fractions().items()}
    graded = Realization(model, 3, profile=Profile("x", (0.0, 1.0), same))
    np.testing.assert_array_equal(
        graded.window(ORIGIN, SHAPE), Realization(model, 3).window(ORIGIN, SHAPE)
    )


def test_fractions_of_the_planes_follow_the_profile() -> None:
    kernel, law = GaussianKernel(2.0), ChiSquare(2)
    fields = (Field(kernel, Gaussian(), 0.1), Field(kernel, law, law.threshold(0.4)))
    model = ExcursionModel(PHASES, (1, 0, 2), fields)
    length, across = 240, 160
    steep = Profile("y", (0.0, 120.0, 240.0), {0: (0.15, 0.4, 0.3), 1: (0.6, 0.2, 0.4)})
    labels = Realization(model, 8, profile=steep).window((0, 0, 0), (across, length, across))
    graded = GradedModel(model, steep)
    expected = graded.fractions(graded.places(0, length))
    # a plane's fraction is that of a section of the local model; planes 12 apart are independent
    ends = [fraction_scatter(graded.at(place)) for place in (0.0, 120.0, 240.0)]
    for label in (0, 1, 2):
        found = np.mean(labels == label, axis=(0, 2))
        sd = max(one.standard_deviations((across, 1, across))[label] for one in ends)
        deviation = (found - expected[label]) / sd
        assert np.abs(deviation).max() < 5.0
        assert np.mean(deviation**2) < 1.0 + 4.0 * np.sqrt(2.0 * 12 / length)
        # and not by lying near a constant
        assert np.abs(found - found.mean()).max() > 5.0 * sd
        mean = graded.volume_fractions(0, length)[label]
        assert abs(np.mean(labels == label) - mean) < 4.0 * sd * np.sqrt(12 / length)


def test_two_point_coverage_in_a_plane_is_that_of_the_local_model() -> None:
    model = two_phases(length=2.0)
    steep = Profile("z", (0.0, 64.0), {0: (0.8, 0.2)})
    sample, graded = Realization(model, 1, profile=steep), GradedModel(model, steep)
    for plane in (0, 40):
        grains = sample.window((plane, 0, 0), (1, 512, 512))[0] == 1
        found = np.mean(grains[:, 2:] & grains[:, :-2])
        local = graded.at(plane + 0.5)
        expected = local.two_point_coverage(np.array([2.0]))[1, 1, 0]
        # pairs vary together with the fraction, whose doubled scatter bounds theirs
        sd = 2.0 * fraction_scatter(local).standard_deviations((1, 512, 512))[1]
        assert abs(found - expected) < 4.0 * sd < 0.04


@pytest.mark.parametrize("model", [three_phases(), shared_phases(), shared_phases("chi2")])
@pytest.mark.parametrize("least", [(0, 1), (0, 2), (1, 2)])
def test_phases_may_nearly_vanish(model: ExcursionModel, least: tuple[int, int]) -> None:
    fractions = dict.fromkeys(least, (0.3, 1e-06))
    graded = GradedModel(model, Profile("z", (0.0, 1.0), fractions))
    found = graded.at(1.0).volume_fractions()
    assert all(found[label] == pytest.approx(1e-6, rel=1e-3) for label in least)


def test_shares_of_a_length() -> None:
    relative = Profile("z", (0.0, 0.25, 1.0), {0: (0.5, 0.4, 0.3)}, relative=True)
    assert relative.in_volume(80.0) == replace(
        relative, positions=(0.0, 20.0, 80.0), relative=False
    )
    with pytest.raises(InputError, match="in_volume"):
        Realization(two_phases(), profile=relative)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"axis": "w"}, "'w'"),
        ({"positions": (0.0,), "fractions": {0: (0.4,)}}, "two or more"),
        ({"positions": (0.0, 5.0, 5.0)}, "increasing"),
        ({"positions": (0.0, 5.0, float("nan"))}, "finite"),
        ({"positions": 3.0}, "list of numbers"),
        ({"positions": "012"}, "'012'; expected a list of numbers"),
        ({"positions": ("0", "1", "2")}, "list of numbers"),
        ({"positions": (False, True, 2.0)}, "list of numbers"),
        ({"fractions": {0: (0.4, True, 0.5)}}, "list of numbers"),
        ({"between": "cubic"}, "linear or monotone"),
        ({"fractions": {}}, "names no phase"),
        ({"fractions": {0: (0.4, 0.5)}}, "2 fractions of label 0 for 3 positions"),
        ({"fractions": {0: (0.4, 0.0, 0.5)}}, "fraction 0 of label 0"),
        ({"fractions": {0: (0.4, 1.2, 0.5)}}, "fraction 1.2"),
        ({"relative": True}, "from 0 to 1"),
        ({"fractions": {7: (0.4, 0.2, 0.5)}}, "label 7"),
        ({"fractions": {0: (0.4, 0.2, 0.5), 1: (0.3, 0.8, 0.3)}}, "position 5 "),
        ({"fractions": dict.fromkeys((0, 1, 2), (0.3, 0.4, 0.3))}, "sum to 1.2"),
        ({"fractions": {0: (0.4, 1e-8, 0.5)}}, "1e-06 at least"),
    ],
)
def test_what_is_no_profile_is_refused_in_one_line(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        Realization(three_phases(), profile=profile(**changes))
    assert "\n" not in str(caught.value)


def test_an_axis_with_a_profile_is_not_periodic() -> None:
    with pytest.raises(InputError, match="z cannot be periodic"):
        Realization(three_phases(), 1, (400, None, None), profile=profile())
    assert Realization(three_phases(), 1, (None, 400, None), profile=profile())


TOML = """
axis = "z"
positions = [0, 50.5]
unit = "voxel"
[fractions]
pore = [0.5, 0.3]
1 = [0.2, 0.4]
"""


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "profile.toml"
    path.write_text(TOML)
    expected = Profile("z", (0.0, 50.5), {0: (0.5, 0.3), 1: (0.2, 0.4)})
    assert load_profile(path, three_phases()) == expected
    path.write_text(
        TOML.replace("voxel", "share")
        .replace("50.5", "1")
        .replace("axis", "between='monotone'\naxis")
    )
    found = load_profile(path, three_phases())
    assert found == replace(expected, positions=(0.0, 1.0), between="monotone", relative=True)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('axis = "z"', "axis = 3", "3"),
        ('axis = "z"', 'axes = "z"', "'axis' is missing"),
        ('axis = "z"', 'axis = "z"\nseed = 3', "'seed' is unknown"),
        ("voxel", "um", "'voxel', or 'share'"),
        ("pore", "void", "'void'"),
        ("1 =", "0 =", "label 0 twice"),
        ("[0, 50.5]", "'12'", "list of numbers"),
        ("[0.2, 0.4]", "[0.6, 0.4]", "position 0 "),
        ("[0, 50.5]", "[0, 50.5", "no TOML"),
        ("[fractions]", "[[fractions]]", "table"),
    ],
)
def test_wrong_files_are_refused_in_one_line(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    path = tmp_path / "profile.toml"
    path.write_text(TOML.replace(old, new))
    with pytest.raises(InputError, match=words) as caught:
        load_profile(path, three_phases())
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load_profile(tmp_path / "no.toml", three_phases())


def test_a_spline_kernel_with_a_profile(small_blocks: None) -> None:
    field = Field(spline_kernel(6.0, 5), ChiSquare(2), 1.5, "below")
    model = ExcursionModel(PHASES[:2], (1, 0), (field,))
    rising = Profile("z", (0.0, 32.0), {1: (0.1, 0.9)})
    labels = Realization(model, 2, profile=rising).window((0, 0, 0), (32, 90, 90))
    thirds = [np.mean(labels[a : a + 8] == 1) for a in (0, 12, 24)]
    assert thirds == sorted(thirds)
