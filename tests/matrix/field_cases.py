"""Capabilities of `morphgen.fields`."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
from matrix.capabilities import Capability, Reads
from samples import spline_kernel

from morphgen._array_api import standard
from morphgen.fields.blocks import Mixture, field_values, mixed_values
from morphgen.fields.kernels import Kernel
from morphgen.fields.laws import (
    ChiSquare,
    Gaussian,
    Law,
    angle,
    correlation_angle,
    normal_survival,
)
from morphgen.fields.noise import white_noise
from morphgen.fields.orthants import bivariate_orthant, both_probability, steps
from morphgen.fields.parametric import (
    DampedSincKernel,
    GaussianKernel,
    MaternKernel,
    ParametricKernel,
)
from morphgen.fields.sampling import sampling
from morphgen.fields.spectra import RadialSpectrum, bessel_j0
from morphgen.fields.spline import CylindricalSplineKernel
from morphgen.fields.stretched import StretchedSplineKernel
from morphgen.fields.synthesis import Synthesis, synthesis

RHO = np.array([[-0.9, -0.3, 0.0], [0.2, 0.7, 0.995]])
PSI = np.array([0.05, 0.4, 1.0, 1.5])
LEVELS = np.array([-2.5, -0.4, 0.0, 0.7, 3.0])
POSITIVE = np.array([0.2, 1.3, 4.0])
DISTANCES = np.array([0.0, 0.4, 1.5, 3.0, 7.0, 40.0])
HEIGHTS = np.array([0.0, 2.0, 0.5, 0.0, 1.0, 3.0])
OFFSETS = np.array([[0.0, 0.0, 0.0], [1.0, -2.0, 0.5], [0.0, 3.0, 1.0], [0.0, 0.0, 30.0]])
VALUES = np.linspace(-2.0, 2.0, 24).reshape(2, 3, 4)
ONE = np.asarray(1.3)

PERIODS = (None, None, None)
MANY_STEPS = "its graph would be of thousands of steps; `map_blocks` calls it block by block"
_BELOW = steps(ChiSquare(1), 1.2, below=True)
_ABOVE = steps(Gaussian(), 0.4)
_THRESHOLD = "the threshold of a chi-square law, from which float64 builds its survival and series"


def _law(law: Law) -> tuple[Capability, ...]:
    name = f"fields.laws.{type(law).__name__}"
    survival = Reads(3, _THRESHOLD) if law.squared else None
    series = Reads(4, _THRESHOLD) if law.components > 1 else None
    return (
        Capability((f"{name}.combine",), lambda z: law.combine([z] * law.components), (VALUES,)),
        Capability((f"{name}.survival",), law.survival, (ONE,), reads=survival),
        Capability(
            (f"{name}.joint_exceedance",), lambda rho: law.joint_exceedance(rho, 1.3), (RHO,)
        ),
        Capability((f"{name}.joint_exceedance",), law.joint_exceedance, (RHO, ONE), reads=series),
        Capability((f"{name}.joint_slope",), lambda psi: law.joint_slope(psi, 1.3), (PSI,)),
        Capability(
            (f"{name}.euler_densities",), law.euler_densities, (POSITIVE, POSITIVE[::-1].copy())
        ),
        Capability(
            ("fields.laws.correlation_angle",),
            lambda joint: correlation_angle(law, joint, 1.3),
            (np.asarray(law.joint_exceedance(np.array([0.1, 0.6, 0.9]), 1.3)),),
            tolerance=1e-9,
            coarse=5e-3,
            refused={"dask": MANY_STEPS},
        ),
    )


_LAWS = (
    Capability(("fields.laws.angle",), angle, (RHO,)),
    Capability(("fields.laws.normal_survival",), normal_survival, (LEVELS,)),
    *(one for law in (Gaussian(), ChiSquare(1), ChiSquare(3)) for one in _law(law)),
)

_ORTHANTS = (
    Capability(
        ("fields.orthants.Steps.probability",), _BELOW.probability, (LEVELS, np.ones(5) / 3.0)
    ),
    Capability(
        ("fields.orthants.both_probability",),
        lambda rho: both_probability(_BELOW, _ABOVE, rho),
        (RHO,),
    ),
    Capability(
        ("fields.orthants.both_probability",),
        lambda rho, means, deviations: both_probability(
            _BELOW, _ABOVE, rho, (means, means), (deviations, deviations)
        ),
        (RHO, np.full((2, 3), 0.1), np.full((2, 3), 0.8)),
        tolerance=1e-9,
    ),
    Capability(
        ("fields.orthants.bivariate_orthant",), bivariate_orthant, (ONE, np.asarray(-0.4), RHO)
    ),
)


def _kernel(kernel: Kernel, **limits: Any) -> tuple[Capability, ...]:
    if isinstance(kernel, MaternKernel | CylindricalSplineKernel):
        limits |= {"refused": {"dask": MANY_STEPS}}
    lines = [
        (kernel.correlation, (OFFSETS,)),
        (kernel.cylindrical_correlation, (DISTANCES, HEIGHTS)),
    ]
    if isinstance(kernel, ParametricKernel):
        lines.append((kernel.radial_correlation, (DISTANCES,)))
    return tuple(
        Capability((_defined(method),), method, arrays, **limits) for method, arrays in lines
    )


def _defined(method: Any) -> str:
    """Qualified name of a method where it is defined."""
    home = method.__func__.__module__.removeprefix("morphgen.")
    return f"{home}.{method.__func__.__qualname__}"


_BESSEL = Reads(2, "the largest argument, which decides the number of points of the quadrature")
_CYLINDRICAL = CylindricalSplineKernel(
    ((1.0, 0.5, 0.2), (0.6, 0.3, 0.1), (0.2, 0.1, 0.0)), 6.0, 9.0
)
_BELL = spline_kernel()

_KERNELS = (
    *_kernel(GaussianKernel(3.0)),
    *_kernel(MaternKernel(2.0, smoothness=2.5), tolerance=1e-11, coarse=1e-4),
    *_kernel(MaternKernel(2.0, axial_scale=1.5, symmetry_axis="z"), tolerance=1e-11, coarse=1e-4),
    *_kernel(DampedSincKernel(4.0, wave_number=0.8)),
    *_kernel(_BELL),
    *_kernel(StretchedSplineKernel(_BELL.coefficients, 12.0, 1.5, "y")),
    *_kernel(_CYLINDRICAL, tolerance=1e-11, reads=_BESSEL),
    Capability(
        ("fields.spectra.RadialSpectrum.correlation",),
        RadialSpectrum.of(8).correlation,
        (np.asarray(_BELL.coefficients), DISTANCES[:-1]),
    ),
    Capability(
        ("fields.spectra.bessel_j0",),
        bessel_j0,
        (DISTANCES,),
        tolerance=1e-11,
        reads=_BESSEL,
        refused={"dask": MANY_STEPS},
    ),
)

# what a block of noise is compared with: the bits are those of tests/fields/test_noise.py
_ALL_BITS = {"result": "float32", "tolerance": 0.0}
_FIELD = {"result": "float32", "tolerance": 2e-5}
_NOISE_READ = Reads(1, "once per process and device: whether its integers wrap around")


def _synthesis(xp: ModuleType, device: Any, length: float = 1.2) -> Synthesis:
    kernel = GaussianKernel(length)
    one = sampling(kernel, (1.0,) * 3)
    return synthesis(kernel, (1.0,) * 3, one, 16, standard(xp), device)


def _mixtures(xp: ModuleType, device: Any) -> list[Mixture]:
    prepared = _synthesis(xp, device)
    return [Mixture(prepared, 0, 0.6), Mixture(prepared, 5, 0.8)]


_GENERATORS = (
    Capability(
        ("fields.noise.white_noise", "fields.noise.check_arithmetic"),
        lambda xp, device: white_noise(3, 1, (-5, 7, -9), (4, 5, 30), xp=xp, device=device),
        reads=_NOISE_READ,
        **_ALL_BITS,
    ),
    Capability(
        ("fields.noise.white_noise", "fields.noise.check_arithmetic"),
        lambda xp, device: white_noise(
            3, 1, (-5, 7, -9), (4, 5, 30), periods=(3, None, 11), xp=xp, device=device
        ),
        reads=_NOISE_READ,
        **_ALL_BITS,
    ),
    Capability(
        ("fields.synthesis.synthesis", "fields.synthesis.Synthesis.component"),
        lambda xp, device: _synthesis(xp, device).component(1, 2, (0, -1, 3), PERIODS),
        reads=_NOISE_READ,
        **_FIELD,
    ),
    Capability(
        ("fields.synthesis.Synthesis.component", "fields.synthesis.Synthesis.matrix"),
        # smooth enough to be interpolated from a coarser lattice
        lambda xp, device: _synthesis(xp, device, 4.0).component(1, 2, (0, -1, 3), PERIODS),
        reads=_NOISE_READ,
        **_FIELD,
    ),
    Capability(
        ("fields.synthesis.Synthesis.lattice_values",),
        lambda xp, device: _synthesis(xp, device).lattice_values(1, 2, (0, -1, 3), PERIODS),
        reads=_NOISE_READ,
        **_FIELD,
    ),
    Capability(
        ("fields.blocks.field_values",),
        lambda xp, device: field_values(
            ChiSquare(2), _synthesis(xp, device), 1, 0, (0, 0, 1), PERIODS
        ),
        reads=_NOISE_READ,
        **_FIELD,
    ),
    Capability(
        ("fields.blocks.mixed_values",),
        lambda xp, device: mixed_values(Gaussian(), _mixtures(xp, device), 1, (0, 0, 1), PERIODS),
        reads=_NOISE_READ,
        **_FIELD,
    ),
)

CAPABILITIES = (*_LAWS, *_ORTHANTS, *_KERNELS, *_GENERATORS)
