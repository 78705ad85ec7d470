"""What an excursion-set model implies, in closed form: fractions, coverage, interfaces, lines.

A point belongs to the first phase whose field lies in its excursion set there; to the last phase
if none does. Of independent fields everything is a product over fields (THEORY 5); what holds for
two fields that share noise is in `morphgen.excursion.correlated`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from morphgen._array_api import Array, namespace
from morphgen.errors import ModelError
from morphgen.excursion import correlated

if TYPE_CHECKING:
    from morphgen.excursion.model import ExcursionModel


def volume_fractions(model: ExcursionModel) -> dict[int, float]:
    """Volume fraction of each label, in the order of the model's phases."""
    if model.shared is None:
        fractions = first_match_fractions([field.probability for field in model.fields])
    else:
        first, second = (field.steps for field in model.fields)
        fractions = correlated.fractions(first, second, model.shared.cross_correlation)
    found = dict(zip(model.order, fractions, strict=True))
    return {phase.label: found[phase.label] for phase in model.phases}


def two_point_coverage(model: ExcursionModel, lags: Array) -> Array:
    """Two-point coverage probability functions C_ij(h) of a model.

    Parameters
    ----------
    model : ExcursionModel
        The model.
    lags : array, shape (...) or (..., 3)
        Physical distances for an isotropic model; lag vectors (z, y, x) for any model, with the
        last axis of length 3 and at least two axes.

    Returns
    -------
    array, shape (n, n, ...)
        C_ij for phases i, j in the order of ``model.phases``; symmetric in i and j. Of the dtype of
        the lags; with shared noise it is computed in float64 all the same, as differences of
        conditional variances near lag 0 leave nothing of float32.
    """
    xp = namespace(lags)
    offsets = lags if lags.ndim > 1 and lags.shape[-1] == 3 else _along_x(lags, model)
    if model.shared is None:
        joints = [
            field.joint_exceedance(field.kernel.correlation(offsets)) for field in model.fields
        ]
        rows = first_match_coverage([field.probability for field in model.fields], joints)
    else:
        rows = _correlated_coverage(model, offsets)
    place = [model.order.index(phase.label) for phase in model.phases]
    table = xp.stack([xp.stack([rows[i][j] for j in place]) for i in place])
    return xp.astype(table, lags.dtype, copy=False)


def first_match_fractions(probabilities: Sequence[float]) -> list[float]:
    """Fractions of phases decided in order, the last one being the rest."""
    fractions, left = [], 1.0
    for p in probabilities:
        fractions.append(left * p)
        left *= 1.0 - p
    return [*fractions, left]


def first_match_coverage(
    probabilities: Sequence[float], joints: Sequence[Array]
) -> list[list[Array]]:
    """C_ij of phases decided in order, from each field's joint exceedance.

    With p_k the probability and A_k(h) the joint exceedance of field k, and D_k = 1 - 2 p_k + A_k
    the probability that neither point lies in its excursion set (THEORY 5, for any number of
    phases):
    C_ii = A_i prod_{m<i} D_m and, for i < j,
    C_ij = (p_i - A_i) prod_{m<i} D_m prod_{i<m<j} (1 - p_m) p_j, where p of the rest is 1.
    """
    count = len(probabilities) + 1
    table: list[list[Array]] = [[None] * count for _ in range(count)]
    neither = namespace(*joints).ones_like(joints[0])
    for i, (p, joint) in enumerate(zip(probabilities, joints, strict=True)):
        table[i][i] = neither * joint
        mixed = neither * (p - joint)
        for offset, share in enumerate(first_match_fractions(probabilities[i + 1 :])):
            table[i][i + 1 + offset] = table[i + 1 + offset][i] = mixed * share
        neither = neither * (1.0 - 2.0 * p + joint)
    table[-1][-1] = neither
    return table


def interface_densities(model: ExcursionModel) -> np.ndarray:
    """Surface area per volume of the interface of each pair of phases.

    Returns
    -------
    ndarray of float64, shape (n, n)
        In 1 / unit, in the order of ``model.phases``; the diagonal is zero. Infinite where a
        field's correlation is not twice differentiable at 0 (THEORY 6).
    """
    table = _independent_interfaces(model) if model.shared is None else _shared_interfaces(model)
    place = [model.order.index(phase.label) for phase in model.phases]
    return np.asarray((table + table.T)[np.ix_(place, place)])


