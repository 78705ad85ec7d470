"""The numbers of a low-parametric model, each with its meaning, unit and uncertainty."""

from __future__ import annotations

import math
from dataclasses import dataclass

from morphgen.excursion import ExcursionModel, Field, SharedNoise
from morphgen.excursion.shared import AnyKernel
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
    """All numbers of a low-parametric model: thresholds, and parameters of covariance families.

    Empty if a kernel has spline coefficients: they have no meaning of their own.
    """
    if not all(isinstance(noise.kernel, ParametricKernel) for noise in model.noises):
        return []
    names, origin = names_of(model.phases), model.provenance
    errors = {} if origin is None else origin.uncertainty
    intervals = {} if origin is None else origin.intervals
    found = []
    for number_, (label, field) in enumerate(zip(model.order[:-1], model.fields, strict=True)):
        for place, word, value, unit, meaning in _of_field(field, model.unit):
            name = f"fields.{number_}.{place}"
            found.append(
                Parameter(
                    name,
                    names[label],
                    word,
                    value,
                    unit,
                    meaning,
                    errors.get(name),
                    intervals.get(name),
                )
            )
    if model.shared is not None:
        for place, word, value, unit, meaning in _of_shared(model.shared, model.unit):
            name = f"shared.{place}"
            known = errors.get(name), intervals.get(name)
            found.append(Parameter(name, "shared", word, value, unit, meaning, *known))
    return found


def _of_shared(shared: SharedNoise, unit: str) -> list[tuple[str, str, float, str, str]]:
    words = ("first", "second")
    rows = [
        (f"loadings.{place}", f"loading a{place + 1}", value, "", f"of the {word} field")
        for place, (word, value) in enumerate(zip(words, shared.loadings, strict=True))
    ]
    return [*rows, *_of_kernel(shared.kernel, unit)]


def _of_field(field: Field, unit: str) -> list[tuple[str, str, float, str, str]]:
    threshold = ("threshold", "threshold", field.threshold, "", _threshold(field))
    return [threshold, *_of_kernel(field.kernel, unit)]


def _of_kernel(kernel: AnyKernel, unit: str) -> list[tuple[str, str, float, str, str]]:
    lengths = lengths_in(unit)
    assert isinstance(kernel, ParametricKernel)
    rows = [("kernel.length", "length l", kernel.length, lengths, _length(kernel))]
    if isinstance(kernel, MaternKernel):
        meaning = "roughness: 1/2 is exponential; the surface area is finite above 1"
        rows.append(("kernel.smoothness", "smoothness ν", kernel.smoothness, "", meaning))
    if isinstance(kernel, DampedSincKernel):
        apart = f"{number(2.0 * math.pi / kernel.wave_number)} {lengths}"
        meaning = f"hole effect: bodies are about {apart} apart (2π/k)"
        wave = f"rad/{unit_word(unit)}"
        rows.append(("kernel.wave_number", "wave number k", kernel.wave_number, wave, meaning))
    if kernel.axis is not None:
        meaning = f"lengths along {kernel.axis} over lengths across"
        rows.append(("kernel.axial_scale", "axial scale", kernel.axial_scale, "", meaning))
    return rows


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
