"""From field values to a label image."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import ModuleType

import numpy as np

from morphgen._array_api import Array
from morphgen.excursion.model import Field


def decide(field: Field, values: Array, threshold: Array | None = None) -> Array:
    """Whether each point lies in a field's excursion set, as booleans.

    Parameters
    ----------
    field : Field
        The field.
    values : array
        Its values.
    threshold : array, optional
        Thresholds that broadcast against the values, instead of the field's own.
    """
    above = values >= (field.threshold if threshold is None else threshold)
    return above if field.side == "above" else ~above


def first_match(order: Sequence[int], decisions: Iterable[Array], xp: ModuleType) -> Array:
    """Label image from the decisions of the fields, taken one at a time.

    Parameters
    ----------
    order : sequence of int
        Labels in the order of decision; the last one takes what no field decides.
    decisions : iterable of boolean arrays
        Excursion set of each field, in order.
    xp : module
        Standard namespace of the arrays.

    Returns
    -------
    array of uint8
    """
    labels, open_points = None, None
    for label, decision in zip(order[:-1], decisions, strict=True):
        taken = decision if open_points is None else decision & open_points
        # sums of products of bytes: nested where costs five times as much
        part = xp.astype(taken, xp.uint8) * label
        labels = part if labels is None else labels + part
        open_points = ~decision if open_points is None else open_points & ~decision
    return labels + xp.astype(open_points, xp.uint8) * order[-1]


def write_first_match(
    order: Sequence[int],
    fields: Sequence[Field],
    exceedances: Sequence[np.ndarray],
    labels: np.ndarray,
    scratch: np.ndarray,
) -> None:
    """Write a label image in place: the fields, from the last to the first, overrule each other.

    Parameters
    ----------
    order : sequence of int
        Labels in the order of decision.
    fields : sequence of Field
        The fields, for the sides of their thresholds.
    exceedances : sequence of boolean arrays
        Where each field reaches its threshold.
    labels, scratch : arrays of uint8
        The result, and memory of its shape.
    """
    labels.fill(order[-1])
    steps = zip(order[-2::-1], reversed(fields), reversed(exceedances), strict=True)
    for label, field, exceeded in steps:
        # b + m (a - b) modulo 256 is a where the byte m is 1, and b where it is 0
        mask = exceeded.view(np.uint8)
        if field.side == "above":
            np.subtract(np.uint8(label), labels, out=scratch)
            np.multiply(scratch, mask, out=scratch)
            np.add(labels, scratch, out=labels)
        else:
            np.subtract(labels, np.uint8(label), out=labels)
            np.multiply(labels, mask, out=labels)
            np.add(labels, np.uint8(label), out=labels)
