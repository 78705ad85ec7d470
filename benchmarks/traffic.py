"""What a block costs a GPU, counted on a CPU: kernels launched and bytes moved per voxel.

    pip install -c constraints.txt -e ".[dev]"
    python benchmarks/traffic.py [--side 1024] [--bandwidth 4.8e12] [--launch 5e-6]

Every operation that torch carries out for one block is taken as one kernel, which reads its
arguments and writes its result once; views cost nothing, what is broadcast is read once, an FFT
counts as one pass (it makes a few). Bytes over the bandwidth and launches times their cost each
bound the time from below. Defaults: the memory bandwidth that NVIDIA states for an H200, and a
usual cost of a launch from Python. A prediction, not a measurement: for that see backends.py.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter
from typing import Any

import torch
from models import MODELS
from runs import surroundings
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

import morphgen as mg
from morphgen.fields import noise

# what only names memory anew
_VIEWS = {
    "_reshape_alias", "_unsafe_view", "alias", "as_strided", "detach", "empty", "expand",
    "lift_fresh", "permute", "select", "slice", "split", "squeeze", "t", "transpose",
    "unsqueeze", "view",
}  # fmt: skip


class Traffic(TorchDispatchMode):
    """Operations of torch, by name: how often, and the bytes that they read and write."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()
        self.bytes: Counter[str] = Counter()

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Carry out an operation, and count it."""
        result = operation(*args, **(kwargs or {}))
        name = operation.overloadpacket.__name__
        if name not in _VIEWS:
            arrays = tree_flatten((args, kwargs, result))[0]
            self.calls[name] += 1
            self.bytes[name] += sum(_size(one) for one in arrays if isinstance(one, torch.Tensor))
        return result


def _size(array: torch.Tensor) -> int:
    strides = zip(array.shape, array.stride(), strict=True)
    return math.prod(side for side, step in strides if step) * array.element_size()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--side", type=int, default=1024, help="edge of the volume, in voxels")
    parser.add_argument("--bandwidth", type=float, default=4.8e12, help="bytes per second")
    parser.add_argument("--launch", type=float, default=5e-6, help="seconds per kernel")
    asked = parser.parse_args()
    # slabs as a GPU has them
    noise._SLAB_VOXELS = noise._DEVICE_SLAB_VOXELS
    print(surroundings("morphgen", "torch"))
    print(
        "\n| model | synthesis | kernels per block | bytes per voxel | most of them | "
        f"{asked.side}³ at least: bytes | launches |\n|---|---|---|---|---|---|---|"
    )
    for name, build in MODELS.items():
        for exact in (False, True):
            print(_row(name, mg.Realization(build(), 1, exact=exact), asked))


def _row(name: str, sample: mg.Realization, asked: argparse.Namespace) -> str:
    sample.block((0, 0, 0), torch)
    with Traffic() as seen:
        sample.block((1, 0, 0), torch)
    edge = sample.block_edge
    calls, moved = sum(seen.calls.values()), sum(seen.bytes.values()) / edge**3
    blocks = math.ceil(asked.side / edge) ** 3
    most = ", ".join(
        f"{what} {100 * n / edge**3 / moved:.0f} %" for what, n in seen.bytes.most_common(4)
    )
    time = moved * asked.side**3 / asked.bandwidth
    return (
        f"| {name} | {'every voxel' if sample.exact else 'as generated'} | {calls} | {moved:.0f} | "
        f"{most} | {time:.3f} s | {calls * blocks * asked.launch:.3f} s |"
    )


if __name__ == "__main__":
    main()
