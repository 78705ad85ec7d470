"""``morphgen validate``: a model against sections that it has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .codes import FAILED
from .inputs import check_different, parse_voxel_size, per_file
from .options import (
    Debug,
    Json,
    ModelFile,
    Overwrite,
    Phases,
    Planes,
    Quiet,
    SectionFiles,
    VoxelSize,
)
from .reports import Figures, Pdf, Reports
from .screen import Screen, figure, trouble

if TYPE_CHECKING:
    from morphgen.excursion import ExcursionModel
    from morphgen.images import Section, Volume
    from morphgen.validation import Comparison

LARGEST_SIDE = 256


def validate(
    model: ModelFile,
    sections: SectionFiles,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", show_default=False, help="HTML report to write."),
    ] = None,
    pdf: Pdf = None,
    figures: Figures = None,
    volume: Annotated[
        Path | None,
        typer.Option(
            "--volume",
            metavar="VOLUME",
            show_default=False,
            help="Volume to show beside: a Zarr store, of which the middle is taken (up to "
            "256^3 voxels), or an image.",
        ),
    ] = None,
    realizations: Annotated[
        int, typer.Option("--realizations", metavar="N", help="Simulations of the sections.")
    ] = 32,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Seed of the simulations.")] = 0,
    plane: Planes = None,
    voxel_size: VoxelSize = None,
    phases: Phases = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Compare sections that a model has not seen with sections simulated from it.

    Exit code 1 if they differ by more than chance allows. Phases are those of the model unless
    --phases names them; a file without a pixel size is taken to have that of the model.
    """
    from morphgen.excursion import load_model

    screen, reports = Screen(as_json, quiet), Reports(out, pdf, figures)
    reports.check(overwrite, [model, *sections, *([] if volume is None else [volume])])
    found = load_model(model)
    images = sections_of(screen, found, sections, plane, voxel_size, phases)
    shown = None if volume is None else _volume(screen, found, volume, voxel_size, phases)
    comparison = judge(screen, found, images, shown, realizations=realizations, seed=seed)
    if reports.wanted:
        from morphgen.validation.report import validation_report

        document = validation_report(comparison, found, images, volume=shown)
        reports.write(document, overwrite)
    show(screen, found, comparison)
    reports.tell(screen)
    screen.result({**comparison.to_dict(), "report": out, "pdf": pdf, "figures": figures})
    if not comparison.passed:
        trouble(verdict(comparison))
        raise typer.Exit(FAILED)
    screen.line(verdict(comparison))


def judge(
    screen: Screen,
    model: ExcursionModel,
    images: Sequence[Section],
    volume: Volume | None,
    *,
    realizations: int,
    seed: int,
) -> Comparison:
    """Compare, with a progress bar."""
    from morphgen.validation import compare

    with screen.progress() as progress:
        return compare(
            model,
            images,
            realizations=realizations,
            seed=seed,
            volume=volume,
            progress=progress,
        )


def show(screen: Screen, model: ExcursionModel, comparison: Comparison) -> None:
    """Print what lies farthest off."""
    from morphgen.validation.words import names_of, title

    names = names_of(model.phases)
    for section in comparison.sections:
        if not section.held_out:
            screen.note(f"warning: the model was calibrated on {section.name}: no independent test")
    rows = [
        (
            title(one, names),
            figure(one.observed[one.worst]),
            figure(one.mean[one.worst], one.sd[one.worst]),
            f"{one.z[one.worst]:+.2f}",
            "within" if one.passed else "outside",
        )
        for one in comparison.quantities
    ]
    heads = ("quantity, at its worst point", "sections", "simulated", "deviation", "band")
    screen.table(heads, rows, right=(1, 2, 3))
    worst = max(comparison.misfit.values())
    screen.line(f"largest difference of C_ij - p_i p_j from the model: {figure(worst)}")


def verdict(comparison: Comparison) -> str:
    """Outcome in one line."""
    total = len(comparison.quantities)
    off = sum(not one.passed for one in comparison.quantities)
    limits = (
        f"largest deviation {comparison.quantities[0].largest_deviation:.3g}, limit "
        f"{comparison.critical:.3g} standard deviations"
    )
    if off:
        return f"not passed: {off} of {total} quantities lie outside their bands ({limits})"
    return f"passed: all {total} quantities lie within their bands ({limits})"


