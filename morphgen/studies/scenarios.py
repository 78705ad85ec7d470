"""Scenarios: the models and seeds of a study, checked before anything runs."""

from __future__ import annotations

from dataclasses import dataclass

from morphgen.errors import InputError, MorphgenError
from morphgen.excursion import ExcursionModel, Realization
from morphgen.fields.noise import integer
from morphgen.studies.design import Values, design_points
from morphgen.studies.parameters import phase_of, varied_model
from morphgen.studies.request import StudyRequest

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
    seed : int
        Seed of the volume.
    values : dict of str to float
        Values of what is varied.
    model : ExcursionModel
        The model with these values.
    """

    number: int
    point: int
    realization: int
    seed: int
    values: Values
    model: ExcursionModel

    @property
    def title(self) -> str:
        """Number and values, for messages."""
        values = ", ".join(f"{name.removeprefix('set.')} {x:g}" for name, x in self.values.items())
        return f"scenario {self.number} ({values})"


def scenarios(model: ExcursionModel, request: StudyRequest) -> tuple[Scenario, ...]:
    """All scenarios of a study.

    Raises
    ------
    InputError
        If a scenario is physically impossible, or the model has not what is varied or measured;
        the message counts such scenarios and names the first ones.
    """
    for phase in (*request.phases, *request.ionic, *request.electronic):
        phase_of(model.phases, phase)
    found: list[Scenario] = []
    wrong: list[str] = []
    points = design_points(request)
    for point, values in enumerate(points):
        try:
            one = varied_model(model, request.vary, values, request.rest)
            seeds = _seeds(request, point, values)
            # kernels that no lattice can hold are refused here
            _ = Realization(one, seeds[0]).block_edge
        except MorphgenError as error:
            shown = ", ".join(f"{name.removeprefix('set.')} = {x:g}" for name, x in values.items())
            wrong.append(f"{shown}: {error}")
            continue
        for realization, seed in enumerate(seeds):
            found.append(Scenario(len(found), point, realization, seed, values, one))
    if wrong:
        raise InputError(
            f"{len(wrong)} of {len(points)} points are impossible: {'; '.join(wrong[:_SHOWN])}"
            + ("; ..." if len(wrong) > _SHOWN else "")
        )
    return tuple(found)


def _seeds(request: StudyRequest, point: int, values: Values) -> list[int]:
    """Seeds of the realizations of a point."""
    first = request.seed
    own = next((one for one in request.vary if one.parameter == "seed"), None)
    if own is not None:
        first = int(values[own.name])
    elif not request.common_seeds:
        first += point * request.realizations
    return [integer("seed", first + n, 0, 2**64 - 1) for n in range(request.realizations)]
