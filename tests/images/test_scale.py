"""Pixel sizes, from the user and from the file."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_samples import STACK, THREE, write_image, write_tiff

from morphgen.errors import ImageError, InputError
from morphgen.images import (
    parse_length,
    read_section,
    read_sections,
    read_volume,
    section_in_unit,
    volume_in_unit,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.065um", (0.065, "um")),
        (" 0.065 µm ", (0.065, "um")),
        ("65e-3μm", (0.065, "um")),
        ("65nm", (65.0, "nm")),
        (".5mm", (0.5, "mm")),
        ("1.m", (1.0, "m")),
        ("2 cm", (2.0, "cm")),
        ("1voxel", (1.0, "voxel")),
        ("3", (3.0, "voxel")),
    ],
)
def test_lengths(text, expected):
    assert parse_length(text) == expected


@given(
    st.floats(1e-300, 1e300), st.sampled_from(["nm", "um", "mm", "m", "cm", "voxel"]), st.booleans()
)
def test_a_written_length_is_read_back(value, unit, spaced):
    assert parse_length(f"{value!r}{' ' if spaced else ''}{unit}") == (value, unit)


@given(st.text("0123456789.eE+-umvoxlnµ ", max_size=12))
def test_any_text_is_a_length_or_refused(text):
    try:
        value, unit = parse_length(text)
    except InputError:
        return
    assert 0 < value < float("inf")
    assert unit


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0um", "not positive"),
        ("-1um", "not positive"),
        ("1e999um", "not positive"),
        ("nan", "not a length"),
        ("um", "not a length"),
        ("", "not a length"),
        ("1 furlong", "unknown unit 'furlong': expected one of nm, um, mm, cm, m, voxel"),
        ("0,065um", "unknown unit ',065um'"),
    ],
)
def test_lengths_that_are_refused(text, message):
    with pytest.raises(InputError, match=message):
        parse_length(text)


OME_SIZES = {
    "PhysicalSizeX": 0.065,
    "PhysicalSizeY": 130.0,
    "PhysicalSizeYUnit": "nm",
    "PhysicalSizeZ": 0.2,
}


@pytest.fixture
def scaled(tmp_path):
    """Write a section or a stack whose pixels measure 0.13 um down and 0.065 um across."""

    def write(kind, array=THREE):
        axes = "ZYX"[-array.ndim :]
        options = {
            "cm": {"resolution": (1e4 / 0.065, 1e4 / 0.13), "resolutionunit": "CENTIMETER"},
            "inch": {"resolution": (25400 / 0.065, 25400 / 0.13), "resolutionunit": "INCH"},
            "ome": {"ome": True, "metadata": {"axes": axes, **OME_SIZES}},
        }
        for name, unit in {
            "imagej": "um",
            "imagej escaped": "\\u00B5m",
            "micron": "micron",
        }.items():
            options[name] = {
                "imagej": True,
                "resolution": (1 / 0.065, 1 / 0.13),
                "metadata": {"axes": axes, "unit": unit, "spacing": 0.2},
            }
        return write_tiff(tmp_path / "s.tif", array, photometric="minisblack", **options[kind])

    return write


@pytest.mark.parametrize("kind", ["imagej", "imagej escaped", "micron", "ome", "cm", "inch"])
def test_the_pixel_size_of_the_file_is_taken(scaled, kind):
    section = read_section(scaled(kind))
    assert section.pixel_size == pytest.approx((0.13, 0.065), rel=1e-4)
    assert section.unit == "um"
    section = read_section(scaled(kind), unit="nm")
    assert section.pixel_size == pytest.approx((130, 65), rel=1e-4)
    assert section.unit == "nm"


@pytest.mark.parametrize("kind", ["imagej", "ome"])
def test_the_voxel_size_of_the_file_is_taken(scaled, kind):
    volume = read_volume(scaled(kind, STACK))
    assert volume.voxel_size == pytest.approx((0.2, 0.13, 0.065), rel=1e-4)
    assert read_sections(scaled(kind, STACK))[0].pixel_size == pytest.approx((0.13, 0.065), 1e-4)


def test_a_volume_without_slice_distance_needs_a_voxel_size(scaled):
    path = scaled("cm", STACK)
    with pytest.raises(ImageError, match=r"says 0\.13 x 0\.065 um, but not how far the slices"):
        read_volume(path)
    assert read_volume(path, voxel_size=(0.4, 0.13, 0.065), unit="um").voxel_size[0] == 0.4


def test_user_and_file_must_agree(scaled):
    path = scaled("imagej")
    message = r"voxel size 0\.13 um contradicts the ImageJ metadata, which says 0\.065 um"
    with pytest.raises(ImageError, match=message):
        read_section(path, voxel_size=0.13, unit="um")
    section = read_section(path, voxel_size=(131, 64.5), unit="nm")
    assert section.pixel_size == (131, 64.5)
    with pytest.raises(ImageError, match="contradicts"):
        read_section(path, voxel_size=(132, 65), unit="nm")


def test_a_size_without_unit_contradicts_a_file_with_one(scaled):
    path = scaled("imagej")
    with pytest.raises(
        ImageError, match=r"has no unit, but the ImageJ metadata says 0\.13 x 0.065"
    ):
        read_section(path, voxel_size=0.065)
    for given_size, unit in ((1, None), (1, "voxel"), (None, "voxel")):
        section = read_section(path, voxel_size=given_size, unit=unit)
        assert (section.pixel_size, section.unit) == ((1.0, 1.0), "voxel")


def test_an_unknown_unit_in_the_file_is_named(tmp_path):
    options = {"imagej": True, "resolution": (2, 2), "metadata": {"unit": "parsec"}}
    path = write_tiff(tmp_path / "s.tif", THREE, **options)
    with pytest.raises(ImageError, match="unknown unit 'parsec'; give the voxel size in one of nm"):
        read_section(path)
    assert read_section(path, voxel_size=3, unit="um").pixel_size == (3, 3)


@pytest.mark.parametrize("dpi", [72, 96, 300, 1200, 2400])
@pytest.mark.parametrize("suffix", [".tif", ".png", ".bmp"])
def test_print_resolutions_are_not_pixel_sizes(tmp_path, dpi, suffix):
    path = write_image(tmp_path / f"d{suffix}", THREE, dpi=(dpi, dpi))
    assert read_section(path).unit == "voxel"
    assert read_section(path, voxel_size=0.065, unit="um").pixel_size == (0.065, 0.065)


def test_an_imagej_scale_in_inches_or_pixels_is_none(tmp_path):
    for unit in ("inch", "pixel"):
        options = {"imagej": True, "resolution": (300, 300), "metadata": {"unit": unit}}
        assert read_section(write_tiff(tmp_path / "s.tif", THREE, **options)).unit == "voxel"


@pytest.mark.parametrize("suffix", [".png", ".bmp"])
def test_a_fine_resolution_field_is_a_pixel_size(tmp_path, suffix):
    path = write_image(tmp_path / f"d{suffix}", THREE, dpi=(25400 / 0.5, 25400 / 1.0))
    assert read_section(path).pixel_size == pytest.approx((1.0, 0.5), rel=1e-3)


@pytest.mark.parametrize(
    ("plane", "sizes"), [("xy", (2.0, 3.0)), ("xz", (1.0, 3.0)), ("yz", (1.0, 2.0))]
)
def test_of_sizes_along_three_axes_a_section_has_those_of_its_plane(plane, sizes):
    section = read_section(THREE, plane=plane, voxel_size=(1, 2, 3), unit="um")
    assert section.pixel_size == sizes


@pytest.mark.parametrize("size", [0, -1, np.nan, np.inf, (1, 0), (1, 2, 3, 4)])
def test_sizes_that_are_no_sizes_are_refused(size):
    with pytest.raises(InputError, match=r"not positive|must be one length or 2"):
        read_section(THREE, voxel_size=size, unit="um")


def test_units_are_checked():
    with pytest.raises(InputError, match="unknown unit 'inch'"):
        read_section(THREE, voxel_size=1, unit="inch")
    with pytest.raises(InputError, match="unit 'um' is given without a voxel size"):
        read_section(THREE, unit="um")
    assert read_section(THREE, voxel_size=(2, 1), unit="µm").unit == "um"


def test_planes_are_checked():
    with pytest.raises(InputError, match="plane 'zx' is unknown: expected one of xy, xz, yz"):
        read_section(THREE, plane="zx")


def test_other_units_of_the_same_length():
    section = read_section(THREE, voxel_size=(65.0, 130.0), unit="nm")
    assert section_in_unit(section, "um").pixel_size == (0.065, 0.13)
    assert section_in_unit(section, "voxel") is section
    assert section_in_unit(section, "nm") is section
    volume = read_volume(STACK, voxel_size=65.0, unit="nm")
    assert volume_in_unit(volume, "um").voxel_size == (0.065, 0.065, 0.065)
