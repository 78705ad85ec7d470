"""Options of a training: what is refused, and how layers are read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from morphgen.calibration.training.options import (
    Layer,
    TrainingOptions,
    parse_layers,
    receptive_field,
    require_torch,
)
from morphgen.errors import BackendError, InputError


def test_layers_are_read() -> None:
    assert parse_layers("k4n64s2, k3n8s1") == (Layer(4, 64, 2), Layer(3, 8, 1))


@pytest.mark.parametrize("text", ["", "k4n64", "k0n64s2", "k4n64s0", "n4k4s2", "k4n64s2,"])
def test_other_layers_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="as in k4n64s2"):
        parse_layers(text)


def test_receptive_field() -> None:
    # 1 + 3 + 3*2 + 3*4 + 0*8
    assert receptive_field(parse_layers("k4n1s2,k4n1s2,k4n1s2,k1n1s1")) == 22


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps", 0),
        ("crop", 4),
        ("batch", 3),
        ("weight", 0.0),
        ("weight", float("nan")),
        ("smoothing", "hard"),
        ("device", "tpu"),
        ("precision", "float16"),
        ("patience", True),
        ("discriminator", "big"),
    ],
)
def test_options_out_of_range_are_refused(name: str, value: object) -> None:
    with pytest.raises(InputError, match="expected"):
        TrainingOptions(**{name: value})  # type: ignore[arg-type]


def test_missing_torch_is_told_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(BackendError, match=r"pip install 'morphgen\[calibrate\]'"):
        require_torch()


def test_place_of_the_checkpoint_is_free() -> None:
    assert TrainingOptions(checkpoint=Path("a.pt")).checkpoint == Path("a.pt")


def test_closed_form_does_not_load_torch() -> None:
    code = (
        "import sys, numpy as np, morphgen as mg\n"
        "from morphgen.fields.laws import Gaussian\n"
        "from morphgen.fields.parametric import GaussianKernel\n"
        "phases = (mg.Phase(0, 'a'), mg.Phase(1, 'b'))\n"
        "field = mg.Field(GaussianKernel(3.0), Gaussian(), 0.2)\n"
        "model = mg.ExcursionModel(phases, (1, 0), (field,))\n"
        "section = mg.read_section(mg.section_sampler(model, (96, 96)).labels(1))\n"
        "mg.calibrate([section], fields='gaussian', order='1,0', parametrization='low')\n"
        "print('torch' in sys.modules)\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert found == "False\n"
