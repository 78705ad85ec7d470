"""Steady conduction through a volume of voxels, by finite volumes and conjugate gradients."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from morphgen.descriptors.readings import Floats
from morphgen.errors import MorphgenError

# the error of the conductivity goes with the square of the residual: below 1e-3 at 96³ voxels
_RESIDUAL = 5e-5
_STEPS = 20_000


def conductance(conductivities: Floats, spacing: tuple[float, ...]) -> float:
    """Effective conductivity along the first axis; nothing passes through the other borders.

    Each voxel has one potential, at its centre; between two centres their conductivities are in
    series. The potentials 0 and 1 lie on the outer faces of the first and the last plane.

    Parameters
    ----------
    conductivities : array of float64, shape (n0, n1, n2)
        Conductivity of each voxel. Those above 0 are joined, directly or not, to both planes, and
        there are some.
    spacing
        Voxel size of each axis.

    Returns
    -------
    float
        In the unit of the conductivities. It is the dissipation of the potential that was found, so
        it lies above the exact value of the discrete problem.

    Raises
    ------
    MorphgenError
        If conjugate gradients do not converge.

    References
    ----------
    Patankar, Numerical Heat Transfer and Fluid Flow (1980), section 4.2.
    """
    import scipy.sparse.linalg  # noqa: PLC0415 - loaded only where something is solved

    # in units of the voxel along the flow, conductances are of the order of the conductivities
    steps = tuple(step / spacing[0] for step in spacing)
    own = conductivities > 0.0
    inlet, outlet = (2.0 * conductivities[side][own[side]] for side in (0, -1))
    first, second, between = _links(conductivities, own, steps)
    count = int(np.count_nonzero(own))
    diagonal = np.bincount(first, between, count) + np.bincount(second, between, count)
    diagonal[: inlet.size] += inlet
    diagonal[count - outlet.size :] += outlet
    # scaled so that the diagonal is 1
    scale = 1.0 / np.sqrt(diagonal)
    off = -between * scale[first] * scale[second]
    half = scipy.sparse.coo_array((off, (first, second)), shape=(count, count)).tocsr()
    matrix = half + half.T + scipy.sparse.eye_array(count, format="csr")
    source = np.zeros(count)
    source[count - outlet.size :] = outlet
    source *= scale
    heights = (np.arange(own.shape[0]) + 0.5) / own.shape[0]
    start = np.repeat(heights, np.count_nonzero(own, axis=(1, 2))) / scale
    found, failed = scipy.sparse.linalg.cg(
        matrix, source, start, rtol=_RESIDUAL, atol=0.0, maxiter=_STEPS
    )
    if failed:
        raise MorphgenError(
            f"conduction through {own.shape} voxels did not converge in {_STEPS} steps; expected "
            "conductivities within some powers of ten; set the smallest to 0"
        )
    dissipation = found @ (matrix @ found) - 2.0 * (source @ found) + outlet.sum()
    return float(dissipation * own.shape[0] / math.prod(own.shape[1:]))


def _links(
    conductivities: Floats, own: NDArray[np.bool_], steps: tuple[float, ...]
) -> tuple[NDArray[np.int32], NDArray[np.int32], Floats]:
    """Pairs of neighbouring voxels that conduct, by their numbers, and the conductance between."""
    numbers = (np.cumsum(own.reshape(-1), dtype=np.int32) - np.int32(1)).reshape(own.shape)
    found: tuple[list[NDArray[np.int32]], list[NDArray[np.int32]], list[Floats]] = ([], [], [])
    for axis, step in enumerate(steps):
        before = (slice(None),) * axis + (slice(None, -1),)
        after = (slice(None),) * axis + (slice(1, None),)
        both = own[before] & own[after]
        one, other = conductivities[before][both], conductivities[after][both]
        found[0].append(numbers[before][both])
        found[1].append(numbers[after][both])
        found[2].append(2.0 * one * other / (one + other) / step**2)
    return np.concatenate(found[0]), np.concatenate(found[1]), np.concatenate(found[2])
