"""What a worker that is killed does; a module, so that worker processes can import it."""

from __future__ import annotations

import os
import signal

from morphgen.tiles import BatchRecord, BatchTask, compute_batch


def die(task: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_of_block_3(task: BatchTask) -> BatchRecord:
    if 3 in task.numbers:
        os.kill(os.getpid(), signal.SIGKILL)
    return compute_batch(task)
