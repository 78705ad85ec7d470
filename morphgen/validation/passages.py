"""The passages of a report: verdicts, tables, the model and its origin in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from morphgen.excursion import ExcursionModel
from morphgen.validation.comparison import ComparedVolume, Comparison
from morphgen.validation.model_tables import (
    HOW_RANKED,
    accuracy_table,
    candidate_table,
    loss_table,
    parameter_table,
)
from morphgen.validation.pages import Chapter, Part, Row, Table, Verdict, listing, table, text
from morphgen.validation.words import (
    accuracy_words,
    box_words,
    decisions,
    field_rows,
    lengths_in,
    names_of,
    number,
    shared_words,
    unit_word,
)

# the fit is as good as the class allows when its misfit is at most this multiple of the bound
NEAR_BOUND = 1.3


def calibration_verdict(model: ExcursionModel) -> Verdict:
    """Say how the calibration ended."""
    origin = model.provenance
    if origin is None:
        return Verdict("The model does not say where it comes from.", ())
    return Verdict(f"Calibration: {origin.status}.", (origin.message, class_or_fit(model)))


def class_or_fit(model: ExcursionModel) -> str:
    """Say whether the model class or the fit is the limit."""
    origin = model.provenance
    if origin is None or not origin.misfit:
        return "The model carries no misfit of a calibration."
    misfit = max(origin.misfit.values())
    start = (
        f"On its own sections the model misses C by at most {number(misfit)}; no independent "
        f"fields in this order of decision could do better than {number(origin.bound)}"
    )
    ends = {
        "data": ": the misfit is within two standard errors of the sections.",
        "class": ": the model class is the limit, not the fit.",
        "fit": ": the fit is the limit, not the model class.",
        None: "; what fields that share noise could do at best is not known.",
    }
    return start + ends[limited_by(model)]


def limited_by(model: ExcursionModel) -> Literal["data", "class", "fit"] | None:
    """What keeps the model from its sections: their errors, its class, or the fit; None unknown."""
    origin = model.provenance
    if origin is None or not origin.misfit:
        return None
    misfit = max(origin.misfit.values())
    if misfit <= 2.0 * origin.standard_error:
        return "data"
    if model.shared is not None:
        return None
    return "class" if misfit <= NEAR_BOUND * origin.bound else "fit"


def misfit_table(comparison: Comparison | None, model: ExcursionModel) -> Table:
    """Largest misfit of each pair: at calibration, here, and of the volume."""
    names = {str(label): name for label, name in names_of(model.phases).items()}
    columns: dict[str, dict[str, float]] = {}
    if model.provenance is not None and model.provenance.misfit:
        columns["C, calibration"] = model.provenance.misfit
    if comparison is not None:
        columns["C − p·p, specimen and closed form"] = comparison.misfit
        if comparison.shown_misfit is not None:
            columns["C − p·p, specimen and generated volume"] = comparison.shown_misfit
    pairs = dict.fromkeys(pair for column in columns.values() for pair in column)
    rows = [
        Row(
            (
                "–".join(names.get(label, label) for label in pair.split("-")),
                *(number(column.get(pair)) for column in columns.values()),
            )
        )
        for pair in pairs
    ]
    heads = ("largest difference over all lags", *columns)
    return Table(heads, tuple(rows), frozenset(range(1, len(heads))))


def model_chapter(model: ExcursionModel) -> Chapter:
    """Describe the model: its decisions, its fields, its accuracy and the other candidates."""
    fields = Table(
        ("decides", "field", "set", "share", "correlation length", "kernel", "halo"),
        tuple(
            Row(
                (
                    one.phase,
                    one.law,
                    one.set,
                    one.probability,
                    one.correlation_length,
                    one.kernel,
                    one.halo,
                )
            )
            for one in field_rows(model)
        ),
    )
    shared = shared_words(model)
    independent = ", independent of the others" if shared is None else ""
    parts: list[Part] = [
        text(f"Phases are decided one after the other, each by a field of its own{independent}:"),
        listing(decisions(model)),
        table(fields),
        *([] if shared is None else [text(shared)]),
        text(
            "The correlation length is the distance at which the correlation of the field has "
            "fallen to exp(-1/2); of a chi-square field, that of its Gaussian components. The halo "
            "is how far a voxel depends on the noise around it."
        ),
        *_isotropy(model),
        *_parameters(model),
        *_reduction(model),
        *_accuracy(model),
        *_candidates(model),
    ]
    return Chapter("The model", parts)


def origin_chapter(model: ExcursionModel, comparison: Comparison | None) -> Chapter:
    """Say where model and sections come from."""
    parts: list[Part] = []
    origin = model.provenance
    if origin is None:
        parts.append(text("The model carries no record of a calibration."))
    else:
        parts += [
            text(
                f"The model was calibrated by the method {origin.method}, parametrization "
                f"{origin.parametrization}, seed {origin.seed}, with lags up to "
                f"{number(origin.max_lag)} {lengths_in(model.unit)}: {origin.message}"
            ),
            _source_table(
                [
                    (one.name, one.plane, one.shape, one.pixel_size, one.sha256)
                    for one in origin.sources
                ],
                "calibrated on",
                model.unit,
            ),
            text(f"Versions at calibration: {_versions(origin.versions)}."),
        ]
    if comparison is not None:
        parts += _compared(comparison)
    return Chapter("Where it comes from", parts)


def _compared(comparison: Comparison) -> list[Part]:
    """Say what was compared."""
    parts: list[Part] = []
    if comparison.sections:
        parts.append(
            _source_table(
                [
                    (one.name, one.plane, one.shape, one.pixel_size, one.sha256)
                    for one in comparison.sections
                ],
                "compared with",
                comparison.unit,
            )
        )
    if comparison.volume is not None:
        parts.append(table(_volume_table(comparison.volume, comparison.unit)))
    versions = _versions(comparison.versions)
    seed = f"Compared with seed {comparison.seed}. Versions at comparison: {versions}."
    return [*parts, text(seed)]


def _volume_table(volume: ComparedVolume, unit: str) -> Table:
    def by(numbers: Sequence[float]) -> str:
        return " × ".join(number(one) if one % 1 else f"{one:.0f}" for one in numbers)

    row = (
        volume.name,
        by(volume.whole_shape),
        by(volume.shape),
        " × ".join(number(size) for size in dict.fromkeys(volume.voxel_size))
        + f" {unit_word(unit)}",
        box_words(volume),
        volume.sha256[:16],
    )
    heads = ("compared with", "z × y × x", "of which", "voxel", "in pieces", "SHA-256 begins")
    return Table(heads, (Row(row),))


def _isotropy(model: ExcursionModel) -> list[Part]:
    test = None if model.provenance is None else model.provenance.isotropy
    if test is None:
        return []
    names = names_of(model.phases)
    rows = tuple(
        Row(
            (
                names[label],
                *(f"{number(v)} ± {number(e, 2)}" for v, e in zip(values, errors, strict=True)),
            )
        )
        for label, values, errors in zip(
            test.phases, test.distances, test.standard_errors, strict=True
        )
    )
    heads = ("phase", *(f"along {axis} ({lengths_in(model.unit)})" for axis in test.directions))
    return [
        text(
            "Isotropy, tested on the sections that the model was calibrated on: "
            f"{test.verdict}. The table holds the sum of the correlation of each phase over lags "
            f"up to {number(test.reach)} {lengths_in(model.unit)}, times the lag step:"
        ),
        table(Table(heads, rows, frozenset(range(1, len(heads))))),
    ]


def _accuracy(model: ExcursionModel) -> list[Part]:
    known = accuracy_words(model)
    words = [] if known is None else [text(known)]
    if model.provenance is None or not model.provenance.uncertainty:
        return words
    return [
        *words,
        text(
            "Standard errors of parameters and of what follows from them, and confidence intervals "
            "by block bootstrap:"
        ),
        table(accuracy_table(model)),
    ]


def _parameters(model: ExcursionModel) -> list[Part]:
    """Every number of a low-parametric model."""
    found = parameter_table(model)
    if not found.rows:
        return []
    return [text(f"The model has {len(found.rows)} parameters:"), table(found)]


def _reduction(model: ExcursionModel) -> list[Part]:
    """What a model lost when it was reduced to few parameters."""
    if model.provenance is None or model.provenance.reduction is None:
        return []
    found = model.provenance.reduction
    return [
        text(
            f"It was reduced to the families {', '.join(found.families)} from the model with the "
            f"SHA-256 {found.source[:16]}…, whose C it misses by:"
        ),
        table(loss_table(found, model)),
    ]


def _candidates(model: ExcursionModel) -> list[Part]:
    if model.provenance is None or not model.provenance.candidates:
        return []
    return [
        text(
            f"{HOW_RANKED} Scores count deviations in standard errors: of C − p·p on tiles of the "
            "sections that were not fitted; of the section Euler numbers from simulated ones; from "
            "what independence demands. Numbers: thresholds and kernel parameters."
        ),
        table(candidate_table(model.provenance.candidates, names_of(model.phases))),
    ]


def _source_table(
    rows: list[tuple[str, str, tuple[int, int], tuple[float, float], str]], head: str, unit: str
) -> Part:
    cells = tuple(
        Row(
            (
                name,
                plane,
                f"{shape[0]} × {shape[1]}",
                " × ".join(number(size) for size in dict.fromkeys(sizes)) + f" {unit_word(unit)}",
                sha256[:16],
            )
        )
        for name, plane, shape, sizes, sha256 in rows
    )
    return table(Table((head, "plane", "rows × columns", "pixel", "SHA-256 begins"), cells))


def _versions(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in versions.items())
