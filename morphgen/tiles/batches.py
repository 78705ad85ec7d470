"""Batches of blocks in a size that suits a scheduler."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import replace

from morphgen.tiles.execute import BatchRecord, BatchTask

# Long enough that a scheduler has nothing to do, short enough that little is lost with a worker.
_SECONDS = 20.0
# a task of so many blocks still travels in a few kilobytes
_LARGEST = 1000
_GROWTH = 8


class Pace:
    """Number of blocks that keep a worker busy for a while, learnt from what was done.

    It begins with one block, and grows at most eightfold from the size that was measured last:
    first blocks are slow, because kernels are prepared for them.
    """

    def __init__(self) -> None:
        self._seconds_per_block: float | None = None
        self._measured = 0

    @property
    def size(self) -> int:
        """Number of blocks for the next batch."""
        if self._seconds_per_block is None:
            return 1
        wanted = int(_SECONDS / max(self._seconds_per_block, 1e-9))
        return max(1, min(wanted, _GROWTH * self._measured, _LARGEST))

    def learn(self, record: BatchRecord) -> None:
        """Take the time of a batch into account, recent ones more than old ones."""
        blocks = len(record.numbers)
        latest = record.seconds / blocks
        before = latest if self._seconds_per_block is None else self._seconds_per_block
        self._seconds_per_block = 0.5 * (before + latest)
        # the short batches at the end tell nothing of what a batch may grow to
        self._measured = max(self._measured, blocks)


class Regrouped:
    """Tasks with their blocks dealt out anew, in order.

    Parameters
    ----------
    tasks : iterable of BatchTask
        They are taken only as they are needed.
    """

    def __init__(self, tasks: Iterable[BatchTask]) -> None:
        self._tasks = iter(tasks)
        self._next = next(self._tasks, None)
        self._kind: BatchTask | None = None
        self._numbers: deque[int] = deque()

    @property
    def first(self) -> BatchTask | None:
        """Task that comes next, None if there is none."""
        if self._numbers and self._kind is not None:
            return replace(self._kind, numbers=tuple(self._numbers))
        return self._next

    def take(self, size: int, shares: int) -> BatchTask | None:
        """Next batch, None at the end.

        Parameters
        ----------
        size : int
            Largest number of blocks.
        shares : int
            Number of equal batches that the last blocks are to be dealt out in, so that all
            workers end together.
        """
        self._fill(size * shares)
        if self._kind is None or not self._numbers:
            return None
        count = min(size, max(1, len(self._numbers) // shares))
        return replace(self._kind, numbers=tuple(self._numbers.popleft() for _ in range(count)))

    def _fill(self, wanted: int) -> None:
        while self._next is not None and len(self._numbers) < wanted:
            kind = replace(self._next, numbers=())
            if self._numbers and kind != self._kind:
                return
            self._kind = kind
            self._numbers.extend(self._next.numbers)
            self._next = next(self._tasks, None)
