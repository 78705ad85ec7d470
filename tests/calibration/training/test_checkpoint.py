"""Checkpoints: whole or absent, never of another request, never executed."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from morphgen.calibration.training.checkpoint import Checkpoint
from morphgen.calibration.training.options import TrainingOptions
from morphgen.errors import InputError
from morphgen.images import Section
from morphgen.workflows import calibration_request


class Trap:
    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (Path("trapped"),))


def test_round_trip_and_removal(tmp_path: Path) -> None:
    keeper = Checkpoint(tmp_path / "a.pt", "request")
    assert keeper.load() is None
    keeper.save({"tensor": torch.arange(3), "losses": [{"a": 1.0}], "scores": [(0, 1.5)]})
    found = keeper.load()
    assert found is not None
    assert found["tensor"].tolist() == [0, 1, 2]
    assert found["scores"] == [(0, 1.5)]
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]
    keeper.remove()
    keeper.remove()
    assert keeper.load() is None


def test_another_request_is_refused_and_nothing_touched(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    Checkpoint(path, "one").save({})
    before = path.read_bytes()
    with pytest.raises(InputError, match="belongs to another request"):
        Checkpoint(path, "two").load()
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"no checkpoint", pickle.dumps({"format": 1})])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.pt"
    path.write_bytes(content)
    with pytest.raises(InputError, match="is no checkpoint"):
        Checkpoint(path, "one").load()


def test_nothing_is_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"format": Trap()}, tmp_path / "a.pt")
    with pytest.raises(InputError, match="is no checkpoint"):
        Checkpoint(tmp_path / "a.pt", "one").load()
    assert not (tmp_path / "trapped").exists()


def test_fingerprint_knows_what_matters(section: Section) -> None:
    options, request = TrainingOptions(), calibration_request(method="combined")
    first = request.fingerprint([section], options)
    place = replace(options, checkpoint=Path("x"), resume=True)
    assert request.fingerprint([section], place) == first
    others = [
        request.fingerprint([section], replace(options, batch=4)),
        replace(request, seed=1).fingerprint([section], options),
        request.fingerprint([section, section], options),
        request.fingerprint([replace(section, pixel_size=(2.0, 2.0))], options),
    ]
    assert len({first, *others}) == 5
