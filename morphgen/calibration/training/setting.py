"""From a closed-form fit and options to what the loop trains."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from morphgen.calibration.coverage import CoverageSolution
from morphgen.calibration.plane_families import PlaneFamily, plane_families
from morphgen.calibration.request import CalibrationRequest
from morphgen.calibration.training.adversarial import AdversarialObjective, Adversary, adversary
from morphgen.calibration.training.arithmetic import chosen_precision
from morphgen.calibration.training.crops import real_crops
from morphgen.calibration.training.discriminator import Discriminator, check_crop
from morphgen.calibration.training.generator import Generator, generator, reach_of
from morphgen.calibration.training.loop import Pace, Score
from morphgen.calibration.training.options import (
    Layer,
    TrainingOptions,
    parse_layers,
    receptive_field,
)
from morphgen.calibration.training.planes import Torus, torus_of
from morphgen.calibration.training.sampled import SampledCoverage, sampled_coverage
from morphgen.calibration.training.scaling import Scaling
from morphgen.calibration.training.score import HeldOut, hold_out, window_of
from morphgen.calibration.training.soft import Schedule
from morphgen.errors import InputError
from morphgen.excursion.model import ExcursionModel
from morphgen.fields.kernels import AXES, Axis
from morphgen.images import Section

# edge of a crop in correlation lengths, and its usual range in pixels
_CROP_LENGTHS, _SMALLEST_CROP, _LARGEST_CROP = 12.0, 64, 128
_ROUNDING = 8

_SAMPLED_STEPS, _ADVERSARIAL_STEPS = 300, 800
# steps between checkpoints
SAVE_EVERY = 25
# step sizes, in coordinates: standard errors of C
_SAMPLED_RATES = (0.1, 0.01)
# second derivatives are 2 along what the data determine: smaller gradients are mostly noise
_SAMPLED_NOISE = 5.0
_ADVERSARIAL_RATES = (0.05, 0.005)
# a sampled C_ij that need not look natural may be soft for longer
_SAMPLED_WIDTHS = (0.4, 0.2)
_ADVERSARIAL_WIDTHS = (0.4, 0.15)


def sampled_setting(
    fitted: CoverageSolution, options: TrainingOptions, scaling: Scaling, device: torch.device
) -> tuple[SampledCoverage, Pace]:
    """Objective and pace of the sampled estimator.

    Raises
    ------
    InputError
        If the model has an axis.
    """
    if model_axis(fitted.model()) is not None:
        raise InputError(
            "the sampled estimator knows isotropic models only; use --estimator closed"
        )
    family = plane_families(fitted.sections, None)[0]
    steps = options.steps or _SAMPLED_STEPS
    reach = reach_of(fitted.problem, scaling.start)
    edge = 2.0 * float(fitted.target.lag[-1]) / min(family.steps)
    torus = torus_of(family, (int(edge) + 1,) * 2, reach)
    drawing = generator(fitted.problem, torus, seed=fitted.request.seed, device=device)
    objective = sampled_coverage(
        fitted.problem,
        drawing,
        scaling,
        pixel_size=family.steps,
        count=options.batch,
        smoothing=options.smoothing,
        schedule=Schedule(*_SAMPLED_WIDTHS, steps),
    )
    return objective, Pace(steps, *_SAMPLED_RATES, noise=_SAMPLED_NOISE, save_every=SAVE_EVERY)


def adversarial_setting(
    fitted: CoverageSolution,
    options: TrainingOptions,
    scaling: Scaling,
    device: torch.device,
    method: str,
) -> tuple[AdversarialObjective, Score, Pace]:
    """Objective, held-out score and pace of the adversarial and the combined method.

    Raises
    ------
    ImageError
        If the sections are smaller than the crops.
    InputError
        If the crops are smaller than what the discriminator sees.
    """
    layers = parse_layers(options.discriminator)
    steps = options.steps or _ADVERSARIAL_STEPS
    families = plane_families(fitted.sections, model_axis(fitted.model()))
    reach = reach_of(fitted.problem, scaling.start)
    arenas = [
        _arena(fitted, options, layers, family, number, scaling, reach, device)
        for number, family in enumerate(families)
    ]
    scores = [held for _, held in arenas]

    def score(coordinates: np.ndarray) -> float:
        parameters = scaling.parameters(coordinates)
        return float(np.sqrt(np.mean([one.score(parameters) ** 2 for one in scores])))

    objective = AdversarialObjective(
        fitted.problem,
        scaling,
        [one for one, _ in arenas],
        Schedule(*_ADVERSARIAL_WIDTHS, steps),
        options.batch,
        options.weight,
        method == "combined",
        chosen_precision(options.precision, device),
    )
    pace = Pace(
        steps,
        *_ADVERSARIAL_RATES,
        score_every=options.score_every,
        save_every=SAVE_EVERY,
        patience=options.patience,
    )
    return objective, score, pace


def crop_edge(options: TrainingOptions, length: float, family: PlaneFamily) -> int:
    """Edge of the crops in pixels: the one asked for, or what suits the correlation length.

    Raises
    ------
    InputError
        If the discriminator sees more than such a crop.
    """
    edge, layers = options.crop, parse_layers(options.discriminator)
    if edge is None:
        wanted = _ROUNDING * round(_CROP_LENGTHS * length / min(family.steps) / _ROUNDING)
        edge = max(min(max(wanted, _SMALLEST_CROP), _LARGEST_CROP), receptive_field(layers))
    check_crop(layers, edge)
    return edge


def check_crops(
    sections: Sequence[Section], request: CalibrationRequest, options: TrainingOptions
) -> None:
    """Refuse crops that cannot be cut, before anything is fitted.

    Where the axis or the correlation length must be found first, the least that is known of them
    decides; the rest is checked with the crops themselves.

    Raises
    ------
    ImageError
        If no crop lies in the part of a family's sections that is not held out, or that part
        cannot be cut off.
    InputError
        If the discriminator sees more than a crop.
    """
    layers = parse_layers(options.discriminator)
    edge = options.crop or max(_SMALLEST_CROP, receptive_field(layers))
    check_crop(layers, edge)
    if request.symmetry == "isotropic":
        families = plane_families(sections, None)
    elif request.symmetry == "cylindrical" and request.axis in AXES:
        families = plane_families(sections, request.axis)
    else:
        return
    for family in families:
        real_crops(hold_out(family)[0], (), edge)


def model_axis(model: ExcursionModel) -> Axis | None:
    """Axis of symmetry of a model; None for an isotropic one."""
    return next((field.kernel.axis for field in model.fields if field.kernel.axis), None)


def _arena(
    fitted: CoverageSolution,
    options: TrainingOptions,
    layers: tuple[Layer, ...],
    family: PlaneFamily,
    number: int,
    scaling: Scaling,
    reach: float,
    device: torch.device,
) -> tuple[Adversary, HeldOut]:
    """One family of planes: what its network is trained on, and what is held out."""
    kept, held = hold_out(family)
    order, length = fitted.selection.order, fitted.target.correlation_length
    edge = crop_edge(options, length, kept)
    real = real_crops(kept, order, edge, seed=fitted.request.seed)

    def drawing(torus: Torus) -> Generator:
        return generator(
            fitted.problem, torus, seed=fitted.request.seed, family=number, device=device
        )

    network = Discriminator(layers, len(order), seed=fitted.request.seed + number)
    fighting = drawing(torus_of(kept, (edge, edge), reach, least=2 * edge))
    scoring = drawing(torus_of(held, window_of(held), reach))
    return (
        adversary(fighting, real, network),
        HeldOut(held, scoring, order, length, scaling.start),
    )
