"""The cluster scripts of the documentation: made by the real packages, run on the loopback."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import dask
import pytest
from distributed import LocalCluster
from loopback import loopback
from tiles.conftest import SEED, SHAPE, build_model, shards

from morphgen.tiles import generate

HOW_TO = Path(__file__).parents[1] / "docs" / "how-to"
SCRIPTS = HOW_TO / "scripts"
BIN = Path(sys.executable).parent
ASKED = ["--shape", *map(str, SHAPE), "--seed", str(SEED), "--backend", "numpy"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.json"
    build_model().save(path)
    return path


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Shards of a run without a cluster."""
    path = tmp_path_factory.mktemp("right") / "v.zarr"
    generate(build_model(), path, shape=SHAPE, seed=SEED, backend="numpy", workers=1)
    return shards(path)


@pytest.fixture
def unchanged() -> Iterator[None]:
    """Dask's settings, given back after a script set its own."""
    with dask.config.set({}):
        before = dask.config.get("distributed")
        with dask.config.set({"distributed": before}):
            yield


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"script_{name}", SCRIPTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def shown(page: str, language: str) -> str:
    """Blocks of a page in a language."""
    blocks = re.findall(rf"```{language}\n(.*?)```", (HOW_TO / page).read_text(), re.DOTALL)
    return "\n".join(blocks)


def run(words: list[str], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    paths = {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(
        words,
        cwd=folder,
        env=os.environ | paths | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("script", sorted(SCRIPTS.glob("*.*")), ids=lambda path: path.name)
def test_every_script_has_its_page(script: Path) -> None:
    including = [
        p for p in HOW_TO.glob("clusters-*.md") if f"scripts/{script.name}" in p.read_text()
    ]
    assert len(including) == 1
    assert re.search(r"generate\b.*--resume", script.read_text(), re.DOTALL)
    assert "morphgen" in script.read_text()


def test_slurm_jobs_are_as_shown(unchanged: None) -> None:
    pytest.importorskip("dask_jobqueue")
    script = load("slurm")
    script.INTERFACE = "lo"
    with script.cluster() as jobs:
        made = jobs.job_script()
        assert dask.config.get("distributed.scheduler.allowed-failures") == 10
    # the interpreter, the address and the network are those of the machine
    made = made.replace(sys.executable, "python")
    made = re.sub(r"tcp://\S+", "tcp://10.0.0.1:41234", made).replace(" --interface lo", "")
    page = shown("clusters-slurm.md", "bash").splitlines()
    lines = [line.rstrip() for line in made.splitlines() if line.strip()]
    missing = [line for line in lines if line not in page]
    assert not missing, "\n".join(missing)


def test_slurm_script_generates(
    unchanged: None, model: Path, right: dict[str, bytes], tmp_path: Path
) -> None:
    pytest.importorskip("dask_jobqueue")
    script = load("slurm")
    with LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
    ) as jobs:
        assert script.generate(jobs, [str(model), str(tmp_path / "v.zarr"), *ASKED]) == 0
    assert shards(tmp_path / "v.zarr") == right


def test_mpi_script_generates(model: Path, right: dict[str, bytes], tmp_path: Path) -> None:
    pytest.importorskip("dask_mpi")
    if not (BIN / "mpiexec").exists() and shutil.which("mpiexec") is None:
        pytest.skip("no mpiexec; pip install mpich")
    done = run(
        ["bash", str(SCRIPTS / "mpi.sh"), str(model), "v.zarr", *ASKED],
        tmp_path,
        DASK_INTERFACE="lo",
    )
    assert done.returncode == 0, done.stderr
    assert "2 workers" in done.stdout
    assert shards(tmp_path / "v.zarr") == right
    assert [entry.name for entry in tmp_path.iterdir()] == ["v.zarr"]


def test_kubernetes_objects_are_as_shown() -> None:
    pytest.importorskip("dask_kubernetes")
    yaml: Any = pytest.importorskip("yaml")
    script = load("kubernetes_objects")
    made = yaml.safe_dump_all([script.cluster(), script.job(["MODEL"])], sort_keys=False)
    page = shown("clusters-kubernetes.md", "yaml")
    lines = [line for line in page.splitlines() if line.strip() and line.strip() != "..."]
    assert len(lines) > 10
    made_lines = [line.strip() for line in made.splitlines()]
    missing = [line for line in lines if line.strip() not in made_lines]
    assert not missing, "\n".join(missing)


def test_kubernetes_job_generates(model: Path, right: dict[str, bytes], tmp_path: Path) -> None:
    pytest.importorskip("dask_kubernetes")
    script = load("kubernetes_objects")
    worker = script.cluster()["spec"]["worker"]["spec"]["containers"][0]
    told = {one["name"]: one["value"] for one in worker["env"]}
    assert worker["args"][:4] == ["dask", "worker", "--nthreads", "1"]
    pod = script.job([str(model), str(tmp_path / "v.zarr"), *ASKED])["spec"]["template"]["spec"]
    words = pod["containers"][0]["command"]
    folder = tmp_path / "cluster"
    folder.mkdir()
    with loopback(folder, environment=told) as cluster:
        there = [cluster.address if word.startswith("tcp://") else word for word in words]
        done = run(there, tmp_path)
    assert done.returncode == 0, done.stderr
    assert shards(tmp_path / "v.zarr") == right


def test_gpu_script_generates(model: Path, right: dict[str, bytes], tmp_path: Path) -> None:
    done = run(
        ["bash", str(SCRIPTS / "gpus.sh"), str(model), "v.zarr", *ASKED],
        tmp_path,
        DASK_WORKER="dask worker --nworkers 2",
    )
    assert done.returncode == 0, done.stderr
    assert shards(tmp_path / "v.zarr") == right


def test_dask_cuda_knows_its_options(tmp_path: Path) -> None:
    pytest.importorskip("dask_cuda", reason="dask-cuda does not load without CUDA's bindings")
    told = run(["dask", "cuda", "worker", "--help"], tmp_path)
    assert told.returncode == 0, told.stderr
    text = (SCRIPTS / "gpus.sh").read_text()
    line = re.search(r'^"\$\{worker\[@\]\}" (.*?) &$', text, re.DOTALL | re.MULTILINE)
    assert line is not None
    used = re.findall(r"--[a-z-]+", line[1])
    assert "--scheduler-file" in used
    assert set(used) <= set(re.findall(r"--[a-z-]+", told.stdout))
