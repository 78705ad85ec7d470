"""Every format that is read, and what it gives."""

from __future__ import annotations

import hashlib
import importlib.util

import numpy as np
import pytest
import tifffile
from image_samples import (
    BINARY,
    COLOR_SPEC,
    COLORS,
    IMAGEJ_STACK,
    SPEC,
    STACK,
    THREE,
    palette_image,
    write_any,
    write_image,
    write_tiff,
)
from PIL import Image

from morphgen.errors import ImageError, InputError
from morphgen.images import (
    Phase,
    Section,
    Volume,
    read_section,
    read_sections,
    read_volume,
)


@pytest.mark.parametrize("suffix", [".tif", ".TIFF", ".png", ".bmp", ".npy"])
def test_every_format_gives_the_labels_of_the_file(tmp_path, suffix):
    path = write_any(tmp_path / f"xy{suffix.lower()}", THREE)
    path = path.rename(tmp_path / f"xy{suffix}")
    section = read_section(path, plane="xz")
    np.testing.assert_array_equal(section.labels, THREE)
    assert section.labels.dtype == np.uint8
    assert not section.labels.flags.writeable
    assert section.phases == tuple(Phase(i, f"phase {i}") for i in range(3))
    assert (section.plane, section.pixel_size, section.unit) == ("xz", (1.0, 1.0), "voxel")
    assert section.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert section.source == f"xy{suffix}"
    assert section.mask is None
    assert str(path) == str(tmp_path / section.source)


def test_an_array_is_a_section_of_its_own():
    mine = THREE.copy()
    section = read_section(mine)
    mine[:] = 0
    np.testing.assert_array_equal(section.labels, THREE)
    assert section.source == "array"
    assert section.sha256 == hashlib.sha256(THREE.tobytes()).hexdigest()
    shares = {i: float(np.mean(i == THREE)) for i in range(3)}
    assert section.fractions() == pytest.approx(shares)


@pytest.mark.parametrize(
    "array", [THREE.astype(">i4"), THREE.astype(float), np.asfortranarray(THREE), THREE > 0]
)
def test_arrays_of_other_types_keep_their_values(array):
    section = read_section(array)
    np.testing.assert_array_equal(section.labels, array)
    assert section.labels.flags.c_contiguous


@pytest.mark.parametrize(
    "options", [{"compression": "zlib", "predictor": True}, {"tile": (16, 16)}]
)
def test_compressed_and_tiled_tiff(tmp_path, options):
    section = read_section(write_tiff(tmp_path / "a.tif", THREE, **options))
    np.testing.assert_array_equal(section.labels, THREE)


@pytest.mark.skipif(bool(importlib.util.find_spec("imagecodecs")), reason="imagecodecs decodes LZW")
def test_a_compression_that_needs_imagecodecs_says_so(tmp_path):
    path = write_image(tmp_path / "a.tif", THREE, compression="tiff_lzw")
    with pytest.raises(ImageError, match="pip install imagecodecs"):
        read_section(path)


@pytest.mark.parametrize("suffix", [".png", ".bmp"])
def test_a_palette_image_gives_its_indices_and_colours(tmp_path, suffix):
    section = read_section(write_image(tmp_path / f"p{suffix}", palette_image()))
    np.testing.assert_array_equal(section.labels, THREE)
    assert [phase.color for phase in section.phases] == ["#000000", "#e69f00", "#56b4e9"]


def test_a_palette_tiff_gives_its_indices_and_colours(tmp_path):
    colormap = np.zeros((3, 256), dtype=np.uint16)
    colormap[:, :3] = COLORS.T * np.uint16(257)
    path = write_tiff(tmp_path / "p.tif", THREE, photometric="palette", colormap=colormap)
    section = read_section(path)
    np.testing.assert_array_equal(section.labels, THREE)
    assert [phase.color for phase in section.phases] == ["#000000", "#e69f00", "#56b4e9"]


@pytest.mark.parametrize("kind", ["palette", "png", "bmp", "tif", "planar", "array"])
def test_colours_are_numbered_in_the_order_of_the_phases(tmp_path, kind):
    image = COLORS[THREE]
    if kind == "palette":
        image = write_image(tmp_path / "c.png", palette_image())
    elif kind in ("png", "bmp"):
        image = write_image(tmp_path / f"c.{kind}", image)
    elif kind == "tif":
        image = write_tiff(tmp_path / "c.tif", image, photometric="rgb")
    elif kind == "planar":
        planes = np.moveaxis(image, -1, 0)
        image = write_tiff(tmp_path / "c.tif", planes, photometric="rgb", planarconfig="separate")
    section = read_section(image, phases="#56B4E9=se,#000000=pore,#e69f00=am")
    np.testing.assert_array_equal(section.labels, np.array([1, 2, 0])[THREE])
    assert section.phases == (
        Phase(0, "se", "#56b4e9"),
        Phase(1, "pore", "#000000"),
        Phase(2, "am", "#e69f00"),
    )


def test_grey_saved_as_rgb_is_grey(tmp_path):
    path = write_image(tmp_path / "g.png", np.dstack([THREE] * 3))
    np.testing.assert_array_equal(read_section(path).labels, THREE)
    path = write_image(tmp_path / "g.png", np.dstack([BINARY] * 3))
    by_value = read_section(path, phases="0=pore,255=solid")
    by_color = read_section(path, phases="#000000=pore,#ffffff=solid")
    np.testing.assert_array_equal(by_value.labels, by_color.labels)


