"""Blocks by every array library and device that is here, each beside bare FFTs of the same library.

    pip install -c constraints.txt -e ".[dev]"        # on a GPU machine: ".[dev,cuda]"
    python benchmarks/backends.py [--side 512] [--repeats 3] [--store] [--smoke]

The peer does the same work as one whole-volume filter would: for every Gaussian component of the
model, normal numbers of the library's own generator, a pair of FFTs around a product, for blocks
of the same edge without halos; then the thresholds. Block and peer take turns; a ratio compares
two runs of one repeat. With torch on a GPU, the bytes that traffic.py counts, over the time, are
compared with a copy of memory that is measured in the same run; CuPy's operations are others, and
nothing counts them. With --store, the volume also goes into a compressed Zarr store, end to end,
and labels are compared with NumPy's.

Where no CUDA device is found, GPUs are left out, and the first lines say why. The class is one
that asv runs as well: `params`, `setup`, `time_blocks`, `time_peer`.
"""

from __future__ import annotations

import argparse
import math
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from models import MODELS
from runs import surroundings

import morphgen as mg
from morphgen._array_api import Array, fft, is_torch, standard
from morphgen.devices import LIBRARIES, find
from morphgen.tiles import Backend

PACKAGES = ("morphgen", "numpy", "scipy", "torch", "cupy", "zarr")
NAMES = ("smooth", "three_phases", "rough")


def backends() -> tuple[list[Backend], list[str]]:
    """What can compute here, and why other things cannot."""
    chosen, absent = [Backend()], []
    for name in reversed(LIBRARIES):
        found = find(name)
        if name == "torch" and found.version is not None:
            chosen.append(Backend("torch", "cpu"))
        chosen += [Backend(name, device.name) for device in found.devices[:1]]
        if found.trouble is not None:
            absent.append(f"{name} on CUDA is left out: {found.trouble}")
    return chosen, absent


