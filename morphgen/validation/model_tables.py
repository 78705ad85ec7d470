"""Tables of what a model records: its parameters, their uncertainty, and the other candidates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from morphgen.excursion import Candidate, ExcursionModel, Reduction
from morphgen.validation.pages import Row, Table
from morphgen.validation.parameters import parameters
from morphgen.validation.words import names_of, number

HOW_RANKED = (
    "Models that were considered: the chosen one; those with a held-out score, by the root of the "
    "sum of the squares of held-out and topology score; the other fitted ones; orders that were "
    "ruled out (laws any)."
)

# columns that say nothing where every row has the usual value
_USUAL = {"symmetry": "isotropic", "fields": "independent", "discriminator score": "–"}
_TEXTS = 5


def candidate_table(
    candidates: Sequence[Candidate], names: Mapping[int, str] | None = None
) -> Table:
    """Ranked table of candidates.

    Parameters
    ----------
    candidates : sequence of Candidate
        Rows, the best first.
    names : mapping, optional
        Names of the labels; the labels themselves by default.
    """
    # labels stand as on the command line
    between = "," if names is None else ", "
    columns: dict[str, Callable[[Candidate], str]] = {
        "order": lambda one: between.join(_label(label, names) for label in one.order),
        "laws": lambda one: between.join(one.laws),
        "symmetry": lambda one: one.symmetry,
        "kernels": lambda one: "–" if one.parameters is None else one.parametrization,
        "fields": lambda one: one.dependence,
        "numbers": lambda one: "–" if one.parameters is None else str(one.parameters),
        "bound": lambda one: number(one.bound),
        "misfit": lambda one: number(one.misfit),
        "held-out score": lambda one: number(one.held_out),
        "topology score": lambda one: number(one.topology_score),
        "discriminator score": lambda one: number(one.discriminator_score),
        "order score": lambda one: number(one.order_score),
    }
    shown = {head: [cell(one) for one in candidates] for head, cell in columns.items()}
    telling = [head for head in columns if set(shown[head]) != {_USUAL.get(head)}]
    rows = tuple(Row(cells) for cells in zip(*(shown[head] for head in telling), strict=True))
    right = [place for place, head in enumerate(telling) if head in list(columns)[_TEXTS:]]
    return Table(tuple(telling), rows, frozenset(right))


def parameter_table(model: ExcursionModel) -> Table:
    """Every number of a low-parametric model; without rows for spline kernels."""
    heads = ("decides", "parameter", "value", "standard error", "95 % interval", "unit", "meaning")
    rows = tuple(
        Row(
            (
                one.phase,
                one.word,
                number(one.value),
                number(one.standard_error),
                interval_words(one.interval),
                one.unit,
                one.meaning,
            )
        )
        for one in parameters(model)
    )
    return Table(heads, rows, frozenset({2, 3, 4}))


def accuracy_table(model: ExcursionModel) -> Table:
    """Standard error and interval of all that a calibration determined, but spline coefficients."""
    origin = model.provenance
    assert origin is not None
    rows = tuple(
        Row((name, number(value), interval_words(origin.intervals.get(name))))
        for name, value in origin.uncertainty.items()
        if ".coefficients." not in name
    )
    return Table(("quantity", "standard error", "95 % interval"), rows, frozenset({1, 2}))


def loss_table(reduction: Reduction, model: ExcursionModel) -> Table:
    """Largest difference of each C_ij from the model that was reduced."""
    names = {str(label): name for label, name in names_of(model.phases).items()}
    rows = tuple(
        Row(("–".join(names.get(label, label) for label in pair.split("-")), number(lost)))
        for pair, lost in reduction.loss.items()
    )
    return Table(("C, largest difference over all lags", "loss"), rows, frozenset({1}))


def interval_words(interval: tuple[float, float] | None) -> str:
    """Interval as "low to high"."""
    return "–" if interval is None else " to ".join(number(end) for end in interval)


def _label(label: int, names: Mapping[int, str] | None) -> str:
    return str(label) if names is None else names[label]
