"""A small model, whose blocks have 128 voxels a side, and volumes of it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from morphgen.excursion import ExcursionModel, Field
from morphgen.fields.laws import ChiSquare, Gaussian
from morphgen.fields.spline import SplineKernel
from morphgen.phases import Phase
from morphgen.tiles import generate

SHAPE = (200, 150, 260)
# 60 blocks: seconds, so that a run can be interrupted in its middle
LONG = (384, 512, 640)
SEED = 3

Start = Callable[..., "subprocess.Popen[str]"]


def build_model(radius: float = 8.0, law: Gaussian | ChiSquare | None = None) -> ExcursionModel:
    kernel = SplineKernel((1.0, 0.5, 0.2), radius)
    law = law or Gaussian()
    return ExcursionModel(
        phases=(Phase(0, "pore"), Phase(1, "grain", "#aa3300")),
        order=(1, 0),
        fields=(Field(kernel, law, law.threshold(0.4)),),
        voxel_size=(1.0, 1.0, 1.0),
        unit="um",
    )


def shards(path: Path) -> dict[str, bytes]:
    """Every file below the array's chunks, by name."""
    root = path / "0" / "c"
    return {str(f.relative_to(root)): f.read_bytes() for f in root.rglob("*") if f.is_file()}


@pytest.fixture(scope="session")
def model() -> ExcursionModel:
    found = build_model()
    assert found.block_edge == 128, "the tests count on 2 x 2 x 3 blocks"
    return found


@pytest.fixture(scope="session")
def undisturbed(model: ExcursionModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Volume of one undisturbed run in one process."""
    path = tmp_path_factory.mktemp("undisturbed") / "volume.zarr"
    generate(model, path, shape=SHAPE, seed=SEED, backend="numpy", workers=1)
    return path


@pytest.fixture(scope="session")
def whole(model: ExcursionModel) -> np.ndarray:
    """The same voxels as a window."""
    from morphgen.excursion import Realization

    return Realization(model, SEED).window((0, 0, 0), SHAPE)


# a run in the background of a shell inherits a SIGINT that is ignored
SCRIPT = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from morphgen.excursion import load_model
from morphgen.tiles import generate
def tell(stage, done, total):
    print(done, total, flush=True)
generate(load_model(sys.argv[1]), sys.argv[2], shape={shape}, seed={seed}, backend="numpy",
         workers={workers}, resume=True, progress=tell)
"""


@pytest.fixture
def start(model: ExcursionModel, tmp_path: Path) -> Iterator[Start]:
    """Start a run in a process group of its own: ``start(path, workers=2, shape=SHAPE)``.

    However the test ends, its runs end with it and their pipes are closed.
    """
    description = tmp_path / "model.json"
    model.save(description)

    def begin(
        path: Path, workers: int = 2, shape: tuple[int, int, int] = SHAPE
    ) -> subprocess.Popen[str]:
        script = SCRIPT.format(shape=shape, seed=SEED, workers=workers)
        process = subprocess.Popen(
            [sys.executable, "-c", script, str(description), str(path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        stack.callback(end, process)
        return process

    with ExitStack() as stack:
        yield begin


def end(process: subprocess.Popen[str]) -> None:
    """Kill a process that still runs, wait for it and close its pipes."""
    with process:
        if process.poll() is None:
            process.kill()
