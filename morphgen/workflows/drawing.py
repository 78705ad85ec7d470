"""Pictures of what the other jobs give: for notebooks, and as bytes for files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from morphgen.calibration.result import CalibrationResult
from morphgen.errors import InputError, StoreError
from morphgen.excursion import ExcursionModel, GradedModel
from morphgen.images import Section, Volume
from morphgen.studies import Relation, Table
from morphgen.studies.pictures import draw_predictions as predictions
from morphgen.studies.pictures import draw_responses as responses
from morphgen.tiles import VolumeInfo, open_volume
from morphgen.validation import Comparison, figures, pictures
from morphgen.validation.gradient import gradient
from morphgen.validation.judgements import by_distance
from morphgen.validation.rendering import Picture, picture
from morphgen.validation.volumes import central_box
from morphgen.workflows.calibrating import calibration_curves

# a store is shown up to this side
LARGEST_SHOWN = 256


def draw_section(section: Section) -> Picture:
    """Draw the middle of a section, up to 640 pixels a side, with a scale bar.

    Parameters
    ----------
    section : Section
        The section.

    Returns
    -------
    Picture
        A notebook shows it. It has its ``data`` for a file, its ``mime`` type, a text for readers
        who do not see it (``alt``), a ``caption`` and matplotlib's ``figure``.
    """
    return pictures.one_section(section)


def draw_slices(volume: Volume | VolumeInfo) -> Picture:
    """Draw three orthogonal slices through the middle of a volume.

    Parameters
    ----------
    volume : Volume or VolumeInfo
        The volume; of a store, as `open_volume` gives it, the middle up to 256 voxels a side.

    Returns
    -------
    Picture

    Raises
    ------
    StoreError
        If blocks of the store are missing.
    """
    return pictures.three_slices(_image(volume), "volume")


def draw_surfaces(volume: Volume | VolumeInfo) -> Picture:
    """Draw the phases of a volume in three dimensions, one of them cut away.

    Parameters
    ----------
    volume : Volume or VolumeInfo
        The volume; the middle is shown, up to 144 voxels along an axis.

    Returns
    -------
    Picture

    Raises
    ------
    StoreError
        If blocks of the store are missing.
    """
    return pictures.phase_surfaces({"Volume": _image(volume)})


def draw_gradient(volume: VolumeInfo) -> Picture:
    """Draw a section along the gradient of a volume, and its fractions beside the profile.

    Parameters
    ----------
    volume : VolumeInfo
        A store that was generated with a profile, as `open_volume` gives it. It is read as a whole.

    Returns
    -------
    Picture

    Raises
    ------
    InputError
        If the volume has no profile.
    StoreError
        If blocks of the store are missing.
    """
    profile = volume.record.profile
    if profile is None:
        raise InputError(f"{volume.location} was generated without a profile; draw its slices")
    return gradient(central_part(volume, max(volume.shape)), GradedModel(volume.model, profile))


def draw_fit(result: CalibrationResult, number: int = 0) -> Picture:
    """Draw measured and fitted two-point coverage, and what is left between them.

    Parameters
    ----------
    result : CalibrationResult
        The calibration.
    number : int
        Number of the direction, where sections of several planes were fitted: there is one set of
        curves for each, and one alone otherwise.

    Returns
    -------
    Picture

    Raises
    ------
    InputError
        If there is no such direction.
    """
    curves = calibration_curves(result)
    if not 0 <= number < len(curves):
        raise InputError(f"number is {number}; expected 0 to {len(curves) - 1}")
    return figures.calibration_fit(curves[number], result.model)


def draw_comparison(comparison: Comparison, model: ExcursionModel) -> Picture:
    """Draw how far off each quantity is, beside the limit, the farthest first.

    Parameters
    ----------
    comparison : Comparison
        The comparison, from `validate`.
    model : ExcursionModel
        The model that was compared.

    Returns
    -------
    Picture
    """
    return figures.deviations(by_distance(comparison), comparison, model)


def draw_curves(
    comparison: Comparison, model: ExcursionModel, kind: str = "two_point_coverage"
) -> Picture:
    """Draw the curves of a kind with their bands.

    Parameters
    ----------
    comparison : Comparison
        The comparison, from `validate`.
    model : ExcursionModel
        The model that was compared.
    kind : str
        Kind of the curves, such as ``two_point_coverage`` or ``chord_length_distribution``.

    Returns
    -------
    Picture

    Raises
    ------
    InputError
        If no such curves were compared.
    """
    known = {one.kind: one.where for one in comparison.quantities if len(one.x) > 1}
    if kind not in known:
        raise InputError(f"no curves of {kind!r} were compared; there are {', '.join(known)}")
    return figures.curves(comparison, model, kind, known[kind])


def draw_responses(table: Table, columns: Sequence[str] | None = None) -> Picture:
    """Draw what a study measured against what it varied.

    Parameters
    ----------
    table : Table
        Table of a study.
    columns : sequence of str, optional
        Measured columns, without an axis for all axes together, as in
        ``effective_diffusivity.pore``; by default all.

    Returns
    -------
    Picture

    Raises
    ------
    InputError
        If there is nothing to draw, or too much for one picture.
    """
    varied = ", ".join(name.removeprefix("set.") for name in table.varied)
    scenarios = np.count_nonzero([not error for error in table.errors])
    return picture(
        responses(table, columns),
        "responses",
        f"Numbers measured on {scenarios} scenarios against what was varied: {varied}",
        "Points are scenarios; lines join the means of equally large shares of them. In each panel "
        "the other parameters vary too.",
    )


def draw_predictions(relations: Sequence[Relation]) -> Picture:
    """Draw what laws predict against what was simulated.

    Parameters
    ----------
    relations : sequence of Relation
        The laws, from `relate`.

    Returns
    -------
    Picture
    """
    errors = [
        f"{one.phase}, {name} {found.percentage_error:.0f} %"
        for one in relations
        if one.regressions
        for name, found in [
            ("fitted and held out", one.regressions[0].held_out),
            *((law.name, accuracy) for law, accuracy in one.published),
        ]
    ]
    return picture(
        predictions(relations),
        "predicted",
        f"Predicted against simulated values; mean absolute errors: {'; '.join(errors)}",
        "Of the fitted law each value was predicted while its point of the design was held out. On "
        "the line prediction and simulation agree.",
    )


def central_part(volume: str | Path | VolumeInfo, side: int = LARGEST_SHOWN) -> Volume:
    """Middle of a volume store as an image, of at most ``side`` voxels along each axis.

    Raises
    ------
    InputError
        If there is no volume.
    StoreError
        If it is not complete.
    """
    store = volume if isinstance(volume, VolumeInfo) else open_volume(volume)
    if not store.complete:
        raise StoreError(
            f"{store.location} holds {store.written} of {store.blocks} blocks; "
            "complete it with generate --resume"
        )
    return Volume(
        labels=store.read(central_box(store.shape, side)),
        voxel_size=store.voxel_size,
        unit=store.unit,
        phases=store.model.phases,
        sha256=store.record.identity(),
        source=Path(store.location).name,
    )


def _image(volume: Volume | VolumeInfo) -> Volume:
    return central_part(volume) if isinstance(volume, VolumeInfo) else volume