class Blocks:
    """Labels of blocks, and the same amount of filtering without morphgen."""

    params = (NAMES, backends()[0])
    param_names = ("model", "backend")

    def setup(self, model: str, backend: Backend) -> None:
        """Prepare kernels, plans of FFTs and the memory of the device."""
        self.backend = backend
        self.sample = mg.Realization(MODELS[model](), 1)
        self.xp, self.space = backend.module(), standard(backend.module())
        self.edge = self.sample.block_edge
        self.transform = self._ones()
        self.time_blocks(model, backend)
        self.time_peer(model, backend)

    def time_blocks(self, model: str, backend: Backend, count: int = 1) -> None:
        """Labels of some blocks, one after the other, left where they are computed."""
        with backend.current():
            for number in range(count):
                labels = self.sample.block((number, 0, 0), self.xp, backend.argument)
            self._wait(labels)

    def time_peer(self, model: str, backend: Backend, count: int = 1) -> None:
        """Noise, FFTs and thresholds of as many blocks without halos."""
        fields = self.sample.model.fields
        with backend.current():
            for _ in range(count):
                labels = self.space.zeros(
                    (self.edge,) * 3, dtype=self.space.uint8, device=backend.argument
                )
                for field in fields:
                    values = sum(self._filtered() ** 2 for _ in range(field.law.components))
                    labels = labels + self.space.astype(values > field.threshold, self.space.uint8)
            self._wait(labels)

    def _filtered(self) -> Array:
        shape = (self.edge,) * 3
        if is_torch(self.space):
            noise = self.xp.randn(shape, device=self.backend.argument)
        elif self.backend.name == "cupy":
            noise = self.xp.random.standard_normal(shape, dtype=self.xp.float32)
        else:
            noise = np.random.default_rng().standard_normal(shape, dtype=np.float32)
        transforms = fft(self.space)
        spectrum = transforms.rfftn(noise, axes=(0, 1, 2)) * self.transform
        return transforms.irfftn(spectrum, s=shape, axes=(0, 1, 2))

    def _ones(self) -> Array:
        shape = (self.edge, self.edge, self.edge // 2 + 1)
        with self.backend.current():
            return self.space.ones(shape, dtype=self.space.float32, device=self.backend.argument)

    def _wait(self, labels: Array) -> None:
        """Wait for all that is queued: for one label to arrive."""
        self.backend.to_host(labels[:1, :1, :1])


def timed(run: Callable[[], object]) -> float:
    """Seconds of a call."""
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def bandwidth(backend: Backend) -> float:
    """Bytes per second that a copy of a GiB reads and writes on the device."""
    space = standard(backend.module())
    with backend.current():
        source = space.zeros(2**28, dtype=space.float32, device=backend.argument)

        def copies() -> None:
            for _ in range(10):
                copied = source + 0.0
            backend.to_host(copied[:1])

        copies()
        return 10 * 2 * 2**30 / timed(copies)


def bytes_per_voxel(model: str) -> float:
    """What traffic.py counts of torch."""
    from traffic import counted

    sample = mg.Realization(MODELS[model](), 1)
    return float(sum(counted(sample).bytes.values()) / sample.block_edge**3)


def row(model: str, backend: Backend, asked: argparse.Namespace) -> str:
    """One line of the table: medians over repeats, ratios with their least and greatest."""
    case = Blocks()
    case.setup(model, backend)
    count = math.ceil(asked.side**3 / case.edge**3)
    times, ratios = [], []
    for _ in range(asked.repeats):
        own = timed(lambda: case.time_blocks(model, backend, count))
        peer = timed(lambda: case.time_peer(model, backend, count))
        times.append(own)
        ratios.append(own / peer)
    seconds = statistics.median(times)
    voxel = 1e9 * seconds / (count * case.edge**3)
    share = "-"
    if backend.on_gpu and backend.name == "torch":
        moved = bytes_per_voxel(model)
        share = f"{100 * moved * 1e9 / voxel / bandwidth(backend):.0f} %"
    return (
        f"| {backend.name}, {backend.device} | {model} | {count} of {case.edge}³ | "
        f"{seconds:.3g} s | "
        f"{voxel:.3g} | {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) | "
        f"{share} |"
    )


def stored(backend: Backend, side: int, folder: Path) -> str:
    """A volume end to end, and how many of its voxels differ from NumPy's."""
    model, path = MODELS["three_phases"](), folder / f"{backend.name}.zarr"
    shape: Any = (side, side, side)
    done = mg.generate(
        model, path, shape=shape, seed=1, backend=backend.name, device=backend.device, workers=1
    )
    small = (min(side, 256),) * 3
    ours = np.asarray(mg.open_volume(path).read(tuple(slice(0, n) for n in small)))
    theirs = mg.Realization(model, 1).window((0, 0, 0), small)
    different = float(np.mean(ours != theirs))
    shutil.rmtree(path)
    return (
        f"| {backend.name}, {backend.device} | {done.seconds:.3g} s | "
        f"{1e9 * done.seconds / side**3:.3g} | {different:.1e} |"
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--side", type=int, default=512, help="edge of the volume, in voxels")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--store", action="store_true", help="end to end into Zarr as well")
    parser.add_argument("--smoke", action="store_true", help="one block, once")
    asked = parser.parse_args()
    if asked.smoke:
        asked.side, asked.repeats = 64, 1
    chosen, absent = backends()
    print(surroundings(*PACKAGES))
    for device in (one for name in LIBRARIES for one in find(name).devices):
        print(f"{device.name}: {device.model}, {device.memory / 2**30:.0f} GiB")
    print("\n".join(absent))
    print(
        "\n| library, device | model | blocks | time | ns per voxel | time over bare FFTs | "
        "of the bandwidth |\n|---|---|---|---|---|---|---|"
    )
    for backend in chosen:
        for model in NAMES:
            print(row(model, backend, asked), flush=True)
    if asked.store:
        print(
            "\n| library, device | three phases into Zarr | ns per voxel | voxels that differ from "
            "NumPy's |\n|---|---|---|---|"
        )
        for backend in chosen:
            with tempfile.TemporaryDirectory() as folder:
                print(stored(backend, asked.side, Path(folder)), flush=True)


if __name__ == "__main__":
    main()
