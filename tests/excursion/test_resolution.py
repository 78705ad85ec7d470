"""One model on voxels of several sizes."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from samples import PHASES, spline_kernel, three_phases, two_phases

from morphgen.errors import ModelError
from morphgen.excursion import (
    ExcursionModel,
    Field,
    Provenance,
    Realization,
    Source,
    resolution_notes,
    section_pixels,
)
from morphgen.fields.laws import ChiSquare, Gaussian
from morphgen.fields.parametric import GaussianKernel, MaternKernel


def rough(length: float = 3.0) -> ExcursionModel:
    """An exponential covariance."""
    field = Field(MaternKernel(length, smoothness=0.5), Gaussian(), 0.2)
    return ExcursionModel(PHASES[:2], (1, 0), (field,))


def narrow_necks(length: float) -> ExcursionModel:
    """A chi-square field."""
    law = ChiSquare(2)
    field = Field(GaussianKernel(length), law, law.threshold(0.3))
    return ExcursionModel(PHASES[:2], (1, 0), (field,))


def calibrated(model: ExcursionModel, pixel: float) -> ExcursionModel:
    source = Source("xy.tif", "0" * 64, "xy", (256, 256), (pixel, pixel), 65536)
    origin = Provenance("coverage", "high", "converged", "", 0, {}, (source,), 20.0)
    return replace(model, provenance=origin, voxel_size=(pixel,) * 3)


@pytest.mark.parametrize("make", [three_phases, two_phases, rough])
@pytest.mark.parametrize("size", [0.5, (2.0, 1.0, 1.5)])
def test_the_closed_forms_stay(make: Any, size: Any) -> None:
    model = make()
    other = model.at_voxel_size(size)
    assert other.voxel_size == (size if isinstance(size, tuple) else (size,) * 3)
    assert other.volume_fractions() == model.volume_fractions()
    lags = np.array([1.0, 5.0])
    np.testing.assert_array_equal(other.two_point_coverage(lags), model.two_point_coverage(lags))
    assert other.at_voxel_size(1.0) == model


@pytest.mark.parametrize(
    ("make", "size"),
    [(three_phases, 0.5), (three_phases, 2.0), (rough, 0.5), (rough, 2.0)],
    ids=["fine", "coarse", "rough fine", "rough coarse"],
)
def test_coverage_in_lengths_does_not_depend_on_the_voxel(make: Any, size: float) -> None:
    edge, lag = 128.0, 4.0
    model = make()
    other = model.at_voxel_size(size)
    count, step = round(edge / size), round(lag / size)
    labels = Realization(other, 5).window((0, 0, 0), (count, count, count + step))
    p = model.volume_fractions()
    expected = model.two_point_coverage(np.array([lag, lag + size]))
    places = [(i, j) for i in range(len(p)) for j in range(i, len(p))]
    for i, j in places:
        one, two = model.phases[i].label, model.phases[j].label
        here, there = labels[..., :count] == one, labels[..., step:] == two
        # about the model's fractions, of which the sample's scatter would hide the rest
        product = (here - p[one]) * (there - p[two])
        eighths = product.reshape((8, count // 8) * 3).mean(axis=(1, 3, 5))
        error = float(eighths.std() / np.sqrt(eighths.size))
        wanted = expected[i, j] - p[one] * p[two]
        assert abs(eighths.mean() - wanted[0]) < 4.0 * error
        # a lag that is wrong by one voxel would be seen
        if i == j == 1:
            assert abs(wanted[1] - wanted[0]) > 6.0 * error


@pytest.mark.parametrize("size", [0.5, 2.0])
def test_realizations_keep_their_correlations(size: float) -> None:
    assert max(Realization(two_phases().at_voxel_size(size)).synthesis_errors()) < 2e-3


@pytest.mark.parametrize(
    ("model", "size", "words"),
    [
        (rough(), 0.001, "coarser voxel"),
        (two_phases(), 1e-4, "coarser voxel"),
        (two_phases(), 30.0, "too coarse"),
        (two_phases(), 0.0, "voxel_size is 0.0"),
        (two_phases(), float("nan"), "voxel_size is nan"),
        (two_phases(), (1.0, 2.0), "one number, or three"),
    ],
)
def test_absurd_sizes_are_refused_in_one_line(model: ExcursionModel, size: Any, words: str) -> None:
    with pytest.raises(ModelError, match=words) as caught:
        model.at_voxel_size(size)
    assert "\n" not in str(caught.value)


def test_the_voxels_of_the_sections_need_no_note() -> None:
    for model in (two_phases(), rough(), calibrated(narrow_necks(1.0), 0.1)):
        assert resolution_notes(model, model.voxel_size) == ()


def test_sections_are_those_of_the_provenance() -> None:
    model = calibrated(two_phases(), 0.1).at_voxel_size(0.2)
    assert section_pixels(model) == (0.1,)
    assert resolution_notes(model, 0.1) == ()
    assert "2 times those of the sections" in resolution_notes(model, 0.2)[0]
    assert section_pixels(two_phases()) == (1.0,)


def test_finer_voxels_invent() -> None:
    smooth, wild = (resolution_notes(one, 0.5) for one in (two_phases(), rough()))
    assert "no section saw" in smooth[0]
    assert len(smooth) == 1
    # faces per volume are (p - C(voxel)) / voxel: like 1 / sqrt(voxel) for an exponential
    assert "the field of 'active material' has 1.4" in wild[1]


def test_coarser_voxels_lose_necks() -> None:
    # mean runs min(p, 1 - p) / (p - C(1)) of 0.3 / (C(0) - C(1)), with S = 0.743 / l (THEORY 6)
    assert resolution_notes(narrow_necks(20.0), 2.0)[1:] == ()
    notes = resolution_notes(narrow_necks(6.0), 2.0)
    assert "features of 4.9 voxels" in notes[1]
    run = 0.3 / (0.743 / 3.0 / 4.0)
    assert run == pytest.approx(4.85, abs=0.01)


@pytest.mark.parametrize("size", [(0.5, 2.0, 2.0), (2.0, 0.5, 0.5)])
def test_voxels_finer_along_one_axis_and_coarser_along_others(size: Any) -> None:
    notes = resolution_notes(rough(), size)
    assert "2 times those of the sections" in notes[0]
    assert "features of" in notes[1]
    assert "no section saw" in notes[2]
    # along the finer axes alone: (p - C(voxel)) / voxel at .5 over that at 1
    found = float(re.search(r"has ([\d.]+) times the surface", notes[3])[1])  # type: ignore[index]
    cubic = resolution_notes(rough(), 0.5)[1]
    assert f"has {found:.3g} times the surface" in cubic


def test_narrow_kernels_are_told() -> None:
    field = Field(spline_kernel(8.0, 4), Gaussian(), 0.0)
    model = ExcursionModel(PHASES[:2], (1, 0), (field,))
    assert any("too narrow" in note for note in resolution_notes(model, 3.0))
