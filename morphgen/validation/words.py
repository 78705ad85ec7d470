"""Models, quantities and numbers in words, for figures and reports."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from morphgen.descriptors import KINDS
from morphgen.excursion import ExcursionModel, Field
from morphgen.excursion.shared import AnyKernel
from morphgen.fields.parametric import DampedSincKernel, MaternKernel
from morphgen.fields.spline import CylindricalSplineKernel, SplineKernel
from morphgen.fields.stretched import StretchedSplineKernel
from morphgen.phases import Phase
from morphgen.validation.comparison import ComparedVolume, Quantity

_POWERS = (("^2", "²"), ("^3", "³"), ("um", "µm"))
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_KERNELS = {"gaussian": "Gaussian", "matern": "Matérn", "damped_sinc": "damped sinc"}
_TITLES = {
    "volume_fraction": "volume fraction of {0}",
    "two_point_coverage": "C, {0}",
    "covariance": "C − p·p, {0}",
    "interface_area": "interface area {0}",
    "specific_surface_area": "surface area of {0}",
    "triple_phase_boundary_length": "triple-phase boundary {0}",
    "euler_number": "Euler number of {0}",
    "section_euler_number": "section Euler number of {0}",
    "mean_chord_length": "mean chord of {0}",
    "chord_length_distribution": "chord lengths of {0}",
    "lineal_path": "lineal path of {0}",
    "connected_fraction": "largest cluster of {0}",
    "through_connected_fraction": "through-connected share of {0}",
    "spherical_contact": "spherical contact of {0}",
    "phase_size_distribution": "phase sizes of {0}",
    "phase_size_radius": "median phase size of {0}",
    "intrusion_distribution": "intrusion of {0}",
    "intrusion_radius": "median intrusion radius of {0}",
    "constrictivity": "constrictivity of {0}",
    "mean_geodesic_tortuosity": "mean geodesic tortuosity of {0}",
    "geodesic_tortuosity_distribution": "geodesic tortuosity of {0}",
    "effective_diffusivity": "effective diffusivity of {0}",
    "tortuosity_factor": "tortuosity factor of {0}",
    "effective_ionic_conductivity": "effective ionic conductivity",
    "effective_electronic_conductivity": "effective electronic conductivity",
}
_HEADINGS = {
    "two_point_coverage": "Two-point coverage C",
    "covariance": "C less the product of the fractions",
    "chord_length_distribution": "Share of chords up to a length",
    "lineal_path": "Probability that a whole segment lies in the phase",
    "spherical_contact": "Share of points outside the phase that lie within a radius of it",
    "phase_size_distribution": "Share of the phase that balls of a radius inside it cover",
    "intrusion_distribution": "Share of the phase that balls of a radius reach from the border",
    "geodesic_tortuosity_distribution": "Share of the paths up to a tortuosity",
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


def pair_name(labels: Sequence[int], names: Mapping[int, str]) -> str:
    """Name of a phase, or of a pair of phases."""
    return "–".join(names[label] for label in labels)


def title(quantity: Quantity, names: Mapping[int, str]) -> str:
    """What a quantity is."""
    along = f" along {quantity.direction}" if quantity.direction else ""
    place = "" if quantity.where == "sections" else ", volume"
    words = _TITLES.get(quantity.kind) or f"{KINDS[quantity.kind].title} of {{0}}"
    return words.format(pair_name(quantity.phases, names)) + along + place


def curve_heading(kind: str) -> str:
    """What the curves of a kind show."""
    return _HEADINGS.get(kind) or sentence(kind_title(kind))


def kind_title(kind: str) -> str:
    """What a kind of descriptors is called."""
    return KINDS[kind].title.replace("C_ij - p_i p_j", "C − p·p")


def sentence(words: str) -> str:
    """The same with a capital at the beginning; str.capitalize would lower all others."""
    return words[:1].upper() + words[1:]


def accuracy_words(model: ExcursionModel) -> str | None:
    """What standard errors and intervals of a trained model are; None where there is no doubt."""
    origin = model.provenance
    if origin is None or origin.training is None:
        return None
    if origin.method == "adversarial":
        return (
            "Standard errors and intervals are left out: the training did not fit the C_ij, so "
            "that their scatter does not tell that of the parameters."
        )
    if origin.method == "combined":
        return (
            "Standard errors and intervals are those of the coverage fit at these parameters; the "
            "scatter of the training is not in them."
        )
    return None


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
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0.0 else "−∞"
    if value == 0.0:
        return "0"
    exponent = math.floor(math.log10(abs(value)))
    if not -4 <= exponent <= 5:
        mantissa = f"{value / 10.0**exponent:.{digits - 1}f}"
        return f"{mantissa}·10".replace("-", "−") + str(exponent).translate(_RAISED)
    return f"{value:.{max(0, digits - 1 - exponent)}f}".replace("-", "−")


def box_words(volume: ComparedVolume) -> str:
    """Number and shape of the boxes in which a volume was measured piece by piece."""
    sides = [min(volume.cube_side, side) for side in volume.shape]
    cube = len(set(sides)) == 1
    name = ("cube" if cube else "box") if volume.cubes == 1 else ("cubes" if cube else "boxes")
    if cube:
        return f"{volume.cubes} {name} of {sides[0]} voxels a side"
    return f"{volume.cubes} {name} of {' × '.join(map(str, sides))} voxels"


def percent(share: float) -> str:
    """Share as it is printed, a dash for what is not a number."""
    return f"{100.0 * share:.3g} %" if math.isfinite(share) else "–"


def probability(p: float) -> str:
    """Probability as it is printed."""
    return "below 0.0001" if p < 1e-4 else f"{p:.2g}"


def decisions(model: ExcursionModel) -> list[str]:
    """Order of decision in sentences, one for each phase."""
    names, shares = names_of(model.phases), _shares(model)
    found = []
    for rank, (label, field) in enumerate(zip(model.order[:-1], model.fields, strict=True)):
        start, whole = ("First: ", "the volume") if not rank else ("Of what is left: ", "that")
        found.append(
            f"{start}{names[label]} is where {_law(field)} is {_set(field)}; "
            f"a share of {number(shares[rank])} of {whole}."
        )
    return [*found, f"The rest is {names[model.order[-1]]}."]


def field_rows(model: ExcursionModel) -> list[FieldWords]:
    """Every field of a model, for a table."""
    names, shares = names_of(model.phases), _shares(model)
    return [
        FieldWords(
            phase=names[label],
            law=_law(field).removeprefix("a "),
            set=_set(field),
            probability=number(shares[rank]),
            correlation_length=_correlation_lengths(model, rank),
            kernel=_kernel(field.kernel, model.unit),
            halo=f"{halo} voxels",
        )
        for rank, (label, field, halo) in enumerate(
            zip(model.order[:-1], model.fields, model.halos, strict=True)
        )
    ]


def correlation_length(model: ExcursionModel, number: int, axis: int) -> float:
    """Distance along an axis (z, y, x) at which a field's correlation has fallen to exp(-1/2)."""
    distance = np.linspace(0.0, model.reach, 2001)
    offsets = np.zeros((distance.size, 3))
    offsets[:, axis] = distance
    below = np.flatnonzero(np.asarray(model.correlation(number, offsets)) < math.exp(-0.5))
    return float(distance[below[0]]) if below.size else math.inf


