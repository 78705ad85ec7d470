"""How large a volume must be, from a model alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from morphgen.errors import InputError

from .screen import Screen, figure

if TYPE_CHECKING:
    from morphgen.excursion import ExcursionModel, FractionScatter

Edges = Annotated[
    list[int] | None,
    typer.Option(
        "--edge",
        metavar="N",
        show_default=False,
        help="Edge of a volume, in voxels, for which to say how the fractions of a model scatter; "
        "may be repeated.  [default: 128, 256, 512, 1024]",
    ),
]
Precision = Annotated[
    float | None,
    typer.Option(
        "--precision",
        metavar="SD",
        show_default=False,
        help="Standard deviation of the fractions for which to say how large a volume must be.  "
        "[default: .01 and .003]",
    ),
]

_LARGEST = 2**20
_EDGES = (128, 256, 512, 1024)
_PRECISIONS = (0.01, 0.003)


def precision_record(
    model: ExcursionModel, edges: Sequence[int] | None, precision: float | None
) -> dict[str, Any]:
    """Scatter of the fractions by edge, and edges by scatter, in plain values."""
    from morphgen.excursion import fraction_scatter

    for edge in edges or ():
        if not 1 <= edge <= _LARGEST:
            raise InputError(f"--edge is {edge}; expected 1 to {_LARGEST} voxels")
    scatter = fraction_scatter(model)
    wanted = _PRECISIONS if precision is None else (precision,)
    return {
        "edges": [_of_edge(scatter, edge) for edge in edges or _EDGES],
        "needed": [{"standard_deviation": sd, "edge": scatter.edge(sd)} for sd in wanted],
    }


def show_precision(screen: Screen, model: ExcursionModel, record: dict[str, Any]) -> None:
    """Print how far the fractions of a volume lie from the model's."""
    names = [phase.name for phase in model.phases]
    screen.line("Fractions of a volume scatter about the model's, with standard deviations of:")
    screen.table(
        ("edge (voxels)", *names),
        [
            (str(one["edge"]), *(figure(sd) for sd in one["standard_deviations"].values()))
            for one in record["edges"]
        ],
        right=range(1 + len(names)),
    )
    for one in record["needed"]:
        screen.line(
            f"{one['standard_deviation']:g} or less in every phase from {one['edge']}^3 voxels on"
        )


def _of_edge(scatter: FractionScatter, edge: int) -> dict[str, Any]:
    found = scatter.standard_deviations((edge, edge, edge))
    return {"edge": edge, "standard_deviations": {str(key): sd for key, sd in found.items()}}
