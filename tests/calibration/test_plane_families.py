"""Families of planes: by the axis and the pixel size, the axis along the columns."""

from __future__ import annotations

import numpy as np
import pytest

from morphgen.calibration.plane_families import plane_families
from morphgen.errors import InputError
from morphgen.images import Section, read_section
from morphgen.phases import OUTSIDE

LABELS = (np.arange(40 * 50).reshape(40, 50) % 2).astype(np.uint8)


def cut(plane: str, size: tuple[float, float] = (1.0, 1.0)) -> Section:
    return read_section(LABELS, plane=plane, voxel_size=size)


def test_all_planes_are_alike_without_an_axis() -> None:
    (alone,) = plane_families([cut(plane) for plane in ("xy", "xz", "yz")], None)
    assert (alone.turns, alone.with_axis, len(alone.specimens)) == (True, False, 3)
    assert alone.planes == ("xy", "xz", "yz")
    assert len(alone.sources) == 3


def test_planes_with_the_axis_and_normal_to_it() -> None:
    sections = [cut(plane) for plane in ("xy", "xz", "yz")]
    along, across = plane_families(sections, "z")
    assert (along.with_axis, along.turns, along.planes) == (True, False, ("xz", "yz"))
    assert (across.with_axis, across.turns, across.planes) == (False, True, ("xy",))
    # z runs along the rows' index of both: they are turned
    assert [part.shape for part in along.specimens] == [(50, 40), (50, 40)]
    (first, *_) = plane_families(sections, "x")
    assert [part.shape for part in first.specimens] == [(40, 50), (40, 50)]


def test_other_pixel_sizes_are_other_families() -> None:
    fine, coarse = plane_families([cut("xz"), cut("yz", (1.0, 2.0))], "z")
    assert (fine.planes, fine.steps) == (("xz",), (1.0, 1.0))
    assert (coarse.planes, coarse.steps) == (("yz",), (2.0, 1.0))


def test_pixels_that_are_not_square_do_not_turn() -> None:
    (alone,) = plane_families([cut("xy", (1.0, 2.0))], None)
    assert not alone.turns


def test_only_the_specimen_counts() -> None:
    footer = np.concatenate([LABELS, np.full((9, 50), OUTSIDE, np.uint8)])
    section = read_section(footer, mask=footer != OUTSIDE)
    assert plane_families([section], None)[0].specimens[0].shape == (40, 50)


def test_sections_without_the_axis_are_refused() -> None:
    with pytest.raises(InputError, match="no section contains the axis z"):
        plane_families([cut("xy")], "z")
