"""Thresholds that give the phases of a model their volume fractions, at the same correlations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

from morphgen.excursion.correlated import second_probability
from morphgen.excursion.model import ExcursionModel, Side
from morphgen.fields.laws import Law
from morphgen.fields.orthants import steps

# every threshold is finite then
LEAST_FRACTION = 1e-6


def with_fractions(model: ExcursionModel, fractions: Mapping[int, float]) -> ExcursionModel:
    """Model with thresholds that give other volume fractions.

    Parameters
    ----------
    model : ExcursionModel
        The model.
    fractions : mapping of int to float
        Volume fraction of every label, each `LEAST_FRACTION` at least; they sum to one.
    """
    found = thresholds_for(model, [fractions[label] for label in model.order])
    pairs = zip(model.fields, found, strict=True)
    fields = tuple(replace(field, threshold=threshold) for field, threshold in pairs)
    return replace(model, fields=fields)


def thresholds_for(model: ExcursionModel, fractions: Sequence[float]) -> list[float]:
    """Threshold of each field.

    A field that decides phase k in the order of decision has the threshold that is passed with the
    probability f_k / (1 - f_1 - ... - f_(k-1)); of two fields that share noise, the second one has
    that at which P(X not in A, Y in B) = f_2.

    Parameters
    ----------
    model : ExcursionModel
        The model; its own thresholds do not matter.
    fractions : sequence of float
        Volume fractions in the order of decision.
    """
    found: list[float] = []
    left = 1.0
    for number, (field, fraction) in enumerate(zip(model.fields, fractions, strict=False)):
        p = min(fraction / left, 1.0)
        if model.shared is not None and number == 1:
            first = model.fields[0]
            known, own = (first.law, first.side, found[0]), (field.law, field.side)
            p = _second_probability(known, own, fraction, model.shared.cross_correlation)
        found.append(threshold_at(field.law, field.side, p))
        left -= fraction
    return found


def threshold_at(law: Law, side: Side, probability: float) -> float:
    """Threshold of a field whose excursion set, on a side, has a probability."""
    return law.threshold(probability if side == "above" else 1.0 - probability)


# in a graded volume, a plane is asked for by all blocks of a layer
@lru_cache(maxsize=2**14)
def _second_probability(
    first: tuple[Law, Side, float], second: tuple[Law, Side], fraction: float, cross: float
) -> float:
    (law, side, threshold), (own, below) = first, second
    known = steps(law, threshold, below=side == "below")
    return second_probability(known, own, fraction, cross, below=below == "below")
