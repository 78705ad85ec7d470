"""Surfaces as triangles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from morphgen.errors import InputError
from morphgen.excursion import ExcursionModel, Field, Realization
from morphgen.fields.laws import ChiSquare, Gaussian, Law
from morphgen.fields.parametric import GaussianKernel
from morphgen.phases import Phase
from morphgen.tiles.export import meshes, surfaces
from morphgen.tiles.export.meshes import write_surfaces
from morphgen.tiles.export.slabs import Header
from morphgen.tiles.export.surfaces import triangulated

HEADER = Header((9, 8, 7), (0.5, 0.25, 0.2), (0.0, 0.0, 0.0), "um", (), "volume")
ENDINGS = ("stl", "ply")


def cut(labels: np.ndarray, places: list[int]) -> list[np.ndarray]:
    return [part for part in np.split(labels, sorted(set(places))) if len(part)]


def read(path: Path) -> trimesh.Trimesh:
    # vertices that are equal, bit by bit, are one
    mesh = trimesh.load(path, process=False)
    mesh.merge_vertices(digits_vertex=9)
    return mesh


@given(
    seed=st.integers(0, 2**31),
    share=st.floats(0.02, 0.98),
    places=st.lists(st.integers(1, 8), max_size=8),
    largest=st.integers(1, 600),
)
@settings(max_examples=25, deadline=None)
def test_the_surface_is_closed_however_the_volume_is_cut(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    share: float,
    places: list[int],
    largest: int,
) -> None:
    folder = tmp_path_factory.mktemp("mesh")
    labels = (np.random.default_rng(seed).random(HEADER.shape) < share).astype(np.uint8)
    if not labels.any():
        return
    volumes = []
    for ending in ENDINGS:
        for number, slabs in enumerate((cut(labels, places), [labels])):
            path = folder / f"{number}.{ending}"
            with pytest.MonkeyPatch.context() as patch:
                # planes, and rows of them, apart
                patch.setattr(surfaces, "_LARGEST_BLOCK", 10**6 if number else largest)
                write_surfaces({1: path}, HEADER, slabs)
            mesh = read(path)
            if ending == "ply":
                assert len(trimesh.load(path, process=False).vertices) == len(mesh.vertices)
            assert mesh.is_watertight
            assert mesh.is_winding_consistent
            volumes.append(mesh.volume)
    # positive: the triangles are seen counterclockwise from outside
    assert min(volumes) > 0.0
    assert np.ptp(volumes) < 1e-5 * volumes[0]


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_box_has_its_place_and_size(tmp_path: Path, ending: str) -> None:
    labels = np.zeros(HEADER.shape, np.uint8)
    labels[2:6, 1:5, 3:7] = 4
    path = tmp_path / f"box.{ending}"
    write_surfaces({4: path}, HEADER, cut(labels, [3, 4]))
    mesh = read(path)
    # from half a voxel before the centre of the first to half a voxel behind that of the last
    lower = [2.5 * 0.2, 0.5 * 0.25, 1.5 * 0.5]
    upper = [6.5 * 0.2, 4.5 * 0.25, 5.5 * 0.5]
    assert mesh.bounds == pytest.approx(np.array([lower, upper]))
    if ending == "ply":
        assert len(trimesh.load(path, process=False).vertices) == len(mesh.vertices)


def test_an_absent_phase_has_no_triangles(tmp_path: Path) -> None:
    labels = np.zeros(HEADER.shape, np.uint8)
    write_surfaces({1: tmp_path / "none.stl"}, HEADER, [labels])
    assert (tmp_path / "none.stl").stat().st_size == 84


@pytest.mark.parametrize(
    ("ending", "limit", "words"),
    [
        ("stl", "_MOST_TRIANGLES", "v.stl: .* more than 11 triangles, which .stl cannot number"),
        ("ply", "_MOST_VERTICES", "v.ply: .* more than 11 vertices, .* export a coarser level"),
    ],
)
def test_what_a_format_cannot_number_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, limit: str, words: str
) -> None:
    labels = np.zeros(HEADER.shape, np.uint8)
    # 8 triangles on 6 vertices each
    labels[2, 2, 2] = labels[6, 6, 5] = 1
    monkeypatch.setattr(meshes, limit, 11)
    with pytest.raises(InputError, match=words) as caught:
        write_surfaces({1: tmp_path / f"v.{ending}"}, HEADER, cut(labels, [4]))
    assert "\n" not in str(caught.value)
    monkeypatch.setattr(meshes, limit, 16)
    write_surfaces({1: tmp_path / f"v.{ending}"}, HEADER, cut(labels, [4]))


def test_the_area_of_a_ball_is_high_by_the_staircase(tmp_path: Path) -> None:
    radius = 18.0
    grid = np.indices((41, 41, 41)) - 20.0
    ball = (np.sqrt((grid**2).sum(axis=0)) < radius).astype(np.uint8)
    header = Header(ball.shape, (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), "um", (), "ball")
    write_surfaces({1: tmp_path / "ball.ply"}, header, cut(ball, [16, 32]))
    mesh = read(tmp_path / "ball.ply")
    # vertices halfway between voxels: measured, and independent of the radius
    assert mesh.area / (4.0 * np.pi * radius**2) == pytest.approx(1.09, abs=0.01)
    assert mesh.volume == pytest.approx(ball.sum(), rel=0.01)


def area_inside(labels: np.ndarray) -> float:
    """Area of the surface of phase 1, without the triangles that close it at the border."""
    total = 0.0
    for part in triangulated(cut(labels, [32, 64, 96]), 1):
        corners = 0.5 * part.vertices[part.faces]
        across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        centres = corners.mean(axis=1)
        inner = ((centres >= 0.5) & (centres < len(labels) - 1.5)).all(axis=1)
        total += 0.5 * np.linalg.norm(across[inner], axis=1).sum()
    return total


@pytest.mark.slow
@pytest.mark.parametrize(("law", "share"), [(Gaussian(), 0.5), (ChiSquare(2), 0.4)])
def test_the_area_of_smooth_fields_is_the_closed_form_and_the_stated_bias(
    law: Law, share: float
) -> None:
    side, field = 128, Field(GaussianKernel(8.0), law, law.threshold(share))
    model = ExcursionModel((Phase(0, "pore"), Phase(1, "solid")), (1, 0), (field,))
    expected = model.specific_surface_areas()[1] * (side - 2) ** 3
    ratios = []
    for seed in range(12):
        labels = np.asarray(Realization(model, seed).window((0, 0, 0), (side,) * 3))
        ratios.append(area_inside(labels) / expected)
    # the staircase of planes in random directions: 1.088 (docs/how-to/export.md); 4 standard
    # errors, and 0.5 % for it and for the curvature
    error = np.std(ratios, ddof=1) / len(ratios) ** 0.5
    assert error < 0.01
    assert np.mean(ratios) == pytest.approx(1.088, abs=4.0 * error + 0.005)
