"""Phases and their colours."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from morphgen.errors import InputError
from morphgen.phases import PALETTE, Phase, phase_colors


def test_a_phase_holds_plain_types_and_cannot_change():
    phase = Phase(np.uint8(2), "active material", "#E69F00")
    assert asdict(phase) == {"label": 2, "name": "active material", "color": "#e69f00"}
    assert type(phase.label) is int
    with pytest.raises(FrozenInstanceError):
        phase.label = 3  # type: ignore[misc]


def test_a_phase_passes_through_json_by_pydantic():
    adapter = TypeAdapter(tuple[Phase, ...])
    phases = (Phase(0, "pore"), Phase(254, "Li(Ni,Co)O2", "#009e73"))
    assert adapter.validate_json(adapter.dump_json(phases)) == phases


@pytest.mark.parametrize("label", [-1, 255, 1.0, True, "0", None])
def test_a_label_outside_0_to_254_is_refused(label):
    with pytest.raises(InputError, match=r"not an integer from 0 to 254; 255 marks"):
        Phase(label, "pore")


@pytest.mark.parametrize("name", ["", " pore", "a\nb", "x" * 81, None, 3])
def test_a_name_that_cannot_be_printed_is_refused(name):
    with pytest.raises(InputError, match="1 to 80 printable characters"):
        Phase(0, name)


@pytest.mark.parametrize("color", ["red", "#fff", "#12345g", "#1234567", 7])
def test_a_colour_of_another_form_is_refused(color):
    with pytest.raises(InputError, match="not of the form '#rrggbb'"):
        Phase(0, "pore", color)


def test_stated_colours_stay_and_are_not_given_again():
    phases = [Phase(0, "pore"), Phase(1, "solid", PALETTE[0]), Phase(2, "binder")]
    assert phase_colors(phases) == [PALETTE[1], PALETTE[0], PALETTE[2]]


@given(st.integers(0, 60))
def test_every_phase_has_a_colour_of_its_own(count):
    colors = phase_colors(Phase(label, f"phase {label}") for label in range(count))
    assert len(set(colors)) == count
    assert colors[:8] == list(PALETTE[:count])
    assert all(Phase(0, "x", color).color == color for color in colors)
