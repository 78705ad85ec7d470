"""What a calibration found, as tables and as plain values for JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from morphgen.calibration.lengths import correlation_lengths
from morphgen.calibration.result import CalibrationResult
from morphgen.images import Section
from morphgen.validation.passages import class_or_fit, limited_by
from morphgen.validation.words import lengths_in

from .screen import Screen, figure


def show(screen: Screen, result: CalibrationResult, images: Sequence[Section]) -> None:
    """Print sections, phases, candidates, the chosen fields and the misfit."""
    found = record(result, images)
    for line, count in Counter(_section_line(section) for section in images).items():
        screen.line(line if count == 1 else f"{line} ({count} pages)")
    screen.table(("label", "phase", "volume fraction"), _phase_rows(found), right=(0,))
    screen.line("Candidates, the best first (misfits of C_ij; scores in standard errors):")
    screen.table(*_candidates(found), right=(0, 3, 4, 5, 6))
    screen.line("Model (correlation length: where the correlation has fallen to exp(-1/2)):")
    heads = ("decides", "law", "set", "threshold", "correlation length")
    screen.table(heads, _field_rows(found))
    screen.line("Largest misfit over all lags:")
    screen.table(*_misfits(found))
    screen.line(found["limit"])


def record(result: CalibrationResult, images: Sequence[Section]) -> dict[str, Any]:
    """Say the same in plain values."""
    model = result.model
    origin = model.provenance
    assert origin is not None
    error = result.uncertainty
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
            }
            for phase in model.phases
        ],
        "order": list(model.order),
        "fields": _fields(result),
        "candidates": [
            {
                "order": list(one.order),
                "laws": list(one.laws),
                "bound": one.bound,
                "misfit": one.misfit,
                "order_score": one.order_score,
                "topology_score": one.topology_score,
            }
            for one in result.candidates
        ],
        "max_lag": origin.max_lag,
        "misfit": dict(origin.misfit),
        "largest_misfit": result.coverage.misfit,
        "bound": origin.bound,
        "limit": class_or_fit(model),
        "limited_by": limited_by(model),
        "warnings": list(result.warnings),
    }


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
    error = result.uncertainty
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
                **_lengths(result, number),
            }
        )
    return found


def _lengths(result: CalibrationResult, number: int) -> dict[str, float | None]:
    """Correlation lengths of a field, each with its standard error."""
    kernel = result.model.fields[number].kernel
    found: dict[str, float | None] = {}
    for name, value in correlation_lengths(kernel, result.coverage.lags).items():
        found[name] = value
        found[f"{name}_standard_error"] = result.uncertainty.get(f"fields.{number}.{name}")
    return found


def _phase_rows(found: dict[str, Any]) -> list[tuple[str, ...]]:
    return [
        (
            str(one["label"]),
            one["name"],
            figure(one["volume_fraction"], one["standard_error"]),
        )
        for one in found["phases"]
    ]


def _candidates(found: dict[str, Any]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    heads = ("", "order", "laws", "bound", "misfit", "order score", "topology score")
    rows: list[tuple[str, ...]] = [
        (
            str(rank),
            ",".join(map(str, one["order"])),
            ",".join(one["laws"]),
            figure(one["bound"]),
            figure(one["misfit"]),
            figure(one["order_score"]),
            figure(one["topology_score"]),
        )
        for rank, one in enumerate(found["candidates"], start=1)
    ]
    return heads, rows


def _field_rows(found: dict[str, Any]) -> list[tuple[str, ...]]:
    names = {one["label"]: one["name"] for one in found["phases"]}
    rows = [
        (
            names[one["decides"]],
            one["law"] if one["law"] == "gaussian" else f"chi2:{one['components']}",
            one["side"],
            figure(one["threshold"], one["threshold_standard_error"]),
            figure(one["correlation_length"], one["correlation_length_standard_error"])
            + f" {lengths_in(found['unit'])}",
        )
        for one in found["fields"]
    ]
    return [*rows, (names[found["order"][-1]], "(the rest)", "", "", "")]


def _misfits(found: dict[str, Any]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    heads = (*(f"C {pair}" for pair in found["misfit"]), "bound")
    return heads, [(*map(figure, found["misfit"].values()), figure(found["bound"]))]
