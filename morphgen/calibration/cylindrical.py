"""Spline kernels that are symmetric about an axis, as a parametrisation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.optimize

from morphgen.calibration.lags import Lags
from morphgen.calibration.lengths import axis_lengths
from morphgen.calibration.parametrization import Parametrization
from morphgen.calibration.penalties import Penalty, spline_penalty
from morphgen.fields.kernels import Axis
from morphgen.fields.spectra import CylindricalSpectrum, SplineProducts
from morphgen.fields.spline import CylindricalSplineKernel


@dataclass(frozen=True, eq=False)
class HighCylindrical(Parametrization):
    """Tensor spline kernel of given supports (HP); made by `high_cylindrical`.

    Its parameters are the coefficients, one row after the other: rows across the axis, columns
    along it.
    """

    lags: Lags
    products: SplineProducts
    shape: tuple[int, int]
    support_radius: float
    support_height: float
    axis: Axis

    def correlation(self, parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Correlation at the lags and its derivatives in the spline coefficients."""
        return self.products.jacobian(parameters.reshape(self.shape))

    def kernel(self, parameters: np.ndarray) -> CylindricalSplineKernel:
        """Spline kernel, its coefficients scaled to a largest one of 1."""
        rows = self.values(parameters).reshape(self.shape).tolist()
        return CylindricalSplineKernel(
            tuple(map(tuple, rows)), self.support_radius, self.support_height, self.axis
        )

    def values(self, parameters: np.ndarray) -> np.ndarray:
        """Coefficients, the largest in size being 1."""
        return np.asarray(parameters / parameters[np.argmax(np.abs(parameters))])

    def start(self, correlation: np.ndarray) -> np.ndarray:
        """Coefficients of the kernel that comes nearest to a correlation, from a Gaussian bell."""
        supports = (self.support_radius, self.support_height)
        bells = []
        for count, support, length in zip(
            self.shape, supports, axis_lengths(self.lags, correlation), strict=True
        ):
            knots = support / (count + 1) * np.arange(count)
            bells.append(np.exp(-((knots / max(length, 0.3 * knots[1])) ** 2)))

        def residuals(parameters: np.ndarray) -> np.ndarray:
            misfit = self.correlation(parameters)[0] - correlation
            return np.concatenate([misfit, self.penalty(parameters)[0]])

        def slopes(parameters: np.ndarray) -> np.ndarray:
            return np.concatenate([self.correlation(parameters)[1], self.penalty(parameters)[1]])

        found = scipy.optimize.least_squares(
            residuals, np.outer(*bells).ravel(), jac=slopes, max_nfev=30, ftol=1e-4
        )
        return np.asarray(found.x / np.abs(found.x).max())

    def penalty(self, parameters: np.ndarray) -> Penalty:
        """Pull the scale of the coefficients to 1, and their roughness to zero."""
        return spline_penalty(parameters.reshape(self.shape))

    def at(self, lags: Lags) -> HighCylindrical:
        """Return the same splines at other lags."""
        supports = (self.support_radius, self.support_height)
        return high_cylindrical(lags, supports, self.shape, self.axis)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the spline coefficients."""
        rows, columns = self.shape
        return tuple(f"coefficients.{i}.{j}" for i in range(rows) for j in range(columns))


def high_cylindrical(
    lags: Lags, supports: tuple[float, float], shape: tuple[int, int], axis: Axis
) -> HighCylindrical:
    """Tensor splines on supports across and along an axis, with a shape of coefficients."""
    radius, height = supports
    spectrum = CylindricalSpectrum.of(*shape)
    # beyond twice the support the correlation is zero; the quadrature resolves lags up to there
    across = np.minimum(lags.across, 2.0 * radius) * (shape[0] + 1) / radius
    along = np.minimum(lags.along, 2.0 * height) * (shape[1] + 1) / height
    return HighCylindrical(lags, spectrum.products(across, along), shape, radius, height, axis)
