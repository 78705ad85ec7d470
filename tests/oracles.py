"""Closed forms and reference computations, written independently of the package."""

from __future__ import annotations

import itertools
import math

import numpy as np
import scipy.fft
import scipy.integrate
import scipy.ndimage
import scipy.sparse.csgraph
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


def balls(
    labels: np.ndarray,
    phase: int,
    spacing: tuple[float, ...],
    radii: np.ndarray,
    face: tuple[int, int] | None,
) -> np.ndarray:
    """Share of a phase that balls cover, voxel by voxel; those that enter a face where given."""
    places = np.argwhere(labels < 256) * np.asarray(spacing)
    flat = labels.reshape(-1)
    apart = np.linalg.norm(places[:, None] - places[None], axis=2)
    walls = (flat != phase) & (flat != 255)
    room = np.where(walls.any(), np.where(walls, apart, np.inf).min(axis=1), np.inf)
    shares = []
    for radius in radii:
        centres = ((flat == phase) & (room >= radius - 1e-9)).reshape(labels.shape)
        if face is not None:
            steps = 1 if radius <= min(spacing) else 3
            structure = scipy.ndimage.generate_binary_structure(3, steps)
            numbered, _ = scipy.ndimage.label(centres, structure)
            entered = np.unique(numbered.take(face[1], axis=face[0]))
            centres = np.isin(numbered, entered[entered > 0])
        near = (apart[:, centres.reshape(-1)] < radius - 1e-9).any(axis=1)
        shares.append(near & (flat == phase))
    # of this radius or a larger one
    reached = np.logical_or.accumulate(shares[::-1])[::-1]
    return reached.sum(axis=1) / (flat == phase).sum()


def shortest_paths(own: np.ndarray, axis: int, spacing: tuple[float, ...]) -> np.ndarray:
    """Lengths of the shortest paths over 26 neighbours from the first plane to the last one."""
    places = np.argwhere(own)
    steps = np.abs(places[:, None] - places[None])
    lengths = np.linalg.norm(steps * np.asarray(spacing), axis=2)
    graph = scipy.sparse.csr_array(np.where(steps.max(axis=2) == 1, lengths, 0.0))
    starts = np.flatnonzero(places[:, axis] == 0)
    ends = np.flatnonzero(places[:, axis] == own.shape[axis] - 1)
    found = scipy.sparse.csgraph.dijkstra(graph, indices=starts).min(axis=0)[ends]
    return found[np.isfinite(found)]


def octants(volume: np.ndarray) -> list[np.ndarray]:
    """Eight equal parts of a cube, to see the scatter of what is measured on it."""
    half = volume.shape[0] // 2
    ends = (slice(None, half), slice(half, None))
    return [volume[part] for part in itertools.product(ends, repeat=3)]


def voronoi_shares(points: np.ndarray, count: int = 200_000) -> np.ndarray:
    """Share of the unit sphere nearest to each point, by counting on a Fibonacci lattice."""
    if points.shape[1] == 2:
        angle = (np.arange(count) + 0.5) / count * 2.0 * math.pi
        sphere = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    else:
        height = 1.0 - (2.0 * np.arange(count) + 1.0) / count
        angle = math.pi * (1.0 + math.sqrt(5.0)) * np.arange(count)
        radius = np.sqrt(1.0 - height**2)
        sphere = np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=1)
    nearest = np.argmax(sphere @ points.T, axis=1)
    return np.bincount(nearest, minlength=len(points)) / count
