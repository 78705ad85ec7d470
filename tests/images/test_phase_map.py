"""Values and colours become phases; some pixels are not specimen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_samples import (
    COLOR_SPEC,
    COLORS,
    SPEC,
    STACK,
    THREE,
    palette_image,
    write_any,
    write_image,
    write_tiff,
)

from morphgen.errors import ImageError, InputError
from morphgen.images import (
    Phase,
    parse_phases,
    read_section,
    read_sections,
    read_volume,
)


def test_values_within_0_to_254_stay_the_labels():
    section = read_section(THREE + 7, phases="9=se,7=pore,8=am")
    np.testing.assert_array_equal(section.labels, THREE + 7)
    assert section.phases == (Phase(7, "pore"), Phase(8, "am"), Phase(9, "se"))


@pytest.mark.parametrize("high", [255, 1000, 40000, -1])
def test_other_values_are_numbered_in_the_order_of_the_phases(high):
    image = np.where(THREE == 0, 0, high)
    section = read_section(image, phases={high: "solid", 0: "pore"})
    np.testing.assert_array_equal(section.labels, THREE == 0)
    assert section.phases == (Phase(0, "solid"), Phase(1, "pore"))


def test_values_with_one_name_are_one_phase():
    section = read_section(THREE, phases="0=pore,1=solid,2=solid")
    np.testing.assert_array_equal(section.labels, THREE > 0)
    section = read_section(COLORS[THREE], phases="#e69f00=solid,#000000=pore,#56b4e9=solid")
    np.testing.assert_array_equal(section.labels, THREE == 0)


def test_the_name_outside_marks_what_is_not_specimen():
    image = np.where(THREE == 2, 255, THREE).astype(np.uint8)
    section = read_section(image, phases="0=pore,1=solid,255=outside")
    np.testing.assert_array_equal(section.labels, image)
    np.testing.assert_array_equal(section.mask, THREE != 2)
    assert section.phases == (Phase(0, "pore"), Phase(1, "solid"))


@pytest.mark.parametrize("high", [255, 40000])
def test_unnamed_high_values_are_listed_with_what_to_pass(tmp_path, high):
    image = np.where(THREE == 0, 0, high).astype(np.uint16)
    share = 100 * np.mean(THREE == 0)
    expected = rf'0 \({share:.1f} %\), {high} \(.*phases "0=phase A,{high}=phase B"'
    with pytest.raises(ImageError, match=expected):
        read_section(write_tiff(tmp_path / "b.tif", image))


@pytest.mark.parametrize("suffix", [".tif", ".png", ".bmp"])
def test_one_bit_images_need_named_phases(tmp_path, suffix):
    path = write_any(tmp_path / f"one{suffix}", THREE > 0)
    with pytest.raises(ImageError, match='phases "0=phase A,1=phase B"'):
        read_section(path)
    section = read_section(path, phases="0=pore,1=solid")
    np.testing.assert_array_equal(section.labels, THREE > 0)


def test_unnamed_colours_are_listed_with_what_to_pass(tmp_path):
    expected = 'phases "#000000=phase A,#56b4e9=phase B,#e69f00=phase C"'
    with pytest.raises(ImageError, match=expected):
        read_section(write_image(tmp_path / "c.png", COLORS[THREE]))


def test_what_the_message_says_to_pass_is_accepted():
    with pytest.raises(ImageError) as caught:
        read_section(COLORS[THREE])
    spec = str(caught.value).split('"')[1]
    assert len(read_section(COLORS[THREE], phases=spec).phases) == 3


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("", "cannot read ''"),
        ("0=pore,", "cannot read ''"),
        ("0=pore,1", "cannot read '1'.*expected value=name"),
        ("0=pore,1=", "cannot read '1='"),
        ("0=pore,1.5=solid", "'1.5' is neither an integer value nor a colour"),
        ("0=pore,#fff=solid", "'#fff' is neither"),
        ("0=pore,0=solid", "0 is given twice"),
        ("0=pore,#ffffff=solid", "no mix"),
        ("0=pore", "fewer than two phases"),
        ("0=pore,1=outside", "fewer than two phases"),
        ({True: "pore", 0: "solid"}, "True is neither"),
        ({0: "pore", 1: ""}, "phase name ''"),
    ],
)
def test_phases_that_cannot_be_read_are_refused(spec, message):
    with pytest.raises(InputError, match=message):
        parse_phases(spec)


def test_phases_and_image_must_agree():
    with pytest.raises(ImageError, match=r"no phase is given for 2; .* as 2=name, or as 2=outside"):
        read_section(THREE, phases="0=pore,1=solid")
    with pytest.raises(
        ImageError, match=r"phase 'binder' \(7\) is not in the image, which holds 0"
    ):
        read_section(THREE, phases=SPEC + ",7=binder")
    with pytest.raises(ImageError, match="phases need colours for keys; it holds #000000"):
        read_section(COLORS[THREE], phases=SPEC)
    with pytest.raises(ImageError, match="given as colours, but the image holds numbers"):
        read_section(THREE.astype(np.int32), phases=COLOR_SPEC)


@given(
    st.lists(st.integers(-3, 300), min_size=2, max_size=7, unique=True),
    st.lists(st.sampled_from("abc"), min_size=7, max_size=7),
    st.integers(0, 2**32),
)
def test_every_pixel_gets_the_phase_of_its_value(values, letters, seed):
    image = np.random.default_rng(seed).choice(values, size=(32, 32))
    image.flat[: len(values)] = values
    spec = dict(zip(values, letters, strict=False))
    if len(set(spec.values())) < 2:
        with pytest.raises(InputError, match="fewer than two phases"):
            read_section(image, phases=spec)
        return
    section = read_section(image, phases=spec)
    names = {phase.label: phase.name for phase in section.phases}
    numbered = not all(0 <= value <= 254 for value in values)
    assert not numbered or list(names.values()) == list(dict.fromkeys(spec.values()))
    assert numbered or all(spec[label] == name for label, name in names.items())
    expected = np.vectorize(spec.get)(image)
    np.testing.assert_array_equal(np.vectorize(names.get)(section.labels), expected)


@pytest.mark.parametrize("kind", ["array", "tif", "png", "bit"])
def test_pixels_outside_the_mask_are_255(tmp_path, kind):
    inside = np.hypot(*np.indices(THREE.shape)) < 35
    mask = inside
    if kind == "tif":
        mask = write_tiff(tmp_path / "m.tif", inside.astype(np.uint8) * 7)
    elif kind in ("png", "bit"):
        mask = write_image(
            tmp_path / "m.png", inside if kind == "bit" else inside.astype(np.uint8) * 255
        )
    image = np.where(inside, THREE, 255)
    section = read_section(image, mask=mask)
    np.testing.assert_array_equal(section.mask, inside)
    np.testing.assert_array_equal(section.labels, np.where(inside, THREE, 255))
    assert section.fractions()[0] == pytest.approx(np.mean(THREE[inside] == 0))


def test_one_mask_serves_all_pages():
    inside = np.ones(STACK.shape[1:], dtype=bool)
    inside[:, :5] = False
    for section in read_sections(STACK, mask=inside):
        np.testing.assert_array_equal(section.mask, inside)
    np.testing.assert_array_equal(read_volume(STACK, mask=inside).mask[4], inside)


def test_masks_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(ImageError, match=r"mask: its shape \(39, 48\) does not fit"):
        read_section(THREE, mask=np.ones((39, 48), dtype=bool))
    with pytest.raises(InputError, match="array of bool, not uint8; use mask > 0"):
        read_section(THREE, mask=THREE)
    with pytest.raises(ImageError, match="not 3 values; save it in black and white"):
        read_section(THREE, mask=write_tiff(tmp_path / "m.tif", THREE))
    with pytest.raises(ImageError, match="holds no pixel inside the specimen"):
        read_section(THREE, mask=np.zeros(THREE.shape, dtype=bool))


@pytest.mark.parametrize("kind", ["png", "tif", "array"])
def test_transparent_pixels_are_outside_and_opaque_ones_ordinary(tmp_path, kind):
    alpha = np.full(THREE.shape, 255, dtype=np.uint8)

    def image():
        pixels = np.dstack([COLORS[THREE], alpha])
        if kind == "png":
            return write_image(tmp_path / "a.png", pixels)
        if kind == "tif":
            options = {"photometric": "rgb", "extrasamples": ["unassalpha"]}
            return write_tiff(tmp_path / "a.tif", pixels, **options)
        return pixels

    assert read_section(image(), phases=COLOR_SPEC).mask is None
    alpha[:, :6] = 0
    np.testing.assert_array_equal(read_section(image(), phases=COLOR_SPEC).mask, alpha > 0)
    alpha[0, 20] = 128
    with pytest.raises(ImageError, match="1 semi-transparent"):
        read_section(image(), phases=COLOR_SPEC)


@pytest.mark.parametrize("key", [2, bytes([255, 255, 0])])
def test_a_transparent_palette_entry_is_outside(tmp_path, key):
    path = write_image(tmp_path / "t.png", palette_image(), transparency=key)
    np.testing.assert_array_equal(read_section(path).mask, THREE != 2)


def test_a_transparent_grey_or_colour_is_outside(tmp_path):
    path = write_image(tmp_path / "g.png", THREE, transparency=2)
    np.testing.assert_array_equal(read_section(path).mask, THREE != 2)
    path = write_image(tmp_path / "c.png", COLORS[THREE], transparency=tuple(COLORS[2].tolist()))
    section = read_section(path, phases="#000000=pore,#e69f00=am")
    np.testing.assert_array_equal(section.mask, THREE != 2)


def test_a_named_phase_may_be_absent():
    image = np.zeros((64, 64), dtype=np.uint8)
    image[::2] = 1
    section = read_section(image, phases="0=pore,1=grain,300=outside,7=binder", absent="allow")
    assert [phase.name for phase in section.phases] == ["pore", "grain", "binder"]
    assert section.fractions()[7] == 0.0
