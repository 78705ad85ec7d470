"""Models with other parameters: the rest stays what it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from morphgen.errors import InputError
from morphgen.excursion import ExcursionModel
from morphgen.excursion.fractions import LEAST_FRACTION, threshold_at, with_fractions
from morphgen.excursion.shared import AnyKernel
from morphgen.fields.laws import ChiSquare
from morphgen.phases import Phase
from morphgen.studies.kernels import scaled, stretched
from morphgen.studies.request import Variable
from morphgen.studies.targets import fields_of, phase_of

# fractions that are given for all phases must sum to one
_SUM_ERROR = 1e-9


def varied_model(
    model: ExcursionModel,
    vary: Sequence[Variable],
    values: Mapping[str, float],
    rest: str | int | None = None,
) -> ExcursionModel:
    """Model whose parameters take other values.

    Thresholds follow from the volume fractions, which stay those of the model where they are not
    varied.

    Parameters
    ----------
    model : ExcursionModel
        The model.
    vary : sequence of Variable
        What is varied; a seed is left to the caller.
    values : mapping of str to float
        Value of each, by its name.
    rest : str or int, optional
        Phase that takes what the volume fractions leave.

    Returns
    -------
    ExcursionModel
        Without a record of its origin, since it was not calibrated.

    Raises
    ------
    InputError
        If a value is physically impossible, or the model has no such parameter.
    """
    wanted = model.volume_fractions()
    varied = {}
    found = replace(model, provenance=None)
    for one in vary:
        value = values[one.name]
        if one.parameter == "volume_fraction":
            assert one.phase is not None
            varied[phase_of(model.phases, one.phase).label] = value
        elif one.parameter != "seed":
            found = _with(found, one, value)
    if varied or any(one.parameter == "degrees_of_freedom" for one in vary):
        found = with_fractions(found, _all_fractions(model.phases, wanted, varied, rest))
    return found


def _all_fractions(
    phases: Sequence[Phase],
    before: Mapping[int, float],
    varied: Mapping[int, float],
    rest: str | int | None,
) -> dict[int, float]:
    """Fraction of every label, of which some are given; InputError if they are impossible."""
    names = {phase.label: phase.name for phase in phases}
    for label, value in varied.items():
        if not 0.0 < value < 1.0:
            raise InputError(f"the fraction of {names[label]} is {value:g}: expected 0 to 1")
    takers = [label for label in before if label not in varied]
    kept = dict(varied)
    if rest is not None and varied:
        taker = phase_of(phases, rest).label
        if taker in varied:
            raise InputError(f"the rest goes to {names[taker]}, whose fraction is varied itself")
        kept = {label: before[label] for label in takers if label != taker} | kept
        takers = [taker]
    left = 1.0 - sum(kept.values())
    if (left <= 0.0) if takers else (abs(left) > _SUM_ERROR):
        raise InputError(
            f"volume fractions sum to {1.0 - left:.6g}: expected "
            f"{'less than 1' if takers else '1 for all phases'}"
        )
    scale = left / sum(before[label] for label in takers) if takers else 0.0
    found = kept | {label: before[label] * scale for label in takers}
    least = min(found, key=lambda label: found[label])
    if found[least] < LEAST_FRACTION:
        raise InputError(
            f"the fraction of {names[least]} is {found[least]:.3g}: expected {LEAST_FRACTION:g} at "
            "least"
        )
    return found


def _with(model: ExcursionModel, one: Variable, value: float) -> ExcursionModel:
    """Model with another length, anisotropy or number of degrees of freedom."""
    if one.parameter == "degrees_of_freedom":
        return _with_degrees_of_freedom(model, one, value)

    def changed(kernel: AnyKernel) -> AnyKernel:
        if one.parameter == "length_factor":
            return scaled(kernel, value)
        assert one.axis is not None
        return stretched(kernel, value, one.axis)

    numbers, shared = fields_of(model, one)
    fields = [
        replace(field, kernel=changed(field.kernel)) if number in numbers else field
        for number, field in enumerate(model.fields)
    ]
    noise = model.shared
    if shared and noise is not None:
        noise = replace(noise, kernel=changed(noise.kernel))
    return replace(model, fields=tuple(fields), shared=noise)


def _with_degrees_of_freedom(model: ExcursionModel, one: Variable, value: float) -> ExcursionModel:
    numbers, _ = fields_of(model, one)
    fields = list(model.fields)
    for number in numbers:
        field = fields[number]
        if not isinstance(field.law, ChiSquare):
            raise InputError(
                f"{one.name}: that field is {field.law.name}; expected a chi-square field"
            )
        law = ChiSquare(int(value))
        # the threshold is set with the fractions; this one is valid for the law
        threshold = threshold_at(law, field.side, field.probability)
        fields[number] = replace(field, law=law, threshold=threshold)
    return replace(model, fields=tuple(fields))
