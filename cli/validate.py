"""``morphgen validate``: a model against sections that it has not seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .codes import FAILED
from .options import (
    Debug,
    Json,
    ModelFile,
    Overwrite,
    Phases,
    Planes,
    Quiet,
    VoxelSize,
)
from .reports import Figures, Pdf, Reports
from .screen import Screen, figure, trouble
from .specimens import GivenVolume, sections_of, volumes_of

if TYPE_CHECKING:
    from morphgen.excursion import ExcursionModel
    from morphgen.images import Section
    from morphgen.validation import ComparedVolume, Comparison
    from morphgen.validation.comparison import Judge

MOST_ROWS = 40


class Question(StrEnum):
    """What decides the verdict."""

    DIFFERENCE = "difference"
    EQUIVALENCE = "equivalence"


OptionalSections = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="SECTION",
        show_default=False,
        help="Segmented images (TIFF, PNG, BMP, NPY); every page of a stack is a section. None "
        "are needed with --volume.",
    ),
]
Report = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", show_default=False, help="HTML report to write."),
]
Reference = Annotated[
    Path | None,
    typer.Option(
        "--volume",
        metavar="REFERENCE",
        show_default=False,
        help="Volume of the specimen, an image or a Zarr store; its middle is compared (up to "
        "192^3 voxels). A store generated from MODEL itself is only shown.",
    ),
]
Judging = Annotated[
    Question,
    typer.Option(
        "--judge",
        metavar="difference|equivalence",
        help="What fails: a difference that is found, or one that is not shown to be small.",
    ),
]
Margin = Annotated[
    float,
    typer.Option("--margin", metavar="SHARE", help="What is small, as a share of each quantity."),
]
Descriptors = Annotated[
    str | None,
    typer.Option(
        "--descriptors",
        metavar="NAME,...",
        show_default=False,
        help="What is measured of the reference volume, such as "
        "volume_fraction,mean_geodesic_tortuosity.  [default: all]",
    ),
]
Realizations = Annotated[
    int | None,
    typer.Option(
        "--realizations",
        metavar="N",
        show_default=False,
        help="Simulations of sections and volume.  [default: 32; 16 with --volume]",
    ),
]


def validate(
    model: ModelFile,
    sections: OptionalSections = None,
    out: Report = None,
    pdf: Pdf = None,
    figures: Figures = None,
    volume: Reference = None,
    judge: Judging = Question.DIFFERENCE,
    margin: Margin = 0.1,
    descriptors: Descriptors = None,
    realizations: Realizations = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Seed of the simulations.")] = 0,
    plane: Planes = None,
    voxel_size: VoxelSize = None,
    phases: Phases = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Compare a specimen that a model has not seen with what is simulated from the model.

    Exit code 1 if they differ by more than chance allows. Phases are those of the model unless
    --phases names them; a file without a pixel size is taken to have that of the model.
    """
    from morphgen.excursion import load_model

    screen, reports = Screen(as_json, quiet), Reports(out, pdf, figures)
    files = sections or []
    reports.check(overwrite, [model, *files, *([] if volume is None else [volume])])
    found = load_model(model)
    images = sections_of(screen, found, files, plane, voxel_size, phases)
    given = volumes_of(screen, found, volume, bool(files), voxel_size, phases)
    comparison = compared(
        screen,
        found,
        images,
        volume=given,
        realizations=realizations,
        seed=seed,
        judge=judge.value,
        margin=margin,
        kinds=None if descriptors is None else [one.strip() for one in descriptors.split(",")],
    )
    if reports.wanted:
        from morphgen.validation.report import validation_report

        document = validation_report(comparison, found, images, volume=given.judged or given.shown)
        reports.write(document, overwrite)
    show(screen, found, comparison)
    reports.tell(screen)
    screen.result({**comparison.to_dict(), "report": out, "pdf": pdf, "figures": figures})
    if not comparison.passed:
        trouble(verdict(comparison))
        raise typer.Exit(FAILED)
    screen.line(verdict(comparison))


def compared(
    screen: Screen,
    model: ExcursionModel,
    images: Sequence[Section],
    *,
    volume: GivenVolume,
    realizations: int | None = None,
    seed: int = 0,
    judge: Judge = "difference",
    margin: float = 0.1,
    kinds: Sequence[str] | None = None,
) -> Comparison:
    """Compare, with a progress bar."""
    from morphgen.validation import compare

    with screen.progress() as progress:
        return compare(
            model,
            images,
            volume=volume.judged,
            shown=volume.shown,
            whole_shape=None if volume.judged is None else volume.whole_shape,
            realizations=realizations,
            seed=seed,
            judge=judge,
            margin=margin,
            kinds=kinds,
            progress=progress,
        )


def show(screen: Screen, model: ExcursionModel, comparison: Comparison) -> None:
    """Print what lies farthest off."""
    from morphgen.validation.cautions import cautions
    from morphgen.validation.judgements import by_distance
    from morphgen.validation.words import names_of, percent, title

    names = names_of(model.phases)
    for words in cautions(comparison, model):
        screen.note(f"warning: {words}")
    rows = [
        (
            title(one, names),
            figure(one.observed[one.worst], _known(one.standard_error[one.worst])),
            figure(one.mean[one.worst], one.sd[one.worst]),
            f"{one.z[one.worst]:+.2f}" if one.judged[one.worst] else "-",
            percent(one.smallest_margin),
            one.verdict,
        )
        for one in by_distance(comparison)
    ]
    heads = ("quantity, at its worst point", "specimen", "simulated", "deviation", "within")
    screen.table((*heads, "verdict"), rows[:MOST_ROWS], right=(1, 2, 3, 4))
    if len(rows) > MOST_ROWS:
        screen.line(f"and {len(rows) - MOST_ROWS} more, which are nearer; --json has them all")
    if comparison.volume is not None:
        screen.line(_volume_words(comparison.volume))
    if comparison.misfit:
        worst = max(comparison.misfit.values())
        screen.line(f"largest difference of C_ij - p_i p_j from the model: {figure(worst)}")


def _known(error: float) -> float | None:
    return error if math.isfinite(error) else None


def verdict(comparison: Comparison) -> str:
    """Outcome in one line."""
    from morphgen.validation.words import percent

    total = len(comparison.quantities)
    off = sum(not one.passed for one in comparison.quantities)
    known = [one.largest_deviation for one in comparison.quantities if not one.one_sided]
    limits = (
        f"largest deviation {max(known, default=0.0):.3g}, limit "
        f"{comparison.critical:.3g} standard deviations"
    )
    if len(known) < total:
        limits += f"; {total - len(known)} have a value on one side alone"
    if comparison.judge == "equivalence":
        small = sum(one.within_margin for one in comparison.quantities)
        word = "passed" if comparison.passed else "not passed"
        return (
            f"{word}: {small} of {total} quantities are shown to agree within "
            f"{percent(comparison.margin)}; {off} lie outside their bands"
        )
    if off:
        return f"not passed: {off} of {total} quantities lie outside their bands ({limits})"
    return f"passed: all {total} quantities lie within their bands ({limits})"


def _volume_words(volume: ComparedVolume) -> str:
    from morphgen.validation.words import box_words

    shape, whole = (" x ".join(map(str, one)) for one in (volume.shape, volume.whole_shape))
    part = "all" if volume.shape == volume.whole_shape else f"the middle {shape}"
    return (
        f"of the volume {volume.name}, {part} of {whole} voxels were compared; what is no sum over "
        f"voxels in {box_words(volume)}"
    )
