"""``morphgen calibrate``: from sections to a model."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from morphgen.calibration.training.options import TrainingOptions

from .codes import RESUMABLE
from .inputs import check_output, read_files
from .options import (
    Debug,
    Json,
    Overwrite,
    Phases,
    Planes,
    Quiet,
    SectionFiles,
    VoxelSize,
)
from .reports import Figures, Pdf, Reports
from .screen import Screen, trouble
from .system import tell_broken_cuda
from .training import (
    DEFAULTS,
    Asked,
    Batch,
    Crop,
    Device,
    Layers,
    Precision,
    Resume,
    Smoothing,
    Steps,
    Weight,
    check_start,
    checkpoint_of,
    finished,
    repeated,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from morphgen.calibration.result import CalibrationResult
    from morphgen.images import Section
    from morphgen.validation.pages import Document

ModelOut = Annotated[
    Path, typer.Option("--out", metavar="FILE", show_default=False, help="Model file to write.")
]
Symmetry = Annotated[
    str,
    typer.Option(
        "--symmetry",
        metavar="isotropic|cylindrical|auto",
        help="Symmetry of the material: an axis needs a section that contains it; auto takes one "
        "only if the sections are not isotropic.",
    ),
]
SymmetryAxis = Annotated[
    str,
    typer.Option(
        "--axis",
        metavar="z|y|x|auto",
        help="Axis of symmetry; auto takes the direction that differs from the two others.",
    ),
]
Method = Annotated[
    str,
    typer.Option(
        "--method",
        metavar="coverage|adversarial|combined",
        help="What the fit matches: coverage functions, networks that tell real sections from "
        "simulated ones, or both.",
    ),
]
Estimator = Annotated[
    str,
    typer.Option(
        "--estimator",
        metavar="closed|sampled",
        help="Coverage functions of the model in closed form, or of sampled sections.",
    ),
]
Kernels = Annotated[
    str,
    typer.Option(
        "--parametrization",
        metavar="high|low",
        help="Spline kernels, or covariance families of few parameters.",
    ),
]
Fields = Annotated[
    str,
    typer.Option(
        "--fields",
        metavar="LAW,...",
        help="Law of each field in the order of decision: gaussian or chi2:N, with :below for "
        "a lower excursion set; or auto.",
    ),
]
Order = Annotated[
    str,
    typer.Option(
        "--order",
        metavar="LABEL,...",
        help="Labels in the order of decision, such as 1,2,0; or auto.",
    ),
]
Thresholds = Annotated[
    str,
    typer.Option(
        "--thresholds",
        metavar="fractions|free",
        help="Thresholds that give the sections' volume fractions, or fitted with the rest.",
    ),
]
Dependence = Annotated[
    str,
    typer.Option(
        "--dependence",
        metavar="auto|independent|shared",
        help="Whether the two fields of three phases share noise; auto: where independent fields "
        "do not describe the sections.",
    ),
]
MaxLag = Annotated[
    int | None,
    typer.Option(
        "--max-lag",
        metavar="PIXELS",
        show_default=False,
        help="Largest lag that is fitted.  [default: 8 correlation lengths]",
    ),
]
Seed = Annotated[
    int,
    typer.Option("--seed", metavar="N", help="Seed of all simulated sections."),
]
ReportOut = Annotated[
    Path | None,
    typer.Option("--report", metavar="FILE", show_default=False, help="HTML report to write."),
]


def calibrate(
    context: typer.Context,
    sections: SectionFiles,
    out: ModelOut,
    plane: Planes = None,
    voxel_size: VoxelSize = None,
    phases: Phases = None,
    symmetry: Symmetry = "isotropic",
    axis: SymmetryAxis = "auto",
    method: Method = "coverage",
    estimator: Estimator = "closed",
    parametrization: Kernels = "high",
    fields: Fields = "auto",
    order: Order = "auto",
    thresholds: Thresholds = "fractions",
    dependence: Dependence = "auto",
    max_lag: MaxLag = None,
    seed: Seed = 0,
    steps: Steps = None,
    crop: Crop = None,
    batch: Batch = DEFAULTS.batch,
    weight: Weight = DEFAULTS.weight,
    discriminator: Layers = DEFAULTS.discriminator,
    smoothing: Smoothing = DEFAULTS.smoothing,
    device: Device = DEFAULTS.device,
    precision: Precision = DEFAULTS.precision,
    resume: Resume = False,
    report: ReportOut = None,
    pdf: Pdf = None,
    figures: Figures = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Calibrate a model to segmented sections."""
    screen, reports = Screen(as_json, quiet), Reports(report, pdf, figures)
    training = TrainingOptions(
        steps, crop, batch, weight, discriminator, smoothing, device, precision,
        checkpoint=checkpoint_of(out), resume=resume,
    )  # fmt: skip
    asked = Asked(
        method, estimator, parametrization, fields, order, thresholds, dependence,
        symmetry, None if axis == "auto" else axis, max_lag, seed,
    )  # fmt: skip
    check_output(out, overwrite or resume, sections)
    reports.check(overwrite, sections, [out])
    check_start(checkpoint_of(out), asked.request(), resume, overwrite)
    try:
        images = read_files(sections, plane, voxel_size, phases)
        result, known = _found(images, screen, asked, training, (out, overwrite))
        document = draw_report(result, images) if reports.wanted else None
    except KeyboardInterrupt as error:
        trouble(_interrupted(context, checkpoint_of(out)))
        raise typer.Exit(RESUMABLE) from error
    _save(result, out, overwrite=overwrite, known=known)
    if document is not None:
        reports.write(document, overwrite)
    _tell(screen, result, images, (out, reports), known=known)


