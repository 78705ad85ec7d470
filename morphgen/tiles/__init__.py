"""Volumes larger than memory: blocks, their store on disk, and who computes them."""

from morphgen.tiles.backends import Backend, resolve
from morphgen.tiles.execute import BlockRecord, BlockTask, Executor, compute_block, write_blocks
from morphgen.tiles.generate import Generated, generate
from morphgen.tiles.grid import BlockGrid
from morphgen.tiles.plan import Plan, plan
from morphgen.tiles.store import VolumeInfo, open_labels, open_volume

__all__ = [
    "Backend",
    "BlockGrid",
    "BlockRecord",
    "BlockTask",
    "Executor",
    "Generated",
    "Plan",
    "VolumeInfo",
    "compute_block",
    "generate",
    "open_labels",
    "open_volume",
    "plan",
    "resolve",
    "write_blocks",
]
