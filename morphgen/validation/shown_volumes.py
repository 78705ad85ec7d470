"""The volumes that a report shows: a reference volume and one of the model of its size."""

from __future__ import annotations

import numpy as np

from morphgen.excursion import ExcursionModel, Realization
from morphgen.images import Volume

# voxels along an axis: as much as a picture resolves
LONGEST_EDGE = 144


def shown_volumes(model: ExcursionModel, reference: Volume | None, seed: int) -> dict[str, Volume]:
    """Reference volume, if there is one, and a volume of the model of its size.

    Parameters
    ----------
    model : ExcursionModel
        The model.
    reference : Volume or None
        Volume to show beside, in the unit of the model.
    seed : int
        Seed of the model's volume.

    Returns
    -------
    dict of str to Volume
        With their titles; the model's has at most 144 voxels along an axis.
    """
    spacing = np.array(model.voxel_size)
    shape = np.full(3, LONGEST_EDGE)
    if reference is not None:
        extent = np.array(reference.labels.shape) * np.array(reference.voxel_size)
        shape = np.clip(np.round(extent / spacing).astype(int), 1, LONGEST_EDGE)
    labels = Realization(model, seed).window((0, 0, 0), tuple(shape.tolist()))
    own = Volume(np.asarray(labels), model.voxel_size, model.unit, model.phases, "0" * 64, "model")
    title = "Simulated volume"
    return {title: own} if reference is None else {"Reference volume": reference, title: own}
