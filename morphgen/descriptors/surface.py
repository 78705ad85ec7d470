"""Interface area per volume, from crossings of interfaces along the axes of a label image."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

from morphgen._array_api import Array, namespace
from morphgen.descriptors._labels import checked_phases, checked_spacing, pixels_inside
from morphgen.errors import InputError


def interface_densities(
    labels: Array,
    phases: Sequence[int],
    spacing: float | Sequence[float] = 1.0,
    mask: Array | None = None,
) -> Array:
    """Area per volume of the interface between each two phases.

    S_V = 2 P_L: twice the mean number of crossings per length of test line, here of the pixel
    rows along each axis, all axes with equal weight. P_L of one axis is the number of
    neighbours with labels i and j, divided by the number of neighbours inside the specimen and
    by the spacing.

    Parameters
    ----------
    labels
        Label image of two or three axes, uint8, 255 = outside.
    phases
        Labels of the n phases.
    spacing
        Pixel spacing, one number or one per axis, in any unit of length.
    mask
        Bool array of the shape of ``labels``, false outside.

    Returns
    -------
    Array
        Symmetric matrix in units of 1/length, diagonal 0; float64, shape (n, n).

    Raises
    ------
    InputError
        If the image, the mask, a phase or the spacing cannot be used, or an axis has no two
        neighbours inside the specimen.

    Notes
    -----
    The share of neighbours along an axis with labels i and j, in either order, is C_ij + C_ji at
    a lag of one pixel: exactly, whatever the structure.

    For interfaces without a preferred direction the estimate is free of bias but for what one
    pixel hides: two crossings between the same two pixels are missed. For smooth interfaces it is
    low by a share of the order of (pixel / feature size)²; for interfaces rough at every scale it
    grows without limit as pixels shrink, and means something only beside its spacing. A plane
    section stands for the volume if the structure is isotropic.

    References
    ----------
    Underwood, *Quantitative Stereology* (1970), chapter 2; Ohser and Mücklich, *Statistical
    Analysis of Microstructures in Materials Science* (2000).
    """
    inside = pixels_inside(labels, mask, ndims=(2, 3))
    chosen = checked_phases(phases)
    steps = checked_spacing(spacing, labels.ndim)
    xp = namespace(labels)
    flags = [(labels == phase) & inside for phase in chosen]
    crossings = [
        _crossings(xp, flags, axis) * (1.0 / (_neighbours(xp, inside, axis) * step))
        for axis, step in enumerate(steps)
    ]
    return (2.0 / len(steps)) * sum(crossings[1:], start=crossings[0])


def specific_surface_areas(
    labels: Array,
    phases: Sequence[int],
    spacing: float | Sequence[float] = 1.0,
    mask: Array | None = None,
) -> Array:
    """Area per volume of the surface of each phase: the sum of its interfaces.

    Interfaces with labels that are not among ``phases`` are left out. Parameters, errors and bias
    are those of `interface_densities`.

    Returns
    -------
    Array
        Surface area per volume of the specimen, in units of 1/length; float64, shape (n,).
    """
    densities = interface_densities(labels, phases, spacing, mask)
    return namespace(densities).sum(densities, axis=1)


def _crossings(xp: ModuleType, flags: Sequence[Array], axis: int) -> Array:
    """Number of neighbours along an axis by their labels; float64, shape (n, n), diagonal 0."""
    n = len(flags)
    zero = xp.zeros_like(xp.count_nonzero(flags[0]))
    found = {
        (i, j): xp.count_nonzero(_both(flags[i], flags[j], axis))
        + xp.count_nonzero(_both(flags[j], flags[i], axis))
        for i in range(n)
        for j in range(i + 1, n)
    }
    rows = [[found.get((min(i, j), max(i, j)), zero) for j in range(n)] for i in range(n)]
    return xp.astype(xp.stack([xp.stack(row) for row in rows]), xp.float64)


def _neighbours(xp: ModuleType, inside: Array, axis: int) -> int:
    found = int(xp.count_nonzero(_both(inside, inside, axis)))
    if not found:
        raise InputError(
            f"axis {axis} has no two neighbouring pixels inside the specimen; expected some"
        )
    return found


def _both(first: Array, second: Array, axis: int) -> Array:
    """Whether the first holds at a pixel and the second at the next one along the axis."""
    before = (slice(None),) * axis
    return first[*before, slice(None, -1), ...] & second[*before, slice(1, None), ...]
