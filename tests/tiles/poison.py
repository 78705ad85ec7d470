"""What a worker loads (``--preload``) to fail at one block, or to be slow at all of them.

A kind and a linear number, such as ``kill:7``, stand in the variable POISON.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

from morphgen.tiles import distributed
from morphgen.tiles.execute import BatchRecord, BatchTask, compute_blocks

KIND, _, NUMBER = os.environ["POISON"].partition(":")


def poisoned(task: BatchTask) -> Iterator[BatchRecord]:
    if int(NUMBER) in task.numbers:
        if KIND == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if KIND == "memory":
            hoard = bytearray(2**30)
            hoard[::4096] = b"1" * len(hoard[::4096])
        if KIND == "raise":
            raise TimeoutError("no answer\nfrom the disk")
    for record in compute_blocks(task):
        yield record
        if KIND == "slow":
            time.sleep(0.3)


def dask_setup(worker: object) -> None:
    distributed.compute_blocks = poisoned
