"""Real materials: a model from sections, validated on a volume or on other sections.

    MORPHGEN_DATA=FOLDER python benchmarks/materials.py [--materials nmc berea separator superalloy]
        [--folder reports] [--realizations 16]

NMC cathode (label 1 against the rest) and Berea sandstone: one section from near the first face,
validated on the middle of the volume, which does not reach there. Separator: a cylindrical model of
two sections through its axis and one across, validated on the whole volume, which holds them.
Superalloy: five sections of a stack, validated on the five others.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile

import morphgen as mg
from morphgen.images import Volume
from morphgen.validation import Comparison
from morphgen.validation.report import validation_report
from morphgen.validation.words import names_of, title
from morphgen.validation.writing import write_report

Labels = np.ndarray


@dataclass(frozen=True)
class Material:
    """What a model is calibrated on and compared with.

    Attributes
    ----------
    sections : tuple of (plane, labels)
        Sections of the calibration.
    phases : str
        Names of the labels.
    held_out : tuple of labels
        Sections that are compared.
    volume : labels or None
        Volume that is compared.
    symmetry, axis : str
        Symmetry of the model.
    """

    sections: tuple[tuple[str, Labels], ...]
    phases: str
    held_out: tuple[Labels, ...] = ()
    volume: Labels | None = None
    symmetry: str = "isotropic"
    axis: str | None = None


@dataclass(frozen=True, eq=False)
class Validated:
    """A model, what it was compared with, and how that ended."""

    model: mg.ExcursionModel
    sections: list[mg.Section]
    volume: Volume | None
    comparison: Comparison


def image(name: str) -> Labels:
    """Labels of a file of MORPHGEN_DATA."""
    return np.asarray(tifffile.imread(Path(os.environ["MORPHGEN_DATA"]) / name))


def nmc() -> Material:
    """Active material against pores and binder."""
    labels = (image("nmc_cathode_3d.tif") == 1).astype(np.uint8)
    return Material((("xy", labels[5]),), "0=rest,1=active material", volume=labels)


def berea() -> Material:
    """Pores and grains."""
    labels = image("berea_sandstone_3d.tif")
    return Material((("xy", labels[20]),), "0=pore,1=grain", volume=labels)


def separator() -> Material:
    """Anisotropic; its axis is x."""
    labels = image("separator_3d.tif")
    sections = (("xz", labels[:, 10]), ("xz", labels[:, 64]), ("yz", labels[:, :, 37]))
    return Material(
        tuple((plane, np.ascontiguousarray(one)) for plane, one in sections),
        "0=pore,1=polymer",
        volume=labels,
        symmetry="cylindrical",
        axis="x",
    )


def superalloy() -> Material:
    """Ten independent sections."""
    stack = image("superalloy_2d_stack.tif")
    first = tuple(("xy", one) for one in stack[::2])
    return Material(first, "0=matrix,1=coarse,2=fine", held_out=tuple(stack[1::2]))


MATERIALS: dict[str, Callable[[], Material]] = {
    "nmc": nmc,
    "berea": berea,
    "separator": separator,
    "superalloy": superalloy,
}


def section(labels: Labels, material: Material, plane: str, name: str) -> mg.Section:
    """Section with the phases of its material."""
    found = mg.read_section(labels, plane=plane, phases=material.phases)
    return mg.Section(
        found.labels, plane, found.pixel_size, found.unit, found.phases, found.sha256, name
    )


def validated(name: str, material: Material, realizations: int) -> Validated:
    """Calibrate and compare."""
    known = [
        section(labels, material, plane, f"{name}, section {number}")
        for number, (plane, labels) in enumerate(material.sections)
    ]
    model = mg.calibrate(known, symmetry=material.symmetry, axis=material.axis).model
    sections = [
        section(labels, material, "xy", f"{name}, held-out section {number}")
        for number, labels in enumerate(material.held_out)
    ]
    volume = None
    if material.volume is not None:
        size = (1.0, 1.0, 1.0)
        volume = Volume(material.volume, size, "voxel", model.phases, "0" * 64, name)
    found = mg.validate(model, sections, volume=volume, realizations=realizations)
    return Validated(model, sections, volume, found)


def write(name: str, result: Validated, folder: Path) -> None:
    """Write the report."""
    folder.mkdir(parents=True, exist_ok=True)
    document = validation_report(
        result.comparison, result.model, result.sections, volume=result.volume
    )
    write_report(folder / f"{name}.html", document, overwrite=True)


def row(name: str, model: mg.ExcursionModel, found: Comparison, seconds: float) -> str:
    """Line of the table: verdicts, and the three kinds that are farthest off."""
    counts = found.verdicts()
    names = names_of(model.phases)
    kinds = {(one.where, one.kind): one for one in reversed(found.quantities)}
    worst = sorted(kinds.values(), key=lambda one: -one.largest_deviation)[:3]
    words = "; ".join(
        f"{title(one, names)} ({one.largest_deviation:.1f} sd, within {one.smallest_margin:.0%})"
        for one in worst
    )
    order = ("equivalent", "not told apart", "differs, within the margin", "differs")
    cells = [
        name,
        "passed" if found.passed else "not passed",
        f"{found.critical:.2f}",
        *(str(counts.get(one, 0)) for one in order),
        words,
        f"{seconds:.0f} s",
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--materials", nargs="+", choices=MATERIALS, default=list(MATERIALS))
    parser.add_argument("--realizations", type=int, default=16)
    parser.add_argument("--folder", type=Path, help="folder for the reports")
    options = parser.parse_args()
    print(
        "| material | verdict | limit | equivalent | not told apart | differs, within 10 % "
        "| differs | farthest off | time |\n|---|---|---|---|---|---|---|---|---|"
    )
    for name in options.materials:
        began = time.perf_counter()
        result = validated(name, MATERIALS[name](), options.realizations)
        seconds = time.perf_counter() - began
        print(row(name, result.model, result.comparison, seconds), flush=True)
        if options.folder is not None:
            write(name, result, options.folder)


if __name__ == "__main__":
    main()
