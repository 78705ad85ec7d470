"""A model against sections and volumes that it has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from morphgen.excursion.model import ExcursionModel
from morphgen.images import Section, Volume
from morphgen.progress import Progress, silent
from morphgen.validation import Comparison, compare
from morphgen.validation.compare import MARGIN
from morphgen.validation.comparison import Judge

if TYPE_CHECKING:
    pass


def validate(
    model: ExcursionModel,
    sections: Sequence[Section] = (),
    *,
    volume: Volume | None = None,
    shown: Volume | None = None,
    judge: Judge = "difference",
    margin: float = MARGIN,
    realizations: int | None = None,
    seed: int = 0,
    kinds: Sequence[str] | None = None,
    progress: Progress = silent,
) -> Comparison:
    """Compare held-out sections and a reference volume with those simulated from a model.

    Parameters
    ----------
    model : ExcursionModel
        The model.
    sections : sequence of Section
        Sections that the model was not calibrated on; may be empty if there is a volume.
    volume : Volume, optional
        Reference volume.
    shown : Volume, optional
        A volume that is measured beside the sections; it does not enter the verdict.
    judge : {"difference", "equivalence"}
        Whether the comparison fails where a difference is found, or where one is not shown to be
        small.
    margin : float
        What is small, as a share of each quantity.
    realizations : int, optional
        Simulations behind each confidence band; by default 32, with a volume 16.
    seed : int
        Seed of the simulations.
    kinds : sequence of str, optional
        What is measured of volumes, names of `morphgen.descriptors.KINDS`; by default all.
    progress : Progress
        Told what is being done.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        If sections or volume have other phases or another unit than the model.
    """
    return compare(
        model,
        sections,
        volume=volume,
        shown=shown,
        judge=judge,
        margin=margin,
        realizations=realizations,
        seed=seed,
        kinds=kinds,
        progress=progress,
    )
