"""Interrupts at moments that can stand them.

Python raises KeyboardInterrupt between any two steps of the main thread. Inside
`concurrent.futures` that can leave the lock of a future held for ever (CPython acquires the locks
of all futures that are waited for, one by one), and whoever sets its result then never ends.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

_NUMBERS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def deferred() -> Iterator[Callable[[], None]]:
    """Hold interrupts back until the function that is yielded is called, or to the end.

    In the main thread, for signals that a Python function answers; elsewhere nothing is held back,
    since nothing is raised there.
    """
    caught: list[tuple[int, FrameType | None]] = []
    before: dict[int, Callable[[int, FrameType | None], object]] = {}
    if threading.current_thread() is threading.main_thread():
        for number in _NUMBERS:
            handler = signal.getsignal(number)
            if callable(handler):
                before[number] = handler
                signal.signal(number, lambda number, frame: caught.append((number, frame)))

    def deliver() -> None:
        while caught:
            number, frame = caught.pop(0)
            before[number](number, frame)

    try:
        yield deliver
    finally:
        for held, handler in before.items():
            signal.signal(held, handler)
        deliver()