def test_images_over_pillows_own_limit_are_read(tmp_path, monkeypatch):
    path = write_image(tmp_path / "big.png", THREE)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    np.testing.assert_array_equal(read_section(path).labels, THREE)


@pytest.mark.parametrize("options", [{}, IMAGEJ_STACK, {"metadata": None}])
def test_every_page_of_a_stack_is_a_section(tmp_path, options):
    path = write_tiff(tmp_path / "s.tif", STACK, photometric="minisblack", **options)
    sections = read_sections(path, plane="yz")
    assert len(sections) == 5
    for page, section in zip(STACK, sections, strict=True):
        np.testing.assert_array_equal(section.labels, page)
        assert section.plane == "yz"
    assert len({section.sha256 for section in sections}) == 1
    with pytest.raises(ImageError, match=r"5 pages where one section.*read_sections.*read_volume"):
        read_section(path)
    with pytest.raises(ImageError, match="array: 5 pages where one section"):
        read_section(STACK)


def test_pages_written_one_by_one(tmp_path):
    with tifffile.TiffWriter(tmp_path / "s.tif") as file:
        for page in STACK:
            file.write(page)
    sections = read_sections(tmp_path / "s.tif")
    np.testing.assert_array_equal([section.labels for section in sections], STACK)


def test_pages_of_different_sizes_are_refused(tmp_path):
    with tifffile.TiffWriter(tmp_path / "s.tif") as file:
        file.write(THREE)
        file.write(THREE[:33])
    with pytest.raises(ImageError, match="images of different kinds"):
        read_sections(tmp_path / "s.tif")


def test_channels_are_not_pages(tmp_path):
    path = write_tiff(tmp_path / "c.tif", STACK[:2], imagej=True, metadata={"axes": "CYX"})
    with pytest.raises(ImageError, match="save one channel"):
        read_sections(path)


def test_the_phases_are_those_of_the_whole_stack():
    stack = STACK.copy()
    stack[3][stack[3] == 2] = 0
    section = read_sections(stack, phases=SPEC)[3]
    assert len(section.phases) == 3
    assert section.fractions()[2] == 0.0
    assert read_sections(THREE)[0].labels.shape == THREE.shape
    assert len(read_sections(COLORS[STACK], phases=COLOR_SPEC)) == 5


@pytest.mark.parametrize("suffix", [".tif", ".npy"])
def test_a_volume(tmp_path, suffix):
    path = tmp_path / f"v{suffix}"
    np.save(path, STACK) if suffix == ".npy" else write_tiff(path, STACK)
    volume = read_volume(path, voxel_size=(0.2, 0.1, 0.1), unit="um", phases=SPEC)
    np.testing.assert_array_equal(volume.labels, STACK)
    assert volume.voxel_size == (0.2, 0.1, 0.1)
    assert sum(volume.fractions().values()) == pytest.approx(1.0)
    assert volume.mask is None
    assert volume.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_section_is_no_volume():
    with pytest.raises(ImageError, match=r"shape \(1, 40, 48\) is no volume"):
        read_volume(THREE)


@pytest.mark.parametrize("shape", [(31, 40), (40, 31)])
def test_small_sections_are_refused(shape):
    with pytest.raises(ImageError, match="a section needs 32 or more"):
        read_section(THREE[: shape[0], : shape[1]])


def test_arrays_of_other_shapes_are_refused():
    with pytest.raises(ImageError, match=r"shape \(40,\) is no image"):
        read_section(THREE[:, 0])
    with pytest.raises(ImageError, match="holds no pixels"):
        read_section(THREE[:0])
    with pytest.raises(InputError, match="a path or a NumPy array, not list"):
        read_section([[0, 1]])


def test_sections_and_volumes_check_themselves():
    phases = tuple(Phase(i, f"phase {i}") for i in range(3))
    rest = {"unit": "um", "phases": phases, "sha256": "", "source": "array"}
    section = Section(THREE, plane="xy", pixel_size=(1, 1), **rest)
    assert not section.labels.flags.writeable
    assert THREE.flags.writeable
    with pytest.raises(InputError, match=r"labels \[2\] have no phase"):
        Section(THREE, plane="xy", pixel_size=(1, 1), **{**rest, "phases": phases[:2]})
    with pytest.raises(InputError, match="rising order"):
        Section(THREE, plane="xy", pixel_size=(1, 1), **{**rest, "phases": phases[::-1]})
    with pytest.raises(InputError, match="uint8 with 2 axes"):
        Section(STACK, plane="xy", pixel_size=(1, 1), **rest)
    with pytest.raises(InputError, match="must hold 3 numbers"):
        Volume(STACK, voxel_size=(1, 1), **rest)
    with pytest.raises(InputError, match="unknown unit"):
        Volume(STACK, voxel_size=(1, 1, 1), **{**rest, "unit": "ell"})


def test_the_fuel_cell_cathode(data):
    section = read_section(data / "sofc_cathode_2d.tif")
    assert section.labels.shape == (2286, 1326)
    assert section.unit == "voxel"
    fractions = section.fractions()
    assert fractions == pytest.approx({0: 0.35, 1: 0.36, 2: 0.30}, abs=0.01)


def test_the_superalloy_stack_is_ten_sections(data):
    sections = read_sections(data / "superalloy_2d_stack.tif")
    assert [section.labels.shape for section in sections] == [(512, 512)] * 10
    assert len(sections[0].phases) == 3


def test_the_separator_volume(data):
    volume = read_volume(data / "separator_3d.tif")
    assert volume.labels.shape == (156, 75, 75)
    assert volume.fractions() == pytest.approx({0: 0.62, 1: 0.38}, abs=0.01)
