"""Describing a volume in a store, however large it is."""

from __future__ import annotations

import math
from collections.abc import Sequence

from morphgen.descriptors import Description, Frame, Wanted, left_out
from morphgen.descriptors.measures import chosen, sum_measures
from morphgen.descriptors.parts import SumMeasure
from morphgen.errors import InputError
from morphgen.progress import Progress, silent
from morphgen.tiles.backends import Backend
from morphgen.tiles.chunkwise import CHUNK, summed_by_parts
from morphgen.tiles.cluster import Access, check_store, connected
from morphgen.tiles.memory import INTERPRETER, available_memory
from morphgen.tiles.plan import usable_cpus
from morphgen.tiles.volume import VolumeInfo
from morphgen.tiles.windows import stored_labels

# per voxel of a padded part, and per phase: two half-spectra of complex128
_BYTES = 16


def frame_of(volume: VolumeInfo) -> Frame:
    """What all parts of a stored volume share."""
    phases = tuple(phase.label for phase in volume.model.phases)
    return Frame(volume.shape, volume.voxel_size, "zyx", phases, volume.unit)


def describe_store(
    volume: VolumeInfo,
    wanted: Wanted,
    access: Access,
    *,
    chunk: int | None = None,
    progress: Progress = silent,
) -> Description:
    """Measure a volume in a store: what is a sum over voxels, part by part and exactly.

    Parameters
    ----------
    volume : VolumeInfo
        The volume; all its blocks must be written.
    wanted : Wanted
        What to measure.
    access : Access
        Who computes; by default as many processes as there are CPUs and memory.
    chunk : int, optional
        Edge of the parts in voxels, 128 by default.
    progress : callable
        Told about parts done.

    Returns
    -------
    Description

    Raises
    ------
    StoreError
        If blocks are missing, or workers do not see the store.
    InputError
        If the chunk cannot be used, or there is too little memory for a part.
    GenerationError
        If a worker or the cluster is lost.
    """
    stored, frame = stored_labels(volume), frame_of(volume)
    measures = sum_measures(wanted, frame)
    need = part_memory(frame, measures, CHUNK if chunk is None else chunk)
    with connected(access) as cluster:
        workers = 1
        if cluster is None:
            workers = _workers(access.workers, need)
        else:
            cluster.check(Backend(), need)
            check_store(cluster.client, stored.location, stored.identity)
        readings = summed_by_parts(
            stored, frame, measures, chunk=chunk, workers=workers, cluster=cluster,
            progress=progress,
        )  # fmt: skip
    return Description(
        source=volume.location,
        shape=volume.shape,
        images=1,
        spacing=frame.spacing,
        axes=frame.axes,
        unit=frame.unit,
        phases=volume.model.phases,
        readings=chosen(readings, wanted),
        left_out=left_out(3, wanted.kinds),
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


def _workers(wanted: int | None, need: int) -> int:
    if wanted is not None and wanted < 1:
        raise InputError(f"workers is {wanted}: expected at least 1")
    fitting = available_memory() // need
    if fitting < (wanted or 1):
        raise InputError(
            f"{wanted or 1} workers need {(wanted or 1) * need / 2**30:.3g} GiB of memory, "
            f"{available_memory() / 2**30:.3g} GiB are available; give fewer workers, a smaller "
            "chunk or a shorter largest lag"
        )
    return min(usable_cpus(), fitting) if wanted is None else wanted
