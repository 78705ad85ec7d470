"""What a block costs a GPU, counted on a CPU: kernels launched and bytes moved per voxel.

    pip install -c constraints.txt -e ".[dev]"
    python benchmarks/traffic.py [--side 1024] [--bandwidth 4.8e12] [--launch 5e-6]

Every operation that torch carries out for one block is taken as one kernel, which reads its
arguments and writes its result once; views cost nothing, what is broadcast is read once, an FFT
counts as one pass (it makes a few). Bytes over the bandwidth and launches times their cost each
bound the time from below. Defaults: the memory bandwidth that NVIDIA states for an H200, and a
usual cost of a launch from Python. Left out is what the host computes itself, above all the hashes
of a block's coordinates: 75 µs for every noise, on one core of an EPYC (NumPy 2.4.6). A
prediction, not a measurement: for that see backends.py.
"""

from __future__ import annotations

import argparse
import math
import time
from collections import Counter
from typing import Any

import torch
from models import MODELS
from runs import surroundings
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten
from torch.utils.flop_counter import flop_registry

import morphgen as mg
from morphgen.fields import noise

# what only names memory anew, or is a mark for profilers
_VIEWS = {
    "_conj", "_record_function_enter_new", "_record_function_exit", "_reshape_alias",
    "_unsafe_view", "alias", "as_strided", "detach", "empty", "empty_like", "expand",
    "lift_fresh", "new_empty_strided", "permute", "select", "slice", "split",
    "split_with_sizes", "squeeze", "t", "transpose", "unbind", "unsqueeze", "view", "view_as_real",
}  # fmt: skip


class Traffic(TorchDispatchMode):
    """Operations of torch, by name: how often, and the bytes that they read and write.

    Of all together, their floating-point operations where torch knows them, and processor seconds.
    Those on nothing but arrays of ``host`` are left out: they stay where they are.
    """

    def __init__(self, host: torch.dtype | None = None) -> None:
        super().__init__()
        self.host = host
        self.calls: Counter[str] = Counter()
        self.bytes: Counter[str] = Counter()
        self.flops = 0
        self.seconds = 0.0

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Carry out an operation, and count it."""
        began = time.process_time()
        result = operation(*args, **(kwargs or {}))
        seconds = time.process_time() - began
        name = operation.overloadpacket.__name__
        leaves = tree_flatten((args, kwargs, result))[0]
        arrays = [one for one in leaves if isinstance(one, torch.Tensor)]
        if name not in _VIEWS and any(one.dtype != self.host for one in arrays):
            self.calls[name] += 1
            self.bytes[name] += sum(map(_size, arrays))
            self.seconds += seconds
            flops = flop_registry.get(operation.overloadpacket)
            if flops is not None:
                self.flops += int(flops(*args, **(kwargs or {}), out_val=result))
        return result


def _size(array: torch.Tensor) -> int:
    strides = zip(array.shape, array.stride(), strict=True)
    return math.prod(side for side, step in strides if step) * array.element_size()


def counted(sample: mg.Realization) -> Traffic:
    """What a block costs once everything is prepared, with the noise in slabs as on a GPU."""
    before, noise._SLAB_VOXELS = noise._SLAB_VOXELS, noise._DEVICE_SLAB_VOXELS
    try:
        sample.block((0, 0, 0), torch, "cpu")
        with Traffic() as seen:
            sample.block((1, 0, 0), torch, "cpu")
    finally:
        noise._SLAB_VOXELS = before
    return seen


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--side", type=int, default=1024, help="edge of the volume, in voxels")
    parser.add_argument("--bandwidth", type=float, default=4.8e12, help="bytes per second")
    parser.add_argument("--launch", type=float, default=5e-6, help="seconds per kernel")
    asked = parser.parse_args()
    print(surroundings("morphgen", "torch"))
    print(
        "\n| model | synthesis | kernels per block | bytes per voxel | most of them | "
        f"{asked.side}³ at least: bytes | launches |\n|---|---|---|---|---|---|---|"
    )
    for name, build in MODELS.items():
        for exact in (False, True):
            print(_row(name, mg.Realization(build(), 1, exact=exact), asked))


def _row(name: str, sample: mg.Realization, asked: argparse.Namespace) -> str:
    seen = counted(sample)
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
