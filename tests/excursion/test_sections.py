"""Plane sections drawn in two dimensions: same statistics as sections of a volume."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.fft
from conftest import Backend
from samples import PHASES, three_phases

from morphgen.errors import InputError
from morphgen.excursion import ExcursionModel, Field, section_sampler
from morphgen.fields.kernels import Axis
from morphgen.fields.laws import Gaussian
from morphgen.fields.parametric import GaussianKernel, MaternKernel
from morphgen.fields.spline import CylindricalSplineKernel


@pytest.mark.parametrize(("plane", "direction"), [("xy", (1, 2)), ("xz", (0, 2)), ("yz", (0, 1))])
def test_values_have_the_correlation_of_the_plane(plane: str, direction: tuple[int, int]) -> None:
    kernel = GaussianKernel(4.0, 2.0, "z")
    model = ExcursionModel(PHASES[:2], (1, 0), (Field(kernel, Gaussian(), 0.0),), (1.0, 1.0, 0.5))
    sampler = section_sampler(model, (120, 130), plane=plane)  # type: ignore[arg-type]
    images = np.stack([sampler.values(seed, 0) for seed in range(60)]).astype(np.float64)
    for axis, lattice_axis in enumerate(direction):
        for step in (0, 3, 7):
            ahead = np.take(images, range(step, images.shape[1 + axis]), axis=1 + axis)
            behind = np.take(images, range(images.shape[1 + axis] - step), axis=1 + axis)
            per_image = (ahead * behind).mean(axis=(1, 2))
            offset = np.zeros((1, 3))
            offset[0, lattice_axis] = step * model.voxel_size[lattice_axis]
            expected = float(kernel.correlation(offset)[0])
            standard_error = per_image.std(ddof=1) / np.sqrt(per_image.size)
            assert abs(per_image.mean() - expected) < 4.0 * standard_error


@pytest.mark.parametrize("axis", ["z", "y", "x"])
@pytest.mark.parametrize(("plane", "direction"), [("xy", (1, 2)), ("xz", (0, 2)), ("yz", (0, 1))])
def test_spectra_of_spline_kernels_with_an_axis(
    plane: str, direction: tuple[int, int], axis: Axis
) -> None:
    coefficients = ((1.0, 0.4, 0.1), (0.5, 0.3, -0.1), (0.1, 0.2, 0.1))
    kernel = CylindricalSplineKernel(coefficients, 5.0, 9.0, axis)
    model = ExcursionModel(PHASES[:2], (1, 0), (Field(kernel, Gaussian(), 0.0),))
    sampler = section_sampler(model, (40, 48), plane=plane, pixel_size=(1.0, 0.5))  # type: ignore[arg-type]
    covariance = scipy.fft.irfft2(sampler.amplitudes[0].astype(np.float64) ** 2, s=sampler.torus)
    offsets = np.zeros((20, 24, 3))
    offsets[..., direction[0]] = np.arange(20.0)[:, None]
    offsets[..., direction[1]] = 0.5 * np.arange(24.0)
    # interpolation in distance and the quadrature of the far tail
    np.testing.assert_allclose(covariance[:20, :24], kernel.correlation(offsets), atol=1e-4)


def test_sections_on_every_backend(backend: Backend) -> None:
    found = section_sampler(three_phases(), (60, 70), xp=backend.xp).labels(3)
    expected = section_sampler(three_phases(), (60, 70)).labels(3)
    labels = backend.to_numpy(found)
    assert labels.dtype == np.uint8
    # a pixel in 4200 may flip by rounding at a threshold
    assert np.count_nonzero(labels != expected) <= 1


def test_pixel_size_rescales_the_section() -> None:
    model = ExcursionModel(
        PHASES[:2], (1, 0), (Field(MaternKernel(6.0, smoothness=2.5), Gaussian(), 0.0),)
    )
    coarse = section_sampler(model, (300, 300), pixel_size=(3.0, 3.0))
    change = [np.mean(image[1:] != image[:-1]) for image in map(coarse.labels, range(10))]
    table = model.two_point_coverage(np.array([0.0, 3.0]))
    expected = 2.0 * (table[1, 1, 0] - table[1, 1, 1])
    standard_error = np.std(change, ddof=1) / np.sqrt(len(change))
    assert abs(np.mean(change) - expected) < 4.0 * standard_error


def test_fields_and_seeds_are_independent() -> None:
    sampler = section_sampler(three_phases(), (200, 200))
    images = [sampler.labels(seed) for seed in (0, 1)]
    agreement = np.mean(images[0] == images[1])
    fractions = three_phases().volume_fractions().values()
    assert abs(agreement - sum(p**2 for p in fractions)) < 0.05


def test_unknown_plane() -> None:
    with pytest.raises(InputError, match="plane"):
        section_sampler(three_phases(), (50, 50), plane="zz")  # type: ignore[arg-type]
