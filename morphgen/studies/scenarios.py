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
    values : dict of str to float
        Values of what is varied.
    sample : Realization
        The model with these values, and the seed of the volume.
    """

    number: int
    point: int
    realization: int
    values: Values
    sample: Realization

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
            samples = [Realization(one, seed) for seed in _seeds(request, point, values)]
            for sample in samples:
                # kernels that no lattice can hold are refused here; what is found, is kept
                _ = sample.block_edge
        except MorphgenError as error:
            shown = ", ".join(f"{name.removeprefix('set.')} = {x:g}" for name, x in values.items())
            wrong.append(f"{shown}: {error}")
            continue
        for realization, sample in enumerate(samples):
            found.append(Scenario(len(found), point, realization, values, sample))
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
