"""Coverage functions brought to other fractions, so that sections compare at matched ones.

Two sections of one material differ in their fractions, and that is most of the difference of their
C_ij (THEORY 8). A table of joint probabilities C_ij(h) is brought to other marginals by iterative
proportional fitting (Deming & Stephan, Ann. Math. Stat. 11, 1940): C_ij a_i a_j, which keeps the
odds ratios. At lag 0 and at infinity this is exact.
"""

from __future__ import annotations

import numpy as np

# each round at least halves the error where C is positive definite, as it is at all but large lags
_ROUNDS = 60
_STEP = 1e-4


def match_fractions(values: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Bring C_ij to fractions that differ by ``shift`` from its own.

    Parameters
    ----------
    values : ndarray, shape (..., n, n, K)
        C_ij, symmetric.
    shift : ndarray, shape (..., n)
        Differences of the fractions, adding up to zero.

    Returns
    -------
    ndarray, shape (..., n, n, K)
    """
    wanted = values.sum(axis=-2) + shift[..., None]
    factors = np.ones_like(wanted)
    for _ in range(_ROUNDS):
        found = factors * np.einsum("...ijk,...jk->...ik", values, factors)
        # an absent phase stays absent
        factors = factors * np.sqrt(np.divide(wanted, found, where=found > 0.0, out=found * 0.0))
    return np.asarray(values * factors[..., :, None, :] * factors[..., None, :, :])


def moved_match(
    values: np.ndarray, shift: np.ndarray, values_moved: np.ndarray, shift_moved: np.ndarray
) -> np.ndarray:
    """Change of `match_fractions` with small changes of its arguments, to first order."""
    ahead = match_fractions(values + _STEP * values_moved, shift + _STEP * shift_moved)
    behind = match_fractions(values - _STEP * values_moved, shift - _STEP * shift_moved)
    return np.asarray((ahead - behind) / (2.0 * _STEP))
