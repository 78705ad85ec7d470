"""The documentation tells the truth: its code runs, its commands exist."""

from __future__ import annotations

import functools
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
# A reason in a comment just above a fence: the only way to exempt it.
FENCE = re.compile(
    r"(?:<!--\s*(?P<reason>[^>]*?)\s*-->\n)?^```(?P<info>\w+[^\n]*)\n(?P<code>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Fence:
    """A block of code in a page."""

    page: Path
    line: int
    info: str
    reason: str
    code: str

    @property
    def language(self) -> str:
        return self.info.split()[0]

    @property
    def exempt(self) -> bool:
        return self.info.split()[1:] == ["notest"]


def fences(page: Path) -> list[Fence]:
    text = page.read_text(encoding="utf-8")
    return [
        Fence(
            page=page,
            line=text.count("\n", 0, match.start("code")),
            info=match["info"].strip(),
            reason=match["reason"] or "",
            code=match["code"],
        )
        for match in FENCE.finditer(text)
    ]


def pages_with(*languages: str) -> list[pytest.ParameterSet]:
    return [
        pytest.param(page, id=str(page.relative_to(ROOT)))
        for page in PAGES
        if any(fence.language in languages for fence in fences(page))
    ]


def commands(page: Path) -> list[list[str]]:
    """Words of every ``$ morphgen ...`` line of a page, continued lines joined."""
    shells = (fence for fence in fences(page) if fence.language in {"console", "bash"})
    joined = (fence.code.replace("\\\n", " ") for fence in shells)
    lines = (line for code in joined for line in code.splitlines())
    return [
        shlex.split(line[2:], comments=True) for line in lines if line.startswith("$ morphgen ")
    ]


@functools.cache
def help_of(command: str) -> str:
    """Help text of a command, on lines wide enough not to cut the name of an option."""
    run = subprocess.run(
        [sys.executable, "-c", "from morphgen.cli.app import main; main()", command, "--help"],
        env=os.environ | {"COLUMNS": "240", "NO_COLOR": "1", "TERM": "dumb"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, f"morphgen {command} --help failed:\n{run.stdout}{run.stderr}"
    return run.stdout


@pytest.mark.parametrize("page", pages_with("python"))
def test_python_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "__page__"}
    for fence in fences(page):
        if fence.language == "python" and not fence.exempt:
            # blank lines in front make a traceback point into the page
            exec(compile("\n" * fence.line + fence.code, str(page), "exec"), names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_exempt_code_has_a_reason(page: Path) -> None:
    for fence in fences(page):
        assert fence.language != "python" or fence.info in {"python", "python notest"}
        assert not fence.exempt or len(fence.reason.split()) > 2, f"{page}:{fence.line}"


@pytest.mark.parametrize("page", pages_with("console", "bash"))
def test_commands_know_their_options(page: Path) -> None:
    for _, command, *arguments in commands(page):
        known = set(re.findall(r"--[a-z][a-z-]*", help_of(command)))
        used = {word.split("=")[0] for word in arguments if word.startswith("--")}
        assert used <= known, f"morphgen {command} does not know {sorted(used - known)}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_placeholder_remains(page: Path) -> None:
    left = re.findall(r"<!--\s*(?:figures|table):[^>]*", page.read_text(encoding="utf-8"))
    assert not left, f"{page}: {left}"


def test_fences_are_found() -> None:
    text = "a\n```python\nx = 1\n```\n<!-- needs a cluster to run -->\n```python notest\ny\n```\n"
    found = [match.groupdict() for match in FENCE.finditer(text)]
    assert [fence["code"] for fence in found] == ["x = 1\n", "y\n"]
    assert [fence["reason"] for fence in found] == [None, "needs a cluster to run"]
    assert any(commands(page) for page in PAGES), "no page shows a command"


@pytest.mark.parametrize("name", ["use", "tutorial", "develop"])
def test_readme_marks_the_commands_that_ci_runs(name: str) -> None:
    marked = rf"<!-- command: {name} -->\n```bash\n(.*?)\n```\n<!-- end -->"
    command = re.search(marked, (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert command is not None
    assert "pip install -c constraints.txt" in command[1]


def test_the_tutorial_begins_with_the_command_that_ci_runs() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    notebook = ROOT / "docs" / "tutorial" / "design-rule.md"
    (command,) = [fence.code for fence in fences(notebook) if fence.language == "bash"]
    assert f"<!-- command: tutorial -->\n```bash\n{command}```\n" in readme
