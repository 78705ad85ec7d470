"""Exports take at most 1 GiB, each alone in a process that holds no volume."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from morphgen.excursion import ExcursionModel, Field
from morphgen.fields.laws import Gaussian
from morphgen.fields.parametric import MaternKernel
from morphgen.phases import Phase
from morphgen.tiles import generate
from morphgen.tiles.export import ENDINGS

SCRIPT = """
import json, re, sys
from pathlib import Path
from morphgen.tiles import open_volume
from morphgen.tiles.export import export

phases = [1] if sys.argv[2].endswith((".stl", ".ply")) else None
export(open_volume(sys.argv[1]), sys.argv[2], phases=phases)
# resource.getrusage would also tell of the process that started this one
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
print(json.dumps(int(peak[1]) / 2**20))
"""


def stored(path: Path, depth: int, smoothness: float) -> Path:
    law = Gaussian()
    field = Field(MaternKernel(1.5, smoothness=smoothness), law, law.threshold(0.5))
    model = ExcursionModel((Phase(0, "pore"), Phase(1, "solid")), (1, 0), (field,))
    generate(model, path, shape=(depth, 512, 512), seed=1, chunk=128, workers=1)
    return path


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two layers of chunks; what a writer holds does not depend on more."""
    return stored(tmp_path_factory.mktemp("memory") / "volume.zarr", 256, 1.5)


@pytest.fixture(scope="module")
def rough(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Few planes, which have as many triangles a block as any structure: one a voxel."""
    return stored(tmp_path_factory.mktemp("memory") / "rough.zarr", 16, 0.5)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs the kernel's own count")
@pytest.mark.parametrize("ending", sorted(set(ENDINGS) - {".tiff"}))
def test_an_export_takes_at_most_a_gibibyte(
    volume: Path, rough: Path, tmp_path: Path, ending: str
) -> None:
    source = rough if ending in (".stl", ".ply") else volume
    command = [sys.executable, "-c", SCRIPT, str(source), str(tmp_path / f"v{ending}")]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert 0.0 < json.loads(run.stdout) < 1.0
