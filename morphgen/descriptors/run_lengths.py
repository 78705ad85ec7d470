"""Runs of pixels along an axis, counted part by part: chord lengths and lineal path function."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from morphgen.descriptors._cells import histogram, slabs
from morphgen.descriptors._runs import runs
from morphgen.descriptors.chords import ChordLengths
from morphgen.descriptors.lineal_path import LinealPath, segment_positions
from morphgen.descriptors.parts import Counts, Frame, Part
from morphgen.descriptors.readings import Key, Reading
from morphgen.phases import OUTSIDE


@dataclass(frozen=True)
class RunLengths:
    """Chord lengths and lineal path of each phase along one axis, as a measure of parts.

    The same numbers as `chord_lengths` and `lineal_path`. The distribution of chord lengths is
    cumulative: the share of chords of at most a length.

    Attributes
    ----------
    along : int
        Axis of the lines, along which a part must reach from border to border.
    """

    along: int
    margin: int = 0

    def counts(self, part: Part, frame: Frame) -> Counts:
        """Runs of 1 to N pixels: whole ones of each phase, all of each phase, all inside.

        Shape (2 n + 1, N) for n phases and N pixels along the axis.
        """
        side, n = frame.shape[self.along], len(frame.phases)
        total = np.zeros((2 * n + 1, side), dtype=np.int64)
        for labels in slabs(np.moveaxis(part.core, self.along, -1), 0):
            inside = labels != OUTSIDE
            found = [runs(labels == phase, inside) for phase in frame.phases]
            chosen = [length[whole] for length, whole in found]
            chosen += [length for length, _ in found]
            chosen.append(runs(inside, inside)[0])
            total += np.stack([histogram(np, length, side + 1)[1:] for length in chosen])
        return total

    def readings(self, counts: Counts, frame: Frame) -> tuple[Reading, ...]:
        """Mean chord length, share of chords up to each length, and lineal path of each phase."""
        axis, n = frame.axes[self.along], len(frame.phases)
        side, step = frame.shape[self.along], frame.spacing[self.along]
        lengths = np.arange(side + 1) * step
        positions = segment_positions(counts[-1])
        found = []
        for place, phase in enumerate(frame.phases):
            chords = ChordLengths(lengths[1:], counts[place])
            path = LinealPath(lengths[:-1], segment_positions(counts[n + place]), positions)
            found += [
                Reading(
                    Key("mean_chord_length", (phase,), axis),
                    np.atleast_1d(chords.mean()),
                ),
                Reading(
                    Key("chord_length_distribution", (phase,), axis),
                    chords.cumulative(),
                    chords.lengths,
                ),
                Reading(Key("lineal_path", (phase,), axis), path.values(), path.lengths),
            ]
        return tuple(found)
