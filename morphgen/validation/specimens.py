"""What a model is compared with: sections or a volume, and simulations that are looked at alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np

from morphgen.descriptors.readings import Reading
from morphgen.excursion import ExcursionModel, Realization, SectionSampler
from morphgen.images import Section, Volume
from morphgen.validation.measure import Labels, Readings, View, measure, values_at, view_of
from morphgen.validation.simulate import mixed_seed, section_samplers, simulated_sections
from morphgen.validation.volumes import VolumeView, measure_volume, standard_errors, volume_view

Place = Literal["sections", "volume"]

# the seed of a volume is that of a section that nobody has so many of
_VOLUME_NUMBER = 2**32 - 1
_SMALLEST_TILE = 32


class Specimen(Protocol):
    """Something real, and what a model makes of it."""

    @property
    def place(self) -> Place:
        """Whether it is sections or a volume."""

    def observed(self) -> Readings:
        """What is measured on it, with standard errors from its parts."""

    def simulated(self, seed: int, number: int) -> Readings:
        """The same of one simulation."""


@dataclass(frozen=True, eq=False)
class SectionSet:
    """Real sections, which are pooled, and simulated sections of the same shapes and planes.

    Attributes
    ----------
    model : ExcursionModel
        The model.
    sections : tuple of Section
        The sections.
    views : tuple of View
        How each is looked at.
    samplers : tuple of SectionSampler
        What draws sections like each.
    """

    model: ExcursionModel
    sections: tuple[Section, ...]
    views: tuple[View, ...]
    samplers: tuple[SectionSampler, ...]
    place: Place = "sections"

    @property
    def phases(self) -> tuple[int, ...]:
        """Labels of the phases."""
        return tuple(phase.label for phase in self.model.phases)

    def observed(self) -> Readings:
        """Readings of the sections, with standard errors from the scatter between quarters."""
        images = [section.labels for section in self.sections]
        whole = measure(images, self.views, self.phases)
        parts = [
            measure([image], [view], self.phases)
            for labels, view in zip(images, self.views, strict=True)
            for image, view in quarters(labels, view)
        ]
        if len(parts) < 2:
            return whole
        return {key: _with_error(reading, parts) for key, reading in whole.items()}

    def simulated(self, seed: int, number: int) -> Readings:
        """Readings of one simulation of all sections."""
        images = simulated_sections(self.samplers, self.views, seed, number)
        return measure(images, self.views, self.phases)


@dataclass(frozen=True, eq=False)
class ReferenceVolume:
    """A real volume, and volumes of the same shape cut from realizations.

    Attributes
    ----------
    model : ExcursionModel
        The model, with the voxel size of the volume.
    labels : array of uint8
        Labels of the volume, 255 outside the specimen.
    view : VolumeView
        How it is looked at.
    """

    model: ExcursionModel
    labels: Labels
    view: VolumeView
    place: Place = "volume"

    def observed(self) -> Readings:
        """Readings of the volume, with standard errors from the scatter between its parts."""
        return standard_errors(self.labels, self.view, measure_volume(self.labels, self.view))

    def simulated(self, seed: int, number: int) -> Readings:
        """Readings of one realization."""
        sample = Realization(self.model, mixed_seed(seed, number, _VOLUME_NUMBER))
        z, y, x = self.view.frame.shape
        labels = np.asarray(sample.window((0, 0, 0), (z, y, x)))
        return measure_volume(self.view.hide(labels), self.view)


def section_set(model: ExcursionModel, sections: Sequence[Section], max_lag: float) -> SectionSet:
    """Look at sections with lags up to ``max_lag``."""
    views = tuple(view_of(section, max_lag) for section in sections)
    return SectionSet(model, tuple(sections), views, tuple(section_samplers(model, views)))


def reference_volume(
    model: ExcursionModel, volume: Volume, max_lag: float, kinds: Sequence[str] | None = None
) -> ReferenceVolume:
    """Look at a volume with lags up to ``max_lag``; its voxel size is also that of simulations."""
    view = volume_view(volume, max_lag, kinds)
    return ReferenceVolume(replace(model, voxel_size=volume.voxel_size), volume.labels, view)


def quarters(labels: Labels, view: View) -> list[tuple[Labels, View]]:
    """Quarters of a section that hold as much specimen as background; none of a small section."""
    rows, columns = (length // 2 for length in view.shape)
    if min(rows, columns) < _SMALLEST_TILE:
        return []
    found = []
    for place in np.ndindex(2, 2):
        part = tuple(
            slice(half * cut, cut if not half else None)
            for half, cut in zip(place, (rows, columns), strict=True)
        )
        image = labels[part]
        mask = None if view.mask is None else view.mask[part]
        if mask is not None and mask.mean() < 0.5:
            continue
        lag = min(view.max_lag, min(image.shape) - 1)
        shape = (image.shape[0], image.shape[1])
        found.append((image, replace(view, shape=shape, mask=mask, max_lag=lag)))
    return found


def _with_error(reading: Reading, parts: Sequence[Readings]) -> Reading:
    """A reading with its standard error from parts, of which one plane may lack its direction."""
    values = np.array(
        [values_at(one[reading.key], reading.x) for one in parts if reading.key in one]
    )
    return replace(reading, standard_error=values.std(axis=0, ddof=1) / len(values) ** 0.5)
