"""What the reports of a comparison and of a calibration hold."""

from __future__ import annotations

from collections.abc import Sequence

from morphgen.descriptors import KINDS
from morphgen.excursion import ExcursionModel
from morphgen.images import Section, Volume
from morphgen.validation import figures, pictures
from morphgen.validation.calibration_curves import CalibrationCurves
from morphgen.validation.comparison import Comparison
from morphgen.validation.judgements import (
    by_distance,
    comparison_verdict,
    quantity_table,
    reading_chapter,
    summary_chapter,
)
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
    misfit_table,
    model_chapter,
    origin_chapter,
)
from morphgen.validation.shown_volumes import shown_volumes
from morphgen.validation.simulate import simulated_labels
from morphgen.validation.specimens import Place
from morphgen.validation.training import training_chapters
from morphgen.validation.words import kind_title, sentence

PLACES: tuple[Place, ...] = ("sections", "volume")


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
        The sections that it was compared with; the first is shown. None where a volume alone was
        compared.
    volume : Volume, optional
        The reference volume; without one, a volume that was generated from the model.

    Returns
    -------
    Document
        The verdict in words, sections and volumes side by side, every quantity by decreasing
        deviation, curves, the model, where everything comes from, and how to read it; for
        `morphgen.validation.writing`.
    """
    chapters = [
        *_beside(comparison, model, sections),
        _volume_chapter(model, volume, comparison),
        summary_chapter(comparison, model),
        Chapter(
            "What is how far off",
            [
                *drawings(figures.deviations(by_distance(comparison), comparison, model)),
                table(quantity_table(comparison, model)),
            ],
        ),
        *_curve_chapters(comparison, model),
        Chapter(
            "How well C fits", [text(class_or_fit(model)), table(misfit_table(comparison, model))]
        ),
        model_chapter(model),
        origin_chapter(model, comparison),
        reading_chapter(comparison),
    ]
    return Document(
        "Validation of a microstructure model",
        _subtitle(comparison),
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


def _subtitle(comparison: Comparison) -> str:
    names = list(dict.fromkeys(section.name for section in comparison.sections))
    if comparison.volume is not None:
        names.append(f"the volume {comparison.volume.name}")
    return f"Compared with {', '.join(names)}, in {comparison.realizations} simulations."


def _beside(
    comparison: Comparison, model: ExcursionModel, sections: Sequence[Section]
) -> list[Chapter]:
    """Chapter with the first section and the first simulation of it, if there is a section."""
    if not sections:
        return []
    view = view_of(sections[0], comparison.max_lag)
    simulated = simulated_labels(model, [view], comparison.seed)[0]
    beside = pictures.section_pair(sections[0], simulated, model.phases)
    return [Chapter("Side by side", drawings(beside))]


def _volume_chapter(
    model: ExcursionModel, volume: Volume | None, comparison: Comparison
) -> Chapter:
    volumes = shown_volumes(model, volume, comparison)
    if len(volumes) > 1:
        # at one scale, to be compared by eye
        volumes = pictures.same_part(volumes)
    slices = [pictures.three_slices(one, name) for name, one in volumes.items()]
    return Chapter("In three dimensions", drawings(pictures.phase_surfaces(volumes), *slices))


def _curve_chapters(comparison: Comparison, model: ExcursionModel) -> list[Chapter]:
    """One chapter for each kind of curves, sections before the volume."""
    present = {(one.kind, one.where) for one in comparison.quantities if one.x}
    found = []
    for kind in KINDS.values():
        places = [place for place in PLACES if (kind.name, place) in present]
        if places:
            shown = [figures.curves(comparison, model, kind.name, place) for place in places]
            found.append(Chapter(sentence(kind_title(kind.name)), drawings(*shown)))
    return found
