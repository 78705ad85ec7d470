"""Geodesic tortuosity: how much longer than the thickness the shortest paths in a phase are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from morphgen._array_api import Array
from morphgen.descriptors._labels import checked_spacing
from morphgen.descriptors._volume import (
    checked_faces,
    checked_volume,
    has_faces,
    library,
    numbered_clusters,
)
from morphgen.descriptors.parts import Frame, Labels
from morphgen.descriptors.readings import Floats, Key, Reading, number
from morphgen.errors import InputError

# of the distribution, as a curve with the same arguments for all volumes
_TORTUOSITIES = np.linspace(1.0, 3.0, 101)


def geodesic_tortuosities(
    labels: Array, phase: int, axis: int, spacing: float | Sequence[float] = 1.0
) -> Floats:
    """Geodesic tortuosity of each voxel of the last plane that is joined to the first one.

    It is the length of the shortest path within the phase from the first plane along the axis to
    the voxel, divided by the distance of the two planes.

    Parameters
    ----------
    labels
        Label volume, NumPy uint8 of three axes, 255 = outside.
    phase
        Label of the phase.
    axis
        Axis along which the paths lead.
    spacing
        Voxel size, one number or one per axis, in any unit of length.

    Returns
    -------
    array of float64, shape (K,)
        One value per voxel of the phase in the last plane that can be reached, in order of the
        plane; empty where none can. Their mean is the mean geodesic tortuosity.

    Raises
    ------
    InputError
        If the volume, the phase, the axis or the spacing cannot be used, the volume has one plane
        only, or a face has no voxel inside.
    BackendError
        If scikit-image or connected-components-3d is not installed.

    Notes
    -----
    Voxels of the phase count that belong to clusters which reach both planes, joined by faces as
    for `effective_diffusivity`. Within them paths lead over centres of voxels to any of the 26
    neighbours, each step with its true length; so they may cut a corner between two voxels that
    meet at an edge. Off the 13 directions of the steps such a path is longer than a straight line:
    for cubic voxels by at most 8.2 % in a plane of two axes and 12.8 % in space, 0 along the axes;
    voxels twice as wide along one axis raise the 8.2 % to 17.6 %. Paths through the surroundings of
    the volume are missing, which raises values near its sides.

    References
    ----------
    Stenzel et al., AIChE J. 62 (2016) 1834; Neumann et al., Scand. J. Stat. 46 (2019) 848.
    """
    volume, (chosen,) = checked_volume(labels, (phase,))
    steps = checked_spacing(spacing, 3)
    along = checked_faces(volume, axis)
    if volume.shape[along] < 2:
        raise InputError(f"the volume has one plane along axis {along}; expected two or more")
    thickness = (volume.shape[along] - 1) * steps[along]
    order = (along, *(other for other in range(3) if other != along))
    numbered, touches = numbered_clusters(volume.transpose(order) == chosen, 6)
    own = np.asarray(touches[:, 0].all(axis=1))[numbered]
    starts = np.argwhere(own[:1])
    if not starts.size:
        return np.empty(0)
    paths = library("skimage.graph").MCP_Geometric(
        np.where(own, 1.0, np.inf), sampling=tuple(steps[other] for other in order)
    )
    lengths, _ = paths.find_costs(starts)
    return np.asarray(lengths[-1][own[-1]] / thickness, dtype=np.float64)


@dataclass(frozen=True)
class GeodesicTortuosity:
    """Mean and distribution of geodesic tortuosity of each phase along each axis."""

    def readings(self, labels: Labels, frame: Frame) -> tuple[Reading, ...]:
        """Means, and shares of the reached voxels of the last plane that are below a tortuosity.

        NaN where nothing is reached.
        """
        found: list[Reading] = []
        for phase in frame.phases:
            for axis, name in enumerate(frame.axes):
                values = np.empty(0)
                if labels.shape[axis] > 1 and has_faces(labels, axis):
                    values = geodesic_tortuosities(labels, phase, axis, frame.spacing)
                mean = float(values.mean()) if values.size else math.nan
                found.append(number("mean_geodesic_tortuosity", (phase,), mean, name))
                key = Key("geodesic_tortuosity_distribution", (phase,), name)
                found.append(Reading(key, _cumulative(values), _TORTUOSITIES))
        return tuple(found)


def _cumulative(values: Floats) -> Floats:
    """Share of the values up to each tortuosity of the curve."""
    if not values.size:
        return np.full(_TORTUOSITIES.size, np.nan)
    # a straight path is 1 but for rounding
    below = np.searchsorted(np.sort(values), _TORTUOSITIES + 1e-9, side="right")
    return np.asarray(below / values.size, dtype=np.float64)
