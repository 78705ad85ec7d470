"""What two-point functions cannot see: the section Euler number, seen and simulated (THEORY 9).

Formulas hold for one field seen whole and without pixels; candidates are therefore compared with
sections simulated from them, digitised like the data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from morphgen.calibration.objective import FieldLaw
from morphgen.descriptors.euler import section_euler_density
from morphgen.excursion.model import AnyKernel, ExcursionModel, Field
from morphgen.excursion.sections import section_sampler
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
    pixels : float
        Pixels of a section that the deviations refer to.
    sections : int
        Sections simulated.
    """

    means: np.ndarray
    deviations: np.ndarray
    pixels: float
    sections: int

    def score(self, observed: np.ndarray, pixels: float) -> float:
        """Root mean square of the standardised deviations of an observation on ``pixels``."""
        spread = self.deviations * np.sqrt(self.pixels / pixels + 1.0 / self.sections)
        return float(np.sqrt(np.mean(((observed - self.means) / spread) ** 2)))


@dataclass(frozen=True, eq=False)
class Simulator:
    """Draws excursion sets of candidate fields on plane sections.

    Parameters
    ----------
    shape : tuple of 2 ints
        Rows and columns.
    pixel_size : tuple of 2 floats
        Pixel spacing.
    radius : int
        Radius of erosions and dilations, in pixels.
    seeds : sequence of int
        One number per simulated section.
    """

    shape: tuple[int, int]
    pixel_size: tuple[float, float]
    radius: int
    seeds: Sequence[int]

    def excursion_sets(
        self, kernel: AnyKernel, law: FieldLaw, probability: float, number: int
    ) -> list[np.ndarray]:
        """Excursion sets of one field of a model, one boolean image per seed."""
        field = Field(kernel, law.law, law.threshold(probability), law.side)
        model = ExcursionModel((Phase(0, "out"), Phase(1, "in")), (1, 0), (field,))
        sampler = section_sampler(model, self.shape, pixel_size=self.pixel_size)
        # fields of one section are independent: each has seeds of its own
        seeds = np.random.SeedSequence([number, *self.seeds]).generate_state(
            len(self.seeds), np.uint64
        )
        return [sampler.labels(int(seed)) == 1 for seed in seeds]

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
        rows = []
        for free, inside in zip(open_sets, decided, strict=True):
            parts = [free & inside, free & ~inside] if last else [free & inside]
            rows.append(np.concatenate([self.euler_numbers(part) for part in parts]))
        table = np.stack(rows)
        pixels = float(self.shape[0] * self.shape[1])
        one_body = 1.0 / (pixels * self.pixel_size[0] * self.pixel_size[1])
        deviations = np.maximum(table.std(axis=0, ddof=1), one_body)
        return Topology(table.mean(axis=0), deviations, pixels, len(rows))

    def observed(self, sections: Sequence[Section], labels: Sequence[int]) -> np.ndarray:
        """The same statistics of the phases with the given labels, on real sections."""
        weights = np.array([np.count_nonzero(section.labels != OUTSIDE) for section in sections])
        rows = [
            np.concatenate(
                [self.euler_numbers(section.labels == label, section.mask) for label in labels]
            )
            for section in sections
        ]
        return np.average(np.stack(rows), axis=0, weights=weights)

    def euler_numbers(self, inside: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
        """Euler number densities of the eroded set, the set and the dilated set."""
        sets = [_eroded(inside, self.radius), inside, ~_eroded(~inside, self.radius)]
        # erosions and dilations know what lies this far inside the specimen
        mask = None if mask is None else _eroded(mask, self.radius)
        values = [
            section_euler_density(part.astype(np.uint8), 1, self.pixel_size, mask=mask)
            for part in sets
        ]
        return np.array([float(value) for value in values])


def simulator(
    sections: Sequence[Section], correlation_length: float, *, seed: int, count: int = 8
) -> Simulator:
    """Prepare to simulate sections like the given ones, at most 512 pixels a side."""
    first = sections[0]
    rows, columns = (
        min(_SIDE, *(section.labels.shape[axis] for section in sections)) for axis in range(2)
    )
    radius = max(1, round(0.25 * correlation_length / min(first.pixel_size)))
    seeds = [seed + number for number in range(count)]
    return Simulator((rows, columns), first.pixel_size, min(radius, 4), seeds)


def _eroded(inside: np.ndarray, radius: int) -> np.ndarray:
    """Erosion by a diamond of the given radius; the image continues as its border does."""
    for _ in range(radius):
        padded = np.pad(inside, 1, mode="edge")
        inside = (
            inside & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
        )
    return inside
