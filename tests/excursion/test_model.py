"""Model files: round trip, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from samples import PHASES, three_phases, two_phases

from morphgen.errors import ModelError
from morphgen.excursion import (
    Candidate,
    ExcursionModel,
    Field,
    Provenance,
    Source,
    load_model,
    save_model,
)
from morphgen.excursion.storage import dump_model, parse_model
from morphgen.fields.laws import ChiSquare, Gaussian
from morphgen.fields.parametric import DampedSincKernel, GaussianKernel
from morphgen.fields.spline import CylindricalSplineKernel

PROVENANCE = Provenance(
    method="coverage",
    parametrization="high",
    status="converged",
    message="done",
    seed=3,
    versions={"morphgen": "0.1.0"},
    sources=(Source("a.tif", "ab" * 32, "xy", (512, 400), (0.1, 0.1), 204800),),
    max_lag=40.0,
    misfit={"0-1": 0.002},
    bound=0.001,
    uncertainty={"fields.0.threshold": 0.02},
    candidates=(Candidate((1, 0), ("gaussian",), 0.001, 0.002, 0.5, None),),
)


def rich_model() -> ExcursionModel:
    """A model with one of everything."""
    fields = (
        Field(CylindricalSplineKernel(((1.0, 0.5), (0.2, 0.1)), 8.0, 9.0, "x"), Gaussian(), -0.2),
        Field(DampedSincKernel(5.0, 1.5, "x", wave_number=0.4), ChiSquare(3), 2.5, "below"),
    )
    return ExcursionModel(PHASES, (2, 0, 1), fields, (0.1, 0.1, 0.2), "um", PROVENANCE)


@pytest.mark.parametrize("model", [two_phases(), three_phases(), rich_model()])
def test_round_trip(model: ExcursionModel, tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    save_model(model, path)
    assert load_model(path) == model
    assert path.stat().st_size < 16 * 1024
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.json"]


def test_saving_overwrites_only_when_told(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    two_phases().save(path)
    with pytest.raises(ModelError, match="exists"):
        three_phases().save(path)
    three_phases().save(path, overwrite=True)
    assert load_model(path) == three_phases()
    with pytest.raises(ModelError, match="cannot be written"):
        two_phases().save(tmp_path / "absent" / "model.json")


HOSTILE = {
    "truncated": (lambda text: text[:200], "not valid JSON"),
    "another object": (lambda _: "[1, 2]", "not a model file"),
    "NaN": (lambda text: text.replace('"threshold": 0.1', '"threshold": NaN'), "NaN"),
    "overflow": (lambda text: text.replace('"threshold": 0.1', '"threshold": 1e400'), "finite"),
    "text for a number": (lambda text: text.replace(": 0.1,", ': "0.1",'), "threshold"),
    "unknown side": (lambda text: text.replace('"below"', '"beneath"'), "side"),
    "unknown key": (lambda text: text.replace('"unit"', '"extra": 1, "unit"'), "extra"),
    "duplicate key": (lambda text: text.replace('"unit"', '"order": [0], "unit"'), "twice"),
    "fractional label": (lambda text: text.replace('"label": 1', '"label": 1.5'), "label"),
    "unknown law": (lambda text: text.replace('"gaussian"}', '"cauchy"}'), "law"),
    "negative degrees": (lambda text: text.replace('freedom": 2', 'freedom": -2'), "degrees"),
    "deep nesting": (lambda _: "[" * 200_000, "nested"),
    "another schema": (lambda text: text.replace('version": 1', 'version": 99'), "schema"),
    "a phase twice": (lambda text: text.replace("[1, 0, 2]", "[1, 1, 2]"), "order"),
    "missing fields": (lambda text: text.replace('"fields"', '"felds"'), "f"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_files_get_a_clear_error(case: str, tmp_path: Path) -> None:
    change, expected = HOSTILE[case]
    path = tmp_path / "model.json"
    text = dump_model(three_phases())
    changed = change(text)
    assert changed != text
    path.write_text(changed)
    with pytest.raises(ModelError, match=expected) as caught:
        load_model(path)
    message = str(caught.value)
    assert str(path) in message
    assert len(message) < 300
    assert message.count("\n") == 0


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        load_model(tmp_path / "absent.json")
    binary = tmp_path / "binary.json"
    binary.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(ModelError, match="UTF-8"):
        load_model(binary)
    large = tmp_path / "large.json"
    large.write_text(" " * 1_000_001)
    with pytest.raises(ModelError, match="larger"):
        load_model(large)


def test_json_is_readable_and_complete() -> None:
    content = json.loads(dump_model(rich_model()))
    assert content["format"] == "morphgen-model"
    assert content["provenance"]["sources"][0]["name"] == "a.tif"
    assert content["fields"][1]["side"] == "below"


def test_parsing_is_strict_about_the_number_of_fields() -> None:
    content = json.loads(dump_model(three_phases()))
    content["fields"] = content["fields"][:1]
    with pytest.raises(ModelError, match="1 fields for 3 phases"):
        parse_model(json.dumps(content))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"threshold": float("nan")}, "threshold"),
        ({"threshold": 60.0}, "without any volume"),
        ({"threshold": -1.0, "law": ChiSquare(2)}, "> 0"),
    ],
)
def test_invalid_fields(arguments: dict[str, object], expected: str) -> None:
    values = {"kernel": GaussianKernel(3.0), "law": Gaussian(), **arguments}
    with pytest.raises(ModelError, match=expected):
        Field(**values)  # type: ignore[arg-type]


def test_invalid_models() -> None:
    field = Field(GaussianKernel(3.0), Gaussian(), 0.0)
    with pytest.raises(ModelError, match="two or more"):
        ExcursionModel(PHASES[:1], (0,), ())
    with pytest.raises(ModelError, match="voxel_size"):
        ExcursionModel(PHASES[:2], (1, 0), (field,), (1.0, 0.0, 1.0))
    with pytest.raises(ModelError, match="increasing"):
        ExcursionModel(PHASES[1::-1], (1, 0), (field,))
