"""The numbers of a low-parametric model, each with its meaning, unit and uncertainty."""

from __future__ import annotations

import math
from dataclasses import dataclass

from morphgen.excursion import ExcursionModel, Field
from morphgen.excursion.shared import AnyKernel, SharedNoise
from morphgen.fields.parametric import (
    DampedSincKernel,
    GaussianKernel,
    MaternKernel,
    ParametricKernel,
)
from morphgen.validation.words import lengths_in, names_of, number, unit_word


@dataclass(frozen=True)
class Parameter:
    """One number of a model.

    Attributes
    ----------
    name : str
        Its place, as in the model's record of uncertainty: ``fields.0.kernel.length``.
    phase : str
        The phase that its field decides.
    word : str
        What it is called.
    value : float
        Its value.
    unit : str
        Unit as it is printed; empty for a pure number.
    meaning : str
        What it says about the structure.
    standard_error : float or None
        Its standard error, if known.
    interval : tuple of 2 floats, or None
        Its 95 % confidence interval, if known.
    """

    name: str
    phase: str
    word: str
    value: float
    unit: str
    meaning: str
    standard_error: float | None = None
    interval: tuple[float, float] | None = None


def parameters(model: ExcursionModel) -> list[Parameter]:
    """All numbers of a low-parametric model: thresholds, parameters of families, loadings.

    Empty if a kernel has spline coefficients: they have no meaning of their own.
    """
    if not all(isinstance(noise.kernel, ParametricKernel) for noise in model.noises):
        return []
    names, origin = names_of(model.phases), model.provenance
    errors = {} if origin is None else origin.uncertainty
    intervals = {} if origin is None else origin.intervals
    found = []
    for number_, (label, field) in enumerate(zip(model.order[:-1], model.fields, strict=True)):
        place, phase = f"fields.{number_}", names[label]
        threshold = (f"{place}.threshold", "threshold", field.threshold, "", _threshold(field))
        found += [(phase, *row) for row in (threshold, *_of_kernel(field.kernel, place, model))]
    if model.shared is not None:
        found += [("(shared)", *row) for row in _of_shared(model.shared, model)]
    return [
        Parameter(name, phase, word, value, unit, meaning, errors.get(name), intervals.get(name))
        for phase, name, word, value, unit, meaning in found
    ]


def _of_kernel(
    kernel: AnyKernel, place: str, model: ExcursionModel
) -> list[tuple[str, str, float, str, str]]:
    """Name, word, value, unit and meaning of each parameter of a family."""
    assert isinstance(kernel, ParametricKernel)
    lengths, name = lengths_in(model.unit), f"{place}.kernel"
    rows = [(f"{name}.length", "length l", kernel.length, lengths, _length(kernel))]
    if isinstance(kernel, MaternKernel):
        meaning = "roughness: 1/2 is exponential; the surface area is finite above 1"
        rows.append((f"{name}.smoothness", "smoothness ν", kernel.smoothness, "", meaning))
    if isinstance(kernel, DampedSincKernel):
        apart = f"{number(2.0 * math.pi / kernel.wave_number)} {lengths}"
        meaning = f"hole effect: bodies are about {apart} apart (2π/k)"
        wave = f"rad/{unit_word(model.unit)}"
        rows.append((f"{name}.wave_number", "wave number k", kernel.wave_number, wave, meaning))
    if kernel.axis is not None:
        meaning = f"lengths along {kernel.axis} over lengths across"
        rows.append((f"{name}.axial_scale", "axial scale", kernel.axial_scale, "", meaning))
    return rows


def _of_shared(
    shared: SharedNoise, model: ExcursionModel
) -> list[tuple[str, str, float, str, str]]:
    """The same of noise that fields share."""
    rows = [
        (
            f"shared.loadings.{number_}",
            f"loading {number_ + 1}",
            loading,
            "",
            f"weight of the shared noise in field {number_ + 1}, from −1 to 1",
        )
        for number_, loading in enumerate(shared.loadings)
    ]
    return [*rows, *_of_kernel(shared.kernel, "shared", model)]


def _threshold(field: Field) -> str:
    what = "of the field, in its standard deviations"
    if field.law.type == "chi_square":
        what = f"of the sum of {field.law.components} squared Gaussian fields"
        what = what if field.law.components > 1 else "of the squared Gaussian field"
    return f"lower limit {what}" if field.side == "above" else f"upper limit {what}"


def _length(kernel: ParametricKernel) -> str:
    if isinstance(kernel, GaussianKernel):
        return "correlation exp(−h²/2l²): the distance where it is exp(−1/2)"
    if isinstance(kernel, MaternKernel):
        return "Matérn correlation (h/l)^ν K_ν(h/l): its decay far out, exp(−h/l)"
    return "correlation sin(kh)/(kh) exp(−h²/2l²): how far the order reaches"
