"""What this machine offers: processors, memory, array libraries and their devices."""

from __future__ import annotations

import importlib.metadata
import platform
from dataclasses import dataclass

from morphgen.devices import LIBRARIES, Library, driver_version, find, no_driver
from morphgen.tiles.backends import Backend, resolve
from morphgen.tiles.memory import available_memory, usable_cpus
from morphgen.tiles.metadata import instruction_set

# what results depend on, and what optional parts need: the extras of the package
_PACKAGES = {
    "": ("morphgen", "numpy", "scipy", "array-api-compat", "dask", "distributed", "zarr"),
    "analysis": ("connected-components-3d", "edt", "scikit-image", "taufactor"),
    "export": ("h5py",),
    "remote": ("fsspec",),
    "studies": ("pyarrow",),
    "clusters": ("dask-jobqueue", "dask-mpi", "dask-kubernetes", "dask-cuda"),
}


@dataclass(frozen=True)
class System:
    """A machine as blocks are computed on it.

    Attributes
    ----------
    python, platform, processor : str
        Version of Python, operating system, and instruction set.
    cpus : int
        Processors that this process may use.
    memory : int
        Memory that new processes can have, in bytes.
    driver : str or None
        What the NVIDIA driver says of itself.
    libraries : tuple of Library
        Array libraries that compute on GPUs, in the order in which ``auto`` takes them.
    chosen : Backend
        What ``auto`` takes.
    reason : str
        Why.
    packages : dict
        Versions by extra of the package and distribution; None where one is missing.
    """

    python: str
    platform: str
    processor: str
    cpus: int
    memory: int
    driver: str | None
    libraries: tuple[Library, ...]
    chosen: Backend
    reason: str
    packages: dict[str, dict[str, str | None]]


def system() -> System:
    """Look at this machine; libraries are imported only where there is an NVIDIA driver."""
    libraries = tuple(find(name) for name in LIBRARIES)
    chosen = resolve()
    return System(
        python=platform.python_version(),
        platform=platform.platform(),
        processor=instruction_set(),
        cpus=usable_cpus(),
        memory=available_memory(),
        driver=driver_version(),
        libraries=libraries,
        chosen=chosen,
        reason=_reason(chosen, libraries),
        packages={
            extra: {name: _version(name) for name in names} for extra, names in _PACKAGES.items()
        },
    )


def _reason(chosen: Backend, libraries: tuple[Library, ...]) -> str:
    if chosen.on_gpu:
        return f"the first of {', '.join(LIBRARIES)} that finds a CUDA device"
    hidden = no_driver()
    if hidden is not None:
        return hidden
    return "; ".join(f"{one.name} {one.trouble}" for one in libraries)


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
