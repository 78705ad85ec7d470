"""What the scenarios of a study cost."""

from __future__ import annotations

import math
from collections.abc import Sequence

from morphgen.studies.run import Job

MIB = 2**20

# Peaks above the labels, per voxel, measured at 128^3 and 192^3 (docs/how-to/study.md), rounded
# up; what is not named sums over small parts.
_BYTES_PER_VOXEL = 40
# what a library takes that is loaded for it
_LOADED = dict.fromkeys(("effective_diffusivity", "tortuosity_factor"), 400 * MIB)
_INTERPRETER = 250 * MIB

# of a volume that is measured to know how long others take
_PROBE_SIDE = 48


def measuring_memory(job: Job) -> int:
    """Largest memory that measuring a scenario takes, interpreter included, in bytes."""
    loaded = max((_LOADED.get(kind, 0) for kind in job.wanted.kinds), default=0)
    return _INTERPRETER + loaded + _BYTES_PER_VOXEL * math.prod(job.shape)


def probe_shape(shape: Sequence[int]) -> tuple[int, int, int]:
    """Shape of a small volume that tells how long a larger one takes."""
    z, y, x = (min(side, _PROBE_SIDE) for side in shape)
    return z, y, x
