"""Options of a training, and how an interrupted one is continued."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from morphgen.calibration.training.options import TrainingOptions
from morphgen.errors import InputError, ModelError

if TYPE_CHECKING:
    from morphgen.calibration.request import CalibrationRequest
    from morphgen.calibration.result import CalibrationResult
    from morphgen.images import Section

_PANEL = "Training"

Steps = Annotated[
    int | None,
    typer.Option(
        "--steps",
        metavar="N",
        show_default=False,
        rich_help_panel=_PANEL,
        help="Training: most steps.  [default: 800; 300 for sampled coverage]",
    ),
]
Crop = Annotated[
    int | None,
    typer.Option(
        "--crop",
        metavar="PIXELS",
        show_default=False,
        rich_help_panel=_PANEL,
        help="Training: edge of the crops that discriminators see.  [default: 12 correlation "
        "lengths, 64 to 128]",
    ),
]
Batch = Annotated[
    int,
    typer.Option(
        "--batch",
        metavar="N",
        rich_help_panel=_PANEL,
        help="Training: crops of either kind a step.",
    ),
]
Weight = Annotated[
    float,
    typer.Option(
        "--weight",
        metavar="W",
        rich_help_panel=_PANEL,
        help="Training: weight of the adversarial loss beside the coverage loss.",
    ),
]
Layers = Annotated[
    str,
    typer.Option(
        "--discriminator",
        metavar="LAYER,...",
        rich_help_panel=_PANEL,
        help="Training: layers of the discriminator, such as k4n64s2: kernel, feature maps, "
        "stride.",
    ),
]
Smoothing = Annotated[
    str,
    typer.Option(
        "--smoothing",
        metavar="straight-through|probit|logistic",
        rich_help_panel=_PANEL,
        help="Training: what replaces the step of a threshold.",
    ),
]
Device = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="auto|cpu|cuda",
        rich_help_panel=_PANEL,
        help="Training: where sections are drawn; auto takes CUDA where it works.",
    ),
]
Precision = Annotated[
    str,
    typer.Option(
        "--precision",
        metavar="auto|float32|bfloat16",
        rich_help_panel=_PANEL,
        help="Training: arithmetic of the discriminator's convolutions; auto takes bfloat16 on "
        "CUDA devices made for it, float32 elsewhere.",
    ),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        rich_help_panel=_PANEL,
        help="Training: continue what is there: nothing, a checkpoint, or the finished model.",
    ),
]

DEFAULTS = TrainingOptions()


@dataclass(frozen=True)
class Asked:
    """Arguments of `morphgen.workflows.calibrate` that are typed as text or numbers."""

    method: str = "coverage"
    estimator: str = "closed"
    parametrization: str = "high"
    fields: str = "auto"
    order: str = "auto"
    thresholds: str = "fractions"
    dependence: str = "auto"
    symmetry: str = "isotropic"
    axis: str | None = None
    max_lag: int | None = None
    seed: int = 0

    def request(self) -> CalibrationRequest:
        """Check it; errors are those of `morphgen.workflows.calibrate`."""
        from morphgen.workflows import calibration_request

        return calibration_request(**asdict(self))


def checkpoint_of(out: Path) -> Path:
    """Where the training of a model is kept while it lasts."""
    return out.with_name(f"{out.name}.checkpoint.pt")


def check_start(
    checkpoint: Path, request: CalibrationRequest, resume: bool, overwrite: bool
) -> None:
    """Refuse to continue what is no training, or to start where an unfinished one lies.

    Raises
    ------
    InputError
        If there is nothing that could be continued, or no option says what to do with what is.
    """
    if resume and not request.trains:
        raise InputError(
            "method coverage in closed form keeps nothing to continue; leave out --resume, and add "
            "--overwrite to replace a model"
        )
    if checkpoint.exists() and not (resume or overwrite):
        raise InputError(
            f"{checkpoint} holds an unfinished training; repeat its command with --resume to "
            "continue it, or add --overwrite to start again"
        )


def finished(
    sections: Sequence[Section],
    request: CalibrationRequest,
    options: TrainingOptions,
    target: tuple[Path, bool],
) -> CalibrationResult | None:
    """Result of this very training if the model file holds it; None where it is still to be done.

    Parameters
    ----------
    sections : sequence of Section
        The sections.
    request, options
        What is asked for.
    target : tuple of Path and bool
        The model file, and whether it may be overwritten.

    Raises
    ------
    InputError
        If there is a model file of another request that must not be overwritten.
    """
    from morphgen.excursion import load_model
    from morphgen.workflows import finished_result

    out, overwrite = target
    if not out.exists() or (overwrite and checkpoint_of(out).exists()):
        return None
    try:
        model = load_model(out)
    except ModelError:
        if overwrite:
            return None
        raise
    training = None if model.provenance is None else model.provenance.training
    if training is not None:
        # where and how precisely matters as long as sections are to be drawn
        chosen = training.device if options.device == "auto" else options.device
        exact = training.precision if options.precision == "auto" else options.precision
        asked = request.fingerprint(sections, replace(options, device=chosen, precision=exact))
        if training.request == asked:
            return finished_result(model, sections, request)
    if overwrite:
        return None
    raise InputError(
        f"{out} exists and comes from another request; choose another name, or add --overwrite"
    )


def repeated(context: typer.Context, last: str) -> str:
    """Command line that asks for the same, ending in another option."""
    words = ["morphgen", str(context.info_name)]
    for parameter in context.command.params:
        value = context.params.get(parameter.name or "")
        if parameter.param_type_name == "argument":
            words += [str(one) for one in value or ()]
        elif value != parameter.default and parameter.opts[0] != last:
            words += _spelled(parameter.opts[0], value)
    return shlex.join([*words, last])


def _spelled(option: str, value: object) -> list[str]:
    if value is True:
        return [option]
    values = value if isinstance(value, (list, tuple)) else [value]
    return [word for one in values for word in (option, str(one))]