def shared_words(model: ExcursionModel) -> str | None:
    """What the fields share, in a sentence; None where they are independent."""
    if model.shared is None:
        return None
    first, second = (number(loading) for loading in model.shared.loadings)
    return (
        f"The fields share noise: of their Gaussian parts, {first} and {second} times a common "
        f"field, so that they have the correlation {number(model.shared.cross_correlation)} at one "
        f"point. Its kernel: {_kernel(model.shared.kernel, model.unit)}."
    )


def _shares(model: ExcursionModel) -> list[float]:
    """Fraction that each decision takes of what the earlier ones have left."""
    found, left = [], 1.0
    fractions = model.volume_fractions()
    for label in model.order[:-1]:
        found.append(fractions[label] / left)
        left -= fractions[label]
    return found


def _law(field: Field) -> str:
    if field.law.type == "gaussian":
        return "a Gaussian field"
    freedom = field.law.components
    word = "degree" if freedom == 1 else "degrees"
    return f"a chi-square field with {freedom} {word} of freedom"


def _set(field: Field) -> str:
    word = "at or above" if field.side == "above" else "below"
    return f"{word} {number(field.threshold)}"


def _correlation_lengths(model: ExcursionModel, rank: int) -> str:
    along, unit = model.field_correlation(rank).axis, model.unit
    if along is None:
        return f"{number(correlation_length(model, rank, 2))} {lengths_in(unit)}"
    place = "zyx".index(along)
    across = correlation_length(model, rank, (place + 1) % 3)
    return (
        f"{number(correlation_length(model, rank, place))} along {along}, "
        f"{number(across)} across, in {lengths_in(unit)}"
    )


def _kernel(kernel: AnyKernel, unit: str) -> str:
    size = lengths_in(unit)
    if isinstance(kernel, SplineKernel):
        return f"cubic splines up to {number(kernel.support_radius)} {size}"
    if isinstance(kernel, StretchedSplineKernel):
        radius, scale = number(kernel.support_radius), number(kernel.axial_scale)
        return f"cubic splines up to {radius} {size}, stretched by {scale}"
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
