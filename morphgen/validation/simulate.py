"""Sections simulated from a model, looked at like real ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from morphgen.excursion import ExcursionModel, SectionSampler, section_sampler
from morphgen.validation.measure import Labels, View


def simulated_labels(
    model: ExcursionModel, views: Sequence[View], seed: int, realization: int = 0
) -> list[Labels]:
    """Label images of one simulation of all sections: the same that are measured."""
    return simulated_sections(section_samplers(model, views), views, seed, realization)


def section_samplers(model: ExcursionModel, views: Sequence[View]) -> list[SectionSampler]:
    """What draws sections like those that are looked at, one for each."""
    made: dict[tuple[object, ...], SectionSampler] = {}
    for view in views:
        kind = (view.shape, view.plane, view.pixel_size)
        if kind not in made:
            made[kind] = section_sampler(
                model, view.shape, plane=view.plane, pixel_size=view.pixel_size
            )
    return [made[view.shape, view.plane, view.pixel_size] for view in views]


def simulated_sections(
    samplers: Sequence[SectionSampler], views: Sequence[View], seed: int, realization: int
) -> list[Labels]:
    """Draw every section once, with 255 where the real one has no specimen."""
    return [
        view.hide(np.asarray(sampler.labels(mixed_seed(seed, realization, number))))
        for number, (view, sampler) in enumerate(zip(views, samplers, strict=True))
    ]


def mixed_seed(seed: int, realization: int, number: int) -> int:
    """Seed of one section or volume, so that no two of them share their noise."""
    mixed = np.random.SeedSequence((seed, realization, number))
    return int(mixed.generate_state(1, np.uint64)[0])
