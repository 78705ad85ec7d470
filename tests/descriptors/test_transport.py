"""Transport: laminates, checkerboards, bounds; both solvers against each other and taufactor's."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.ndimage

from morphgen.descriptors import transport
from morphgen.descriptors._conduction import conductance
from morphgen.descriptors.parts import Frame
from morphgen.errors import InputError, MorphgenError


def structure(n: int = 32, seed: int = 0) -> np.ndarray:
    """Three phases of smooth random shape; the first two percolate."""
    rng = np.random.default_rng(seed)
    first, second = (
        scipy.ndimage.gaussian_filter(rng.standard_normal((n, n, n)), 2.5) for _ in range(2)
    )
    labels = np.where(first > -0.1 * first.std(), 0, np.where(second > -second.std(), 1, 2))
    return labels.astype(np.uint8)


def rotations(labels: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """What lies along the first axis, along each axis."""
    return [(axis, np.moveaxis(labels, 0, axis)) for axis in range(3)]


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.3, 1.0, 2.0), (2.0, 1.0, 0.7)])
def test_laminates_are_exact(spacing: tuple[float, float, float]) -> None:
    stack = np.zeros((12, 6, 7), dtype=np.uint8)
    stack[2:5], stack[9:] = 1, 2
    values = {0: 1.0, 1: 10.0, 2: 0.2}
    shares = [6 / 12, 3 / 12, 3 / 12]
    series = 1.0 / sum(share / value for share, value in zip(shares, values.values(), strict=True))
    parallel = sum(share * value for share, value in zip(shares, values.values(), strict=True))
    for axis, labels in rotations(stack):
        for along in range(3):
            exact = series if along == axis else parallel
            found = transport.effective_conductivity(labels, values, along, spacing)
            assert found == pytest.approx(exact, rel=1e-3)


@pytest.mark.parametrize("spacing", [1.0, (0.5, 1.0, 1.0), (2.0, 1.0, 1.0)])
def test_a_straight_channel_passes_its_share_of_the_face(spacing) -> None:
    labels = np.zeros((10, 8, 8), dtype=np.uint8)
    labels[:, 2:5, 1:7] = 1
    labels[3:6, 6, :7] = 1  # a pocket that leads nowhere
    for axis, turned in rotations(labels):
        found = transport.effective_diffusivity(turned, 1, axis, spacing)
        assert found == pytest.approx(18 / 64, rel=1e-3)
        assert transport.effective_diffusivity(turned, 1, (axis + 1) % 3, spacing) == 0.0


def test_a_checkerboard_of_columns_comes_close_to_the_geometric_mean() -> None:
    """Dykhne's sqrt(s1 s2) is approached from below, the corners being cut short by the voxels."""
    found = []
    for voxels in (4, 8, 16):
        columns = np.kron(np.indices((2, 2)).sum(axis=0) % 2, np.ones((voxels, voxels)))
        labels = np.repeat(columns[:, :, None], 2, axis=2).astype(np.uint8)
        found.append(transport.effective_conductivity(labels, {0: 1.0, 1: 10.0}, 0))
    assert found[0] < found[1] < found[2] < math.sqrt(10.0)
    # measured: 15, 9 and 6 % low
    assert found[2] > 0.93 * math.sqrt(10.0)


def test_scales_do_not_matter_and_conductivities_are_linear() -> None:
    labels = structure(16)
    values = {0: 1.0, 1: 0.2, 2: 5.0}
    found = transport.effective_conductivity(labels, values, 1, (1.0, 2.0, 1.5))
    scaled = {phase: 1e-9 * value for phase, value in values.items()}
    far = transport.effective_conductivity(labels, scaled, 1, (1e-6, 2e-6, 1.5e-6))
    assert far == pytest.approx(1e-9 * found, rel=1e-6)


def test_conductivity_lies_between_wiener_s_bounds() -> None:
    labels = structure(20)
    values = np.array([1.0, 0.1, 20.0])
    shares = np.bincount(labels.reshape(-1), minlength=3) / labels.size
    for axis in range(3):
        found = transport.effective_conductivity(labels, dict(enumerate(values.tolist())), axis)
        assert 1.0 / (shares / values).sum() < found < (shares * values).sum()


def test_finite_volumes_agree_with_taufactor_on_cubic_voxels() -> None:
    labels = structure()
    for axis in range(3):
        theirs = transport.effective_diffusivity(labels, 0, axis)
        ours = transport.effective_conductivity(labels, {0: 1.0, 1: 0.0, 2: 0.0}, axis)
        assert ours == pytest.approx(theirs, rel=2e-3)


def test_finite_volumes_agree_with_taufactor_on_voxels_that_are_short_along_the_flux() -> None:
    import taufactor

    own = (structure() == 0).astype(np.uint8)
    solver = taufactor.AnisotropicSolver(own, (1.0, 1.5, 2.0), device="cpu")
    solver.solve(verbose=False, conv_crit=1e-3)
    found = transport.effective_diffusivity(own, 1, 0, (1.0, 1.5, 2.0))
    assert found == pytest.approx(float(solver.D_eff[0]), rel=2e-3)


