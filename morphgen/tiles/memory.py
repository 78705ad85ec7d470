"""How much memory a worker needs, and how much there is."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

from morphgen.excursion.realization import Realization
from morphgen.excursion.shared import Noise
from morphgen.fields.parametric import KERNEL_MARGIN, ParametricKernel
from morphgen.fields.sampling import Sampling
from morphgen.tiles.backends import Backend

MIB = 2**20

# blocks that the worker of a GPU compresses at a time, at most
_GPU_WRITERS = 8

# Peaks measured on Linux, glibc, x86-64 (benchmarks/memory.py), rounded up.
INTERPRETER = {"numpy": 150 * MIB, "torch": 420 * MIB, "cupy": 700 * MIB}
# per voxel of a kernel's FFT while its transform is prepared
_PREPARATION_BYTES = 10.5
# per voxel of an FFT that is done as a whole: noise, half spectrum, its copy in the inverse
_WHOLE_FFT_BYTES = {"numpy": 12.6, "torch": 26.0, "cupy": 12.6}
# per voxel of an FFT that is done axis by axis: half a spectrum of complex64
_STAGED_FFT_BYTES = 4.1
# per voxel of the FFT: float32 transforms, kept for every noise
_TRANSFORM_BYTES = 2.05
# per voxel of the block: labels that are painted, those that are being written, their copies by
# chunk, and the encoded shard
_BLOCK_BYTES = 4
# the same where decisions and field values are arrays of whole blocks
_WHOLE_BLOCK_BYTES = 10
# On a CUDA device: its context and the workspaces of its libraries, taken from their documentation
# with room to spare; per voxel of an FFT, 17 bytes of arrays (measured with torch) and a workspace
# of cuFFT that is one and a half times its complex data; per voxel of the block, decisions, labels
# and the components of a field, those of a weighted sum besides.
_DEVICE_CONTEXT = 768 * MIB
_DEVICE_FFT_BYTES = 29.0
# torch gives a workspace back after its FFT; CuPy keeps those of every shape, for both directions,
# and copies the spectrum before the inverse, which fits into the one that is counted above
_CUPY_PLAN_BYTES = 12.0
_DEVICE_BLOCK_BYTES = 16
_DEVICE_SHARED_BYTES = 8
# per voxel of the octant of a parametric kernel, and per voxel of a whole kernel, in float64
_OCTANT_BYTES = 100
_KERNEL_BYTES = 32


def worker_memory(sample: Realization, backend: Backend) -> int:
    """Largest memory that a worker needs on the host, whatever the volume, in bytes.

    An upper bound of the peak of its resident memory, interpreter and libraries included.
    """
    noises = list(zip(sample.model.noises, sample.samplings, strict=True))
    # noises of one kernel share what is prepared
    prepared = {(noise.kernel, lattice): (noise, lattice) for noise, lattice in noises}.values()
    kept, peak = sum(_remains(sample, *one) for one in prepared), 0.0
    for one in prepared:
        kept += _TRANSFORM_BYTES * math.prod(one[1].fft_shape(sample.block_edge))
        peak = max(peak, kept + _preparation(sample, *one))
    block = sample.block_edge**3
    if backend.on_gpu:
        # labels that came from the device, their copies by chunk and the encoded shards
        written = _BLOCK_BYTES * block * (1 + concurrent_writes(backend))
        return math.ceil(INTERPRETER[backend.name] * 3 + peak + written)
    if backend.name == "numpy":
        peak = max(peak, kept + _BLOCK_BYTES * block + _by_pieces(sample))
    else:
        whole = _WHOLE_BLOCK_BYTES * block + max(_whole(sample, *one, backend) for one in noises)
        if sample.model.shared is not None:
            # the weighted sum, while the next noise is convolved, and that noise weighted
            whole += 8 * block
        peak = max(peak, kept + whole)
    return math.ceil(INTERPRETER[backend.name] + peak)


def device_memory(sample: Realization, library: str = "torch") -> int:
    """Memory of a CUDA device that a worker needs, whatever the volume, in bytes.

    Blocks that are queued one behind the other take turns in the same memory; only their labels
    are there together.

    Parameters
    ----------
    sample : Realization
        What is generated.
    library : {"torch", "cupy"}
        What computes.
    """
    edge = sample.block_edge
    shapes = [one.fft_shape(edge) for one in sample.samplings]
    voxels = [math.prod(shape) for shape in shapes]
    block = _DEVICE_BLOCK_BYTES + (0 if sample.model.shared is None else _DEVICE_SHARED_BYTES)
    kept = _TRANSFORM_BYTES * sum(voxels)
    if library == "cupy":
        kept += _CUPY_PLAN_BYTES * sum(map(math.prod, set(shapes)))
    return math.ceil(_DEVICE_CONTEXT + kept + _DEVICE_FFT_BYTES * max(voxels) + block * edge**3)


def available_memory() -> int:
    """Memory that new processes can have, in bytes: the machine's, or a control group's if less."""
    return min([_machine_memory(), *_cgroup_memory()])


def usable_cpus() -> int:
    """Number of CPUs that this process may use."""
    return len(os.sched_getaffinity(0))


def concurrent_writes(backend: Backend) -> int:
    """Number of blocks that one worker compresses and writes at a time."""
    return min(_GPU_WRITERS, 1 + usable_cpus()) if backend.on_gpu else 1


def _by_pieces(sample: Realization) -> float:
    """Bytes of a block that is computed piece by piece: what all its noises hold together."""
    edge, largest, held = sample.block_edge, 0.0, 0.0
    spectra, sums = {}, 0.0
    # decisions of a field, or values of a noise that is mixed with another
    stored = 1.0 if sample.model.shared is None else 4.0
    for noise, one in zip(sample.model.noises, sample.samplings, strict=True):
        shape = one.fft_shape(edge)
        if one.interpolated:
            columns = math.prod(axis.points(edge) for axis in one.axes[:2]) * edge
            held += 4 * 1.2 * columns * noise.components
            largest = max(largest, _WHOLE_FFT_BYTES["numpy"] * math.prod(shape))
        else:
            held += stored * edge**3
            spectra[shape] = _STAGED_FFT_BYTES * math.prod(shape)
            sums = max(sums, 4.0 * edge**3 if noise.components > 1 else 0.0)
    return held + largest + sum(spectra.values()) + sums


def _whole(sample: Realization, noise: Noise, one: Sampling, backend: Backend) -> float:
    """Bytes of a noise that is computed on whole arrays."""
    edge, voxels = sample.block_edge, math.prod(one.fft_shape(sample.block_edge))
    need = _WHOLE_FFT_BYTES[backend.name] * voxels
    if one.interpolated:
        need += 4.0 * (one.axes[0].points(edge) * edge**2 + edge**3)
    if noise.components > 1:
        # the sum of squares, and the component before
        need += 4.0 * edge**3 + 4.0 * max(voxels, edge**3)
    return need


def _preparation(sample: Realization, noise: Noise, one: Sampling) -> float:
    kernel = _KERNEL_BYTES * math.prod(2 * axis.halo + 1 for axis in one.axes)
    transform = _PREPARATION_BYTES * math.prod(one.fft_shape(sample.block_edge)) + kernel / 4
    return max(kernel, transform, _OCTANT_BYTES * _octant(sample, noise, one))


def _remains(sample: Realization, noise: Noise, one: Sampling) -> float:
    # the kernel is cached, and its temporaries leave holes in the heap
    return _OCTANT_BYTES / 2 * _octant(sample, noise, one)


def _octant(sample: Realization, noise: Noise, one: Sampling) -> float:
    """Points of the octant that a parametric kernel is computed on."""
    if not isinstance(noise.kernel, ParametricKernel):
        return 0.0
    return math.prod(
        noise.kernel.reach / (step * factor) + KERNEL_MARGIN
        for step, factor in zip(sample.model.voxel_size, one.factors, strict=True)
    )


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
