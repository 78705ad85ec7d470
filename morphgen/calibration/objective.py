"""Coverage functions of a candidate model at the data's lags, with derivatives: all C_ij jointly.

For phases in their order of decision, let N_k(h) be the probability that no field before k
decides at either of two points, and E_k = N_k A_k the coverage function of phase k. Then
N_{k+1} = (1 - 2 p_k) N_k + E_k, and every C_ij is linear in the E_k (THEORY 5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from morphgen.excursion.coverage import first_match_coverage, first_match_fractions
from morphgen.excursion.model import Side
from morphgen.fields.laws import Law, angle

# C_ij and C_ji are one function
Pairs = tuple[tuple[int, int], ...]


def pairs_of(count: int) -> Pairs:
    """Index pairs i <= j of ``count`` phases, in the order of the residuals."""
    return tuple((i, j) for i in range(count) for j in range(i, count))


def conditional_probabilities(fractions: Sequence[float]) -> list[float]:
    """Probability of each decision, given that none fell before, from fractions in order."""
    left, found = 1.0, []
    for fraction in fractions[:-1]:
        found.append(fraction / left)
        left -= fraction
    return found


@dataclass(frozen=True)
class FieldLaw:
    """Law of one field and the side of its threshold."""

    law: Law
    below: bool = False

    @property
    def name(self) -> str:
        """Name as on the command line."""
        return f"{self.law.name}:below" if self.below else self.law.name

    @property
    def side(self) -> Side:
        """Side of the threshold, as in a model."""
        return "below" if self.below else "above"

    def threshold(self, probability: float) -> float:
        """Threshold of an excursion set of the given probability."""
        return self.law.threshold(1.0 - probability if self.below else probability)

    def joint(self, correlation: np.ndarray, probability: float) -> np.ndarray:
        """Joint probability of the excursion set at two points."""
        above = self.law.joint_exceedance(correlation, self.threshold(probability))
        return np.asarray(above + (2.0 * probability - 1.0 if self.below else 0.0))

    def joint_slope(self, correlation: np.ndarray, probability: float) -> np.ndarray:
        """Derivative of the joint probability in the correlation; the same for either side."""
        bounded = np.clip(correlation, -1.0 + 1e-12, 1.0 - 1e-12)
        even = self.law.type == "chi_square"
        psi = angle(np.abs(bounded) if even else bounded)
        slope = np.asarray(self.law.joint_slope(psi, self.threshold(probability))) / np.sin(psi)
        return np.asarray(slope * np.sign(bounded) if even else slope)


def coverage_rows(probabilities: Sequence[float], joints: Sequence[np.ndarray]) -> np.ndarray:
    """C_ij of phases in their order of decision, shape (pairs, K)."""
    table = first_match_coverage(probabilities, joints)
    return np.stack([table[i][j] for i, j in pairs_of(len(table))])


def coverage_slopes(probabilities: Sequence[float], joints: Sequence[np.ndarray]) -> np.ndarray:
    """Derivatives of `coverage_rows` in each joint probability, shape (fields, pairs, K)."""
    count = len(probabilities) + 1
    slopes = np.zeros((len(joints), count, count, *joints[0].shape))
    factors = [1.0 - 2.0 * p + a for p, a in zip(probabilities, joints, strict=True)]
    for k in range(len(joints)):
        for i in range(count):
            others = [factors[m] for m in range(min(i, len(factors))) if m != k]
            before = np.prod(np.stack([np.ones_like(joints[0]), *others]), axis=0)
            slopes[k, i, i:] += _own_slope(k, i, before, probabilities, joints)
    rows = [slopes[:, i, j] for i, j in pairs_of(count)]
    return np.stack(rows, axis=1)


def _own_slope(
    k: int,
    i: int,
    before: np.ndarray,
    probabilities: Sequence[float],
    joints: Sequence[np.ndarray],
) -> np.ndarray:
    """Derivative of C_ii, C_i,i+1, ... in the joint probability of field k."""
    later = np.asarray(first_match_fractions(probabilities[i + 1 :]))
    rest = i == len(joints)
    if k > i:
        return np.zeros((1 if rest else 1 + later.size, *before.shape))
    if rest:
        return before[None]
    if k == i:
        return np.concatenate([before[None], -later[:, None] * before])
    mixed = probabilities[i] - joints[i]
    return np.concatenate([(before * joints[i])[None], later[:, None] * before * mixed])
