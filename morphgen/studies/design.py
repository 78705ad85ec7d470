"""Points of a design: which values all parameters take together."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable

import numpy as np
from scipy.stats import qmc

from morphgen.errors import InputError
from morphgen.studies.request import Number, StudyRequest, Variable

Values = dict[str, Number]


def design_points(request: StudyRequest) -> tuple[Values, ...]:
    """Values of every parameter at every point, by the name of the parameter.

    Latin hypercubes are those of McKay, Beckman and Conover (1979), Sobol designs are scrambled
    (Owen 1998); both are the same for the same seed.

    Raises
    ------
    InputError
        If steps in a range of integers fall together.
    """
    names = [one.name for one in request.vary]
    kind = request.design.kind
    rows: Iterable[tuple[Number, ...]]
    if kind == "grid":
        rows = itertools.product(*(_grid_values(one) for one in request.vary))
    elif kind == "list":
        rows = zip(*(one.values or () for one in request.vary), strict=True)
    else:
        rows = (
            tuple(_at(one, share) for one, share in zip(request.vary, shares, strict=True))
            for shares in _shares(request)
        )
    return tuple(dict(zip(names, map(_whole, row, request.vary), strict=True)) for row in rows)


def _shares(request: StudyRequest) -> np.ndarray:
    """Points in the unit cube, shape (points, parameters)."""
    design, axes = request.design, len(request.vary)
    generator = np.random.default_rng(design.seed)
    if design.kind == "sobol":
        return qmc.Sobol(axes, rng=generator).random(design.points or 1)
    return qmc.LatinHypercube(axes, rng=generator).random(design.points or 1)


def _at(one: Variable, share: float) -> Number:
    """Value at a share from 0 to 1 of what a parameter may take."""
    if one.values is not None:
        return one.values[min(int(share * len(one.values)), len(one.values) - 1)]
    assert one.range is not None
    low, high = one.range
    if one.integer:
        return min(low + math.floor(share * (high - low + 1)), high)
    return _between(low, high, share, one.scale)


def _grid_values(one: Variable) -> tuple[Number, ...]:
    if one.values is not None:
        return one.values
    assert one.range is not None
    shares = np.linspace(0.0, 1.0, one.steps or 2)
    found = [_between(*one.range, float(share), one.scale) for share in shares]
    if one.integer:
        found = sorted({round(x) for x in found})
    if len(found) < shares.size:
        raise InputError(
            f"{one.name}: {shares.size} steps from {one.range[0]} to {one.range[1]} are "
            f"{len(found)} different values; ask for as many, or give values"
        )
    return tuple(found)


def _between(low: Number, high: Number, share: float, scale: str) -> Number:
    if share in (0.0, 1.0):
        return high if share else low
    if scale == "log":
        return float(low * (high / low) ** share)
    return float(low + share * (high - low))


def _whole(value: Number, one: Variable) -> Number:
    return int(value) if one.integer else float(value)
