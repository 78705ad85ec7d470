"""Who counts on the parts of a volume, and how much memory that takes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from morphgen.descriptors import Frame, Reading
from morphgen.descriptors.parts import SumMeasure
from morphgen.errors import InputError
from morphgen.progress import Progress, silent
from morphgen.tiles.backends import Backend
from morphgen.tiles.chunkwise import CHUNK, summed_by_parts
from morphgen.tiles.cluster import Access, check_store, connected
from morphgen.tiles.memory import INTERPRETER, available_memory
from morphgen.tiles.plan import usable_cpus
from morphgen.tiles.windows import StoredLabels, Windowed

# per voxel of a padded part, and per phase: two half-spectra of complex128
_BYTES = 16


def measured_by_parts(
    image: Windowed,
    frame: Frame,
    measures: Sequence[SumMeasure],
    access: Access,
    *,
    chunk: int | None = None,
    progress: Progress = silent,
) -> list[Reading]:
    """Count on the parts of an image, in processes or on a cluster, as far as memory goes.

    Parameters
    ----------
    image, frame, measures, chunk, progress
        As for `summed_by_parts`.
    access : Access
        Who counts; by default this process, and for a store as many processes as there are CPUs
        and memory.

    Returns
    -------
    list of Reading, in the order of the measures

    Raises
    ------
    InputError
        If the chunk or the number of workers cannot be used, or there is too little memory.
    StoreError
        If a part of a store cannot be read, or workers do not see the store.
    GenerationError
        If a worker or the cluster is lost.
    """
    need = part_memory(frame, measures, CHUNK if chunk is None else chunk)
    stored = image if isinstance(image, StoredLabels) else None
    with connected(access) as cluster:
        workers = 1
        if cluster is None:
            workers = _workers(access.workers, usable_cpus() if stored else 1, need)
        else:
            cluster.check(Backend(), need)
            if stored:
                check_store(cluster.client, stored.location, stored.identity)
        return summed_by_parts(
            image, frame, measures, chunk=chunk, workers=workers, cluster=cluster, progress=progress
        )


def part_memory(frame: Frame, measures: Sequence[SumMeasure], chunk: int) -> int:
    """Largest memory that a worker needs for a part, interpreter included, in bytes.

    An estimate from above: two-point coverage holds two half-spectra of the padded part for each
    phase, and takes most.
    """
    voxels = 0
    for one in measures:
        sides = (
            side if axis == one.along else min(chunk, side) + 2 * one.margin
            for axis, side in enumerate(frame.shape)
        )
        voxels = max(voxels, math.prod(sides))
    return INTERPRETER["numpy"] + _BYTES * (len(frame.phases) + 1) * voxels


def _workers(wanted: int | None, usual: int, need: int) -> int:
    if wanted is not None and wanted < 1:
        raise InputError(f"workers is {wanted}: expected at least 1")
    room = available_memory()
    fitting = room // need
    if fitting < (wanted or 1):
        raise InputError(
            f"{wanted or 1} workers need {(wanted or 1) * need / 2**30:.3g} GiB of memory, "
            f"{room / 2**30:.3g} GiB are available; give fewer workers, a smaller chunk or a "
            "shorter largest lag"
        )
    return min(usual, fitting) if wanted is None else wanted
