"""Volumes larger than memory: blocks, their store on disk, and who computes them."""

from morphgen.tiles.arrays import open_labels
from morphgen.tiles.backends import Backend, resolve
from morphgen.tiles.execute import BatchRecord, BatchTask, Executor, compute_batch, write_blocks
from morphgen.tiles.generate import Generated, generate
from morphgen.tiles.grid import BlockGrid
from morphgen.tiles.lazy import to_dask
from morphgen.tiles.plan import Plan, plan
from morphgen.tiles.store import open_volume
from morphgen.tiles.verify import Difference, Verification, verify
from morphgen.tiles.view import LazyVolume
from morphgen.tiles.volume import VolumeInfo

__all__ = [
    "Backend",
    "BatchRecord",
    "BatchTask",
    "BlockGrid",
    "Difference",
    "Executor",
    "Generated",
    "LazyVolume",
    "Plan",
    "Verification",
    "VolumeInfo",
    "compute_batch",
    "generate",
    "open_labels",
    "open_volume",
    "plan",
    "resolve",
    "to_dask",
    "verify",
    "write_blocks",
]
