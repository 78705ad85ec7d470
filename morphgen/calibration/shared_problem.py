"""The least-squares problem of two fields that share noise: residuals and their derivatives."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from morphgen.calibration.objective import FieldLaw, pairs_of
from morphgen.calibration.parametrization import Low
from morphgen.calibration.penalties import Penalty
from morphgen.calibration.problem import Problem
from morphgen.excursion.correlated import Correlations, coverage, second_probability
from morphgen.excursion.coverage import first_match_fractions
from morphgen.excursion.shared import SharedNoise
from morphgen.fields.orthants import Steps, steps

# The product of the loadings is what the data show; their ratio they leave open, where the fields'
# own kernels can take up what the shared one leaves. This keeps it from drifting.
_RATIO_WEIGHT = 1e-3
_LENGTH_WEIGHT = 1e-2
_STEP = 1e-5
# a loading is this times the sine of an angle: fields that are one and the same cannot be told
_LARGEST = 0.99


@dataclass(frozen=True, eq=False)
class SharedProblem(Problem):
    """Fit all C_ij of two fields with a common factor, at matched fractions.

    The third of the parametrisations is that of the shared noise. Behind the parameters of the
    kernels come two angles, whose sines give the loadings, and then those of free thresholds.
    """

    @property
    def before_thresholds(self) -> int:
        """Number of parameters in front of those of free thresholds."""
        return sum(self.sizes) + 2

    def start_shared(self, kernels: list[np.ndarray], loadings: tuple[float, float]) -> np.ndarray:
        """Parameter vector from kernel parameters, loadings and the data's fractions."""
        angles = np.arcsin(np.asarray(loadings) / _LARGEST)
        size = sum(self.sizes)
        plain = self.start(kernels)
        return np.concatenate([plain[:size], angles, plain[size:]])

    def loadings(self, parameters: np.ndarray) -> tuple[float, float]:
        """Loadings of both fields, the first one positive."""
        first, second = self._loadings(parameters)[0]
        sign = -1.0 if first < 0.0 else 1.0
        return float(sign * first), float(sign * second)

    def shared(self, parameters: np.ndarray) -> SharedNoise:
        """The shared noise."""
        kernel = self.parametrizations[2].kernel(self.split(parameters)[2])
        return SharedNoise(kernel, self.loadings(parameters))

    def field_correlations(self, parameters: np.ndarray) -> list[np.ndarray]:
        """Correlation of each field at the data's lags."""
        own, other, common = (found[0] for found in self._parts(parameters))
        squares = self._loadings(parameters)[0] ** 2
        pairs = zip(squares, (own, other), strict=True)
        return [share * common + (1.0 - share) * one for share, one in pairs]

    def set_probabilities(self, parameters: np.ndarray) -> list[float]:
        """Probability of each field's excursion set, whatever the other one decides."""
        first, share, cross = self._first(parameters)
        second = self._second_probability(first, share, cross)
        return [float(first.probability()), second]

    def model_rows(self, parameters: np.ndarray) -> np.ndarray:
        """C_ij of the candidate, shape (pairs, K)."""
        return self._rows(parameters, self._correlations(parameters))

    def jacobian(self, parameters: np.ndarray) -> np.ndarray:
        """Derivatives of the residuals, shape (residuals, parameters)."""
        by_correlation, by_zero = self._rates(parameters)
        chains = self._chains(parameters)
        loadings, slopes = self._loadings(parameters)
        data = sum(
            rate[:, :, None] * chain for rate, chain in zip(by_correlation, chains, strict=True)
        )
        size = sum(self.sizes)
        data[:, :, size] += by_zero * slopes[0] * loadings[1]
        data[:, :, size + 1] += by_zero * loadings[0] * slopes[1]
        data = data.reshape(self.rows.size, -1)
        if self.free_thresholds:
            data = np.block([[data, np.zeros((data.shape[0], len(self.laws)))]])
            data = np.concatenate([data, np.zeros((len(self.fractions), data.shape[1]))])
            data[:, self.before_thresholds :] = self._threshold_slopes(parameters)
        return np.concatenate([data, *(slope for _, slope in self._penalties(parameters))])

    def _loadings(self, parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Loadings and their derivatives in the angles."""
        size = sum(self.sizes)
        angles = parameters[size : size + 2]
        return _LARGEST * np.sin(angles), _LARGEST * np.cos(angles)

    def _parts(self, parameters: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        pairs = zip(self.parametrizations, self.split(parameters), strict=True)
        return [member.correlation(piece) for member, piece in pairs]

    def _correlations(self, parameters: np.ndarray) -> Correlations:
        first, second = self.field_correlations(parameters)
        cross = float(np.prod(self._loadings(parameters)[0]))
        return Correlations(first, second, cross * self._parts(parameters)[2][0], cross)

    def _first(self, parameters: np.ndarray) -> tuple[Steps, float, float]:
        """Excursion set of the first field, fraction of the second phase, cross-correlation."""
        shares = first_match_fractions(self.decisions(parameters))
        law = self.laws[0]
        first = steps(law.law, law.threshold(shares[0]), below=law.below)
        return first, shares[1], float(np.prod(self._loadings(parameters)[0]))

    def _second_probability(self, first: Steps, share: float, cross: float) -> float:
        law = self.laws[1]
        return second_probability(first, law.law, share, cross, below=law.below)

    def _rows(self, parameters: np.ndarray, rho: Correlations) -> np.ndarray:
        first, share, _ = self._first(parameters)
        q = self._second_probability(first, share, rho.cross_at_zero)
        joints = (
            self.laws[0].joint(rho.first, float(first.probability())),
            self.laws[1].joint(rho.second, q),
        )
        table = coverage(first, _set_of(self.laws[1], q), joints, rho)
        return np.stack([table[i][j] for i, j in pairs_of(3)])

    def _rates(self, parameters: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
        """Derivatives of the C_ij in rho_X(h), rho_Y(h) and c(h), and in c(0)."""
        rho = self._correlations(parameters)
        functions = [rho.first, rho.second, rho.cross]
        # short steps where correlations are close to 1, and C has a square root
        lengths = [_STEP * (1.0 - one**2) + 1e-9 for one in functions]
        moved = []
        for number, length in enumerate(lengths):
            for sign in (1.0, -1.0):
                entry = list(functions)
                entry[number] = entry[number] + sign * length
                moved.append(entry)
        # all lags at once: the cost is in the calls
        first, second, cross = (np.concatenate([one[k] for one in moved]) for k in range(3))
        at_zero = rho.cross_at_zero
        rows = self._rows(parameters, Correlations(first, second, cross, at_zero))
        rows = rows.reshape(self.rows.shape[0], -1, rho.cross.size)
        slopes = [
            (rows[:, 2 * number] - rows[:, 2 * number + 1]) / (2.0 * length)
            for number, length in enumerate(lengths)
        ]
        ahead, behind = (
            self._rows(parameters, replace(rho, cross_at_zero=at_zero + step))
            for step in (_STEP, -_STEP)
        )
        return slopes, (ahead - behind) / (2.0 * _STEP)

    def _chains(self, parameters: np.ndarray) -> list[np.ndarray]:
        """Derivatives of rho_X(h), rho_Y(h) and c(h) in kernels and angles, each (K, columns)."""
        parts = self._parts(parameters)
        common, by_common = parts[2]
        loadings, slopes = self._loadings(parameters)
        ends = np.cumsum([0, *self.sizes])
        chains = [np.zeros((common.size, self.before_thresholds)) for _ in range(3)]
        for k in range(2):
            own, by_own = parts[k]
            chains[k][:, ends[k] : ends[k + 1]] = (1.0 - loadings[k] ** 2) * by_own
            chains[k][:, ends[2] : ends[3]] = loadings[k] ** 2 * by_common
            chains[k][:, ends[3] + k] = 2.0 * loadings[k] * slopes[k] * (common - own)
        chains[2][:, ends[2] : ends[3]] = loadings[0] * loadings[1] * by_common
        chains[2][:, ends[3]] = slopes[0] * loadings[1] * common
        chains[2][:, ends[3] + 1] = loadings[0] * slopes[1] * common
        return chains

    def _penalties(self, parameters: np.ndarray) -> list[Penalty]:
        loadings, slopes = self._loadings(parameters)
        place = sum(self.sizes)
        slope = np.zeros((1, parameters.size))
        slope[0, place : place + 2] = 2.0 * _RATIO_WEIGHT * loadings * slopes * (1.0, -1.0)
        value = np.array([_RATIO_WEIGHT * (loadings[0] ** 2 - loadings[1] ** 2)])
        lengths = self._length_penalties(parameters)
        return [*super()._penalties(parameters), (value, slope), lengths]

    def _length_penalties(self, parameters: np.ndarray) -> Penalty:
        """Keep logarithms of lengths between those of half the first and of the largest lag.

        What has next to no weight in a field could otherwise have any length.
        """
        begins = np.cumsum([0, *self.sizes])
        values, slopes = np.zeros(3), np.zeros((3, parameters.size))
        for k, (member, begin) in enumerate(zip(self.parametrizations, begins, strict=False)):
            if isinstance(member, Low):
                distance = member.lags.distance
                low, high = np.log([0.5 * distance.min(), distance.max()])
                beyond = parameters[begin] - np.clip(parameters[begin], low, high)
                values[k] = _LENGTH_WEIGHT * beyond
                slopes[k, begin] = _LENGTH_WEIGHT * (beyond != 0.0)
        return values, slopes


def _set_of(law: FieldLaw, probability: float) -> Steps:
    return steps(law.law, law.threshold(probability), below=law.below)
