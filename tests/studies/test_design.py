"""Points of designs."""

from __future__ import annotations

from collections import Counter
from typing import Literal

import pytest

from morphgen.errors import InputError
from morphgen.studies import Design, StudyRequest, Variable
from morphgen.studies.design import design_points

FRACTION = Variable("volume_fraction", phase="pore", range=(0.2, 0.6))
LENGTH = Variable("length_factor", field="all", range=(0.5, 2.0), scale="log")
FREEDOM = Variable("degrees_of_freedom", field="pore", range=(1, 4))


def points(design: Design, *vary: Variable) -> list[tuple[float, ...]]:
    found = design_points(StudyRequest((8, 8, 8), design, vary))
    return [tuple(one.values()) for one in found]


def test_a_grid_has_all_combinations() -> None:
    found = points(
        Design("grid"),
        Variable("length_factor", field="all", range=(0.5, 2.0), steps=3, scale="log"),
        Variable("seed", values=(7, 9)),
    )
    assert found == [(0.5, 7), (0.5, 9), (1.0, 7), (1.0, 9), (2.0, 7), (2.0, 9)]


def test_a_list_goes_row_by_row() -> None:
    first = Variable("volume_fraction", phase=0, values=(0.2, 0.3))
    second = Variable("volume_fraction", phase=1, values=(0.5, 0.1))
    assert points(Design("list"), first, second) == [(0.2, 0.5), (0.3, 0.1)]
    # a value may come again, a point may not
    first = Variable("volume_fraction", phase=0, values=(0.3, 0.3, 0.5))
    second = Variable("length_factor", field="all", values=(1.0, 1.5, 1.0))
    assert points(Design("list"), first, second) == [(0.3, 1.0), (0.3, 1.5), (0.5, 1.0)]


@pytest.mark.parametrize(
    ("scale", "steps", "found"), [("linear", 9, 4), ("log", 6, 4), ("linear", 4, 0), ("log", 4, 0)]
)
def test_steps_that_fall_together(scale: Literal["linear", "log"], steps: int, found: int) -> None:
    freedom = Variable("degrees_of_freedom", field=0, range=(1, 4), steps=steps, scale=scale)
    if not found:
        assert points(Design("grid"), freedom) == [(1,), (2,), (3,), (4,)]
        return
    with pytest.raises(InputError, match=f"{steps} steps from 1 to 4 are {found} different values"):
        points(Design("grid"), freedom)


def test_seeds_of_64_bits() -> None:
    seeds = Variable("seed", range=(0, 2**64 - 1), steps=2)
    assert points(Design("grid"), seeds) == [(0,), (2**64 - 1,)]
    seeds = Variable("seed", range=(2**64 - 4, 2**64 - 1))
    found = Counter(points(Design("sobol", points=8), seeds))
    assert found == {(2**64 - n,): 2 for n in range(1, 5)}


@pytest.mark.parametrize("kind", ["latin-hypercube", "sobol"])
def test_every_slice_of_every_parameter_has_one_point(kind: str) -> None:
    design = Design(kind, points=16, seed=4)  # type: ignore[arg-type]
    found = points(design, FRACTION, LENGTH, FREEDOM)
    assert Counter(int((x - 0.2) / 0.4 * 16) for x, _, _ in found) == dict.fromkeys(range(16), 1)
    # the middle of a log scale is the geometric mean
    assert sum(length < 1.0 for _, length, _ in found) == 8
    assert Counter(n for _, _, n in found) == dict.fromkeys([1, 2, 3, 4], 4)
    assert all(isinstance(n, int) for _, _, n in found)
    assert points(design, FRACTION, LENGTH, FREEDOM) == found
    assert points(Design(kind, points=16), FRACTION, LENGTH, FREEDOM) != found  # type: ignore[arg-type]


def test_values_are_taken_equally_often() -> None:
    found = points(Design("latin-hypercube", points=9), Variable("seed", values=(3, 5, 8)))
    assert Counter(found) == dict.fromkeys([(3,), (5,), (8,)], 3)
