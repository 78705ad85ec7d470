"""Decisions piece by piece: against field values of whole blocks, and against each other."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from morphgen._array_api import standard
from morphgen.fields.blocks import field_values
from morphgen.fields.kernels import Kernel
from morphgen.fields.laws import ChiSquare, Gaussian, Law
from morphgen.fields.parametric import GaussianKernel, MaternKernel
from morphgen.fields.pieces import Part, Source, Workspace, exceedance, pieces
from morphgen.fields.sampling import Periods, sampling
from morphgen.fields.synthesis import synthesis

SPACING = (1.0, 1.0, 1.0)
EDGE = 64
WHOLE = (slice(0, EDGE),) * 3
OPEN: Periods = (None, None, None)
KERNELS: dict[str, Kernel] = {
    "interpolated": GaussianKernel(8.0),
    "interpolated with a factor that does not divide the block": GaussianKernel(6.0),
    "convolved": MaternKernel(2.0, smoothness=0.5),
}


def source(kernel: Kernel, law: Law, periods: Periods = OPEN) -> Source:
    lattice = sampling(kernel, SPACING, periods)
    prepared = synthesis(kernel, SPACING, lattice, EDGE, standard(np), None)
    return Source(law, prepared, 7, 1, (1, -2, 0), periods)


def masks(
    one: Source, threshold: float, part: Part, workspace: Workspace | None = None
) -> Iterator[tuple[tuple[slice, slice], np.ndarray]]:
    found = exceedance(one, threshold, part, workspace or Workspace())
    for piece in pieces(EDGE, part):
        yield (piece.z, piece.y), found.on(piece).copy()


def whole(one: Source, threshold: float) -> np.ndarray:
    mask = np.zeros((EDGE,) * 3, dtype=bool)
    for place, found in masks(one, threshold, WHOLE):
        mask[place] = found
    return mask


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("law", [Gaussian(), ChiSquare(1), ChiSquare(3)], ids=lambda law: law.name)
def test_pieces_are_the_block(name: str, law: Law) -> None:
    one = source(KERNELS[name], law)
    assert one.prepared.sampling.interpolated == name.startswith("interpolated")
    threshold = law.threshold(0.4)
    values = field_values(law, one.prepared, one.seed, one.number, one.index, one.periods)
    found = whole(one, threshold)
    assert found.any()
    # they differ in rounding only: where the field is next to its threshold
    differing = found != (values >= threshold)
    assert np.all(np.abs(values[differing] - threshold) < 2e-5)


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize(
    "part",
    [
        (slice(3, 4), slice(0, 64), slice(0, 64)),
        (slice(15, 33), slice(31, 32), slice(5, 9)),
        (slice(63, 64), slice(63, 64), slice(0, 1)),
    ],
)
def test_a_part_has_the_bits_of_the_whole(name: str, part: Part) -> None:
    one, workspace = source(KERNELS[name], ChiSquare(2)), Workspace()
    expected = whole(one, 1.3)
    for _ in range(2):
        touched = np.zeros((EDGE,) * 2, dtype=bool)
        for place, found in masks(one, 1.3, part, workspace):
            # a field that is convolved decides on the planes it was asked for, two at a time
            first = max(place[0].start, part[0].start)
            last = min(place[0].stop, part[0].stop)
            inside = slice(first - place[0].start, last - place[0].start)
            np.testing.assert_array_equal(found[inside], expected[first:last, place[1]])
            touched[place] = True
        assert touched[part[:2]].all()


@pytest.mark.parametrize("name", KERNELS)
def test_periods_close(name: str) -> None:
    law = Gaussian()
    periods = (EDGE, 2 * EDGE, None)
    one = source(KERNELS[name], law, periods)
    far = Source(law, one.prepared, 7, 1, (5, 2, 0), periods)
    np.testing.assert_array_equal(whole(one, 0.2), whole(far, 0.2))


def test_a_workspace_hands_out_the_same_memory() -> None:
    workspace = Workspace()
    first = workspace.array("a", (3, 4), np.float32)
    assert workspace.array("a", (3, 4), np.float32) is first
    assert workspace.array("b", (3, 4), np.float32) is not first
    assert workspace.array("a", (3, 4), np.uint8).dtype == np.uint8
