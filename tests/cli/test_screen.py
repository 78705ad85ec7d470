"""Printing, rounding and the progress bar."""

from __future__ import annotations

import io
import json
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from morphgen.cli import screen
from morphgen.cli.screen import Screen, figure


class Terminal(io.StringIO):
    """A terminal that keeps what is printed."""

    def isatty(self) -> bool:
        return True


def open_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Let errors go to a terminal; no fixture, since pytest sets sys.stderr after its set-up."""
    made = Terminal()
    monkeypatch.setattr(sys, "stderr", made)
    monkeypatch.setattr(screen, "PATIENCE", 0.05)
    monkeypatch.setenv("TERM", "xterm")
    return made


def work(seconds: float, shown: Screen) -> None:
    with shown.progress() as progress:
        progress("counting", 0, 3)
        time.sleep(seconds)


def wait_for(text: str, terminal: Terminal) -> None:
    deadline = time.monotonic() + 30.0
    while text not in terminal.getvalue() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert text in terminal.getvalue()


def test_slow_work_has_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = open_terminal(monkeypatch)
    with Screen().progress() as progress:
        progress("counting", 0, 3)
        wait_for("counting", terminal)
        progress("counting", 1, 3)
        wait_for("1/3", terminal)
        progress("[weighing]", 0, 1)
        wait_for("[weighing]", terminal)


def test_quick_work_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = open_terminal(monkeypatch)
    monkeypatch.setattr(screen, "PATIENCE", 60.0)
    work(0.0, Screen())
    assert terminal.getvalue() == ""


def test_quiet_work_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = open_terminal(monkeypatch)
    work(0.1, Screen(quiet=True))
    assert terminal.getvalue() == ""


def test_no_terminal_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = io.StringIO()
    monkeypatch.setattr(sys, "stderr", plain)
    monkeypatch.setattr(screen, "PATIENCE", 0.01)
    work(0.1, Screen())
    assert plain.getvalue() == ""


def test_the_bar_goes_when_the_work_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = open_terminal(monkeypatch)

    def fail() -> None:
        with Screen().progress() as progress:
            progress("counting", 1, 3)
            wait_for("1/3", terminal)
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        fail()
    length = len(terminal.getvalue())
    time.sleep(0.3)
    assert len(terminal.getvalue()) == length


def test_json_knows_no_infinity(capsys: pytest.CaptureFixture[str]) -> None:
    content = {"a": float("inf"), "b": (1, float("nan")), "c": Path("x"), 4: True, "d": None}
    Screen(as_json=True).result({**content, "e": np.float64(0.5)})
    printed = json.loads(capsys.readouterr().out)
    assert printed == {"a": None, "b": [1, None], "c": "x", "4": True, "d": None, "e": 0.5}


def test_names_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    Screen().table(("name",), [("[red]pore[/red] :smile:",)])
    assert "[red]pore[/red] :smile:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("value", "error", "shown"),
    [
        (0.123456, None, "0.123"),
        (0.123456, 0.0123, "0.123 ± 0.012"),
        (12.3456, 3.21, "12.3 ± 3.2"),
        (12.3456, 0.0, "12.3 ± 0"),
        (float("inf"), None, "infinite"),
        (float("nan"), None, "-"),
        (None, None, "-"),
    ],
)
def test_figures(value: float | None, error: float | None, shown: str) -> None:
    assert figure(value, error) == shown
