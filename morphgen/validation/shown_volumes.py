"""The volumes that a report shows: a reference volume and one of the model of its size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from morphgen.excursion import ExcursionModel, Realization
from morphgen.images import Volume
from morphgen.validation.comparison import Comparison

# voxels along an axis: as much as a picture resolves
LONGEST_EDGE = 144

OWN = "Simulated volume"


def shown_volumes(
    model: ExcursionModel, given: Volume | None, comparison: Comparison
) -> dict[str, Volume]:
    """Volumes to show: the reference beside one of the model, or one of the model alone.

    Parameters
    ----------
    model : ExcursionModel
        The model.
    given : Volume or None
        Reference volume, or a volume that was generated from the model.
    comparison : Comparison
        Says which of the two it is, and the seed of the model's volume.

    Returns
    -------
    dict of str to Volume
        With their titles; what is drawn here has at most 144 voxels along an axis.
    """
    if given is not None and comparison.volume is None:
        return {"Generated volume": given}
    spacing, shape = model.voxel_size, (LONGEST_EDGE,) * 3
    if given is not None:
        # simulations have the voxels of the reference
        spacing, shape = given.voxel_size, given.labels.shape
    sample = Realization(replace(model, voxel_size=spacing), comparison.seed)
    z, y, x = (min(side, LONGEST_EDGE) for side in shape)
    labels = np.asarray(sample.window((0, 0, 0), (z, y, x)))
    own = Volume(labels, spacing, model.unit, model.phases, "0" * 64, "model")
    return {OWN: own} if given is None else {"Reference volume": given, OWN: own}
