"""Properties of the package as a whole."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import morphgen

ROOT = Path(__file__).parents[1]
SOURCES = [path for room in ("morphgen", "cli") for path in sorted((ROOT / room).rglob("*.py"))]
HEAVY = {"torch", "cupy", "jax", "dask", "distributed", "zarr", "matplotlib"}
ANALYSIS = {"cc3d", "edt", "skimage", "taufactor", "IPython"}
LONGEST_FILE = 450
LONGEST_FUNCTION = 60


def project() -> dict[str, object]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return settings["project"]


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Name and length of every function of a file, its docstring not counted."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if ast.get_docstring(node) is not None:
                text = node.body[0]
                length -= (text.end_lineno or text.lineno) - text.lineno + 1
            yield f"{path.relative_to(ROOT)}: {node.name}", length


def test_import_is_light() -> None:
    script = "import json, sys, morphgen.descriptors; print(json.dumps(sorted(sys.modules)))"
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = {name.partition(".")[0] for name in json.loads(run.stdout)}
    assert not loaded & (HEAVY | ANALYSIS)


def test_versions_agree() -> None:
    installed = importlib.metadata.version("morphgen")
    assert project()["version"] == installed, "install again: the metadata is of another version"
    assert getattr(morphgen, "__version__", installed) == installed
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(r"^version: (.+)$", citation, re.MULTILINE)[1] == installed


def test_nothing_is_installed_beside_morphgen() -> None:
    distributions = importlib.metadata.packages_distributions()
    assert "morphgen" not in distributions.get("cli", [])


def test_constraints_name_plain_versions() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9-]+==[\w.]+", pin) for pin in pins)
    assert "torch==2.13.0" in pins
    required = [re.match(r"[a-z0-9-]+", need)[0] for need in project()["dependencies"]]
    assert set(required) <= {pin.partition("==")[0] for pin in pins}


def test_files_are_short() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}
    long = {str(path.relative_to(ROOT)): n for path, n in lengths.items() if n >= LONGEST_FILE}
    assert not long


def test_functions_are_short() -> None:
    long = {
        name: length
        for path in SOURCES
        for name, length in functions(path)
        if length >= LONGEST_FUNCTION
    }
    assert not long
