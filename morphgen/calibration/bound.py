"""The least misfit that any independent fields could reach, found lag by lag."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.optimize
import scipy.sparse

from morphgen.calibration.objective import conditional_probabilities, pairs_of


@dataclass(frozen=True, eq=False)
class LagwiseBound:
    """The best that independent fields can do at each lag, whatever their covariances.

    Attributes
    ----------
    misfit : ndarray, shape (K,)
        Least possible max_ij |C_ij(model) - C_ij(data)|.
    joints : ndarray, shape (fields, K)
        Joint probabilities of the fields' excursion sets that fit each lag best.
    """

    misfit: np.ndarray
    joints: np.ndarray


def linear_coverage(probabilities: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """Return (constant, slopes) of the C_ij as linear functions of the E_k.

    Returns
    -------
    constant : ndarray, shape (pairs,)
    slopes : ndarray, shape (pairs, fields)
    """
    fields = len(probabilities)
    count = fields + 1
    # last column: the constant
    neither = np.zeros(fields + 1)
    neither[-1] = 1.0
    table = np.zeros((count, count, fields + 1))
    for i, p in enumerate(probabilities):
        own = np.eye(fields + 1)[i]
        table[i, i] = own
        left = 1.0
        for j in range(i + 1, count):
            share = left * (probabilities[j] if j < fields else 1.0)
            table[i, j] = (p * neither - own) * share
            left *= 1.0 - probabilities[j] if j < fields else 1.0
        neither = (1.0 - 2.0 * p) * neither + own
    table[-1, -1] = neither
    rows = np.stack([table[i, j] for i, j in pairs_of(count)])
    return rows[:, -1], rows[:, :-1]


def lagwise_bound(values: np.ndarray, fractions: np.ndarray) -> LagwiseBound:
    """Find the bound for phases in a given order of decision.

    For n phases the n (n + 1) / 2 functions depend linearly on n - 1 unknowns E_k(h) at each lag
    (two for three phases, equivalent to A and B of THEORY 5), so that the least largest error is
    a linear programme.

    Parameters
    ----------
    values : ndarray, shape (pairs, K)
        C_ij of the data, phases in the order of decision.
    fractions : ndarray, shape (n,)
        Volume fractions in the same order.
    """
    probabilities = conditional_probabilities(fractions.tolist())
    constant, slopes = linear_coverage(probabilities)
    solutions = _chebyshev_fits(slopes, values - constant[:, None])
    return LagwiseBound(solutions[-1], joints_from(solutions[:-1], probabilities))


def joints_from(products: np.ndarray, probabilities: list[float]) -> np.ndarray:
    """Joint probabilities A_k of the fields from the products E_k = N_k A_k."""
    neither = np.ones(products.shape[1])
    joints = []
    for own, p in zip(products, probabilities, strict=True):
        joints.append(own / np.maximum(neither, 1e-9))
        neither = (1.0 - 2.0 * p) * neither + own
    return np.stack(joints)


def _chebyshev_fits(slopes: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Unknowns that minimise the largest residual of each column, followed by that residual.

    The columns do not depend on each other: one linear programme, whose cost is the sum of their
    largest residuals, solves all of them at once.
    """
    unknowns, columns = slopes.shape[1], targets.shape[1]
    ones = np.ones((slopes.shape[0], 1))
    upper = np.block([[slopes, -ones], [-slopes, -ones]])
    cost = np.tile(np.append(np.zeros(unknowns), 1.0), columns)
    # the stubs do not know that SciPy takes sparse matrices here
    found = scipy.optimize.linprog(  # type: ignore[call-overload]
        cost,
        A_ub=scipy.sparse.block_diag([upper] * columns, format="csc"),
        b_ub=np.concatenate([targets, -targets]).ravel(order="F"),
        bounds=(None, None),
    )
    return np.asarray(found.x).reshape(columns, unknowns + 1).T
