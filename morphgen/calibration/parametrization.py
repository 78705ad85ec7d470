"""From numbers that an optimiser may vary to the correlation and the kernel of one field."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import scipy.optimize

from morphgen.calibration.lags import Lags
from morphgen.calibration.lengths import axis_lengths, correlation_length
from morphgen.calibration.penalties import Penalty, no_penalty, spline_penalty
from morphgen.excursion.shared import AnyKernel
from morphgen.fields.kernels import Axis
from morphgen.fields.parametric import (
    DampedSincKernel,
    GaussianKernel,
    MaternKernel,
)
from morphgen.fields.spectra import RadialSpectrum
from morphgen.fields.spline import SplineKernel

_SMOOTHNESS = (0.35, 15.0)
# kernels take numbers from 1e-12 to 1e12; a wave number that no lag shows drifts to 0
_LOGARITHMS = (-27.0, 27.0)


class Parametrization(ABC):
    """Correlation of one field at fixed lags, as a function of free parameters."""

    lags: Lags

    @abstractmethod
    def correlation(self, parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Correlation at the lags, shape (K,), and its derivatives, shape (K, parameters)."""

    @abstractmethod
    def kernel(self, parameters: np.ndarray) -> AnyKernel:
        """Kernel with these parameters."""

    @abstractmethod
    def start(self, correlation: np.ndarray) -> np.ndarray:
        """Parameters whose correlation is roughly the given one at the lags."""

    @abstractmethod
    def at(self, lags: Lags) -> Parametrization:
        """Return the same parameters' correlation at other lags."""

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """Names of the kernel's parameters, in order."""

    @abstractmethod
    def values(self, parameters: np.ndarray) -> np.ndarray:
        """Values of the kernel's named parameters."""

    def penalty(self, parameters: np.ndarray) -> Penalty:
        """What keeps the parameters that no lag determines from drifting, with its slopes."""
        return no_penalty(parameters.size)


@dataclass(frozen=True, eq=False)
class High(Parametrization):
    """Spline kernel of a given support (HP); made by `high`."""

    lags: Lags
    waves: np.ndarray
    spectrum: RadialSpectrum
    support_radius: float

    def correlation(self, parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Correlation at the lags and its derivatives in the spline coefficients."""
        return self.spectrum.jacobian(parameters, self.waves)

    def kernel(self, parameters: np.ndarray) -> SplineKernel:
        """Spline kernel, its coefficients scaled to a largest one of 1."""
        return SplineKernel(tuple(self.values(parameters).tolist()), self.support_radius)

    def values(self, parameters: np.ndarray) -> np.ndarray:
        """Coefficients, the largest in size being 1."""
        return np.asarray(parameters / parameters[np.argmax(np.abs(parameters))])

    def start(self, correlation: np.ndarray) -> np.ndarray:
        """Coefficients of the kernel that comes nearest to a correlation, from a Gaussian one."""
        count = self.spectrum.amplitudes.shape[1]
        knots = self.support_radius / (count + 1) * np.arange(count)
        length = max(correlation_length(self.lags.distance, correlation), 0.3 * knots[1])
        bell = np.exp(-((knots / length) ** 2))

        def residuals(coefficients: np.ndarray) -> np.ndarray:
            return np.asarray(self.correlation(coefficients)[0] - correlation)

        def slopes(coefficients: np.ndarray) -> np.ndarray:
            return self.correlation(coefficients)[1]

        found = scipy.optimize.least_squares(
            residuals,
            bell,
            jac=slopes,
            max_nfev=60,
        )
        return np.asarray(found.x / np.abs(found.x).max())

    def penalty(self, parameters: np.ndarray) -> Penalty:
        """Pull the scale of the coefficients to 1, and their roughness to zero."""
        return spline_penalty(parameters)

    def at(self, lags: Lags) -> High:
        """Return the same splines at other lags."""
        return high(lags, self.support_radius, self.spectrum.amplitudes.shape[1])

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the spline coefficients."""
        return tuple(f"coefficients.{j}" for j in range(self.spectrum.amplitudes.shape[1]))


@dataclass(frozen=True, eq=False)
class Low(Parametrization):
    """A named covariance family (LP), in the logarithms of its parameters.

    With an axis of symmetry, the last parameter is the stretch along it.
    """

    lags: Lags
    family: type[GaussianKernel] | type[MaternKernel] | type[DampedSincKernel]
    axis: Axis | None = None

    def correlation(self, parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Correlation at the lags and its derivatives, by central differences."""
        step = 1e-5
        columns = []
        for unit in np.eye(parameters.size) * step:
            ahead, behind = self._at_lags(parameters + unit), self._at_lags(parameters - unit)
            columns.append((ahead - behind) / (2.0 * step))
        return self._at_lags(parameters), np.stack(columns, axis=1)

    def kernel(self, parameters: np.ndarray) -> GaussianKernel | MaternKernel | DampedSincKernel:
        """Kernel of the family."""
        values = dict(zip(self.names, self.values(parameters).tolist(), strict=True))
        return self.family(**values, symmetry_axis=self.axis)

    def values(self, parameters: np.ndarray) -> np.ndarray:
        """Parameters of the family, the smoothness kept where Bessel functions are finite."""
        found: np.ndarray = np.exp(np.clip(parameters, *_LOGARITHMS))
        if self.family is MaternKernel:
            found[1] = np.clip(found[1], *_SMOOTHNESS)
        return found

    def start(self, correlation: np.ndarray) -> np.ndarray:
        """Correlation lengths of the given correlation; the wave number of its first zero."""
        if self.axis is None:
            return self._radial_start(self.lags.distance, correlation)
        across, along = axis_lengths(self.lags, correlation)
        distance = np.hypot(self.lags.across, self.lags.along * (across / along))
        order = np.argsort(distance)
        radial = self._radial_start(distance[order], correlation[order])
        return np.append(radial, math.log(along / across))

    def at(self, lags: Lags) -> Low:
        """Return the same family at other lags."""
        return Low(lags, self.family, self.axis)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the family's parameters."""
        second = {MaternKernel: ("smoothness",), DampedSincKernel: ("wave_number",)}
        stretch = () if self.axis is None else ("axial_scale",)
        return ("length", *second.get(self.family, ()), *stretch)

    def _radial_start(self, distance: np.ndarray, correlation: np.ndarray) -> np.ndarray:
        length = math.log(correlation_length(distance, correlation))
        if self.family is GaussianKernel:
            return np.array([length])
        if self.family is MaternKernel:
            return np.array([length - math.log(1.5), math.log(1.5)])
        negative = np.flatnonzero(correlation < 0.0)
        zero = distance[negative[0]] if negative.size else distance[-1]
        return np.array([length + math.log(2.0), math.log(math.pi / float(zero))])

    def _at_lags(self, parameters: np.ndarray) -> np.ndarray:
        kernel = self.kernel(parameters)
        if self.axis is None:
            return np.asarray(kernel.radial_correlation(self.lags.distance))
        return np.asarray(kernel.cylindrical_correlation(self.lags.across, self.lags.along))


def high(lags: Lags, support_radius: float, count: int) -> High:
    """Spline parametrisation with ``count`` coefficients on [0, support_radius]."""
    spectrum = RadialSpectrum.of(count)
    waves = spectrum.waves(lags.distance * (count + 1) / support_radius)
    return High(lags, waves, spectrum, support_radius)
