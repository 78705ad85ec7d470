"""Scenarios: the models and seeds of a study, checked before anything runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from morphgen.errors import InputError, MorphgenError
from morphgen.excursion import ExcursionModel, Realization
from morphgen.excursion.resolution import (
    FEWEST_LENGTHS,
    SHORTEST_RUN,
    check_lattice,
    is_thin,
    shortest_runs,
)
from morphgen.fields.noise import integer
from morphgen.progress import Progress, silent
from morphgen.studies.design import Values, design_points
from morphgen.studies.parameters import varied_model
from morphgen.studies.request import StudyRequest
from morphgen.studies.targets import check_targets

CHECKING = "checking points"
_SHOWN = 3


@dataclass(frozen=True)
class Scenario:
    """One volume of a study.

    Attributes
    ----------
    number : int
        Number of the scenario, from 0.
    point, realization : int
        Number of its point of the design, and of the realization of that point.
    values : dict of str to float
        Values of what is varied.
    sample : Realization
        The model with these values, and the seed of the volume.
    feature_voxels : float
        Mean run in voxels of the field and along the axis where it is shortest.
    thin : bool
        Whether a side of the volume is short beside the correlation length of a field.
    """

    number: int
    point: int
    realization: int
    values: Values
    sample: Realization
    feature_voxels: float = math.inf
    thin: bool = False

    @property
    def model(self) -> ExcursionModel:
        """The model with the values of the scenario."""
        return self.sample.model

    @property
    def seed(self) -> int:
        """Seed of the volume."""
        return self.sample.seed

    @property
    def title(self) -> str:
        """Number and values, for messages."""
        return f"scenario {self.number} ({_shown(self.values, ' ')})"


def scenarios(
    model: ExcursionModel, request: StudyRequest, progress: Progress = silent
) -> tuple[Scenario, ...]:
    """All scenarios of a study.

    Parameters
    ----------
    model, request : ExcursionModel, StudyRequest
        The model, and what is varied.
    progress : callable
        Told (stage, points checked, points).

    Raises
    ------
    InputError
        If a scenario is physically impossible, or the model has not what is varied or measured;
        the message counts such scenarios and names the first ones.
    """
    check_targets(model, request)
    found: list[Scenario] = []
    wrong: list[str] = []
    points = design_points(request)
    for point, values in enumerate(points):
        progress(CHECKING, point, len(points))
        try:
            one = varied_model(model, request.vary, values, request.rest)
            check_lattice(one)
            samples = [Realization(one, seed) for seed in _seeds(request, point, values)]
        except MorphgenError as error:
            wrong.append(f"{_shown(values, ' = ')}: {error}")
            continue
        told = min(shortest_runs(one)), is_thin(one, request.shape)
        for realization, sample in enumerate(samples):
            found.append(Scenario(len(found), point, realization, values, sample, *told))
    if wrong:
        raise InputError(
            f"{len(wrong)} of {len(points)} points are impossible: {'; '.join(wrong[:_SHOWN])}"
            + ("; ..." if len(wrong) > _SHOWN else "")
        )
    return tuple(found)


def cautions(found: Sequence[Scenario]) -> tuple[str, ...]:
    """What the volumes of a study are too coarse or too small for, to be read by people."""
    words = []
    coarse = [one.feature_voxels for one in found if one.feature_voxels < SHORTEST_RUN]
    if coarse:
        words.append(
            f"{len(coarse)} of {len(found)} scenarios have features of less than "
            f"{SHORTEST_RUN:g} voxels (down to {min(coarse):.2g}, see the column feature_voxels): "
            "they lose necks and surface, the more the shorter; choose smaller voxels or larger "
            "lengths"
        )
    thin = sum(one.thin for one in found)
    if thin:
        words.append(
            f"{thin} of {len(found)} scenarios have a side of less than {FEWEST_LENGTHS:g} "
            "correlation lengths, and show few features; choose a larger shape"
        )
    return tuple(words)


def _shown(values: Values, between: str) -> str:
    """Values for messages; seeds have more digits than a float."""
    return ", ".join(
        f"{name.removeprefix('set.')}{between}{x if isinstance(x, int) else format(x, 'g')}"
        for name, x in values.items()
    )


def _seeds(request: StudyRequest, point: int, values: Values) -> list[int]:
    """Seeds of the realizations of a point."""
    first = request.seed
    own = next((one for one in request.vary if one.parameter == "seed"), None)
    if own is not None:
        first = int(values[own.name])
    elif not request.common_seeds:
        first += point * request.realizations
    return [integer("seed", first + n, 0, 2**64 - 1) for n in range(request.realizations)]
