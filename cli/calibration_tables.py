"""What a calibration found, as tables and as plain values for JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from morphgen.calibration.lengths import correlation_lengths
from morphgen.calibration.result import CalibrationResult
from morphgen.excursion.isotropy import IsotropyTest
from morphgen.excursion.provenance import TrainingRecord
from morphgen.images import Section
from morphgen.validation.passages import class_or_fit, limited_by
from morphgen.validation.training import training_words
from morphgen.validation.words import accuracy_words, lengths_in, shared_words

from .model_tables import parameter_records, show_candidates, show_parameters
from .screen import Screen, figure, within


def show(screen: Screen, result: CalibrationResult, images: Sequence[Section]) -> None:
    """Print sections, phases, candidates, the chosen fields, their parameters and the misfit."""
    found = record(result, images)
    for line, count in Counter(_section_line(section) for section in images).items():
        screen.line(line if count == 1 else f"{line} ({count} pages)")
    phase_heads = ("label", "phase", "volume fraction (95 % interval)")
    screen.table(phase_heads, _phase_rows(found), right=(0,))
    show_candidates(screen, result.candidates)
    screen.line("Model (correlation length: where the correlation has fallen to exp(-1/2)):")
    screen.table(*_field_table(found))
    shared = shared_words(result.model)
    if shared is not None:
        screen.line(shared)
    show_parameters(screen, result.model)
    accuracy = accuracy_words(result.model)
    if accuracy is not None:
        screen.line(accuracy)
    screen.line("Largest misfit over all lags:")
    screen.table(*_misfits(found))
    screen.line(found["limit"])
    if found["training"] is not None:
        screen.line(found["training"]["summary"])
    if found["isotropy"] is not None:
        screen.line(f"Isotropy: {found['isotropy']['verdict']}.")


def record(result: CalibrationResult, images: Sequence[Section]) -> dict[str, Any]:
    """Say the same in plain values."""
    model = result.model
    origin = model.provenance
    assert origin is not None
    error, interval = result.uncertainty, result.intervals
    fractions = model.volume_fractions()
    return {
        "status": result.status,
        "message": result.message,
        "unit": model.unit,
        "sections": [_section(section) for section in images],
        "phases": [
            {
                "label": phase.label,
                "name": phase.name,
                "volume_fraction": float(fractions[phase.label]),
                "standard_error": error.get(f"volume_fraction.{phase.label}"),
                "interval": interval.get(f"volume_fraction.{phase.label}"),
            }
            for phase in model.phases
        ],
        "order": list(model.order),
        "fields": _fields(result),
        "shared": None if model.shared is None else asdict(model.shared),
        "parameters": parameter_records(model),
        "candidates": [asdict(one) for one in result.candidates],
        "training": _training(origin.training),
        "max_lag": origin.max_lag,
        "misfit": dict(origin.misfit),
        "largest_misfit": result.coverage.misfit,
        "bound": origin.bound,
        "limit": class_or_fit(model),
        "limited_by": limited_by(model),
        "symmetry": "isotropic" if model.isotropic else "cylindrical",
        "axis": result.coverage.axis,
        "isotropy": _isotropy(origin.isotropy),
        "warnings": list(result.warnings),
    }


def _training(record: TrainingRecord | None) -> dict[str, Any] | None:
    if record is None:
        return None
    return {**asdict(record), "summary": training_words(record)}


def _section_line(section: Section) -> str:
    size = " x ".join(f"{size:g}" for size in dict.fromkeys(section.pixel_size))
    unit = "voxel" if section.unit == "voxel" and size == "1" else lengths_in(section.unit)
    rows, columns = section.labels.shape
    return f"{section.source}: {rows} x {columns} pixels of {size} {unit}, plane {section.plane}"


def _section(section: Section) -> dict[str, Any]:
    return {
        "name": section.source,
        "plane": section.plane,
        "shape": list(section.labels.shape),
        "pixel_size": list(section.pixel_size),
    }


def _fields(result: CalibrationResult) -> list[dict[str, Any]]:
    error, interval = result.uncertainty, result.intervals
    found = []
    for number, (label, field) in enumerate(
        zip(result.model.order[:-1], result.model.fields, strict=True)
    ):
        found.append(
            {
                "decides": label,
                "law": field.law.type,
                "components": field.law.components,
                "side": field.side,
                "threshold": field.threshold,
                "threshold_standard_error": error.get(f"fields.{number}.threshold"),
                "threshold_interval": interval.get(f"fields.{number}.threshold"),
                **_lengths(result, number),
            }
        )
    return found


def _isotropy(test: IsotropyTest | None) -> dict[str, Any] | None:
    if test is None:
        return None
    return {**asdict(test), "verdict": test.verdict}


def _lengths(result: CalibrationResult, number: int) -> dict[str, Any]:
    """Correlation lengths of a field, each with its standard error and interval."""
    correlation = result.model.field_correlation(number)
    found: dict[str, Any] = {}
    for name, value in correlation_lengths(correlation, result.coverage.lags).items():
        found[name] = value
        found[f"{name}_standard_error"] = result.uncertainty.get(f"fields.{number}.{name}")
        found[f"{name}_interval"] = result.intervals.get(f"fields.{number}.{name}")
    return found


def _phase_rows(found: dict[str, Any]) -> list[tuple[str, ...]]:
    return [
        (
            str(one["label"]),
            one["name"],
            within(one["volume_fraction"], one["interval"], one["standard_error"]),
        )
        for one in found["phases"]
    ]


def _field_table(found: dict[str, Any]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    names = {one["label"]: one["name"] for one in found["phases"]}
    unit, axis = lengths_in(found["unit"]), found["axis"]
    lengths = {"correlation_length": "correlation length"}
    if axis is not None:
        lengths = {
            "correlation_length": f"correlation length across {axis}",
            "correlation_length_along": f"along {axis}",
            "axial_scale": "axial scale",
        }
    heads = ("decides", "law", "set", "threshold", *lengths.values())
    rows = [
        (
            names[one["decides"]],
            one["law"] if one["law"] == "gaussian" else f"chi2:{one['components']}",
            one["side"],
            within(one["threshold"], one["threshold_interval"]),
            *(
                within(one[name], one[f"{name}_interval"])
                + ("" if name == "axial_scale" else f" {unit}")
                for name in lengths
            ),
        )
        for one in found["fields"]
    ]
    rest = (names[found["order"][-1]], "(the rest)", *("" for _ in heads[2:]))
    return heads, [*rows, rest]


def _misfits(found: dict[str, Any]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    heads = (*(f"C {pair}" for pair in found["misfit"]), "bound")
    return heads, [(*map(figure, found["misfit"].values()), figure(found["bound"]))]
