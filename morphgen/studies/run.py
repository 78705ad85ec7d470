"""What is computed for a scenario: a volume, and the numbers that are measured on it."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from morphgen.descriptors import KINDS, Frame, Reading, Wanted, measure
from morphgen.descriptors.parts import Labels
from morphgen.errors import MorphgenError
from morphgen.excursion import ExcursionModel
from morphgen.fields.synthesis import forget
from morphgen.phases import Phase
from morphgen.studies.request import StudyRequest
from morphgen.studies.rows import Row, row_of
from morphgen.studies.scenarios import Scenario
from morphgen.studies.targets import phase_of

# writes the volume of a model, and reads its labels
Keep = Callable[[ExcursionModel, tuple[int, int, int], int, Path], Labels]


@dataclass(frozen=True)
class Job:
    """A scenario with what is to be done for it.

    Attributes
    ----------
    scenario : Scenario
        The scenario.
    shape : tuple of 3 ints
        Voxels along (z, y, x).
    wanted : Wanted
        What is measured.
    labels : tuple of int
        Phases that it is measured of.
    store : Path or None
        Where the volume is kept, if it is.
    keep : callable or None
        How it is kept: a function that other processes can import.
    """

    scenario: Scenario
    shape: tuple[int, int, int]
    wanted: Wanted
    labels: tuple[int, ...]
    store: Path | None = None
    keep: Keep | None = None


def job_of(
    scenario: Scenario, request: StudyRequest, store: Path | None = None, keep: Keep | None = None
) -> Job:
    """Job of a scenario of a study."""
    phases = scenario.model.phases
    chosen = [phase_of(phases, one) for one in request.phases] or list(phases)
    labels = tuple(sorted({phase.label for phase in chosen}))
    ionic, electronic = (
        tuple((phase_of(phases, name).label, value) for name, value in values.items())
        for values in (request.ionic, request.electronic)
    )
    # no curve is measured, so that the largest lag does not matter
    wanted = Wanted(request.descriptors, 1, ionic, electronic)
    return Job(scenario, request.shape, wanted, labels, store, keep)


def run_job(job: Job) -> Row:
    """Draw the volume of a scenario and measure it; what goes wrong becomes part of the row."""
    began = time.perf_counter()
    readings: dict[str, float] = {}
    problem, trace = "", ""
    try:
        readings = _measured(job)
    except MorphgenError as error:
        problem = str(error)
    except Exception as error:  # noqa: BLE001 - one scenario must not end the others
        problem, trace = f"{type(error).__name__}: {error}", traceback.format_exc()
    # the next scenario has other kernels
    forget()
    words = " ".join(problem.split())[:500]
    return row_of(job.scenario, readings, words, time.perf_counter() - began, trace)


def column(reading: Reading, phases: tuple[Phase, ...]) -> str:
    """Name of a reading's column: what, of which phases, along which axis."""
    names = {phase.label: phase.name for phase in phases}
    of = "-".join(names[label] for label in reading.key.phases)
    return ".".join(part for part in (reading.key.kind, of, reading.key.direction) if part)


def _measured(job: Job) -> dict[str, float]:
    model = job.scenario.model
    labels = _drawn(job)
    every = tuple(phase.label for phase in model.phases)
    found: dict[str, float] = {}
    # an interface has a phase on either side, wanted or not; what sees a volume as a whole is
    # costly, phase by phase
    for phases, sums in ((every, True), (job.labels, False)):
        kinds = tuple(kind for kind in job.wanted.kinds if KINDS[kind].sums == sums)
        frame = Frame(job.shape, model.voxel_size, "zyx", phases, model.unit)
        for one in measure(labels, frame, replace(job.wanted, kinds=kinds)):
            if not set(one.key.phases).isdisjoint(job.labels) or not one.key.phases:
                found[column(one, model.phases)] = float(one.values[0])
    return found


def _drawn(job: Job) -> Any:
    scenario = job.scenario
    if job.store is not None and job.keep is not None:
        return job.keep(scenario.model, job.shape, scenario.seed, job.store)
    return scenario.sample.window((0, 0, 0), job.shape)
