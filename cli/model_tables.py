"""Candidates, parameters and losses of a model, as tables and as plain values for JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from morphgen.excursion import Candidate, ExcursionModel
from morphgen.validation.model_tables import HOW_RANKED, candidate_table
from morphgen.validation.parameters import parameters

from .screen import Screen, figure, span


def show_candidates(screen: Screen, candidates: Sequence[Candidate]) -> None:
    """Print the ranked table of the models that were considered."""
    found = candidate_table(candidates)
    rows = [(str(rank), *row.cells) for rank, row in enumerate(found.rows, start=1)]
    screen.line(HOW_RANKED)
    screen.line("Misfits are of C_ij; scores are in standard errors.")
    right = [0, *(place + 1 for place in found.right)]
    heads = (head.replace(" ", "\n") for head in found.heads)
    screen.table(("", *heads), rows, right=right)


def show_parameters(screen: Screen, model: ExcursionModel) -> None:
    """Print the numbers of a low-parametric model; nothing for spline kernels."""
    rows = [
        (
            one.phase,
            one.word,
            " ".join([figure(one.value, one.standard_error), one.unit]).strip(),
            span(one.interval),
            one.meaning,
        )
        for one in parameters(model)
    ]
    if rows:
        screen.line(f"{len(rows)} parameters, with standard errors and 95 % intervals:")
        screen.table(("decides", "parameter", "value", "interval", "meaning"), rows)


def parameter_records(model: ExcursionModel) -> list[dict[str, Any]]:
    """Say the same in plain values."""
    return [asdict(one) for one in parameters(model)]


def show_loss(screen: Screen, loss: Mapping[str, float]) -> None:
    """Print the largest difference of each C_ij from the model that was reduced."""
    screen.line("Loss of fit, the largest difference from the C_ij of the given model:")
    screen.table(tuple(f"C {pair}" for pair in loss), [tuple(map(figure, loss.values()))])