def model_phases(model: ExcursionModel) -> dict[int, str]:
    """What the values of an image mean where nothing else is said."""
    return {phase.label: phase.name for phase in model.phases}


def central_part(model: ExcursionModel, path: Path) -> Volume:
    """Middle of a volume store as an image.

    Raises
    ------
    InputError
        There is no volume, or it is not complete.
    """
    from morphgen.errors import StoreError
    from morphgen.images import Volume
    from morphgen.tiles import open_volume
    from morphgen.tiles.metadata import model_hash

    store = open_volume(path)
    if not store.complete:
        raise StoreError(
            f"{path} holds {store.written} of {store.blocks} blocks; "
            "complete it with generate --resume"
        )
    z, y, x = (max(0, (side - LARGEST_SIDE) // 2) for side in store.shape)
    part = (slice(z, z + LARGEST_SIDE), slice(y, y + LARGEST_SIDE), slice(x, x + LARGEST_SIDE))
    return Volume(
        labels=store.read(part),
        voxel_size=store.voxel_size,
        unit=store.unit,
        phases=store.model.phases,
        sha256=model_hash(store.model),
        source=path.name,
    )


def sections_of(
    screen: Screen,
    model: ExcursionModel,
    files: Sequence[Path],
    planes: Sequence[str] | None,
    voxel_size: str | None,
    phases: str | None,
) -> list[Section]:
    """Read sections with the phases and the unit of a model, and its size if a file has none."""
    from morphgen.images import section_in_unit

    read = _read(screen, model, files, planes, voxel_size, phases)
    check_different(files, read)
    return [section_in_unit(section, model.unit) for pages in read for section in pages]


def _read(
    screen: Screen,
    model: ExcursionModel,
    files: Sequence[Path],
    planes: Sequence[str] | None,
    voxel_size: str | None,
    phases: str | None,
) -> list[list[Section]]:
    from morphgen.images import read_sections

    size, unit = parse_voxel_size(voxel_size)
    names = phases or model_phases(model)
    found = []
    for file, plane in zip(files, per_file(planes, len(files)), strict=True):
        images = read_sections(
            file, plane=plane, voxel_size=size, unit=unit, phases=names, absent="allow"
        )
        if _lacks_size(model, images[0].unit, unit):
            rows, columns = ("zyx".index(axis) for axis in (plane[1], plane[0]))
            sizes = (model.voxel_size[rows], model.voxel_size[columns])
            images = read_sections(
                file, plane=plane, voxel_size=sizes, unit=model.unit, phases=names, absent="allow"
            )
            screen.note(_taken(file, model, sizes))
        found.append(images)
    return found


def _volume(
    screen: Screen, model: ExcursionModel, path: Path, voxel_size: str | None, phases: str | None
) -> Volume:
    from morphgen.errors import InputError
    from morphgen.images import read_volume, volume_in_unit

    if path.is_dir():
        return volume_in_unit(central_part(model, path), model.unit)

    size, unit = parse_voxel_size(voxel_size)
    if isinstance(size, tuple):
        raise InputError("--voxel-size of a volume is one length; leave out --volume, or give one")
    names = phases or model_phases(model)
    found = read_volume(path, voxel_size=size, unit=unit, phases=names, absent="allow")
    if _lacks_size(model, found.unit, unit):
        sizes = model.voxel_size
        found = read_volume(path, voxel_size=sizes, unit=model.unit, phases=names, absent="allow")
        screen.note(_taken(path, model, sizes))
    return volume_in_unit(found, model.unit)


def _lacks_size(model: ExcursionModel, stated: str, asked: str | None) -> bool:
    return asked is None and stated == "voxel" and model.unit != "voxel"


def _taken(file: Path, model: ExcursionModel, sizes: Sequence[float]) -> str:
    size = " x ".join(f"{size:g}" for size in dict.fromkeys(sizes))
    return f"{file.name} states no pixel size: the model's is taken, {size} {model.unit}"
