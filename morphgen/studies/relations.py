"""How transport follows from structure in the table of a study, phase by phase."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from morphgen.errors import InputError
from morphgen.studies.published import FRACTION, NECKS, PATHS, PUBLISHED, PowerLaw
from morphgen.studies.regression import (
    Accuracy,
    Integers,
    Observations,
    Regression,
    accuracy,
    fit_power_law,
)
from morphgen.studies.table import AXES, Table

RESPONSE = "effective_diffusivity"
PREDICTORS = (FRACTION, NECKS, PATHS)


@dataclass(frozen=True, eq=False)
class Relation:
    """Laws for one phase.

    Attributes
    ----------
    phase : str
        Name of the phase.
    response : str
        Descriptor that is predicted.
    data : Observations
        Observations, one for each scenario and axis. Scenarios of one point of the design, or of
        one seed, belong to one independent point.
    left_out : int
        Observations that have no logarithm: nothing passes, or a descriptor is unknown.
    regressions : tuple of Regression
        Laws that were fitted, the fullest first; empty if the observations determine none.
    published : tuple of (PowerLaw, Accuracy)
        Published laws, none of whose numbers was fitted to these observations.
    problem : str
        Why no law was fitted; empty if one was.
    """

    phase: str
    response: str
    data: Observations
    left_out: int
    regressions: tuple[Regression, ...]
    published: tuple[tuple[PowerLaw, Accuracy], ...]
    problem: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "phase": self.phase,
            "response": self.response,
            "observations": len(self.data),
            "points": int(np.unique(self.data.groups).size),
            "left_out": self.left_out,
            "problem": self.problem,
            "regressions": [_regression(one) for one in self.regressions],
            "published": [_law(law) | {"accuracy": vars(found)} for law, found in self.published],
        }


def relate(
    table: Table,
    *,
    response: str = RESPONSE,
    predictors: Sequence[str] = PREDICTORS,
    phases: Sequence[str] | None = None,
    confidence: float = 0.95,
    folds: int = 10,
    seed: int = 0,
) -> tuple[Relation, ...]:
    """Fit power laws to the table of a study, beside published ones.

    Every scenario gives one observation for each axis that the response has. For each phase the
    law in all predictors is fitted, and the one in the first predictor alone; published laws are
    compared where their descriptors are in the table and the response is that of transport.

    Parameters
    ----------
    table : Table
        Table of a study.
    response : str
        Descriptor that is predicted.
    predictors : sequence of str
        Descriptors that it is predicted from, or whole columns, such as
        ``set.length_factor.all``.
    phases : sequence of str, optional
        Names of phases; by default all that the table has a response of. Where these are several,
        one that determines no law is told by its ``problem``.
    confidence, folds, seed
        As for `fit_power_law`.

    Returns
    -------
    tuple of Relation, one for each phase

    Raises
    ------
    InputError
        If the table has not what is asked for, does not determine the laws, or all its scenarios
        share their seeds.
    """
    if not predictors or len({response, *predictors}) <= len(predictors):
        raise InputError(
            f"{response} from {', '.join(predictors) or 'nothing'}: expected one predictor or "
            "more, each once, and none of them the response"
        )
    found = phases or _phases(table, response)
    if not found:
        raise InputError(
            f"the table has no {response}; measure it, or choose another response. "
            f"It has {', '.join(table.columns)}"
        )
    laws = [tuple(predictors), *([tuple(predictors[:1])] if len(predictors) > 1 else [])]
    relations: list[Relation] = []
    for phase in dict.fromkeys(found):
        data, left_out = observations(table, response, predictors, phase)
        try:
            fits = tuple(
                fit_power_law(_only(data, law), name=_title(law), confidence=confidence,
                              folds=folds, seed=seed)
                for law in laws
            )  # fmt: skip
        except InputError as error:
            relations.append(Relation(phase, response, data, left_out, (), (), str(error)))
        else:
            published = _beside(data, response)
            relations.append(Relation(phase, response, data, left_out, fits, published))
    without = [one for one in relations if one.problem]
    if without and (phases or len(without) == len(relations)):
        raise InputError(f"{without[0].phase}: {without[0].problem}")
    return tuple(relations)


def observations(
    table: Table, response: str, predictors: Sequence[str], phase: str
) -> tuple[Observations, int]:
    """Observations of a phase along all axes, and how many were left out.

    Raises
    ------
    InputError
        If a column is missing, or all scenarios share their seeds.
    """
    groups = _independent(table)
    axes = [axis for axis in AXES if f"{response}.{phase}.{axis}" in table.columns] or [""]
    values = np.concatenate([_column(table, response, phase, axis) for axis in axes])
    others = {
        name: np.concatenate([_column(table, name, phase, axis) for axis in axes])
        for name in predictors
    }
    stacked = np.stack([values, *others.values()])
    # without its columns, a scenario failed and is counted elsewhere
    tried = np.tile([not error for error in table.errors], len(axes))
    usable = np.all(np.isfinite(stacked) & (stacked > 0.0), axis=0)
    data = Observations(values, others, np.tile(groups, len(axes))).part(usable)
    return data, int(np.count_nonzero(tried & ~usable))


def _independent(table: Table) -> Integers:
    """Number of the independent point of each scenario.

    Scenarios of a point have its structure in common, scenarios of a seed their noise; what is
    joined by a chain of both is not independent.
    """
    points = np.unique(table.column("point"), return_inverse=True)[1]
    if "seed" not in table.columns:
        return points.astype(np.int64)
    seeds = points.max() + 1 + np.unique(table.columns["seed"], return_inverse=True)[1]
    size = int(seeds.max()) + 1
    joined = coo_array((np.ones(points.size), (points, seeds)), shape=(size, size))
    groups = connected_components(joined, directed=False)[1][points].astype(np.int64)
    if points.max() > 0 and not groups.any():
        raise InputError(
            f"all {points.max() + 1} points share their seeds, and with them their noise: they "
            "tell responses, not laws; measure points with seeds of their own"
        )
    return groups


def _column(table: Table, kind: str, phase: str, axis: str) -> np.ndarray:
    """Column of a descriptor along an axis, or without one if it has none, or of that name."""
    for name in (f"{kind}.{phase}.{axis}", kind):
        if name in table.columns:
            return table.column(name)
    return table.column(f"{kind}.{phase}")


def _phases(table: Table, response: str) -> list[str]:
    begin = f"{response}."
    found = [name.removeprefix(begin) for name in table.columns if name.startswith(begin)]
    bare = [name[:-2] if name.endswith((".z", ".y", ".x")) else name for name in found]
    return list(dict.fromkeys(bare))


def _only(data: Observations, names: Sequence[str]) -> Observations:
    predictors = {name: data.predictors[name] for name in names}
    return Observations(data.response, predictors, data.groups)


def _title(names: Sequence[str]) -> str:
    return f"fitted in {len(names)} descriptor{'' if len(names) == 1 else 's'}"


def _beside(data: Observations, response: str) -> tuple[tuple[PowerLaw, Accuracy], ...]:
    return tuple(
        (law, accuracy(data.response, law.predict(data.predictors)))
        for law in PUBLISHED
        if response == RESPONSE and set(law.exponents) <= set(data.predictors)
    )


def _regression(one: Regression) -> dict[str, Any]:
    return _law(one.law) | {
        "confidence": one.confidence,
        "smearing": one.smearing,
        "intervals": {name: list(ends) for name, ends in one.intervals.items()},
        "folds": one.folds,
        "accuracy": vars(one.seen),
        "held_out": vars(one.held_out),
    }


def _law(law: PowerLaw) -> dict[str, Any]:
    return {
        "name": law.name,
        "law": law.text,
        "constant": law.constant,
        "exponents": dict(law.exponents),
    }
