"""Exports take at most 1 GiB, each alone in a process that holds no volume."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from morphgen.excursion import ExcursionModel, Field
from morphgen.fields.laws import Gaussian
from morphgen.fields.parametric import GaussianKernel
from morphgen.phases import Phase
from morphgen.tiles import generate
from morphgen.tiles.export import ENDINGS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not Path("/proc/self/status").exists(), reason="the kernel does not tell peaks of memory"
    ),
]

EXPORT = """
from morphgen.tiles import open_volume
from morphgen.tiles.export import export
phases = [1] if sys.argv[2].endswith((".stl", ".ply")) else None
export(open_volume(sys.argv[1]), sys.argv[2], phases=phases)
"""
# cubes of 2 x 2 x 2 voxels: nearly a triangle for every voxel, in planes that are cut along rows
ROUGH = """
import numpy as np
from morphgen.tiles.export.meshes import write_surfaces
from morphgen.tiles.export.slabs import Header
small = np.random.default_rng(0).integers(0, 2, (1, 800, 800), dtype=np.uint8)
labels = small.repeat(2, 0).repeat(2, 1).repeat(2, 2)
header = Header(labels.shape, (1.0,) * 3, (0.0,) * 3, "um", (), "rough")
write_surfaces({1: Path(sys.argv[2])}, header, [labels])
"""
BEFORE = "import re, sys; from pathlib import Path"
# resource.getrusage would also tell of the process that started this one
PEAK = """
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


def peak(script: str, *arguments: Path) -> float:
    """Peak memory of a script in a process of its own, in GiB."""
    command = [sys.executable, "-c", BEFORE + script + PEAK, *map(str, arguments)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(run.stdout) / 2**20


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As many voxels as 512 x 512 x 288, in planes that are too wide for a layer of chunks."""
    law = Gaussian()
    field = Field(GaussianKernel(12.0), law, law.threshold(0.5))
    model = ExcursionModel((Phase(0, "pore"), Phase(1, "solid")), (1, 0), (field,))
    path = tmp_path_factory.mktemp("memory") / "volume.zarr"
    generate(model, path, shape=(64, 1088, 1088), seed=1, chunk=128, workers=1)
    return path


@pytest.mark.parametrize("ending", sorted(set(ENDINGS) - {".tiff"}))
def test_an_export_takes_at_most_a_gibibyte(volume: Path, tmp_path: Path, ending: str) -> None:
    assert 0.1 < peak(EXPORT, volume, tmp_path / f"v{ending}") < 1.0


@pytest.mark.parametrize("ending", [".stl", ".ply"])
def test_rough_surfaces_take_at_most_a_gibibyte(tmp_path: Path, ending: str) -> None:
    assert 0.1 < peak(ROUGH, tmp_path, tmp_path / f"v{ending}") < 1.0
