"""Reports: one self-contained HTML file for a comparison or a calibration."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from morphgen.errors import InputError
from morphgen.excursion import ExcursionModel
from morphgen.images import Section, Volume
from morphgen.validation import figures, pictures
from morphgen.validation.calibration_curves import CalibrationCurves
from morphgen.validation.comparison import Comparison
from morphgen.validation.measure import view_of
from morphgen.validation.pages import (
    Chapter,
    Verdict,
    drawings,
    table,
    text,
)
from morphgen.validation.passages import (
    calibration_verdict,
    class_or_fit,
    comparison_verdict,
    misfit_table,
    model_chapter,
    origin_chapter,
    quantity_table,
)
from morphgen.validation.simulate import simulated_labels
from morphgen.validation.training import training_chapters


def validation_report(
    comparison: Comparison,
    model: ExcursionModel,
    sections: Sequence[Section],
    *,
    volume: Volume | None = None,
) -> str:
    """Tell about a comparison.

    Parameters
    ----------
    comparison : Comparison
        The comparison, from `compare`.
    model : ExcursionModel
        The model that was compared.
    sections : sequence of Section
        The sections that it was compared with; the first is shown.
    volume : Volume, optional
        A volume to show, usually that of the comparison.

    Returns
    -------
    str
        HTML without links to other files: the verdict in words, every quantity by decreasing
        deviation, figures, the model, where everything comes from, and how to read it.
    """
    simulated = simulated_labels(
        model, [view_of(sections[0], comparison.max_lag)], comparison.seed
    )[0]
    beside = drawings(pictures.section_pair(sections[0], simulated, model.phases))
    chapters = [
        Chapter("Side by side", beside),
        Chapter(
            "What is how far off",
            [
                *drawings(figures.deviations(comparison, model)),
                table(quantity_table(comparison, model)),
            ],
        ),
        Chapter(
            "Two-point coverage",
            [
                *drawings(
                    figures.coverage_curves(comparison, model, "covariance"),
                    figures.coverage_curves(comparison, model, "two_point_coverage"),
                ),
                text(class_or_fit(model)),
                table(misfit_table(comparison, model)),
            ],
        ),
        Chapter("Chord lengths", drawings(figures.chord_curves(comparison, model))),
        *_volume_chapter(volume),
        model_chapter(model),
        origin_chapter(model, comparison),
    ]
    names = ", ".join(section.name for section in comparison.sections)
    subtitle = f"Compared with {names}, in {comparison.realizations} simulations."
    return _page(
        "Validation of a microstructure model",
        subtitle,
        comparison_verdict(comparison, model),
        chapters,
        comparison,
    )


def calibration_report(
    model: ExcursionModel, sections: Sequence[Section], fits: Sequence[CalibrationCurves]
) -> str:
    """Tell about a calibration.

    Parameters
    ----------
    model : ExcursionModel
        The calibrated model, with its provenance.
    sections : sequence of Section
        The sections that it was calibrated on; the first is shown.
    fits : sequence of CalibrationCurves
        Measured and fitted two-point coverage: one set of curves, or one for each direction.

    Returns
    -------
    str
        HTML without links to other files.
    """
    seed = 0 if model.provenance is None else model.provenance.seed
    simulated = simulated_labels(model, [view_of(sections[0], 0.0)], seed)[0]
    beside = drawings(pictures.section_pair(sections[0], simulated, model.phases))
    chapters = [
        Chapter("Side by side", beside),
        Chapter(
            "How well it fits",
            [
                *drawings(*(figures.calibration_fit(fit, model) for fit in fits)),
                text(class_or_fit(model)),
                table(misfit_table(None, model)),
            ],
        ),
        *training_chapters(None if model.provenance is None else model.provenance.training),
        model_chapter(model),
        origin_chapter(model, None),
    ]
    subtitle = "Calibrated on " + ", ".join(section.source for section in sections) + "."
    return _page(
        "Calibration of a microstructure model", subtitle, calibration_verdict(model), chapters
    )


def write_report(path: str | os.PathLike[str], html: str, overwrite: bool = False) -> None:
    """Write a report, whole or not at all.

    Raises
    ------
    InputError
        If the file exists and ``overwrite`` is not set, or cannot be written.
    """
    target = Path(path)
    if target.exists() and not overwrite:
        raise InputError(f"{target} exists; choose another name, or allow overwriting it")
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        partial.write_text(html, encoding="utf-8")
        partial.replace(target)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise InputError(f"{target} cannot be written: {error.strerror}") from error


def _volume_chapter(volume: Volume | None) -> list[Chapter]:
    if volume is None:
        return []
    return [Chapter("The volume", drawings(pictures.cube(volume), pictures.three_slices(volume)))]


def _page(
    title: str,
    subtitle: str,
    verdict: Verdict,
    chapters: Sequence[Chapter],
    comparison: Comparison | None = None,
) -> str:
    environment = Environment(
        loader=PackageLoader("morphgen.validation", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("report.html.jinja")
    return template.render(
        title=title, subtitle=subtitle, verdict=verdict, chapters=chapters, comparison=comparison
    )
