"""What two-point functions cannot see: the section Euler number, seen and simulated (THEORY 9).

Formulas hold for one field seen whole and without pixels; candidates are therefore compared with
sections simulated from them, digitised like the data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from morphgen.calibration.objective import FieldLaw
from morphgen.descriptors.euler import section_euler_density
from morphgen.excursion.model import ExcursionModel, Field
from morphgen.excursion.sections import Plane, section_sampler
from morphgen.excursion.shared import AnyKernel
from morphgen.fields.kernels import Axis
from morphgen.images import Section
from morphgen.phases import OUTSIDE, Phase

# simulated sections are no larger than this a side: enough for 60 correlation lengths of 8 px
_SIDE = 512


@dataclass(frozen=True, eq=False)
class Topology:
    """Euler number densities of phases and of their eroded and dilated sets.

    Attributes
    ----------
    means : ndarray, shape (statistics,)
        Mean over the sections, weighted by their pixels.
    deviations : ndarray, shape (statistics,)
        Standard deviation of one section of ``pixels``; at least that of one lonely body, which a
        few sections may happen not to show.
    pixels : ndarray, shape (statistics,)
        Pixels of a section that the deviations refer to.
    sections : int
        Sections simulated.
    """

    means: np.ndarray
    deviations: np.ndarray
    pixels: np.ndarray
    sections: int

    def score(self, observed: np.ndarray, pixels: np.ndarray) -> float:
        """Root mean square of the standardised deviations of an observation on ``pixels``."""
        spread = self.deviations * np.sqrt(self.pixels / pixels + 1.0 / self.sections)
        return float(np.sqrt(np.mean(((observed - self.means) / spread) ** 2)))


@dataclass(frozen=True)
class Frame:
    """Sections of one shape in one plane.

    Attributes
    ----------
    shape : tuple of 2 ints
        Rows and columns.
    pixel_size : tuple of 2 floats
        Pixel spacing.
    plane : {"xy", "xz", "yz"}
        The plane that is simulated.
    planes : tuple of str
        Planes of the sections that it is compared with.
    """

    shape: tuple[int, int]
    pixel_size: tuple[float, float]
    plane: Plane
    planes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Simulator:
    """Draws excursion sets of candidate fields on plane sections; made by `simulator`.

    Images come in lists, frame after frame, one image for each seed.

    Parameters
    ----------
    frames : tuple of Frame
        One for each plane that differs from the others.
    radius : int
        Radius of erosions and dilations, in pixels.
    seeds : sequence of int
        One number per simulated section of a frame.
    """

    frames: tuple[Frame, ...]
    radius: int
    seeds: Sequence[int]

    def open_sets(self) -> list[np.ndarray]:
        """Where no field has decided yet: everywhere."""
        return [np.ones(frame.shape, dtype=bool) for frame in self.frames for _ in self.seeds]

    def excursion_sets(
        self, kernel: AnyKernel, law: FieldLaw, probability: float, number: int
    ) -> list[np.ndarray]:
        """Excursion sets of one field of a model, as boolean images."""
        field = Field(kernel, law.law, law.threshold(probability), law.side)
        model = ExcursionModel((Phase(0, "out"), Phase(1, "in")), (1, 0), (field,))
        found = []
        for place, frame in enumerate(self.frames):
            sampler = section_sampler(
                model, frame.shape, plane=frame.plane, pixel_size=frame.pixel_size
            )
            # fields of one section are independent: each has seeds of its own
            own = [number, *self.seeds] if place == 0 else [number, place, *self.seeds]
            seeds = np.random.SeedSequence(own).generate_state(len(self.seeds), np.uint64)
            found += [sampler.labels(int(seed)) == 1 for seed in seeds]
        return found

    def topology(
        self, open_sets: Sequence[np.ndarray], decided: Sequence[np.ndarray], last: bool
    ) -> Topology:
        """Statistics of the phase that a field decides, and of the rest if it is the last field.

        Parameters
        ----------
        open_sets : sequence of boolean arrays
            Where no earlier field has decided.
        decided : sequence of boolean arrays
            Excursion sets of the field.
        last : bool
            Whether what remains is a phase too.
        """
        parts = [
            [free & inside, free & ~inside] if last else [free & inside]
            for free, inside in zip(open_sets, decided, strict=True)
        ]
        return self._statistics(parts)

    def model_score(self, model: ExcursionModel, sections: Sequence[Section]) -> float:
        """Deviation of the Euler numbers of all phases from those of a model's own sections."""
        parts = []
        for place, frame in enumerate(self.frames):
            sampler = section_sampler(
                model, frame.shape, plane=frame.plane, pixel_size=frame.pixel_size
            )
            seeds = np.random.SeedSequence([place, *self.seeds]).generate_state(
                len(self.seeds), np.uint64
            )
            images = [sampler.labels(int(seed)) for seed in seeds]
            parts += [[image == label for label in model.order] for image in images]
        return self._statistics(parts).score(*self.observed(sections, model.order))

    def _statistics(self, parts: Sequence[Sequence[np.ndarray]]) -> Topology:
        """Statistics of some sets, for each frame and seed."""
        count = len(self.seeds)
        means, deviations, sizes = [], [], []
        for place, frame in enumerate(self.frames):
            own = parts[place * count : (place + 1) * count]
            table = np.stack(
                [
                    np.concatenate(
                        [euler_numbers(part, self.radius, frame.pixel_size) for part in row]
                    )
                    for row in own
                ]
            )
            pixels = float(frame.shape[0] * frame.shape[1])
            one_body = 1.0 / (pixels * frame.pixel_size[0] * frame.pixel_size[1])
            means.append(table.mean(axis=0))
            deviations.append(np.maximum(table.std(axis=0, ddof=1), one_body))
            sizes.append(np.full(table.shape[1], pixels))
        return Topology(
            np.concatenate(means), np.concatenate(deviations), np.concatenate(sizes), count
        )

    def observed(
        self, sections: Sequence[Section], labels: Sequence[int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """The same statistics of the phases with the given labels on real sections, and pixels."""
        values, sizes = [], []
        for frame in self.frames:
            own = [section for section in sections if section.plane in frame.planes]
            weights = np.array([np.count_nonzero(section.labels != OUTSIDE) for section in own])
            rows = [
                np.concatenate(
                    [
                        euler_numbers(
                            section.labels == label, self.radius, frame.pixel_size, section.mask
                        )
                        for label in labels
                    ]
                )
                for section in own
            ]
            values.append(np.average(np.stack(rows), axis=0, weights=weights))
            sizes.append(np.full(values[-1].size, float(weights.sum())))
        return np.concatenate(values), np.concatenate(sizes)


def euler_numbers(
    inside: np.ndarray,
    radius: int,
    pixel_size: tuple[float, float],
    mask: np.ndarray | None = None,
) -> np.ndarray:
    """Euler number densities of the eroded set, the set and the dilated set.

    Parameters
    ----------
    inside : boolean array, shape (rows, columns)
        The set.
    radius : int
        Radius of the erosion and of the dilation, in pixels.
    pixel_size : tuple of 2 floats
        Pixel spacing.
    mask : boolean array, optional
        False outside the specimen.
    """
    sets = [_eroded(inside, radius), inside, ~_eroded(~inside, radius)]
    # erosions and dilations know what lies this far inside the specimen
    mask = None if mask is None else _eroded(mask, radius)
    values = [
        section_euler_density(part.astype(np.uint8), 1, pixel_size, mask=mask) for part in sets
    ]
    return np.array([float(value) for value in values])


def simulator(
    sections: Sequence[Section],
    correlation_length: float,
    *,
    seed: int,
    count: int = 8,
    axis: Axis | None = None,
) -> Simulator:
    """Prepare to simulate sections like the given ones, at most 512 pixels a side.

    With an axis, each plane is simulated and compared for itself; otherwise all are alike.
    """
    planes = sorted({section.plane for section in sections})
    groups = [tuple(planes)] if axis is None else [(plane,) for plane in planes]
    frames = tuple(_frame(sections, group, axis) for group in groups)
    finest = min(min(section.pixel_size) for section in sections)
    radius = max(1, round(0.25 * correlation_length / finest))
    return Simulator(frames, min(radius, 4), [seed + number for number in range(count)])


def _frame(sections: Sequence[Section], planes: tuple[str, ...], axis: Axis | None) -> Frame:
    own = [section for section in sections if section.plane in planes]
    rows, columns = (min(_SIDE, *(one.labels.shape[side] for one in own)) for side in range(2))
    plane = "xy" if axis is None else own[0].plane
    return Frame((rows, columns), own[0].pixel_size, cast("Plane", plane), planes)


def _eroded(inside: np.ndarray, radius: int) -> np.ndarray:
    """Erosion by a diamond of the given radius; the image continues as its border does."""
    for _ in range(radius):
        padded = np.pad(inside, 1, mode="edge")
        inside = (
            inside & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
        )
    return inside
