"""Exports, read back by independent readers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from morphgen.errors import InputError, StoreError
from morphgen.excursion import ExcursionModel, Field
from morphgen.fields.laws import Gaussian
from morphgen.fields.parametric import GaussianKernel
from morphgen.images import read_volume
from morphgen.phases import Phase
from morphgen.progress import silent
from morphgen.tiles import VolumeInfo, generate, open_volume
from morphgen.tiles.export import ENDINGS, export
from morphgen.tiles.export.slabs import slabs

SHAPE, SIZE = (70, 52, 45), (0.5, 0.25, 0.2)


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> VolumeInfo:
    """A volume in three chunks along z, of anisotropic voxels, with a coarser level."""
    law = Gaussian()
    model = ExcursionModel(
        (Phase(0, "pore"), Phase(1, "solid"), Phase(7, 'binder "b"')),
        (0, 1, 7),
        (
            Field(GaussianKernel(1.0), law, law.threshold(0.4)),
            Field(GaussianKernel(0.8), law, law.threshold(0.6)),
        ),
        SIZE,
        "um",
    )
    path = tmp_path_factory.mktemp("export") / "volume.zarr"
    generate(model, path, shape=SHAPE, seed=3, chunk=32, levels=1, workers=1)
    return open_volume(path)


@pytest.fixture(scope="module")
def labels(volume: VolumeInfo) -> np.ndarray:
    return volume.read(tuple(slice(0, side) for side in SHAPE))


def test_slabs_hold_every_plane_once(volume: VolumeInfo, labels: np.ndarray) -> None:
    parts = list(slabs(volume, 0, silent))
    assert [len(part) for part in parts] == [32, 32, 6]
    assert np.array_equal(np.concatenate(parts), labels)


def test_npy(volume: VolumeInfo, labels: np.ndarray, tmp_path: Path) -> None:
    export(volume, tmp_path / "v.npy")
    found = np.load(tmp_path / "v.npy", allow_pickle=False, mmap_mode="r")
    assert found.dtype == np.uint8
    assert np.array_equal(found, labels)


def test_raw_with_a_text(volume: VolumeInfo, labels: np.ndarray, tmp_path: Path) -> None:
    done = export(volume, tmp_path / "v.raw")
    assert [file.name for file in done.files] == ["v.raw", "v.txt"]
    text = dict(line.split(": ", 1) for line in (tmp_path / "v.txt").read_text().splitlines())
    assert text["voxels x y z"] == "45 52 70"
    assert text["voxel length x y z"] == "0.2 0.25 0.5"
    assert json.loads(text["phases"]) == {"0": "pore", "1": "solid", "7": 'binder "b"'}
    found = np.fromfile(tmp_path / text["file"], np.uint8).reshape(SHAPE)
    assert np.array_equal(found, labels)


@pytest.mark.parametrize(("level", "size", "origin"), [(0, 1.0, 0.0), (1, 2.0, 0.5)])
@pytest.mark.parametrize("name", ["v.mhd", "v.nrrd"])
def test_by_simple_itk(
    volume: VolumeInfo, tmp_path: Path, name: str, level: int, size: float, origin: float
) -> None:
    itk = pytest.importorskip("SimpleITK")
    export(volume, tmp_path / name, level=level)
    image = itk.ReadImage(str(tmp_path / name))
    expected = volume.read((slice(None),) * 3, level)
    assert np.array_equal(itk.GetArrayFromImage(image), expected)
    assert image.GetSpacing() == pytest.approx([size * step for step in reversed(SIZE)])
    assert image.GetOrigin() == pytest.approx([origin * step for step in reversed(SIZE)])


def test_nrrd_says_units_and_phases(volume: VolumeInfo, tmp_path: Path) -> None:
    nrrd = pytest.importorskip("nrrd")
    export(volume, tmp_path / "v.nrrd")
    header = nrrd.read_header(str(tmp_path / "v.nrrd"))
    assert header["space units"] == ["um", "um", "um"]
    assert json.loads(header["phases"])["7"] == 'binder "b"'


def test_vti_by_vtk(volume: VolumeInfo, labels: np.ndarray, tmp_path: Path) -> None:
    pyvista = pytest.importorskip("pyvista")
    export(volume, tmp_path / "v.vti")
    grid = pyvista.read(tmp_path / "v.vti")
    found = np.asarray(grid.cell_data["label"]).reshape(SHAPE)
    assert np.array_equal(found, labels)
    assert grid.spacing == pytest.approx(SIZE[::-1])
    # the centre of the first cell is the origin
    assert grid.cell_centers().points[0] == pytest.approx(np.zeros(3), abs=1e-12)


def test_ome_tiff(volume: VolumeInfo, labels: np.ndarray, tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    export(volume, tmp_path / "v.tif")
    with tifffile.TiffFile(tmp_path / "v.tif") as file:
        assert file.is_bigtiff
        assert file.is_ome
        assert np.array_equal(file.asarray(), labels)
        text = file.ome_metadata
    for axis, size in zip("ZYX", SIZE, strict=True):
        assert f'PhysicalSize{axis}="{size}"' in text
        assert f'PhysicalSize{axis}Unit="µm"' in text


def test_morphgen_reads_its_own_tiff(
    volume: VolumeInfo, labels: np.ndarray, tmp_path: Path
) -> None:

    export(volume, tmp_path / "v.tif")
    found = read_volume(tmp_path / "v.tif")
    assert (found.unit, found.voxel_size) == ("um", pytest.approx(SIZE))
    assert np.array_equal(found.labels, labels)


def test_hdf5(volume: VolumeInfo, labels: np.ndarray, tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    export(volume, tmp_path / "v.h5")
    with h5py.File(tmp_path / "v.h5") as file:
        data = file["labels"]
        assert np.array_equal(data[...], labels)
        assert tuple(data.attrs["voxel_size"]) == SIZE
        assert (data.attrs["unit"], data.attrs["phase_1"]) == ("um", "solid")


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_exists_is_kept(volume: VolumeInfo, tmp_path: Path, ending: str) -> None:
    target = tmp_path / f"v{ending}"
    done = export(volume, target, phases=[1] if ending in (".stl", ".ply") else None)
    before = {file: file.read_bytes() for file in done.files}
    (key, *_) = before
    key.write_bytes(b"mine")
    with pytest.raises(InputError, match="exists"):
        export(volume, target, phases=[1] if ending in (".stl", ".ply") else None)
    assert key.read_bytes() == b"mine"
    export(volume, target, phases=[1] if ending in (".stl", ".ply") else None, overwrite=True)
    assert {file.name for file in tmp_path.iterdir()} == {file.name for file in done.files}
    # these hold a time, or a random number
    if ending not in (".h5", ".tif", ".tiff"):
        assert {file: file.read_bytes() for file in done.files} == before


def test_a_broken_export_leaves_nothing(volume: VolumeInfo, tmp_path: Path) -> None:
    def stop(stage: str, done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    for name in ("v.npy", "v.mhd", "v.ply", "v.tif"):
        with pytest.raises(KeyboardInterrupt):
            export(volume, tmp_path / name, progress=stop)
    assert not list(tmp_path.iterdir())


def test_wrong_requests(volume: VolumeInfo, tmp_path: Path) -> None:
    for name, words, more in (
        ("v.xyz", r"v.xyz: the ending is no format; expected \.npy", {}),
        ("v", "the ending is no format", {}),
        ("v.npy", "level is 2; .* has levels 0 to 1", {"level": 2}),
        ("v.npy", "holds all phases", {"phases": [1]}),
        ("v.stl", "phase 3 is not in the volume; its labels are", {"phases": [3]}),
        ("no/v.npy", "the folder .* does not exist", {}),
    ):
        options: dict[str, Any] = more
        with pytest.raises(InputError, match=words):
            export(volume, tmp_path / name, **options)


def test_an_incomplete_volume_is_refused(volume: VolumeInfo, tmp_path: Path) -> None:
    copy = tmp_path / "copy.zarr"
    shutil.copytree(volume.path, copy)
    (copy / "0" / "c" / "0" / "0" / "0").unlink()
    with pytest.raises(StoreError, match="complete it with generate --resume"):
        export(open_volume(copy), tmp_path / "v.npy")