def specific_surface_areas(model: ExcursionModel) -> dict[int, float]:
    """Surface area per volume of each phase, in 1 / unit: the sum over its interfaces."""
    totals = interface_densities(model).sum(axis=1)
    return {phase.label: float(total) for phase, total in zip(model.phases, totals, strict=True)}


def triple_phase_boundary_length(model: ExcursionModel, labels: tuple[int, int, int]) -> float:
    """Length per volume of the lines where three phases meet, in 1 / unit^2.

    L_V = (pi/4) S_X S_Y for the crossing surfaces of two independent isotropic fields, times the
    probability that the fields decided earlier and between leave them visible (THEORY 6). For two
    fields that share noise see `morphgen.excursion.correlated.crossing_length`.

    Parameters
    ----------
    model : ExcursionModel
        An isotropic model.
    labels : tuple of 3 ints
        Labels of three different phases, in any order.

    Raises
    ------
    ModelError
        If the model has an axis, or the labels are not three of its phases.
    """
    if not model.isotropic:
        raise ModelError("the triple-phase boundary has a closed form for isotropic models only")
    if len(set(labels)) != 3 or not set(labels) <= set(model.order):
        raise ModelError(f"labels {labels}: expected three different ones of {list(model.order)}")
    if model.shared is not None:
        return _shared_crossings(model)
    first, second, third = sorted(model.order.index(label) for label in labels)
    seen = math.prod(1.0 - field.probability for field in model.fields[:first])
    seen *= math.prod(1.0 - field.probability for field in model.fields[first + 1 : second])
    later = [field.probability for field in model.fields[second + 1 :]]
    seen *= first_match_fractions(later)[third - second - 1]
    areas = [model.field_surface_area(i) for i in (first, second)]
    return 0.25 * math.pi * areas[0] * areas[1] * seen


def _independent_interfaces(model: ExcursionModel) -> np.ndarray:
    """Interfaces above the diagonal, in the order of decision."""
    count = len(model.order)
    table = np.zeros((count, count))
    left = 1.0
    for i, field in enumerate(model.fields):
        later = first_match_fractions([other.probability for other in model.fields[i + 1 :]])
        for offset, share in enumerate(later):
            table[i, i + 1 + offset] = left * share * model.field_surface_area(i)
        left *= 1.0 - field.probability
    return table


def _shared_interfaces(model: ExcursionModel) -> np.ndarray:
    assert model.shared is not None
    first, second = (field.steps for field in model.fields)
    gradients = [model.mean_gradient(number) for number in range(2)]
    return correlated.interfaces(first, second, gradients, model.shared.cross_correlation)


def _shared_crossings(model: ExcursionModel) -> float:
    assert model.shared is not None
    cross = model.shared.cross_correlation
    common = model.shared.kernel.gradient_variance.perpendicular
    variances = [model.gradient_variance(number).perpendicular for number in range(2)]
    first, second = (field.steps for field in model.fields)
    return correlated.crossing_length(first, second, variances, cross * common, cross)


def _correlated_coverage(model: ExcursionModel, offsets: Array) -> list[list[Array]]:
    assert model.shared is not None
    xp = namespace(offsets)
    offsets = xp.astype(offsets, xp.float64, copy=False)
    common = model.shared.kernel.correlation(offsets)
    own = [model.correlation(number, offsets) for number in range(2)]
    cross = model.shared.cross_correlation
    rho = correlated.Correlations(own[0], own[1], cross * common, cross)
    joints = [field.joint_exceedance(rho) for field, rho in zip(model.fields, own, strict=True)]
    first, second = (field.steps for field in model.fields)
    return correlated.coverage(first, second, (joints[0], joints[1]), rho)


def _along_x(lags: Array, model: ExcursionModel) -> Array:
    if not model.isotropic:
        raise ModelError("distances alone do not name a lag of a model with an axis; give vectors")
    xp = namespace(lags)
    return xp.stack([xp.zeros_like(lags), xp.zeros_like(lags), lags], axis=-1)
