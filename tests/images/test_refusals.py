"""Images and files that are refused."""

from __future__ import annotations

import contextlib
import logging
import warnings

import numpy as np
import pytest
import tifffile
from image_samples import BINARY, COLORS, IMAGEJ_STACK, RNG, STACK, THREE, write_any, write_tiff

from morphgen.errors import ImageError, InputError
from morphgen.images import (
    read_section,
)


def blobs(levels):
    noise = RNG.normal(size=(64, 64))
    span = (noise - noise.min()) / np.ptp(noise)
    return np.minimum(span * levels, levels - 1).astype(np.uint8)


@pytest.mark.parametrize("levels", [12, 16, 64, 200])
def test_grey_level_images_are_refused(levels):
    image = blobs(levels)
    found = len(np.unique(image))
    with pytest.raises(ImageError, match=f"{found} values, none of them common.*segment it"):
        read_section(image)


def test_uniform_noise_and_sixteen_bits_are_refused():
    with pytest.raises(ImageError, match="16 values, none of them common"):
        read_section(RNG.integers(0, 16, (64, 64)))
    with pytest.raises(ImageError, match="more than 65536 values"):
        read_section(RNG.integers(0, 1 << 30, (300, 300)))


def test_many_values_pass_when_each_is_named():
    image = RNG.integers(0, 20, (64, 64))
    section = read_section(image, phases={i: f"grain {i}" for i in range(20)})
    np.testing.assert_array_equal(section.labels, image)


def test_anti_aliased_images_are_told_apart():
    image = BINARY.copy()
    image[::7] = RNG.integers(1, 255, image[::7].shape)
    with pytest.raises(ImageError, match=r"of which 2 hold .*anti-aliasing, resampling or JPEG"):
        read_section(image)
    with pytest.raises(ImageError, match="anti-aliasing"):
        read_section(image, phases="0=pore,255=solid")
    colored = COLORS[THREE]
    colored[::7] = RNG.integers(1, 255, colored[::7].shape)
    with pytest.raises(ImageError, match=r"colours, of which 3 hold"):
        read_section(colored)


def test_a_photograph_is_refused():
    with pytest.raises(ImageError, match="colours, none of them common"):
        read_section(RNG.integers(0, 255, (64, 64, 3), dtype=np.uint8))


def test_floats_must_be_integers():
    image = THREE.astype(float)
    image[0, 0] = np.nan
    with pytest.raises(ImageError, match="1 or more pixels are NaN or infinite"):
        read_section(image)
    section = read_section(image, mask=np.isfinite(image))
    assert section.labels[0, 0] == 255
    with pytest.raises(ImageError, match=r"0\.5, which is not an integer"):
        read_section(THREE + 0.5)


@pytest.mark.parametrize("dtype", [complex, object, "U3"])
def test_pixels_that_are_not_numbers_are_refused(dtype):
    with pytest.raises(ImageError, match="are not labels"):
        read_section(THREE.astype(dtype))


@pytest.mark.parametrize("value", [0, 255])
def test_a_single_phase_is_refused(value):
    with pytest.raises(ImageError, match=f"holds the single value {value}; .* two phases or more"):
        read_section(np.full((40, 40), value, dtype=np.uint8))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.tif", None, "no such file"),
        ("a.tif", b"", r"the file is empty \(0 bytes\)"),
        ("a.jpg", b"x", "JPEG and WebP change the values"),
        ("a.gif", b"x", r"\.gif is not read; expected one of \.tif, \.tiff, \.png, \.bmp, \.npy"),
        ("a", b"x", "a name without ending is not read"),
        ("a.tif", b"no tiff at all", r"cannot be read \(.*export it again"),
        ("a.png", b"no png at all", r"cannot be read \(not a PNG file"),
        ("a.bmp", b"no bmp at all", r"cannot be read \("),
        ("a.npy", b"no npy at all", "is not an NPY file"),
    ],
)
def test_files_that_are_no_images(tmp_path, name, content, message):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ImageError, match=message) as caught:
        read_section(path)
    assert str(caught.value).count("\n") < 2
    with pytest.raises(ImageError, match="is a folder"):
        read_section(tmp_path)


@pytest.mark.parametrize("suffix", [".tif", ".png", ".bmp", ".npy"])
@pytest.mark.parametrize("kept", [0.02, 0.3, 0.95])
def test_truncated_files_are_refused(tmp_path, suffix, kept):
    path = write_any(tmp_path / f"cut{suffix}", THREE)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(ImageError, match="cut"):
        read_section(path)


@pytest.mark.parametrize("suffix", [".tif", ".png", ".bmp", ".npy"])
def test_damaged_files_are_read_or_refused_and_nothing_else(tmp_path, suffix):
    path = write_any(tmp_path / f"damaged{suffix}", THREE)
    whole = path.read_bytes()
    rng = np.random.default_rng(1)
    for _ in range(60):
        damaged = bytearray(whole)
        damaged[rng.integers(min(len(whole), 300))] = rng.integers(256)
        path.write_bytes(damaged)
        with contextlib.suppress(InputError):
            read_section(path)


def test_a_truncated_imagej_stack_is_refused(tmp_path):
    path = write_tiff(tmp_path / "s.tif", STACK, photometric="minisblack", **IMAGEJ_STACK)
    path.write_bytes(path.read_bytes()[: -STACK[0].size * 2])
    handlers = logging.getLogger("tifffile").handlers[:]
    with pytest.raises(ImageError, match="truncated or inconsistent"):
        read_section(path)
    assert logging.getLogger("tifffile").handlers == handlers


def npy_header(shape, descr="|u1"):
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"
    text = text.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


def test_an_npy_header_cannot_claim_more_than_the_file_holds(tmp_path):
    path = tmp_path / "a.npy"
    path.write_bytes(npy_header((40, 10**11)) + bytes(100))
    with pytest.raises(ImageError, match=r"a\.npy"):
        read_section(path)
    path.write_bytes(npy_header((40, 40)) + bytes(1601))
    with pytest.raises(ImageError, match=r"describes \d+ bytes, the file holds"):
        read_section(path)


def test_pickled_objects_are_not_loaded(tmp_path):
    class Trap:
        def __reduce__(self):
            return (warnings.warn, ("executed",))

    np.save(tmp_path / "a.npy", np.array([[Trap()] * 40] * 40), allow_pickle=True)
    with pytest.raises(ImageError, match="cannot be read"):
        read_section(tmp_path / "a.npy")


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".npy"])
def test_gigapixels_are_refused_from_the_header(tmp_path, suffix):
    path = write_any(tmp_path / f"a{suffix}", THREE)
    content = bytearray(path.read_bytes())
    side = 50_000
    if suffix == ".png":
        import zlib

        content[16:24] = side.to_bytes(4, "big") * 2
        content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    elif suffix == ".bmp":
        content[18:26] = side.to_bytes(4, "little") * 2
    else:
        with path.open("wb") as file:
            file.write(npy_header((side, side)))
            file.truncate(128 + side * side)
    if suffix != ".npy":
        path.write_bytes(content)
    with pytest.raises(ImageError, match=r"2\.5 gigapixels are more than the 2"):
        read_section(path)


def test_gigapixel_tiff_is_refused_from_the_header(tmp_path):
    path = write_tiff(tmp_path / "a.tif", THREE, compression="zlib")
    with tifffile.TiffFile(path, mode="r+b") as file:
        for name in ("ImageWidth", "ImageLength"):
            file.pages[0].tags[name].overwrite(50_000)
    with pytest.raises(ImageError, match=r"2\.5 gigapixels|inconsistent|cannot be read"):
        read_section(path)
