"""What the reports of a comparison and of a calibration hold."""

from __future__ import annotations

from collections.abc import Sequence

from morphgen.descriptors import KINDS
from morphgen.excursion import ExcursionModel
from morphgen.images import Section, Volume
from morphgen.validation import figures, pictures
from morphgen.validation.calibration_curves import CalibrationCurves
from morphgen.validation.comparison import Comparison
from morphgen.validation.measure import view_of
from morphgen.validation.pages import (
    Chapter,
    Document,
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
    reading_chapter,
)
from morphgen.validation.shown_volumes import shown_volumes
from morphgen.validation.simulate import simulated_labels
from morphgen.validation.training import training_chapters


def validation_report(
    comparison: Comparison,
    model: ExcursionModel,
    sections: Sequence[Section],
    *,
    volume: Volume | None = None,
) -> Document:
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
    Document
        The verdict in words, sections and volumes side by side, every quantity by decreasing
        deviation, curves, the model, where everything comes from, and how to read it; for
        `morphgen.validation.writing`.
    """
    simulated = simulated_labels(
        model, [view_of(sections[0], comparison.max_lag)], comparison.seed
    )[0]
    chapters = [
        Chapter(
            "Side by side",
            drawings(pictures.section_pair(sections[0], simulated, model.phases)),
        ),
        _volume_chapter(model, volume, comparison),
        Chapter(
            "What is how far off",
            [
                *drawings(figures.deviations(comparison, model)),
                table(quantity_table(comparison, model)),
            ],
        ),
        *_curve_chapters(comparison, model),
        model_chapter(model),
        origin_chapter(model, comparison),
        reading_chapter(comparison),
    ]
    names = ", ".join(section.name for section in comparison.sections)
    subtitle = f"Compared with {names}, in {comparison.realizations} simulations."
    return Document(
        "Validation of a microstructure model",
        subtitle,
        comparison_verdict(comparison, model),
        chapters,
    )


def calibration_report(
    model: ExcursionModel, sections: Sequence[Section], fits: Sequence[CalibrationCurves]
) -> Document:
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
    Document
        For `morphgen.validation.writing`.
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
    return Document(
        "Calibration of a microstructure model", subtitle, calibration_verdict(model), chapters
    )


def _curve_chapters(comparison: Comparison, model: ExcursionModel) -> list[Chapter]:
    """Chapters of all kinds of curves; the two-point coverage with its misfits first."""
    kinds = [kind for kind in KINDS.values() if kind.argument]
    present = {one.kind for one in comparison.quantities}
    coverage = [name for name in ("two_point_coverage", "covariance") if name in present]
    others = [kind.name for kind in kinds if kind.name in present - set(coverage)]
    return [
        Chapter(
            "Two-point coverage",
            [
                *drawings(*(figures.curves(comparison, model, kind) for kind in coverage)),
                text(class_or_fit(model)),
                table(misfit_table(comparison, model)),
            ],
        ),
        *(
            Chapter(
                KINDS[kind].title.capitalize(), drawings(figures.curves(comparison, model, kind))
            )
            for kind in others
        ),
    ]


def _volume_chapter(
    model: ExcursionModel, volume: Volume | None, comparison: Comparison
) -> Chapter:
    volumes = shown_volumes(model, volume, comparison.seed)
    parts = drawings(pictures.phase_surfaces(volumes))
    if volume is not None:
        parts += drawings(pictures.three_slices(volume))
    return Chapter("In three dimensions", parts)
