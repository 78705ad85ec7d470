"""morphgen export."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from morphgen.tiles import VolumeInfo, open_volume

Call = Callable[..., Any]


def test_a_volume(volume: Path, tmp_path: Path, call: Call) -> None:
    file = tmp_path / "v.npy"
    shown = call("export", volume, file)
    assert shown.code == 0, shown.err
    assert f"written: {file}" in shown.out
    store = open_volume(volume)
    assert np.array_equal(np.load(file), store.read((slice(None),) * 3))
    call("export", volume, file).refused("exists")
    found = call("export", volume, file, "--overwrite", "--json").json
    assert found == {"files": [str(file)], "phases": []}


def test_surfaces(volume: Path, tmp_path: Path, call: Call) -> None:
    shown = call("export", volume, tmp_path / "v.stl", "--phase", 1, "--json")
    assert shown.json == {"files": [str(tmp_path / "v_1.stl")], "phases": [1]}
    assert (tmp_path / "v_1.stl").stat().st_size > 84


def test_terminated(
    volume: Path, tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def terminated(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5.0)

    monkeypatch.setattr(VolumeInfo, "read", terminated)
    # a failure would end the process that runs the tests
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        assert call("export", volume, tmp_path / "v.npy").code == 130
    finally:
        signal.signal(signal.SIGTERM, before)
    assert not list(tmp_path.iterdir())


def test_wrong_requests(volume: Path, files: Path, tmp_path: Path, call: Call) -> None:
    call("export", volume, tmp_path / "v.doc").refused("v.doc", "expected .npy")
    call("export", files / "truth.json", tmp_path / "v.npy").refused("truth.json")
    call("export", volume, tmp_path / "v.npy", "--level", 9).refused("level is 9")
