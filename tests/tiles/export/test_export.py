"""Exports, read back by independent readers."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
import trimesh

from morphgen.errors import ExportError, InputError, StoreError
from morphgen.excursion import ExcursionModel, Field
from morphgen.fields.laws import Gaussian
from morphgen.fields.parametric import GaussianKernel
from morphgen.images import read_volume
from morphgen.phases import Phase
from morphgen.progress import silent
from morphgen.tiles import VolumeInfo, generate, open_volume
from morphgen.tiles.export import ENDINGS, export
from morphgen.tiles.export import slabs as slabs_module
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


def test_slabs_hold_every_plane_once(
    volume: VolumeInfo, labels: np.ndarray, tmp_path: Path
) -> None:
    parts = list(slabs(volume, 0, silent, tmp_path))
    assert [len(part) for part in parts] == [32, 32, 6]
    assert np.array_equal(np.concatenate(parts), labels)


def test_every_chunk_is_read_once(
    volume: VolumeInfo, labels: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, seen = VolumeInfo.read, np.zeros(SHAPE, np.uint8)

    def counted(self: VolumeInfo, part: tuple[slice, ...], level: int = 0) -> np.ndarray:
        # chunks end where the volume ends, too
        for one, side in zip(part, SHAPE, strict=True):
            assert one.start % 32 == 0
            assert one.stop % 32 == 0 or one.stop == side
        seen[part] += 1
        return read(self, part, level)

    monkeypatch.setattr(VolumeInfo, "read", counted)
    # 20 planes of 32 are the most, and 16 divide 32
    monkeypatch.setattr(slabs_module, "_LARGEST_SLAB", 20 * 52 * 45)
    parts = list(slabs(volume, 0, silent, tmp_path))
    assert [len(part) for part in parts] == [16, 16, 16, 16, 6]
    assert np.array_equal(np.concatenate(parts), labels)
    assert (seen == 1).all()
    seen[:] = 0
    export(volume, tmp_path / "v.stl")
    assert (seen == 1).all()
    for name in ("v.h5", "v.npy", "v.tif"):
        export(volume, tmp_path / name)
        assert np.array_equal(read_back(tmp_path / name), labels)


def read_back(path: Path) -> np.ndarray:
    if path.suffix == ".npy":
        return np.load(path)
    if path.suffix == ".tif":
        return tifffile.imread(path)
    with h5py.File(path) as file:
        return np.asarray(file["labels"])


@pytest.mark.parametrize("ending", [".stl", ".ply"])
@pytest.mark.parametrize("level", [0, 1])
def test_surfaces_of_a_volume_are_closed(
    volume: VolumeInfo, tmp_path: Path, ending: str, level: int
) -> None:
    done = export(volume, tmp_path / f"v{ending}", level=level)
    assert done.phases == (0, 1, 7)
    labels = volume.read((slice(None),) * 3, level)
    cell = (2**level) ** 3 * np.prod(SIZE)
    # the centre of the first voxel; faces lie half a voxel outside
    low = np.array(SIZE[::-1]) * (0.5 * (2**level - 1) - 0.5 * 2**level)
    high = low + 2**level * np.array(SIZE[::-1]) * labels.shape[::-1]
    for file, phase in zip(done.files, done.phases, strict=True):
        mesh = trimesh.load(file, process=False)
        mesh.merge_vertices(digits_vertex=6)
        assert mesh.is_watertight
        assert mesh.is_winding_consistent
        # corners are cut off: less than the voxels, the more so the rougher the surface is
        share = mesh.volume / (cell * np.count_nonzero(labels == phase))
        assert 0.5 < share < 1.0
        np.testing.assert_allclose(mesh.bounds, [low, high], atol=1e-5)


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


LEVELS = pytest.mark.parametrize(("level", "size", "origin"), [(0, 1.0, 0.0), (1, 2.0, 0.5)])


@LEVELS
@pytest.mark.parametrize("name", ["v.mhd", "v.nrrd", "v.vti", "v.raw", "v.h5", "v.tif"])
def test_where_the_first_voxel_lies_and_how_large_it_is(
    volume: VolumeInfo, tmp_path: Path, name: str, level: int, size: float, origin: float
) -> None:
    export(volume, tmp_path / name, level=level)
    labels, sizes, first = placed(tmp_path / name)
    assert np.array_equal(labels, volume.read((slice(None),) * 3, level))
    assert sizes == pytest.approx([size * step for step in SIZE])
    assert first == pytest.approx([origin * step for step in SIZE])


def placed(path: Path) -> tuple[np.ndarray, list[float], list[float]]:
    """Labels, voxel size and centre of the first voxel, (z, y, x), by an independent reader."""
    if path.suffix in (".mhd", ".nrrd"):
        import SimpleITK

        image = SimpleITK.ReadImage(str(path))
        labels = SimpleITK.GetArrayFromImage(image)
        return labels, image.GetSpacing()[::-1], image.GetOrigin()[::-1]
    if path.suffix == ".vti":
        import pyvista

        grid = pyvista.read(path)
        labels = np.asarray(grid.cell_data["label"]).reshape([n - 1 for n in grid.dimensions[::-1]])
        return labels, list(grid.spacing[::-1]), list(grid.cell_centers().points[0][::-1])
    if path.suffix == ".raw":
        text = dict(one.split(": ", 1) for one in path.with_suffix(".txt").read_text().splitlines())
        sides, sizes, first = (
            [float(word) for word in text[key].split()][::-1]
            for key in ("voxels x y z", "voxel length x y z", "centre of the first voxel x y z")
        )
        return np.fromfile(path, np.uint8).reshape([int(side) for side in sides]), sizes, first
    if path.suffix == ".h5":
        with h5py.File(path) as file:
            data = file["labels"]
            return data[...], list(data.attrs["voxel_size"]), list(data.attrs["origin"])
    with tifffile.TiffFile(path) as file:
        image = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
        planes = image["Plane"]
        assert [plane["TheZ"] for plane in planes] == list(range(len(planes)))
        steps = np.diff([plane["PositionZ"] for plane in planes])
        np.testing.assert_allclose(steps, image["PhysicalSizeZ"])
        assert {planes[0][f"Position{axis}Unit"] for axis in "ZYX"} == {"µm"}
        return (
            file.asarray(),
            [image[f"PhysicalSize{axis}"] for axis in "ZYX"],
            [planes[0][f"Position{axis}"] for axis in "ZYX"],
        )


def test_mhd_says_units_and_phases(volume: VolumeInfo, tmp_path: Path) -> None:
    import SimpleITK

    export(volume, tmp_path / "v.mhd")
    image = SimpleITK.ReadImage(str(tmp_path / "v.mhd"))
    assert image.GetMetaData("ITK_VoxelUnits") == image.GetMetaData("Unit") == "um"
    assert json.loads(image.GetMetaData("Phases"))["7"] == 'binder "b"'


def test_nrrd_says_units_and_phases(volume: VolumeInfo, tmp_path: Path) -> None:
    import nrrd

    export(volume, tmp_path / "v.nrrd")
    header = nrrd.read_header(str(tmp_path / "v.nrrd"))
    assert header["space units"] == ["um", "um", "um"]
    assert json.loads(header["phases"])["7"] == 'binder "b"'


def test_ome_tiff(volume: VolumeInfo, labels: np.ndarray, tmp_path: Path) -> None:
    import tifffile

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
    import h5py

    export(volume, tmp_path / "v.h5")
    with h5py.File(tmp_path / "v.h5") as file:
        data = file["labels"]
        assert np.array_equal(data[...], labels)
        assert tuple(data.attrs["voxel_size"]) == SIZE
        assert (data.attrs["unit"], data.attrs["phase_1"]) == ("um", "solid")


def test_links_are_left_alone(volume: VolumeInfo, tmp_path: Path) -> None:
    (tmp_path / "mine.npy").write_bytes(b"mine")
    (tmp_path / "link.npy").symlink_to("mine.npy")
    (tmp_path / "dangling.npy").symlink_to("nothing.npy")
    (tmp_path / "v.raw").symlink_to("mine.npy")
    for name in ("link.npy", "dangling.npy", "v.mhd"):
        for overwrite in (False, True):
            with pytest.raises(InputError, match="is a link; name the file"):
                export(volume, tmp_path / name, overwrite=overwrite)
    assert (tmp_path / "mine.npy").read_bytes() == b"mine"
    assert (tmp_path / "link.npy").is_symlink()


def test_nothing_is_written_into_the_store(volume: VolumeInfo, tmp_path: Path) -> None:
    (tmp_path / "around").symlink_to(volume.path / "0")
    for folder in (volume.path, volume.path / "0" / "c", tmp_path / "around"):
        with pytest.raises(InputError, match="lies within the store"):
            export(volume, folder / "v.npy")
    assert not [*volume.path.rglob("*.npy"), *volume.path.rglob(".export-*")]


@pytest.mark.parametrize(("first", "second"), [("v.mhd", "v.raw"), ("v.raw", "v.mhd")])
def test_a_file_of_two_formats_keeps_its_first_one(
    volume: VolumeInfo, tmp_path: Path, first: str, second: str
) -> None:
    export(volume, tmp_path / first)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    for overwrite in (False, True):
        with pytest.raises(InputError, match=r"v\.raw exists"):
            export(volume, tmp_path / second, level=1, overwrite=overwrite)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    export(volume, tmp_path / first, level=1, overwrite=True)
    assert {file.name for file in tmp_path.iterdir()} == set(before)


def test_a_full_disk_is_no_wrong_request(
    volume: VolumeInfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ExportError, match=r"v\.npy cannot be written: No space left") as caught:
        export(volume, tmp_path / "v.npy")
    assert not isinstance(caught.value, InputError)
    assert not list(tmp_path.iterdir())


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


def test_a_chunk_that_goes_while_it_is_exported(volume: VolumeInfo, tmp_path: Path) -> None:
    copy = tmp_path / "copy.zarr"
    shutil.copytree(volume.path, copy)
    opened = open_volume(copy)
    assert opened.complete
    (copy / "0" / "c" / "0" / "0" / "0").unlink()
    for name in ("v.npy", "v.stl"):
        with pytest.raises(StoreError, match="has lost a chunk of level 0 in planes 0 to 31"):
            export(opened, tmp_path / name)
    assert list(tmp_path.iterdir()) == [copy]
