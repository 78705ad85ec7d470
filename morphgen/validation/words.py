"""Models, quantities and numbers in words, for figures and reports."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from morphgen.excursion import ExcursionModel, Field
from morphgen.fields.parametric import DampedSincKernel, MaternKernel
from morphgen.fields.spline import CylindricalSplineKernel, SplineKernel
from morphgen.phases import Phase
from morphgen.validation.comparison import Quantity

_POWERS = (("^2", "²"), ("um", "µm"))
_KERNELS = {"gaussian": "Gaussian", "matern": "Matérn", "damped_sinc": "damped sinc"}
_TITLES = {
    "volume_fraction": "volume fraction of {0}",
    "two_point_coverage": "C, {0}",
    "covariance": "C − p·p, {0}",
    "interface_area": "interface area {0}",
    "mean_chord_length": "mean chord of {0} along {1}",
    "chord_length_distribution": "chord lengths of {0} along {1}",
    "section_euler_number": "section Euler number of {0}",
}


@dataclass(frozen=True)
class FieldWords:
    """One decision of a model, as a row of a table."""

    phase: str
    law: str
    set: str
    probability: str
    correlation_length: str
    kernel: str
    halo: str


def names_of(phases: Sequence[Phase]) -> dict[int, str]:
    """Name of each label."""
    return {phase.label: phase.name for phase in phases}


def pair_name(labels: Sequence[int], names: dict[int, str]) -> str:
    """Name of a phase, or of a pair of phases."""
    return "–".join(names[label] for label in labels)


def title(quantity: Quantity, names: dict[int, str]) -> str:
    """What a quantity is."""
    phases = pair_name(quantity.phases, names)
    return _TITLES[quantity.kind].format(phases, quantity.direction)


def unit_word(unit: str) -> str:
    """Unit as it is printed: µm for um, powers raised; "voxels" for many of them."""
    for plain, shown in _POWERS:
        unit = unit.replace(plain, shown)
    return unit


def lengths_in(unit: str) -> str:
    """Unit after a length."""
    return "voxels" if unit == "voxel" else unit_word(unit)


def number(value: float | None, digits: int = 3) -> str:
    """Figure with some significant digits, a dash for what is not a number."""
    if value is None or not math.isfinite(value):
        return "–"
    if value == 0.0:
        return "0"
    exponent = math.floor(math.log10(abs(value)))
    if not -4 <= exponent <= 5:
        mantissa = f"{value / 10.0**exponent:.{digits - 1}f}"
        return f"{mantissa}·10^{exponent}".replace("-", "−")
    return f"{value:.{max(0, digits - 1 - exponent)}f}".replace("-", "−")


def decisions(model: ExcursionModel) -> list[str]:
    """Order of decision in sentences, one for each phase."""
    names = names_of(model.phases)
    found = []
    for rank, (label, field) in enumerate(zip(model.order[:-1], model.fields, strict=True)):
        start, whole = ("First: ", "the volume") if not rank else ("Of what is left: ", "that")
        found.append(
            f"{start}{names[label]} is where {_law(field)} is {_set(field)}; "
            f"a share of {number(field.probability)} of {whole}."
        )
    return [*found, f"The rest is {names[model.order[-1]]}."]


def field_rows(model: ExcursionModel) -> list[FieldWords]:
    """Every field of a model, for a table."""
    names = names_of(model.phases)
    return [
        FieldWords(
            phase=names[label],
            law=_law(field).removeprefix("a "),
            set=_set(field),
            probability=number(field.probability),
            correlation_length=_correlation_lengths(field, model.unit),
            kernel=_kernel(field, model.unit),
            halo=f"{halo} voxels",
        )
        for label, field, halo in zip(model.order[:-1], model.fields, model.halos, strict=True)
    ]


def correlation_length(field: Field, axis: int) -> float:
    """Distance along an axis (z, y, x) at which the correlation has fallen to exp(-1/2)."""
    distance = np.linspace(0.0, field.kernel.reach, 2001)
    offsets = np.zeros((distance.size, 3))
    offsets[:, axis] = distance
    below = np.flatnonzero(np.asarray(field.kernel.correlation(offsets)) < math.exp(-0.5))
    return float(distance[below[0]]) if below.size else math.inf


def _law(field: Field) -> str:
    if field.law.type == "gaussian":
        return "a Gaussian field"
    freedom = field.law.components
    word = "degree" if freedom == 1 else "degrees"
    return f"a chi-square field with {freedom} {word} of freedom"


def _set(field: Field) -> str:
    word = "at or above" if field.side == "above" else "below"
    return f"{word} {number(field.threshold)}"


def _correlation_lengths(field: Field, unit: str) -> str:
    along = field.kernel.axis
    if along is None:
        return f"{number(correlation_length(field, 2))} {lengths_in(unit)}"
    place = "zyx".index(along)
    across = correlation_length(field, (place + 1) % 3)
    return (
        f"{number(correlation_length(field, place))} along {along}, "
        f"{number(across)} across, in {lengths_in(unit)}"
    )


def _kernel(field: Field, unit: str) -> str:
    kernel = field.kernel
    size = lengths_in(unit)
    if isinstance(kernel, SplineKernel):
        return f"cubic splines up to {number(kernel.support_radius)} {size}"
    if isinstance(kernel, CylindricalSplineKernel):
        across, along = number(kernel.support_radius), number(kernel.support_height)
        return f"cubic splines up to {across} across and {along} along, in {size}"
    shape = ""
    if isinstance(kernel, MaternKernel):
        shape = f", smoothness {number(kernel.smoothness)}"
    if isinstance(kernel, DampedSincKernel):
        shape = f", wave number {number(kernel.wave_number)} per {size.removesuffix('s')}"
    stretch = "" if kernel.axis is None else f", stretched by {number(kernel.axial_scale)}"
    return f"{_KERNELS[kernel.type]}, length {number(kernel.length)} {size}{shape}{stretch}"
