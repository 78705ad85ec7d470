"""Closed forms and reference computations, written independently of the package."""

from __future__ import annotations

import math

import numpy as np
import scipy.fft
import scipy.integrate
import scipy.special
import scipy.stats


def gaussian_joint(rho: float, threshold: float) -> float:
    """P(X >= a, X' >= a) by adaptive quadrature of Plackett's integral (THEORY 3)."""
    p = float(scipy.stats.norm.sf(threshold))
    psi = math.acos(rho)
    # from pi/2, where the probability is p^2: exp(-a^2 / (1 + cos s)) is flat at s = pi
    integral, _ = scipy.integrate.quad(
        lambda s: math.exp(-(threshold**2) / (1.0 + math.cos(s))),
        psi,
        0.5 * math.pi,
        epsabs=1e-14,
        epsrel=1e-13,
        limit=400,
    )
    return p * p + integral / (2.0 * math.pi)


def chi_square_joint(n: int, threshold: float, rho: float) -> float:
    """P(Y >= u, Y' >= u) by the negative-binomial series of the bivariate gamma law (THEORY 4)."""
    alpha, x, r = 0.5 * n, 0.5 * threshold, rho * rho
    if r == 0.0:
        return float(scipy.special.gammaincc(alpha, x)) ** 2
    m = np.arange(200_000)
    weights = np.exp(
        alpha * math.log1p(-r)
        + scipy.special.gammaln(alpha + m)
        - scipy.special.gammaln(alpha)
        - scipy.special.gammaln(m + 1.0)
        + m * math.log(r)
    )
    return float(weights @ scipy.special.gammaincc(alpha + m, x / (1.0 - r)) ** 2)


def chi_square_threshold_slope(n: int, threshold: float, rho: float) -> float:
    """dC/du = -2 f(u) P(ncx2_n(rho^2 u / (1 - rho^2)) > u / (1 - rho^2)) (THEORY 4)."""
    rest = 1.0 - rho**2
    tail = scipy.stats.ncx2.sf(threshold / rest, n, rho**2 * threshold / rest)
    return float(-2.0 * scipy.stats.chi2.pdf(threshold, n) * tail)


def lattice_correlation(kernel: np.ndarray) -> np.ndarray:
    """Autocorrelation of a kernel at non-negative lattice lags."""
    shape = [2 * length for length in kernel.shape]
    spectrum = scipy.fft.rfftn(kernel, shape)
    whole = scipy.fft.irfftn(np.abs(spectrum) ** 2, shape)
    return whole[tuple(slice(0, length) for length in kernel.shape)]


def periodic_convolution(noise: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Valid part of the convolution of noise with a kernel, in float64."""
    shape = noise.shape
    spectrum = scipy.fft.rfftn(noise.astype(np.float64)) * scipy.fft.rfftn(kernel, shape)
    whole = scipy.fft.irfftn(spectrum, shape)
    return whole[tuple(slice(length - 1, None) for length in kernel.shape)]
