"""morphgen calibrate."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from calibration.cylinders import cut
from morphgen.cli.inputs import parse_voxel_size

from morphgen.errors import InputError
from morphgen.excursion import load_model

PHASES = "0=pore,1=grain,2=binder"
FAST = ("--order", "1,0,2", "--fields", "gaussian,gaussian", "--parametrization", "low")

Call = Callable[..., Any]


@pytest.fixture
def section(files: Path) -> Path:
    return files / "xy.tif"


def test_tables(section: Path, tmp_path: Path, call: Call) -> None:
    out, report = tmp_path / "model.json", tmp_path / "report.html"
    shown = call(
        *("calibrate", section, "--phases", PHASES, "--voxel-size", "0.5um", *FAST),
        *("--out", out, "--report", report),
    )
    assert shown.code == 0, shown.err
    for words in (
        "xy.tif: 256 x 256 pixels of 0.5 µm, plane xy",
        "binder",
        "gaussian,gaussian",
        "C 0-1",
        "no independent fields",
        f"model written to {out}",
        f"report written to {report}",
    ):
        assert words in shown.out
    model = load_model(out)
    assert model.unit == "um"
    assert model.voxel_size == (0.5, 0.5, 0.5)
    assert "<html" in report.read_text(encoding="utf-8")


def test_json(section: Path, files: Path, tmp_path: Path, call: Call) -> None:
    out = tmp_path / "model.json"
    sections = (section, files / "other.tif", "--plane", "xy", "--plane", "xz")
    shown = call("calibrate", *sections, *FAST, "--json", "--quiet", "--out", out)
    assert (shown.code, shown.err) == (0, "")
    found = shown.json
    assert found["model"] == str(out)
    assert found["order"] == [1, 0, 2]
    assert [one["plane"] for one in found["sections"]] == ["xy", "xz"]
    assert sum(one["volume_fraction"] for one in found["phases"]) == pytest.approx(1.0)
    assert set(found["misfit"]) == {"0-0", "0-1", "0-2", "1-1", "1-2", "2-2"}
    assert found["largest_misfit"] == pytest.approx(max(found["misfit"].values()), rel=1e-3)
    assert 0.0 < found["bound"] <= found["largest_misfit"] + 1e-6
    first = found["fields"][0]
    assert first["decides"] == 1
    assert first["correlation_length"] > first["correlation_length_standard_error"] > 0.0
    assert found["candidates"][0]["laws"] == ["gaussian", "gaussian"]


def test_every_page_is_a_section(section: Path, files: Path, tmp_path: Path, call: Call) -> None:
    pages = [tifffile.imread(file) for file in (section, files / "other.tif")]
    stack = tmp_path / "stack.tif"
    tifffile.imwrite(stack, np.stack(pages), photometric="minisblack")
    shown = call("calibrate", stack, *FAST, "--json", "--out", tmp_path / "model.json")
    assert shown.code == 0, shown.err
    assert len(shown.json["sections"]) == 2
    out = tmp_path / "again.json"
    assert (
        "stack.tif: 256 x 256 pixels of 1 voxel, plane xy (2 pages)"
        in call("calibrate", stack, *FAST, "--out", out).out
    )


def test_pixels_that_are_not_square(section: Path, tmp_path: Path, call: Call) -> None:
    call(
        *("calibrate", section, "--voxel-size", "1um,x um", "--out", tmp_path / "model.json")
    ).refused("not a length")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.065um", (0.065, "um")),
        ("0.1um,0.065um", ((0.1, 0.065), "um")),
        ("0.1umx0.065µm", ((0.1, 0.065), "um")),
        ("2 um, 500 nm", ((2.0, 0.5), "um")),
        ("1voxelx2voxel", ((1.0, 2.0), "voxel")),
        ("0.2um,100nm,0.1um", ((0.2, 0.1, 0.1), "um")),
    ],
)
def test_voxel_sizes(text: str, expected: object) -> None:
    assert parse_voxel_size(text) == expected


@pytest.mark.parametrize(
    "text", ["1,5um", "0.1,0.065um", "1um,1um,1um,1um", "1um,1um,1voxel", "1voxel,1um", "1x5um"]
)
def test_voxel_sizes_that_could_be_misread(text: str) -> None:
    with pytest.raises(InputError, match="--voxel-size"):
        parse_voxel_size(text)


@pytest.mark.parametrize("text", ["3", " 0.5 ", "2.", "1e-3"])
def test_a_number_without_a_unit_is_no_voxel_size(text: str) -> None:
    with pytest.raises(InputError, match=r"has no unit; write .*um, .* leave it out"):
        parse_voxel_size(text)


def test_several_files(section: Path, files: Path, tmp_path: Path, call: Call) -> None:
    labels = tifffile.imread(files / "other.tif")
    labels[labels == 2] = 0
    metadata = {"axes": "YX", "PhysicalSizeX": 500.0, "PhysicalSizeXUnit": "nm"}
    metadata |= {"PhysicalSizeY": 500.0, "PhysicalSizeYUnit": "nm"}
    nano, micro = tmp_path / "nano.ome.tif", tmp_path / "micro.ome.tif"
    tifffile.imwrite(nano, labels, metadata=metadata)
    metadata |= {
        f"PhysicalSize{axis}{end}": value
        for axis in "XY"
        for end, value in (("", 0.5), ("Unit", "µm"))
    }
    tifffile.imwrite(micro, tifffile.imread(section), metadata=metadata)
    request = ("calibrate", micro, nano, *FAST, "--json", "--phases")
    shown = call(*request, PHASES, "--out", tmp_path / "model.json")
    assert shown.code == 0, shown.err
    assert [one["pixel_size"] for one in shown.json["sections"]] == [[0.5, 0.5]] * 2
    assert shown.json["unit"] == "um"
    out = ("--out", tmp_path / "again.json")
    call(*request, f"{PHASES},3=void", *out).refused("'void' is in no section")
    copy = tmp_path / "copy.tif"
    copy.write_bytes(section.read_bytes())
    call("calibrate", section, copy, *out).refused("copy.tif", "xy.tif", "give it once")
    call("calibrate", section, section, *out).refused("give it once")


def test_a_fit_that_is_the_limit_is_told(
    section: Path, tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("morphgen.cli.calibration_tables.limited_by", lambda model: "fit")
    request = ("calibrate", section, *FAST, "--overwrite", "--out", tmp_path / "model.json")
    assert call(*request, "--quiet").err.startswith("warning: On its own sections")
    shown = call(*request, "--json")
    assert shown.json["limited_by"] == "fit"
    assert shown.json["limit"] in shown.err


def test_quiet(section: Path, tmp_path: Path, call: Call) -> None:
    out = tmp_path / "model.json"
    shown = call("calibrate", section, *FAST, "--quiet", "--out", out)
    assert (shown.code, shown.out, shown.err) == (0, "", "")
    assert out.exists()


def save(path: Path, labels: np.ndarray) -> Path:
    tifffile.imwrite(path, labels)
    return path


def test_images_that_are_no_sections(tmp_path: Path, call: Call) -> None:
    out = ("--out", tmp_path / "model.json")
    random = np.random.default_rng(1)
    grey = save(tmp_path / "grey.tif", random.integers(0, 255, (64, 64), dtype=np.uint8))
    call("calibrate", grey, *out).refused("grey.tif")
    single = save(tmp_path / "one.tif", np.zeros((64, 64), dtype=np.uint8))
    call("calibrate", single, *out).refused("single value")
    small = save(tmp_path / "small.tif", np.eye(20, dtype=np.uint8))
    call("calibrate", small, *out).refused("20 x 20 pixels")
    halves = np.repeat(np.arange(2, dtype=np.uint8), 32)[:, None] * np.ones((1, 64), np.uint8)
    call("calibrate", save(tmp_path / "halves.tif", halves), *out).refused("correlation lengths")
    call("calibrate", tmp_path / "missing.tif", *out).refused("missing.tif", "no such file")
    assert not (tmp_path / "model.json").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--voxel-size", "3parsec"], ["parsec", "um"]),
        (["--phases", "0=pore,1=grain"], ["no phase is given for 2"]),
        (["--phases", "0=pore,1=grain,2=binder,3=void"], ["void", "not in the image"]),
        (["--plane", "zz"], ["zz", "xy, xz, yz"]),
        (["--plane", "xy", "--plane", "xz"], ["--plane", "2 times"]),
        (["--fields", "cauchy,gaussian"], ["cauchy", "gaussian"]),
        (["--fields", "gaussian"], ["expected 2"]),
        (["--order", "first"], ["first", "1,2,0"]),
        (["--order", "0,1"], ["[0, 1]"]),
        (["--method", "magic"], ["magic", "coverage"]),
        (["--parametrization", "middle"], ["middle", "high or low"]),
        (["--thresholds", "none"], ["none", "fractions or free"]),
        (["--symmetry", "cylindrical"], ["y and x only", "--axis"]),
        (["--symmetry", "cylindrical", "--axis", "z"], ["axis z", "xz or yz"]),
        (["--symmetry", "cubic"], ["cubic", "isotropic"]),
        (["--symmetry", "auto", "--axis", "w"], ["'w'", "z, y, x"]),
        (["--axis", "z"], ["'z'", "--symmetry cylindrical"]),
        (["--max-lag", "1000"], ["1000"]),
    ],
)
def test_wrong_options(
    options: list[str], words: list[str], section: Path, tmp_path: Path, call: Call
) -> None:
    call("calibrate", section, *options, "--out", tmp_path / "model.json").refused(*words)
    assert not list(tmp_path.iterdir())


def test_outputs_are_checked_before_the_work(
    section: Path, tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("morphgen.images.read_sections", None)
    out, page = tmp_path / "model.json", tmp_path / "report.html"
    out.write_text("precious")
    call("calibrate", section, "--out", out).refused("model.json exists", "--overwrite")
    call("calibrate", section, "--out", tmp_path).refused("is a folder")
    call("calibrate", section, "--out", tmp_path / "a" / "b.json").refused("does not exist")
    call("calibrate", section, "--out", page, "--report", out).refused("exists")
    call("calibrate", section, "--out", page, "--report", page).refused("two names")
    assert out.read_text() == "precious"
    before = section.read_bytes()
    overwriting = ("calibrate", section, "--overwrite", "--out")
    call(*overwriting, section).refused("overwrite the input")
    call(*overwriting, page, "--report", section).refused("overwrite the input")
    assert section.read_bytes() == before


def test_overwriting(section: Path, tmp_path: Path, call: Call) -> None:
    out = tmp_path / "model.json"
    out.write_text("{}")
    assert call("calibrate", section, *FAST, "--out", out, "--overwrite").code == 0
    assert json.loads(out.read_text(encoding="utf-8"))["format"] == "morphgen-model"


def test_interrupt(
    section: Path, tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("morphgen.workflows.calibrate", interrupted)
    shown = call("calibrate", section, "--out", tmp_path / "model.json")
    assert shown.code == 75
    assert "nothing was written" in shown.err
    assert not list(tmp_path.iterdir())


@pytest.fixture
def stretched(tmp_path: Path) -> list[Path]:
    """An xy and a yz section of a material that is stretched along z."""
    paths = []
    for seed, plane in enumerate(("xy", "yz"), start=1):
        paths.append(save(tmp_path / f"{plane}.tif", cut(2.0, plane, seed).labels))
    return paths


def test_an_axis_is_found_and_shown(stretched: list[Path], tmp_path: Path, call: Call) -> None:
    out, report = tmp_path / "model.json", tmp_path / "report.html"
    planes = ("--plane", "xy", "--plane", "yz", "--symmetry", "auto")
    shown = call("calibrate", *stretched, *planes, *FAST, "--out", out, "--report", report)
    assert shown.code == 0, shown.err
    for words in ("axial scale", "across z", "Isotropy: the correlations along z, y, x differ"):
        assert words in shown.out
    page = report.read_text(encoding="utf-8")
    assert "Lags along z, plane yz" in page or "lag along z, plane yz" in page
    assert "Isotropy, tested on the sections" in page
    model = load_model(out)
    assert [field.kernel.axis for field in model.fields] == ["z", "z"]
    assert call("generate", out, tmp_path / "v.zarr", "--shape", 32, 32, 32).code == 0
    found = call(
        "calibrate", *stretched, *planes, *FAST, "--out", out, "--overwrite", "--json"
    ).json
    assert (found["symmetry"], found["axis"]) == ("cylindrical", "z")
    assert found["isotropy"]["rejected"]
    first = found["fields"][0]
    assert abs(first["axial_scale"] - 2.0) < 4.0 * first["axial_scale_standard_error"]


def test_sections_that_are_not_isotropic_are_warned_about(
    stretched: list[Path], tmp_path: Path, call: Call
) -> None:
    request = ("calibrate", *stretched, "--plane", "xy", "--plane", "yz", *FAST)
    shown = call(*request, "--out", tmp_path / "model.json")
    assert shown.code == 0
    assert "warning: the sections are not isotropic" in shown.err
    assert "--symmetry cylindrical" in shown.err
