"""What is done with NumPy loads no other array library, in a fresh interpreter."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

OTHERS = {"cupy", "jax", "jaxlib", "torch"}

SETUP = """
import sys
import numpy as np
import morphgen as mg
from morphgen.cli.app import main
from morphgen.fields.laws import Gaussian
from morphgen.fields.parametric import GaussianKernel

def command(*words):
    sys.argv = ["morphgen", *words]
    try:
        main()
    except SystemExit as end:
        assert not end.code, words

phases = (mg.Phase(0, "pore"), mg.Phase(1, "solid"))
model = mg.ExcursionModel(phases, (1, 0), (mg.Field(GaussianKernel(3.0), Gaussian(), 0.2),))
"""

# each is what a user does, after the set-up
STEPS = {
    "generate": """
mg.generate(model, "volume.zarr", shape=(70, 64, 64), seed=1)
mg.Realization(model, seed=1).window((0, 0, 0), (8, 8, 8))
mg.to_dask(mg.Realization(model, seed=1), (8, 8, 8)).compute(scheduler="synchronous")
mg.plan(model, (64, 64, 64))
""",
    "generate, from the command line": """
model.save("model.json")
command("generate", "model.json", "other.zarr", "--shape", "64", "64", "64", "--backend", "numpy")
command("info", "model.json")
command("info", "other.zarr")
command("export", "other.zarr", "other.npy")
""",
    "describe": """
from morphgen.descriptors import KINDS
sums = [kind.name for kind in KINDS.values() if kind.sums and 3 in kind.axes]
labels = mg.Realization(model, seed=1).window((0, 0, 0), (24, 24, 24))
mg.describe(labels, kinds=sums)
""",
    "calibrate": """
drawn = mg.section_sampler(model, (128, 128)).labels(1)
section = mg.read_section(drawn, phases="0=pore,1=solid")
found = mg.calibrate([section], parametrization="low", fields=["gaussian"], order=[1, 0])
found.model.two_point_coverage(np.arange(5.0))
""",
}
LAST = """
import json
print()
print(json.dumps(sorted(sys.modules)))
"""


@pytest.mark.parametrize("step", STEPS)
def test_numpy_is_enough(step: str, tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", SETUP + STEPS[step] + LAST],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
        cwd=tmp_path,
    )
    assert run.returncode == 0, run.stderr
    loaded = {name.partition(".")[0] for name in json.loads(run.stdout.splitlines()[-1])}
    assert "numpy" in loaded
    assert not loaded & OTHERS