def test_a_solid_of_long_voxels_conducts_although_taufactor_says_it_does_not() -> None:
    """The reason for finite volumes of our own; when this fails, taufactor has mended it."""
    import taufactor

    solid = np.ones((8, 6, 6), dtype=np.uint8)
    solver = taufactor.AnisotropicSolver(solid, (2.0, 1.0, 1.0), device="cpu")
    with pytest.warns(RuntimeWarning, match="divide"):
        solver.solve(verbose=False, iter_limit=100)
    assert solver.D_eff[0] == 0.0
    found = transport.effective_diffusivity(solid, 1, 0, (2.0, 1.0, 1.0))
    assert found == pytest.approx(1.0, rel=1e-6)


def test_taufactor_s_phases_lie_half_a_voxel_beyond_the_faces() -> None:
    """Another one: 5 % off for a sandwich of 16 voxels, whose value is exact here."""
    import taufactor

    labels = np.ones((16, 4, 4), dtype=np.uint8)
    labels[:3] = labels[-3:] = 2
    exact = 1.0 / (10 / 16 / 1.0 + 6 / 16 / 10.0)
    solver = taufactor.MultiPhaseSolver(labels, cond={1: 1.0, 2: 10.0}, device="cpu")
    solver.solve(verbose=False, conv_crit=1e-4)
    assert solver.D_eff[0] == pytest.approx(1.0526 * exact, rel=1e-3)
    found = transport.effective_conductivity(labels, {1: 1.0, 2: 10.0}, 0)
    assert found == pytest.approx(exact, rel=1e-4)


def test_where_taufactor_does_not_converge_finite_volumes_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = structure()
    expected = transport.effective_diffusivity(labels, 0, 0)
    monkeypatch.setattr(transport, "_SWEEPS", 1)
    assert transport.effective_diffusivity(labels, 0, 0) == pytest.approx(expected, rel=2e-3)
    assert capsys.readouterr().out == ""


def test_readings_of_phases_that_pass_and_that_do_not(capsys: pytest.CaptureFixture[str]) -> None:
    labels = np.zeros((6, 6, 6), dtype=np.uint8)
    labels[:, :3] = 1
    labels[2, :3] = 2
    frame = Frame(labels.shape, (1.0, 1.0, 1.0), "zyx", (0, 1, 2, 3))
    found = {r.key: float(r.values[0]) for r in transport.Transport().readings(labels, frame)}
    assert found["effective_diffusivity", (0,), "z"] == pytest.approx(0.5)
    assert found["tortuosity_factor", (0,), "z"] == pytest.approx(1.0)
    assert found["effective_diffusivity", (1,), "z"] == 0.0
    assert found["tortuosity_factor", (1,), "z"] == math.inf
    assert found["effective_diffusivity", (3,), "x"] == 0.0
    assert math.isnan(found["tortuosity_factor", (3,), "x"])
    wanted = transport.Conductivity("effective_ionic_conductivity", ((0, 2.0), (2, 0.0), (5, 1.0)))
    (first, *_) = wanted.readings(labels, frame)
    assert first.key == ("effective_ionic_conductivity", (0, 5), "z")
    assert first.values[0] == pytest.approx(1.0)
    assert capsys.readouterr() == ("", "")


def test_a_volume_with_voxels_outside_has_no_area() -> None:
    labels = structure(8)
    labels[0, 0, 0] = 255
    with pytest.raises(InputError, match="1 voxels are outside"):
        transport.effective_diffusivity(labels, 0, 0)
    with pytest.raises(InputError, match="1 voxels are outside"):
        transport.effective_conductivity(labels, {0: 1.0, 1: 1.0, 2: 1.0}, 0)
    frame = Frame(labels.shape, (1.0,) * 3, "zyx", (0,))
    assert all(np.isnan(r.values).all() for r in transport.Transport().readings(labels, frame))
    wanted = transport.Conductivity("effective_electronic_conductivity", ((0, 2.0),))
    assert all(np.isnan(r.values).all() for r in wanted.readings(labels, frame))


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_a_conductivity_that_is_none_is_refused(value: float) -> None:
    with pytest.raises(InputError, match=f"conductivity of phase 0 is {value}"):
        transport.effective_conductivity(structure(8), {0: value, 1: 1.0, 2: 1.0}, 0)


def test_equations_that_are_not_solved_are_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("morphgen.descriptors._conduction._STEPS", 2)
    rng = np.random.default_rng(0)
    with pytest.raises(MorphgenError, match="did not converge in 2 steps"):
        conductance(rng.uniform(0.1, 1.0, (8, 8, 8)), (1.0, 1.0, 1.0))
