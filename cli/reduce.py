"""``morphgen reduce``: from a calibrated model to one of few parameters."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .inputs import check_output
from .options import Debug, Json, ModelFile, Overwrite, Phases, Planes, Quiet, VoxelSize
from .screen import Screen
from .specimens import sections_of

if TYPE_CHECKING:
    from morphgen.excursion import ExcursionModel
    from morphgen.images import Section

LowOut = Annotated[
    Path, typer.Option("--out", metavar="FILE", show_default=False, help="Model file to write.")
]
Sections = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="SECTION",
        show_default=False,
        help="The sections that the model was calibrated on: for standard errors and the misfit.",
    ),
]


def reduce(
    model: ModelFile,
    out: LowOut,
    sections: Sections = None,
    plane: Planes = None,
    voxel_size: VoxelSize = None,
    phases: Phases = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Replace the spline kernels of a model by covariance families of few parameters."""
    from morphgen.excursion import load_model
    from morphgen.workflows import reduce_model

    screen = Screen(as_json, quiet)
    files = sections or []
    check_output(out, overwrite, [model, *files])
    high = load_model(model)
    images = sections_of(screen, high, files, plane, voxel_size, phases)
    low = reduce_model(high, images)
    low.save(out, overwrite=overwrite)
    _tell(screen, low, images, model, out)


def _tell(
    screen: Screen, low: ExcursionModel, images: list[Section], source: Path, out: Path
) -> None:
    from .model_tables import parameter_records, show_loss, show_parameters

    origin = low.provenance
    assert origin is not None
    assert origin.reduction is not None
    reduction = origin.reduction
    screen.line(f"{source}: reduced to {', '.join(reduction.families)}")
    show_parameters(screen, low)
    show_loss(screen, reduction.loss)
    if reduction.missing:
        screen.note(_missing(reduction.missing, given=bool(images)))
    screen.line(f"model written to {out}")
    found: dict[str, Any] = {
        "status": origin.status,
        "unit": low.unit,
        "order": list(low.order),
        "families": list(reduction.families),
        "parameters": parameter_records(low),
        "loss": dict(reduction.loss),
        "largest_loss": max(reduction.loss.values()),
        "misfit": dict(origin.misfit) or None,
        "missing_standard_errors": list(reduction.missing),
        "source": source,
        "source_sha256": reduction.source,
        "model": out,
    }
    screen.result(found)


def _missing(names: tuple[str, ...], *, given: bool) -> str:
    remedy = "" if given else "; name the sections of the calibration behind the model"
    return f"no standard error is known of {', '.join(names)}{remedy}"
