"""How much memory a worker needs, and how much there is."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from morphgen._array_api import fast_length
from morphgen.excursion.model import ExcursionModel, Field
from morphgen.fields.blocks import Index, kernel_halo
from morphgen.fields.kernels import Kernel
from morphgen.fields.parametric import ParametricKernel
from morphgen.tiles.backends import Backend

MIB = 2**20

# Peaks measured on Linux, glibc, x86-64 (benchmarks/memory.py), rounded up.
_INTERPRETER = {"numpy": 150 * MIB, "torch": 420 * MIB, "cupy": 700 * MIB}
# per voxel of a kernel's FFT while its transform is prepared
_PREPARATION_BYTES = 12
# per voxel of the FFT: noise, half spectrum and its copy in the inverse transform
_COMPONENT_BYTES = {"numpy": 12.6, "torch": 26.0, "cupy": 12.6}
# per voxel of the FFT: float32 transforms, kept for every field
_TRANSFORM_BYTES = 2.05
# per voxel of the block: decisions, labels, and the encoded shard
_BLOCK_BYTES = 6
# per voxel of the octant of a parametric kernel, and per voxel of a whole kernel, in float64
_OCTANT_BYTES = 100
_KERNEL_BYTES = 32


def worker_memory(model: ExcursionModel, backend: Backend) -> int:
    """Largest memory that a worker needs on the host, whatever the volume, in bytes.

    An upper bound of the peak of its resident memory, interpreter and libraries included.
    """
    kept, peak = sum(_remains(model, field) for field in model.fields), 0.0
    for field in model.fields:
        kept += _TRANSFORM_BYTES * fft_voxels(model, field)
        peak = max(peak, kept + _preparation(model, field))
    if backend.on_gpu:
        return math.ceil(_INTERPRETER[backend.name] * 3 + peak + 2 * model.block_edge**3)
    block = _BLOCK_BYTES * model.block_edge**3
    for field in model.fields:
        peak = max(peak, kept + block + _field(model, field, _COMPONENT_BYTES[backend.name]))
    return math.ceil(_INTERPRETER[backend.name] + peak)


def available_memory() -> int:
    """Memory that new processes can have, in bytes: the machine's, or a control group's if less."""
    return min([_machine_memory(), *_cgroup_memory()])


def fft_voxels(model: ExcursionModel, field: Field) -> int:
    """Voxels of the FFT that computes one component of a field on one block."""
    halo = _halo(field.kernel, model.voxel_size)
    return math.prod(fast_length(model.block_edge + 2 * h) for h in halo)


def _field(model: ExcursionModel, field: Field, component_bytes: float) -> float:
    voxels = fft_voxels(model, field)
    need = component_bytes * voxels
    if field.law.components > 1:
        # the sum of squares, and the component before
        need += 4 * model.block_edge**3 + 4 * voxels
    return need


def _preparation(model: ExcursionModel, field: Field) -> float:
    kernel = _KERNEL_BYTES * math.prod(2 * h + 1 for h in _halo(field.kernel, model.voxel_size))
    transform = _PREPARATION_BYTES * fft_voxels(model, field) + kernel / 4
    return max(kernel, transform, _OCTANT_BYTES * _octant(model, field))


def _remains(model: ExcursionModel, field: Field) -> float:
    # the kernel is cached, and its temporaries leave holes in the heap
    return _OCTANT_BYTES / 2 * _octant(model, field)


def _octant(model: ExcursionModel, field: Field) -> float:
    """Voxels of the octant that a parametric kernel is computed on."""
    if not isinstance(field.kernel, ParametricKernel):
        return 0.0
    return math.prod(field.kernel.reach / step + 2 for step in model.voxel_size)


@lru_cache(maxsize=32)
def _halo(kernel: Kernel, spacing: tuple[float, ...]) -> Index:
    # the kernel is computed for this: a second, if it reaches far
    return kernel_halo(kernel, spacing)


def _machine_memory() -> int:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        words = next(line.split() for line in lines if line.startswith("MemAvailable:"))
        return 1024 * int(words[1])
    except (OSError, StopIteration, ValueError, IndexError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _cgroup_memory() -> Iterator[int]:
    """Room under every memory limit of the control groups that this process is in."""
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if controllers == "":
            names = ("memory.max", "memory.current", "inactive_file")
            yield from _rooms(Path("/sys/fs/cgroup"), group, names)
        elif "memory" in controllers.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            yield from _rooms(Path("/sys/fs/cgroup/memory"), group, names)


def _rooms(root: Path, group: str, names: tuple[str, str, str]) -> Iterator[int]:
    # a limit of any enclosing group holds; in a container the path may be the host's
    folder = root / group.lstrip("/")
    for place in [folder, *folder.parents]:
        if not place.is_relative_to(root):
            break
        room = _room(place, *names)
        if room is not None:
            yield room


def _room(folder: Path, limit: str, usage: str, cache: str) -> int | None:
    try:
        most = int((folder / limit).read_text(encoding="ascii"))
        used = int((folder / usage).read_text(encoding="ascii"))
        lines = (folder / "memory.stat").read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return None
    # cached files give way
    given = [int(line.split()[1]) for line in lines if line.split()[0] == cache]
    return max(0, most - used + sum(given))
