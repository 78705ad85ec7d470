"""Volume fractions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from morphgen.descriptors.parts import Counts, Frame, Part
from morphgen.descriptors.readings import Reading, number
from morphgen.phases import OUTSIDE


@dataclass(frozen=True)
class VolumeFractions:
    """Share of each phase among the voxels of the specimen, as a measure of parts."""

    margin: int = 0
    along: int | None = None

    def counts(self, part: Part, frame: Frame) -> Counts:
        """Numbers of voxels of each phase and, last, of all inside; shape (n + 1,)."""
        found = np.bincount(part.core.reshape(-1), minlength=OUTSIDE + 1)
        inside = found.sum() - found[OUTSIDE]
        return np.append(found[list(frame.phases)], inside).astype(np.int64)

    def readings(self, counts: Counts, frame: Frame) -> tuple[Reading, ...]:
        """Fraction of each phase."""
        inside = float(counts[-1])
        return tuple(
            number("volume_fraction", (phase,), count / inside if inside else np.nan)
            for phase, count in zip(frame.phases, counts[:-1].tolist(), strict=True)
        )
