"""Canonical blocks: the field values of one cell of an absolute lattice.

Rounding in an FFT depends on its size and on where it begins. A block's FFT therefore depends on
the block alone, never on the window that asks for it (THEORY 10).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from morphgen._array_api import Array
from morphgen.errors import ModelError
from morphgen.fields.laws import Law
from morphgen.fields.sampling import Index, Periods, Sampling
from morphgen.fields.synthesis import Synthesis

__all__ = [
    "SHARED_NOISE",
    "Index",
    "Mixture",
    "Periods",
    "block_edge",
    "block_end",
    "field_values",
    "mixed_values",
    "stream",
]

# Powers of two, as the sides of most volumes are: an edge of 192 would cover 512 voxels with 576.
# Above 256 the gain in overlap no longer pays.
_EDGES = (64, 128, 256)
# FFTs stay within this length, or six halos if that is more: a worker then needs less than a GiB
_USUAL_FFT_LENGTH = 360
_LARGEST_FFT_LENGTH = 640
# cost of noise and of passes through memory, beside the FFT's log2 of its size (measured)
_LINEAR_WORK = 12.0
_COMPONENTS_PER_FIELD = 2**16

# number that noise common to several fields has among the streams, after those of all fields
SHARED_NOISE = 2**15 - 1


def stream(field: int, component: int) -> int:
    """Noise stream of one Gaussian component of one field of a model."""
    return field * _COMPONENTS_PER_FIELD + component


def block_edge(samplings: Sequence[Sampling]) -> int:
    """Edge of the canonical block for fields of the given synthesis lattices, in voxels.

    The edge with the least arithmetic per voxel, among those whose FFT fits the memory of an
    ordinary worker.

    Raises
    ------
    ModelError
        If a kernel reaches too far for any block.
    """
    reach = max(axis.halo for one in samplings for axis in one.axes)
    limit = min(max(_USUAL_FFT_LENGTH, 6 * reach), _LARGEST_FFT_LENGTH)

    def shapes(edge: int) -> list[Index]:
        return [one.fft_shape(edge) for one in samplings]

    fitting = [edge for edge in _EDGES if max(map(max, shapes(edge))) <= limit]
    if not fitting:
        one = max(samplings, key=lambda one: max(axis.halo for axis in one.axes))
        longest = max(one.axes, key=lambda axis: axis.halo)
        raise ModelError(
            f"a kernel reaches {longest.factor * longest.halo} voxels, the limit is "
            f"{longest.factor * ((_LARGEST_FFT_LENGTH - _EDGES[0]) // 2)}; choose a coarser voxel "
            "size, or periods with many divisors such as multiples of 64"
        )

    def work(edge: int) -> float:
        sizes = [math.prod(shape) for shape in shapes(edge)]
        return sum(size * (math.log2(size) + _LINEAR_WORK) for size in sizes) / edge**3

    return min(fitting, key=work)


def block_end(voxel: int, edge: int, period: int | None) -> int:
    """Coordinate along an axis where the block of a voxel ends, or its period begins anew."""
    inside = voxel if period is None else voxel % period
    room = edge - inside % edge
    return voxel + (room if period is None else min(room, period - inside))


def field_values(
    law: Law, prepared: Synthesis, seed: int, field: int, index: Index, periods: Periods
) -> Array:
    """Values of field number ``field`` of a model on one canonical block.

    Returns
    -------
    array of float32, shape (edge, edge, edge)
    """

    def components() -> Iterator[Array]:
        for component in range(law.components):
            yield prepared.component(seed, stream(field, component), index, periods)

    return law.combine(components())


@dataclass(frozen=True)
class Mixture:
    """What one noise contributes to a field, ready for synthesis.

    Attributes
    ----------
    prepared : Synthesis
        Synthesis of the noise.
    stream : int
        Number that its streams begin with.
    weight : float
        Its weight.
    """

    prepared: Synthesis
    stream: int
    weight: float


def mixed_values(
    law: Law, mixtures: Sequence[Mixture], seed: int, index: Index, periods: Periods
) -> Array:
    """Values on one canonical block of a field whose components are weighted sums of noises.

    Returns
    -------
    array of float32, shape (edge, edge, edge)
    """

    def components() -> Iterator[Array]:
        for component in range(law.components):
            total = None
            for one in mixtures:
                key = stream(one.stream, component)
                values = one.weight * one.prepared.component(seed, key, index, periods)
                total = values if total is None else total + values
            yield total

    return law.combine(components())
