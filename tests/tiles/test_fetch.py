"""Labels that come from a device, with everything pretended that needs one."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from morphgen.tiles import Backend

STREAM = object()


class Event:
    """CUDA event that copies when somebody waits for it."""

    def __init__(self, **options: bool) -> None:
        self.options = options
        made.append(self)

    def record(self, stream: object) -> None:
        assert stream is STREAM

    def synchronize(self) -> None:
        copies[0][...] = 7


made: list[Event] = []
copies: list[Any] = []


@pytest.fixture(autouse=True)
def nothing_done() -> None:
    made.clear()
    copies.clear()


def test_labels_of_cupy_are_read_after_their_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    class OnDevice:
        shape, dtype = (2, 2), np.dtype(np.uint8)

        def get(self, *, out: np.ndarray, blocking: bool) -> None:
            assert not blocking
            copies.append(out)

    cuda = SimpleNamespace(get_current_stream=lambda: STREAM, Event=Event)
    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(cuda=cuda))
    monkeypatch.setitem(sys.modules, "cupyx", SimpleNamespace(empty_pinned=np.zeros))
    wait = Backend("cupy", "cuda:0").fetch(OnDevice())
    assert copies[0].tolist() == [[0, 0], [0, 0]]
    assert wait().tolist() == [[7, 7], [7, 7]]
    # the names of cupy.cuda.Event 13.6
    assert made[0].options == {"block": True, "disable_timing": True}


def test_labels_of_torch_are_read_after_their_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    empty, options = torch.empty, []

    def pageable(*shape: Any, pin_memory: bool, **others: Any) -> Any:
        options.append(pin_memory)
        copies.append(empty(*shape, **others))
        return copies[0]

    monkeypatch.setattr(torch, "empty", pageable)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: STREAM)
    monkeypatch.setattr(torch.cuda, "Event", Event)
    labels = torch.zeros((2, 2), dtype=torch.uint8)
    # a default device that a program set is not where labels go
    with torch.device("meta"):
        wait = Backend("torch", "cuda:0").fetch(labels)
    assert copies[0].tolist() == [[0, 0], [0, 0]]
    assert wait().tolist() == [[7, 7], [7, 7]]
    assert options == [True]
    assert made[0].options == {"blocking": True}
