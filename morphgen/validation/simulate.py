"""Sections simulated from a model, looked at like real ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from morphgen.excursion import ExcursionModel, SectionSampler, section_sampler
from morphgen.progress import Progress
from morphgen.validation.measure import Labels, Measured, View, measure

_STAGE = "simulating sections"


def simulate(
    model: ExcursionModel,
    views: Sequence[View],
    realizations: int,
    seed: int,
    progress: Progress,
) -> list[Measured]:
    """Measure simulations of a set of sections.

    Parameters
    ----------
    model : ExcursionModel
        The model.
    views : sequence of View
        One for each section.
    realizations : int
        How often the whole set is simulated.
    seed : int
        Seed of all of them.
    progress : callable
        Told how many are done.

    Returns
    -------
    list of Measured
        One for each realization.
    """
    labels = [phase.label for phase in model.phases]
    samplers = _samplers(model, views)
    found = []
    for number in range(realizations):
        progress(_STAGE, number, realizations)
        images = _draw(samplers, views, seed, number)
        found.append(measure(images, views, labels))
    progress(_STAGE, realizations, realizations)
    return found


def simulated_labels(
    model: ExcursionModel, views: Sequence[View], seed: int, realization: int = 0
) -> list[Labels]:
    """Label images of one simulation of all sections: the same that `simulate` measures."""
    return _draw(_samplers(model, views), views, seed, realization)


def _samplers(model: ExcursionModel, views: Sequence[View]) -> list[SectionSampler]:
    made: dict[tuple[object, ...], SectionSampler] = {}
    for view in views:
        kind = (view.shape, view.plane, view.pixel_size)
        if kind not in made:
            made[kind] = section_sampler(
                model, view.shape, plane=view.plane, pixel_size=view.pixel_size
            )
    return [made[view.shape, view.plane, view.pixel_size] for view in views]


def _draw(
    samplers: Sequence[SectionSampler], views: Sequence[View], seed: int, realization: int
) -> list[Labels]:
    return [
        view.hide(sampler.labels(_section_seed(seed, realization, number)))
        for number, (view, sampler) in enumerate(zip(views, samplers, strict=True))
    ]


def _section_seed(seed: int, realization: int, number: int) -> int:
    """Seed of one section, so that no two sections share their noise."""
    mixed = np.random.SeedSequence((seed, realization, number))
    return int(mixed.generate_state(1, np.uint64)[0])
