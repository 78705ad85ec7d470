"""Checkpoints: whole or absent, never of another request, never executed."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import IO

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


def test_round_trip(tmp_path: Path) -> None:
    keeper = Checkpoint(tmp_path / "a.pt", "request")
    assert keeper.load() is None
    keeper.save({"threads": 1, "tensor": torch.arange(3), "scores": [(0, 1.5)]})
    found = keeper.load()
    assert found is not None
    assert found["tensor"].tolist() == [0, 1, 2]
    assert found["scores"] == [(0, 1.5)]
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]


def test_a_start_clears_what_it_does_not_continue(tmp_path: Path) -> None:
    keeper = Checkpoint(tmp_path / "a.pt", "request")
    keeper.save({"threads": 1})
    left = keeper._partial(tmp_path / "a.pt")
    left.write_bytes(b"half")
    assert keeper.begin(resume=True) is not None
    assert not left.exists()
    assert keeper.begin(resume=False) is None
    assert list(tmp_path.iterdir()) == []
    assert keeper.begin(resume=True) is None
    assert Checkpoint(None, "request").begin(resume=True) is None


@pytest.mark.parametrize(
    "stop", [KeyboardInterrupt, RuntimeError("disk\nfull"), OSError(28, "full")]
)
def test_an_interrupted_write_leaves_the_state_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: BaseException
) -> None:
    keeper = Checkpoint(tmp_path / "a.pt", "request")
    keeper.save({"threads": 1})

    def interrupted(content: object, file: IO[bytes]) -> None:
        file.write(b"half")
        raise stop

    monkeypatch.setattr(torch, "save", interrupted)
    with pytest.raises((KeyboardInterrupt, InputError)):
        keeper.save({"threads": 2})
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]
    assert (keeper.load() or {})["threads"] == 1


def test_a_folder_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written: No such file"):
        Checkpoint(tmp_path / "none" / "a.pt", "request").save({"threads": 1})


def test_another_request_is_refused_and_nothing_touched(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    Checkpoint(path, "one").save({"threads": 1})
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


@pytest.mark.parametrize("missing", ["request", "threads", "track"])
def test_files_of_other_content_are_refused(tmp_path: Path, missing: str) -> None:
    path, keeper = tmp_path / "a.pt", Checkpoint(tmp_path / "a.pt", "one")
    keeper.save({"threads": 1})
    content = torch.load(path, weights_only=True)
    # a state of a training without what goes with its track, or one without what all hold
    content = {**content, "track": {}} if missing == "track" else content
    content = {name: value for name, value in content.items() if name != missing or "track" in name}
    torch.save(content, path)
    with pytest.raises(InputError, match="is no checkpoint"):
        keeper.load()


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
