"""Descriptions written down and read back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import morphgen as mg
from morphgen.errors import InputError


def test_a_description_is_read_back(tmp_path: Path) -> None:
    labels = np.random.default_rng(8).integers(0, 2, (40, 40, 40), dtype=np.uint8)
    labels[:20] = 1  # where phase 0 has no size, and phase 1 an infinite one
    kinds = ["volume_fraction", "covariance", "phase_size_radius", "effective_diffusivity"]
    found = mg.describe(
        labels, voxel_size=(2.0, 1.0, 1.0), unit="nm", phases="0=pore,1=solid", kinds=kinds,
        max_lag=4, subvolumes=2, subvolume_edge=20,
    )  # fmt: skip
    path = tmp_path / "found.json"
    path.write_text(json.dumps(found.to_dict(), allow_nan=False), encoding="utf-8")
    read = mg.read_description(path)
    assert read.to_dict() == found.to_dict()
    for one, other in zip(read.readings, found.readings, strict=True):
        assert one.key == other.key
        assert np.array_equal(one.values, other.values, equal_nan=True)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{}", "is no description, as .*: source: field required"),
        ("[]", "is no description"),
        ('{"source": NaN}', "NaN is no number"),
        ('{"source": 1e400}', "1e400 is not finite"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "found.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        mg.read_description(path)
    with pytest.raises(InputError, match="cannot be read"):
        mg.read_description(tmp_path / "none.json")
