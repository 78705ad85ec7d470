"""``morphgen demo``: the whole way on a section that is made on the spot."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from morphgen.errors import InputError

from .calibrate import draw_report, fit
from .options import Debug, Json, Overwrite, Quiet
from .screen import Screen, figure
from .specimens import GivenVolume
from .validate import compared, verdict

if TYPE_CHECKING:
    from morphgen.calibration.result import CalibrationResult
    from morphgen.excursion import ExcursionModel
    from morphgen.images import Section, Volume
    from morphgen.images.demo import Labels
    from morphgen.validation import Comparison

VOXEL_SIZE = 0.1
UNIT = "um"
SIDE = 192
SECTION_SEED, OTHER_SEED, VOLUME_SEED = 1, 2, 7


@dataclass(frozen=True)
class Files:
    """What a demonstration writes."""

    folder: Path

    @property
    def section(self) -> Path:
        """Section that the model is calibrated on."""
        return self.folder / "section.png"

    @property
    def other(self) -> Path:
        """Section that the model is validated with."""
        return self.folder / "other_section.png"

    @property
    def model(self) -> Path:
        """Model."""
        return self.folder / "model.json"

    @property
    def calibration(self) -> Path:
        """Report of the calibration."""
        return self.folder / "calibration.html"

    @property
    def volume(self) -> Path:
        """Volume."""
        return self.folder / "volume.zarr"

    @property
    def picture(self) -> Path:
        """Picture of the volume."""
        return self.folder / "volume.png"

    @property
    def report(self) -> Path:
        """Report of the validation."""
        return self.folder / "report.html"


def demo(
    out: Annotated[
        Path, typer.Option("--out", metavar="FOLDER", help="Folder to write to.")
    ] = Path("morphgen-demo"),
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Show the whole way, from a section that is made on the spot to a validated volume.

    The section shows grains with cracks, which no model of morphgen can match exactly: the report
    says how far off it is.
    """
    from morphgen.workflows.drawing import central_part

    began = time.perf_counter()
    screen, files = Screen(as_json, quiet), Files(out)
    _check_folder(out, overwrite)
    sections = _draw_sections(screen, files)
    result = _calibrate(screen, files, sections[:1])
    seconds = _generate(screen, files, result.model)
    volume = central_part(files.volume)
    comparison = _validate(screen, files, result.model, sections[1:], volume)
    _conclude(screen, files, result, comparison, time.perf_counter() - began, seconds)


def _check_folder(folder: Path, overwrite: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; choose another folder with --out")
    if folder.is_dir() and any(folder.iterdir()) and not overwrite:
        raise InputError(f"{folder} is not empty; choose another folder, or add --overwrite")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{folder} cannot be created: {error.strerror}; choose another folder with --out"
        ) from error


def _draw_sections(screen: Screen, files: Files) -> list[Section]:
    from morphgen.images import read_section
    from morphgen.images.demo import PHASES, demo_section

    screen.line("1. Two sections of grains with cracks, which are of no random field's making")
    found = []
    for path, seed in ((files.section, SECTION_SEED), (files.other, OTHER_SEED)):
        _save_labels(path, demo_section(seed))
        found.append(read_section(path, voxel_size=VOXEL_SIZE, unit=UNIT, phases=PHASES))
    shares = ", ".join(
        f"{phase.name} {found[0].fractions()[phase.label]:.3f}" for phase in found[0].phases
    )
    screen.line(f"   {files.section}, {files.other}: {shares}")
    return found


def _save_labels(path: Path, labels: Labels) -> None:
    """Save labels as an image that shows the colours of its phases and still holds the labels."""
    from PIL import Image

    from morphgen.phases import PALETTE

    image = Image.fromarray(labels, mode="P")
    image.putpalette(b"".join(bytes.fromhex(color[1:]) for color in PALETTE))
    image.save(path)


def _calibrate(screen: Screen, files: Files, sections: list[Section]) -> CalibrationResult:
    from morphgen.validation.writing import write_report

    screen.line("2. Calibration on the first section")
    began = time.perf_counter()
    result = fit(sections, screen)
    result.model.save(files.model, overwrite=True)
    write_report(files.calibration, draw_report(result, sections), overwrite=True)
    first = result.candidates[0]
    names = {phase.label: phase.name for phase in result.model.phases}
    order = ", then ".join(names[label] for label in first.order)
    screen.line(f"   decided first {order}; laws of the fields {', '.join(first.laws)}")
    screen.line(f"   {files.model}, {files.calibration}: in {time.perf_counter() - began:.0f} s")
    screen.line(
        f"   largest misfit of C_ij {figure(result.coverage.misfit)}; no independent fields could "
        f"do better than {figure(float(result.coverage.bound.max()))}"
    )
    return result


def _generate(screen: Screen, files: Files, model: ExcursionModel) -> float:
    from morphgen.tiles import generate

    screen.line(f"3. A volume of {SIDE} x {SIDE} x {SIDE} voxels")
    shape = (SIDE, SIDE, SIDE)
    with screen.progress() as progress:
        done = generate(
            model, files.volume, shape=shape, seed=VOLUME_SEED, overwrite=True, progress=progress
        )
    screen.line(f"   {files.volume}: {done.voxels:,} voxels in {done.seconds:.1f} s")
    return done.seconds


def _validate(
    screen: Screen,
    files: Files,
    model: ExcursionModel,
    sections: list[Section],
    volume: Volume,
) -> Comparison:
    from morphgen.validation.pictures import phase_surfaces
    from morphgen.validation.report import validation_report
    from morphgen.validation.writing import write_report

    screen.line("4. Validation with the second section, which the calibration has not seen")
    began = time.perf_counter()
    comparison = compared(screen, model, sections, volume=GivenVolume(shown=volume))
    page = validation_report(comparison, model, sections, volume=volume)
    write_report(files.report, page, overwrite=True)
    files.picture.write_bytes(phase_surfaces({"Generated volume": volume}).data)
    screen.line(f"   {files.report}, {files.picture}: in {time.perf_counter() - began:.0f} s")
    return comparison


def _conclude(
    screen: Screen,
    files: Files,
    result: CalibrationResult,
    comparison: Comparison,
    seconds: float,
    generation: float,
) -> None:
    screen.line(f"Verdict: {verdict(comparison)}.")
    if not comparison.passed:
        screen.line(
            "That is no surprise: grains with cracks are not of the model's family. The model has "
            "their\nvolume fractions and nearly their two-point functions; the report shows what "
            "else differs."
        )
    screen.line(f"Done in {seconds:.0f} s. Open {files.report} in a browser, or go on with")
    screen.line(f"  morphgen info {files.model}")
    screen.line(f"  morphgen generate {files.model} larger.zarr --shape 512 512 512 --seed 7")
    screen.result(
        {
            "folder": files.folder,
            "model": files.model,
            "volume": files.volume,
            "report": files.report,
            "calibration_report": files.calibration,
            "passed": comparison.passed,
            "verdict": verdict(comparison),
            "largest_misfit": result.coverage.misfit,
            "bound": float(result.coverage.bound.max()),
            "generation_seconds": generation,
            "seconds": seconds,
        }
    )