def _save(result: CalibrationResult, out: Path, *, overwrite: bool, known: bool) -> None:
    """Write the model unless an earlier run did; its checkpoint has served."""
    if not known:
        result.model.save(out, overwrite=overwrite)
    checkpoint_of(out).unlink(missing_ok=True)


def _found(
    images: Sequence[Section],
    screen: Screen,
    asked: Asked,
    training: TrainingOptions,
    target: tuple[Path, bool],
) -> tuple[CalibrationResult, bool]:
    """Result, and whether an earlier run had found it; ``target`` is --out and --overwrite."""
    if training.resume:
        done = finished(images, asked.request(), training, target)
        if done is not None:
            return done, True
    else:
        # an old one must not look like this training's, should it be interrupted early
        checkpoint_of(target[0]).unlink(missing_ok=True)
    return fit(images, screen, asked, training), False


def fit(
    images: Sequence[Section],
    screen: Screen,
    asked: Asked | None = None,
    training: TrainingOptions = DEFAULTS,
) -> CalibrationResult:
    """Calibrate, with a progress bar."""
    from morphgen.workflows import calibrate as run

    if training.device == "auto" and asked is not None and asked.request().trains:
        tell_broken_cuda(screen)
    with screen.progress() as progress:
        return run(images, training=training, progress=progress, **asdict(asked or Asked()))


def draw_report(result: CalibrationResult, images: Sequence[Section]) -> Document:
    """Report of a calibration."""
    from morphgen.validation.report import calibration_report
    from morphgen.workflows import calibration_curves

    return calibration_report(result.model, images, calibration_curves(result))


def _interrupted(context: typer.Context, checkpoint: Path) -> str:
    if not checkpoint.exists():
        return "interrupted; nothing was written: repeat the command to start again"
    return f"interrupted; continue with\n{repeated(context, '--resume')}"


def _tell(
    screen: Screen,
    result: CalibrationResult,
    images: Sequence[Section],
    written: tuple[Path, Reports],
    *,
    known: bool,
) -> None:
    from .calibration_tables import record, show

    found = record(result, images)
    show(screen, result, images)
    if found["limited_by"] == "fit" and (screen.as_json or screen.quiet):
        trouble(f"warning: {found['limit']}")
    for warning in result.warnings:
        screen.note(f"warning: {warning}")
    if not result.converged and found["training"] is None:
        screen.note(f"warning: the fit {result.status}: {result.message}")
    out, reports = written
    screen.line(f"{out} is finished" if known else f"model written to {out}")
    reports.tell(screen)
    files = {"report": reports.page, "pdf": reports.pdf, "figures": reports.figures}
    screen.result({**found, "model": out, **files})
