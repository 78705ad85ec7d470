"""What the scenarios of a study cost."""

from __future__ import annotations

import math
from collections.abc import Sequence

from morphgen.studies.run import Job

MIB = 2**20

# Peaks of the resident memory of a process that measures volumes of 96 to 160 voxels a side,
# rounded up, on Linux: transport takes 75 bytes per voxel and what torch needs, others 15 at most.
_BYTES_PER_VOXEL = 15
_INTERPRETER = 250 * MIB
_TRANSPORT = ("effective_diffusivity", "tortuosity_factor")
_CONDUCTION = ("effective_ionic_conductivity", "effective_electronic_conductivity")
_TRANSPORT_BYTES = 75
_TORCH = 300 * MIB

# of a volume that is measured to know how long others take
_PROBE_SIDE = 48


def measuring_memory(job: Job) -> int:
    """Largest memory that measuring a scenario takes, interpreter included, in bytes."""
    flows = not {*_TRANSPORT, *_CONDUCTION}.isdisjoint(job.wanted.kinds)
    each = _TRANSPORT_BYTES if flows else _BYTES_PER_VOXEL
    return _INTERPRETER + library_memory(job) + each * math.prod(job.shape)


def library_memory(job: Job) -> int:
    """Memory of libraries that measuring loads, and that stays when the next volume is drawn."""
    return _TORCH if set(_TRANSPORT) & set(job.wanted.kinds) else 0


def probe_shape(shape: Sequence[int]) -> tuple[int, int, int]:
    """Shape of a small volume that tells how long a larger one takes."""
    z, y, x = (min(side, _PROBE_SIDE) for side in shape)
    return z, y, x
