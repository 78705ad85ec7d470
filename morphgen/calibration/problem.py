"""The least-squares problem of one candidate model: residuals and their derivatives."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from morphgen.calibration.objective import (
    FieldLaw,
    conditional_probabilities,
    coverage_rows,
    coverage_slopes,
)
from morphgen.calibration.parametrization import Parametrization
from morphgen.excursion.coverage import first_match_fractions
from morphgen.excursion.shared import SharedNoise


@dataclass(frozen=True, eq=False)
class Problem:
    """Fit all C_ij of a candidate to the data, at matched fractions.

    Parameters
    ----------
    rows : ndarray, shape (pairs, K)
        C_ij of the data, phases in the order of decision.
    fractions : ndarray, shape (n,)
        Fractions of the data in the same order.
    laws : tuple of FieldLaw
        Law of each field.
    parametrizations : tuple of Parametrization
        Correlation of each field at the data's lags.
    free_thresholds : bool
        Whether the fractions are fitted too; otherwise they are those of the data.
    """

    rows: np.ndarray
    fractions: np.ndarray
    laws: tuple[FieldLaw, ...]
    parametrizations: tuple[Parametrization, ...]
    free_thresholds: bool = False

    @cached_property
    def probabilities(self) -> list[float]:
        """Conditional probabilities of the decisions, from the data's fractions."""
        return conditional_probabilities(self.fractions.tolist())

    def split(self, parameters: np.ndarray) -> list[np.ndarray]:
        """Cut a parameter vector into those of each field."""
        return np.split(parameters[: sum(self.sizes)], np.cumsum(self.sizes)[:-1])

    @property
    def sizes(self) -> list[int]:
        """Number of kernel parameters of each field."""
        return [len(member.names) for member in self.parametrizations]

    @property
    def before_thresholds(self) -> int:
        """Number of parameters in front of those of free thresholds."""
        return sum(self.sizes)

    def decisions(self, parameters: np.ndarray) -> list[float]:
        """Conditional probabilities of the decisions at these parameters."""
        if not self.free_thresholds:
            return self.probabilities
        logits = parameters[self.before_thresholds :]
        return [float(p) for p in 1.0 / (1.0 + np.exp(-logits))]

    def set_probabilities(self, parameters: np.ndarray) -> list[float]:
        """Probability of each field's excursion set, whatever the others decide."""
        return self.decisions(parameters)

    def shared(self, _parameters: np.ndarray) -> SharedNoise | None:
        """Noise that the fields share: none."""
        return None

    def start(self, kernels: list[np.ndarray]) -> np.ndarray:
        """Parameter vector from kernel parameters and the data's fractions."""
        if not self.free_thresholds:
            return np.concatenate(kernels)
        p = np.asarray(self.probabilities)
        return np.concatenate([*kernels, np.log(p / (1.0 - p))])

    def model_rows(self, parameters: np.ndarray) -> np.ndarray:
        """C_ij of the candidate, shape (pairs, K)."""
        probabilities = self.decisions(parameters)
        return coverage_rows(probabilities, self._joints(parameters, probabilities))

    def residuals(self, parameters: np.ndarray) -> np.ndarray:
        """Deviations of the C_ij, and of the fractions where they are free; then penalties."""
        parts = [(self.model_rows(parameters) - self.rows).ravel()]
        if self.free_thresholds:
            fractions = first_match_fractions(self.decisions(parameters))
            parts.append((np.asarray(fractions) - self.fractions) * np.sqrt(self.rows.shape[1]))
        parts += [penalty for penalty, _ in self._penalties(parameters)]
        return np.concatenate(parts)

    def jacobian(self, parameters: np.ndarray) -> np.ndarray:
        """Derivatives of the residuals, shape (residuals, parameters)."""
        probabilities = self.decisions(parameters)
        joints = self._joints(parameters, probabilities)
        by_joint = coverage_slopes(probabilities, joints)
        blocks = []
        pieces = self.split(parameters)
        for k, (law, member) in enumerate(zip(self.laws, self.parametrizations, strict=True)):
            correlation, slopes = member.correlation(pieces[k])
            chain = law.joint_slope(correlation, probabilities[k])[:, None] * slopes
            blocks.append((by_joint[k][:, :, None] * chain).reshape(self.rows.size, -1))
        data = np.concatenate(blocks, axis=1)
        if self.free_thresholds:
            data = np.block([[data, np.zeros((data.shape[0], len(self.laws)))]])
            data = np.concatenate([data, np.zeros((len(self.fractions), data.shape[1]))])
            data[:, sum(self.sizes) :] = self._threshold_slopes(parameters)
        penalties = [slope for _, slope in self._penalties(parameters)]
        return np.concatenate([data, *penalties])

    def penalties(self, parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Residuals that are no data, stacked, and their derivatives."""
        found = self._penalties(parameters)
        values = [value for value, _ in found]
        slopes = [slope for _, slope in found]
        none = np.zeros((0, parameters.size))
        return np.concatenate([np.zeros(0), *values]), np.concatenate([none, *slopes])

    def data_size(self) -> int:
        """Number of residuals that are data, not penalties."""
        return self.rows.size + (len(self.fractions) if self.free_thresholds else 0)

    def _joints(self, parameters: np.ndarray, probabilities: list[float]) -> list[np.ndarray]:
        pieces = self.split(parameters)
        return [
            law.joint(member.correlation(piece)[0], p)
            for law, member, piece, p in zip(
                self.laws, self.parametrizations, pieces, probabilities, strict=True
            )
        ]

    def _threshold_slopes(self, parameters: np.ndarray) -> np.ndarray:
        step, first = 1e-6, self.before_thresholds
        columns = []
        for index in range(first, parameters.size):
            unit = np.zeros_like(parameters)
            unit[index] = step
            ahead, behind = self.residuals(parameters + unit), self.residuals(parameters - unit)
            columns.append((ahead - behind)[: self.data_size()] / (2.0 * step))
        return np.stack(columns, axis=1)

    def _penalties(self, parameters: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        found = []
        begin = 0
        for member, piece in zip(self.parametrizations, self.split(parameters), strict=True):
            value, slope = member.penalty(piece)
            whole = np.zeros((value.size, parameters.size))
            whole[:, begin : begin + piece.size] = slope
            found.append((value, whole))
            begin += piece.size
        return found
