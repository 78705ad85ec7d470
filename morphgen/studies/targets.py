"""What a study names in a model: its phases and fields."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

from morphgen.errors import InputError
from morphgen.excursion import ExcursionModel
from morphgen.phases import Phase
from morphgen.studies.request import StudyRequest, Variable


def check_targets(model: ExcursionModel, request: StudyRequest) -> None:
    """Refuse a study of what the model has not, and of one thing under two names.

    Raises
    ------
    InputError
        If there is no such phase or field, or something is varied or named twice; or if columns
        of the table could not tell the phases of the model apart.
    """
    _check_names(model.phases)
    rest = () if request.rest is None else (request.rest,)
    for wanted in (request.phases, request.ionic, request.electronic, rest):
        _check_once((phase_of(model.phases, one).label, repr(one)) for one in wanted)
    _check_once(
        (setting, one.name.removeprefix("set."))
        for one in request.vary
        for setting in _settings(model, one)
    )


def phase_of(phases: Sequence[Phase], wanted: str | int) -> Phase:
    """Phase by its name or label.

    Raises
    ------
    InputError
        If there is none.
    """
    for phase in phases:
        if wanted in (phase.name, phase.label) or str(wanted) == str(phase.label):
            return phase
    names = ", ".join(f"{phase.label} ({phase.name})" for phase in phases)
    raise InputError(f"there is no phase {wanted!r}; expected one of {names}")


def fields_of(model: ExcursionModel, one: Variable) -> tuple[list[int], bool]:
    """Numbers of the fields that a parameter belongs to, and whether the shared noise is meant.

    Raises
    ------
    InputError
        If there is none.
    """
    assert one.field is not None
    if one.field == "all":
        return list(range(len(model.fields))), model.shared is not None
    if one.field == "shared":
        if model.shared is None:
            raise InputError(f"{one.name}: the fields of this model share no noise")
        return [], True
    label = phase_of(model.phases, one.field).label
    if label == model.order[-1]:
        decided = ", ".join(str(label) for label in model.order[:-1])
        raise InputError(
            f"{one.name}: no field decides that phase, it is the rest; expected a field of "
            f"{decided}, or all"
        )
    return [model.order.index(label)], False


def _settings(model: ExcursionModel, one: Variable) -> list[Hashable]:
    """What a parameter sets in a model, none of which another one may set."""
    if one.phase is not None:
        return [(one.parameter, phase_of(model.phases, one.phase).label)]
    if one.field is None:
        return [one.parameter]
    numbers, shared = fields_of(model, one)
    if one.parameter == "degrees_of_freedom":
        return [(one.parameter, number) for number in numbers]
    # factors of all fields and of one of them multiply
    return [(one.parameter, one.axis, *numbers, shared)]


def _check_once(named: Iterable[tuple[Hashable, str]]) -> None:
    """Refuse two names of one thing."""
    known: dict[Hashable, str] = {}
    for thing, name in named:
        if thing in known:
            raise InputError(
                f"{known[thing]} and {name} are the same in this model; leave out one of them"
            )
        known[thing] = name


def _check_names(phases: Sequence[Phase]) -> None:
    names = [phase.name for phase in phases]
    for name in names:
        if names.count(name) > 1:
            raise InputError(
                f"{names.count(name)} phases of the model are called {name!r}; columns of a table "
                "need different names: change them in the model file"
            )
        if name.endswith((".z", ".y", ".x")):
            raise InputError(
                f"phase {name!r} ends like an axis in a column of a table; change its name in the "
                "model file"
            )
