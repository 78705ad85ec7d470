"""Scatter of the volume fractions of a window."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from morphgen.errors import InputError
from morphgen.excursion import ExcursionModel, Field, fraction_scatter, section_sampler
from morphgen.excursion.precision import LagCells
from morphgen.fields.laws import ChiSquare, Gaussian
from morphgen.fields.parametric import GaussianKernel
from morphgen.phases import Phase

PHASES = (Phase(0, "pore"), Phase(1, "solid"), Phase(2, "binder"))


def model(length: float, axial_scale: float = 1.0, size: float = 1.0) -> ExcursionModel:
    """A Gaussian field with an axis, if any, then a chi-square field."""
    first, second = Gaussian(), ChiSquare(2)
    axis = None if axial_scale == 1.0 else "y"
    fields = (
        Field(GaussianKernel(length, axial_scale, axis), first, first.threshold(0.4)),
        Field(GaussianKernel(0.8 * length), second, second.threshold(0.6)),
    )
    return ExcursionModel(PHASES, (0, 1, 2), fields, (size, 2.0 * size, size), "um")


@pytest.mark.parametrize("axial_scale", [1.0, 1.6])
def test_the_variance_is_the_mean_over_all_pairs_of_voxels(axial_scale: float) -> None:
    made, shape = model(2.0, axial_scale), (3, 2, 4)
    places = np.array(list(product(*map(range, shape)))) * made.voxel_size
    lags = (places[:, None] - places).reshape(-1, 3)
    apart = lags.any(axis=1)
    values = np.asarray(made.two_point_coverage(lags[apart]))
    found = fraction_scatter(made).standard_deviations(shape)
    for place, (label, p) in enumerate(made.volume_fractions().items()):
        total = values[place, place].sum() + p * np.count_nonzero(~apart)
        # C_ii is interpolated between 2,049 distances
        assert found[label] ** 2 == pytest.approx(total / len(lags) - p**2, rel=1e-4)


@pytest.mark.parametrize(("plane", "shape"), [("xy", (1, 32, 64)), ("yz", (64, 32, 1))])
def test_sections_scatter_as_it_says(plane: str, shape: tuple[int, int, int]) -> None:
    made = model(3.0, 1.6)
    size = tuple(side for side in shape if side > 1)
    sampler = section_sampler(made, size, plane=plane)
    sections = [sampler.labels(seed) for seed in range(100)]
    for label, expected in fraction_scatter(made).standard_deviations(shape).items():
        seen = np.std([np.mean(section == label) for section in sections], ddof=1)
        # relative standard error of a standard deviation: 1 / sqrt(2 (n - 1)) = .071
        assert abs(seen / expected - 1.0) < 3.5 * 0.071


def test_the_edge_is_the_smallest_that_will_do() -> None:
    scatter = fraction_scatter(model(3.0))
    edge = scatter.edge(0.01)
    assert max(scatter.standard_deviations((edge,) * 3).values()) <= 0.01
    assert max(scatter.standard_deviations((edge - 1,) * 3).values()) > 0.01
    # one voxel is of one phase: sd sqrt(p (1 - p)) < .5
    assert scatter.edge(0.5) == 1


def test_far_lags_share_cells() -> None:
    """Three times the edge at three times the correlation length: as good as the same."""
    fine, coarse = fraction_scatter(model(48.0)), fraction_scatter(model(16.0))
    assert [cells.step for cells in fine.cells] == [3, 3, 3]
    assert [cells.step for cells in coarse.cells] == [1, 1, 1]
    expected = coarse.standard_deviations((100, 50, 100))
    for label, sd in fine.standard_deviations((300, 150, 300)).items():
        assert sd == pytest.approx(expected[label], rel=0.01)


@pytest.mark.parametrize("side", [1, 2, 7, 40])
def test_cells_hold_every_pair_once(side: int) -> None:
    shares = LagCells(3, 20).pairs(side)
    assert shares.sum() == pytest.approx(1.0)
    lags = np.abs(np.subtract.outer(range(side), range(side)))
    for cell, share in enumerate(shares):
        assert share == pytest.approx(np.mean(np.abs(lags - 3 * cell) <= 1))


def test_wrong_requests() -> None:
    scatter = fraction_scatter(model(3.0))
    with pytest.raises(InputError, match=r"shape is \(4, 4\); expected three positive"):
        scatter.standard_deviations((4, 4))
    with pytest.raises(InputError, match="precision is 0; expected"):
        scatter.edge(0)
    with pytest.raises(InputError, match="ask for less"):
        scatter.edge(1e-12)
