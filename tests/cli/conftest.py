"""Commands run in this process, and small files for them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import tifffile
from morphgen.cli.app import run

from morphgen.excursion import ExcursionModel, Field, section_sampler
from morphgen.fields.laws import Gaussian
from morphgen.fields.spline import SplineKernel
from morphgen.phases import Phase

PHASES = "0=pore,1=grain,2=binder"


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    def refused(self, *words: str, code: int = 2) -> None:
        """Check that the command was refused in one or two lines that hold all words."""
        assert self.code == code, self
        assert self.out == ""
        assert self.err.startswith("error: ")
        assert len(self.err.strip().splitlines()) <= 2, self.err
        for word in words:
            assert word in self.err, self.err


Call = Callable[..., Outcome]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command in this process."""

    def command(*arguments: object) -> Outcome:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return Outcome(code, printed.out, printed.err)

    return command


def three_phases(radius: float = 8.0, share: float = 0.4) -> ExcursionModel:
    law, kernel = Gaussian(), SplineKernel((1.0, 0.6, 0.3, 0.1), radius)
    return ExcursionModel(
        phases=(Phase(0, "pore"), Phase(1, "grain"), Phase(2, "binder")),
        order=(1, 0, 2),
        fields=(
            Field(kernel, law, law.threshold(share)),
            Field(kernel, law, law.threshold(0.5)),
        ),
        unit="um",
    )


def draw(model: ExcursionModel, folder: Path, name: str, seed: int, side: int = 256) -> Path:
    """Save a section of a model as a TIFF without a pixel size."""
    labels = section_sampler(model, (side, side)).labels(seed)
    tifffile.imwrite(folder / name, labels)
    return folder / name


@pytest.fixture(scope="session")
def truth() -> ExcursionModel:
    return three_phases()


@pytest.fixture(scope="session")
def files(truth: ExcursionModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with two sections of a model, the model itself, and another one."""
    folder = tmp_path_factory.mktemp("files")
    draw(truth, folder, "xy.tif", seed=1)
    draw(truth, folder, "other.tif", seed=2)
    truth.save(folder / "truth.json")
    three_phases(radius=12.0, share=0.5).save(folder / "wrong.json")
    return folder


@pytest.fixture(scope="session")
def volume(truth: ExcursionModel, files: Path) -> Path:
    """A small volume of the model."""
    path = files / "volume.zarr"
    arguments = ["generate", files / "truth.json", path, "--shape", 64, 48, 40, "--workers", 1]
    assert run([*map(str, arguments), "--quiet"]) == 0
    return path
