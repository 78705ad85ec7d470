"""A description as plain values."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from morphgen.descriptors import Description, Subvolumes
from morphgen.descriptors.description import NOT_ASKED
from morphgen.descriptors.readings import number
from morphgen.phases import Phase


def described(value: float) -> Description:
    readings = (replace(number("tortuosity_factor", (1,), value, "z"), subvolumes=7),)
    unit = (1.0, 1.0, 1.0)
    return Description("cut", (8, 8, 8), 1, unit, "zyx", "um", (), readings, {})


def test_infinite_is_not_unknown() -> None:
    found = [described(value).to_dict()["readings"][0] for value in (math.inf, math.nan, 2.0)]
    assert [one["value"] for one in found] == [None, None, 2.0]
    assert [one["infinite"] for one in found] == [True, False, False]


def test_sub_volumes_are_told() -> None:
    plain = described(2.0)
    assert plain.to_dict()["subvolumes"] is None
    assert plain.to_dict()["readings"][0]["subvolumes"] == 7
    cubes = Subvolumes((4, 4, 4), ((0, 0, 0), (4, 4, 4)))
    found = json.loads(json.dumps(replace(plain, subvolumes=cubes).to_dict()))
    expected = {"number": 2, "shape": [4, 4, 4], "starts": [[0, 0, 0], [4, 4, 4]]}
    assert found["subvolumes"] == expected


def test_what_nobody_asked_for_is_not_told() -> None:
    lacking = "edt is not installed"
    reasons = {"lineal_path": NOT_ASKED, "constrictivity": lacking}
    found = replace(described(2.0), left_out=reasons).to_dict()
    assert found["left_out"] == {"constrictivity": lacking}


def test_a_reading_is_found_by_label_or_name() -> None:
    found = replace(described(2.0), phases=(Phase(0, "pore"), Phase(1, "grain")))
    for phase in (1, "grain"):
        assert found.reading("tortuosity_factor", [phase], "z").values[0] == 2.0
    with pytest.raises(KeyError, match=r"there are \[\(\(1,\), 'z'\)\]"):
        found.reading("tortuosity_factor", ["pore"], "z")
    with pytest.raises(KeyError, match="there are none"):
        found.reading("lineal_path")
