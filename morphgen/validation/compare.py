"""Comparing sections and volumes with those that are simulated from a model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from importlib.metadata import version
from typing import get_args

import numpy as np

from morphgen.descriptors import KINDS
from morphgen.errors import InputError
from morphgen.excursion import ExcursionModel
from morphgen.images import Section, Volume
from morphgen.phases import OUTSIDE
from morphgen.progress import Progress, silent
from morphgen.validation.comparison import (
    ComparedSection,
    ComparedVolume,
    Comparison,
    Judge,
    Quantity,
)
from morphgen.validation.measure import Readings, View
from morphgen.validation.quantities import Measured, Rule, judge_all
from morphgen.validation.references import closed_forms, misfits, volume_values
from morphgen.validation.shares import calibration_share
from morphgen.validation.specimens import (
    ReferenceVolume,
    SectionSet,
    reference_volume,
    section_set,
)
from morphgen.validation.verdicts import CONFIDENCE
from morphgen.validation.volumes import central_box

FEWEST_REALIZATIONS = 8
SECTION_REALIZATIONS = 32
VOLUME_REALIZATIONS = 16
LONGEST_DEFAULT_LAG = 60
# as of a section that a model is calibrated on
SMALLEST_SIDE = 32
MARGIN = 0.1


def compare(
    model: ExcursionModel,
    sections: Sequence[Section] = (),
    *,
    volume: Volume | None = None,
    shown: Volume | None = None,
    realizations: int | None = None,
    seed: int = 0,
    level: float = 0.01,
    margin: float = MARGIN,
    judge: Judge = "difference",
    max_lag: float | None = None,
    kinds: Sequence[str] | None = None,
    whole_shape: Sequence[int] | None = None,
    progress: Progress = silent,
) -> Comparison:
    """Compare held-out sections and a reference volume with those simulated from a model.

    Every realization simulates all sections (same shape, plane, pixel size and specimen) and a
    volume of the shape of the reference. On both sides the same is measured. Sections are pooled:
    volume fractions; C_ij by distance, and C_ij - p_i p_j, which is free of most of the error of
    the fractions (THEORY 8); interface areas; chord lengths along rows and columns, mean and
    distribution; Euler number per area. Of volumes, all `morphgen.descriptors.KINDS` are measured
    whose packages are installed: sums over voxels on the whole, the others on cubes within it.

    A value is standardised as z = (observed - mean) / (sd sqrt(1 + 1/n + A)), with mean and sd
    over the n realizations. The three terms are the scatter of the specimens themselves, the
    error of the simulated mean, and the error of the model: its parameters come from sections,
    and a model that follows them inherits their scatter. A is the variance of averages over these
    sections in units of that over the specimen: for sections the ratio of the areas, for a volume
    that of the variances of the fractions (see `morphgen.validation.shares`). Without provenance
    the model counts as exactly known, and A is 0.

    All bands are mean +- critical * sd * sqrt(...), with one ``critical`` for all points of all
    quantities, such that specimens of the model itself leave any of the bands with a probability
    of ``level``. It is found from the largest deviations of the simulations among each other; see
    `morphgen.validation.bands`. Beside that, the 95 % confidence interval of each difference tells
    within which margin it is shown to lie; see `morphgen.validation.verdicts`.

    Parameters
    ----------
    model : ExcursionModel
        The model.
    sections : sequence of Section
        Sections that the model was not calibrated on, in the unit and with the labels of the
        model. Of a section that it was calibrated on, the report says so. May be empty if there
        is a volume.
    volume : Volume, optional
        Reference volume, of 32 voxels at least along each axis. Of one with more than 192 voxels
        along an axis, the middle is taken.
    shown : Volume, optional
        A volume, for instance generated from the model, whose values are shown beside those of
        the sections; they are not judged. Fractions are those of all voxels, the rest is measured
        on slices.
    realizations : int, optional
        Number n of simulations, 8 at least; by default 32 for sections alone, 16 with a volume.
    seed : int
        Seed of the simulations; 0 or more.
    level : float
        Probability that a true model leaves any band.
    margin : float
        Margin of equivalence, as a share of each quantity's scale: of a number itself, or of the
        largest value of a curve; see `Quantity`.
    judge : {"difference", "equivalence"}
        The comparison passes if no band is left, or if every quantity is shown to lie within the
        margin.
    max_lag : float, optional
        Largest lag, in the model's unit. By default that of the calibration, at most 60 pixels
        and half the shortest side; of volumes at most 40 voxels.
    kinds : sequence of str, optional
        What is measured of the reference volume; by default all.
    whole_shape : sequence of int, optional
        Shape of what ``volume`` was cut from, where that is the middle of a larger one, as
        `morphgen.validation.volumes.central_box` says.
    progress : callable
        Told the stage and the numbers of simulations done and to do.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        If there is nothing to compare with, sections or volume have other labels or another unit
        than the model, the volume is too small, a kind is not known or there is no volume to
        measure it on, ``max_lag`` does not fit into a section, or another argument is out of its
        range.
    """
    count = realizations
    if count is None:
        count = SECTION_REALIZATIONS if volume is None else VOLUME_REALIZATIONS
    _check_request(sections, volume, count, seed)
    _check_rule(level, margin, judge)
    _check_kinds(kinds, volume)
    for image in (*sections, volume, shown):
        if image is not None:
            _check_image(model, image)
    part = None if volume is None else _middle(volume, whole_shape)
    lag = _max_lag(model, sections, part, max_lag)
    specimens = _specimens(model, sections, part, lag, kinds)
    subjects = _measured(specimens, count, seed, progress)
    if shown is not None and sections:
        beside = volume_values(model, shown, _views(specimens), subjects[0].observed, lag)
        subjects[0] = replace(subjects[0], shown=beside)
    bands, quantities = judge_all(subjects, Rule(level, margin, model.unit))
    shares = {subject.place: subject.share for subject in subjects}
    first = subjects[0]
    return Comparison(
        passed=_passed(quantities, judge),
        judge=judge,
        p_value=bands.family.p_value(quantities[0].largest_deviation),
        level=level,
        margin=margin,
        confidence=CONFIDENCE,
        critical=bands.family.critical(level),
        effective_points=bands.family.effective_points,
        calibration_share=shares.get("sections", 0.0),
        volume_share=shares.get("volume", 0.0),
        realizations=count,
        seed=seed,
        unit=model.unit,
        max_lag=lag,
        sections=tuple(_section_record(model, section) for section in sections),
        volume=None
        if volume is None
        else _volume_record(model, volume, whole_shape, specimens[-1]),
        quantities=quantities,
        misfit=misfits(first.observed, first.exact),
        shown_misfit=None if first.shown is None else misfits(first.observed, first.shown),
        versions={name: version(name) for name in ("morphgen", "numpy", "scipy")},
    )


def _check_request(
    sections: Sequence[Section], volume: Volume | None, realizations: int, seed: int
) -> None:
    if not sections and volume is None:
        raise InputError("no section to compare with; give one at least, or a reference volume")
    if realizations < FEWEST_REALIZATIONS:
        raise InputError(
            f"{realizations} realizations are too few to know their scatter; "
            f"take {FEWEST_REALIZATIONS} at least, better 32"
        )
    if seed < 0:
        raise InputError(f"seed is {seed}; expected 0 or more")


def _check_rule(level: float, margin: float, judge: str) -> None:
    if not 0.0 < level < 1.0:
        raise InputError(f"level is {level}; expected a probability such as 0.01")
    if not 0.0 < margin < math.inf:
        raise InputError(f"margin is {margin}; expected a share such as 0.1, for 10 %")
    if judge not in get_args(Judge):
        raise InputError(f"judge is {judge!r}; expected {' or '.join(get_args(Judge))}")


def _check_kinds(kinds: Sequence[str] | None, volume: Volume | None) -> None:
    if kinds is None:
        return
    for kind in kinds:
        if kind not in KINDS:
            near = get_close_matches(kind, KINDS, 3, 0.5) or list(KINDS)
            raise InputError(f"descriptor {kind!r} is not known; did you mean {', '.join(near)}?")
    if volume is None:
        raise InputError(
            "descriptors are chosen for a reference volume, and there is none; of sections all "
            "are compared"
        )


def _check_image(model: ExcursionModel, image: Section | Volume) -> None:
    theirs = [phase.label for phase in image.phases]
    ours = [phase.label for phase in model.phases]
    if theirs != ours:
        raise InputError(
            f"{image.source} has the phases {theirs}, the model {ours}; "
            "read the image with the phases that the model was calibrated with"
        )
    if image.unit != model.unit:
        raise InputError(
            f"{image.source} is measured in {image.unit}, the model in {model.unit}; "
            f"read the image with its voxel size in {model.unit}"
        )


def _middle(volume: Volume, whole_shape: Sequence[int] | None) -> Volume:
    """Part of a reference volume that is compared."""
    shape = volume.labels.shape
    if min(shape) < SMALLEST_SIDE:
        raise InputError(
            f"{volume.source} has {' x '.join(map(str, shape))} voxels; a reference volume needs "
            f"{SMALLEST_SIDE} at least along each axis. Give slices of a thinner one as sections"
        )
    if whole_shape is not None:
        middle = tuple(box.stop - box.start for box in central_box(whole_shape))
        if middle != shape:
            raise InputError(
                f"{volume.source} has the shape {shape}; the middle of {tuple(whole_shape)} that "
                f"is compared has the shape {middle}"
            )
    part = volume.labels[central_box(shape)]
    return volume if part.shape == shape else replace(volume, labels=part)


def _max_lag(
    model: ExcursionModel, sections: Sequence[Section], part: Volume | None, given: float | None
) -> float:
    finest, fits = _lag_limits(sections, part)
    if given is None:
        known = math.inf if model.provenance is None else model.provenance.max_lag
        return float(min(known, LONGEST_DEFAULT_LAG * finest, fits / 2))
    if not finest <= given <= fits:
        raise InputError(
            f"max_lag is {given:g} {model.unit}; expected {finest:g} to {fits:g}, "
            "from one pixel to the shortest side of a section"
        )
    return given


def _lag_limits(sections: Sequence[Section], part: Volume | None) -> tuple[float, float]:
    """Finest pixel spacing, and the largest lag that fits into every section."""
    sizes: list[tuple[float, ...]] = [section.pixel_size for section in sections]
    shapes: list[tuple[int, ...]] = [section.labels.shape for section in sections]
    if part is not None and not sections:
        sizes, shapes = [part.voxel_size], [part.labels.shape]
    fits = [(min(shape) - 1) * min(size) for shape, size in zip(shapes, sizes, strict=True)]
    return min(min(size) for size in sizes), min(fits)


def _specimens(
    model: ExcursionModel,
    sections: Sequence[Section],
    part: Volume | None,
    lag: float,
    kinds: Sequence[str] | None,
) -> list[SectionSet | ReferenceVolume]:
    found: list[SectionSet | ReferenceVolume] = []
    if sections:
        found.append(section_set(model, sections, lag))
    if part is not None:
        found.append(reference_volume(model, part, lag, kinds))
    return found


def _measured(
    specimens: Sequence[SectionSet | ReferenceVolume], count: int, seed: int, progress: Progress
) -> list[Measured]:
    """Measure all specimens, then as many simulations of each."""
    stage = "measuring simulations"
    progress(stage, 0, count)
    observed = [specimen.observed() for specimen in specimens]
    simulated: list[list[Readings]] = [[] for _ in specimens]
    for number in range(count):
        progress(stage, number, count)
        for specimen, rows in zip(specimens, simulated, strict=True):
            rows.append(specimen.simulated(seed, number))
    progress(stage, count, count)
    return [
        Measured(one.place, readings, rows, calibration_share(one), closed_forms(one, readings))
        for one, readings, rows in zip(specimens, observed, simulated, strict=True)
    ]


def _views(specimens: Sequence[SectionSet | ReferenceVolume]) -> Sequence[View]:
    return [view for one in specimens if isinstance(one, SectionSet) for view in one.views]


def _passed(quantities: Sequence[Quantity], judge: Judge) -> bool:
    if judge == "difference":
        return all(one.passed for one in quantities)
    return all(one.within_margin for one in quantities if one.verdict != "not judged")


def _section_record(model: ExcursionModel, section: Section) -> ComparedSection:
    rows, columns = section.labels.shape
    return ComparedSection(
        name=section.source,
        sha256=section.sha256,
        plane=section.plane,
        shape=(rows, columns),
        pixel_size=section.pixel_size,
        pixels=int(np.count_nonzero(section.labels != OUTSIDE)),
        held_out=_held_out(model, section.sha256),
    )


def _volume_record(
    model: ExcursionModel,
    volume: Volume,
    whole_shape: Sequence[int] | None,
    compared: SectionSet | ReferenceVolume,
) -> ComparedVolume:
    assert isinstance(compared, ReferenceVolume)
    view = compared.view
    z, y, x = whole_shape or volume.labels.shape
    box = central_box((z, y, x))
    return ComparedVolume(
        name=volume.source,
        sha256=volume.sha256,
        whole_shape=(z, y, x),
        start=(box[0].start, box[1].start, box[2].start),
        shape=(view.frame.shape[0], view.frame.shape[1], view.frame.shape[2]),
        voxel_size=volume.voxel_size,
        voxels=view.voxels,
        cubes=len(view.cubes),
        cube_side=view.cube_side,
        held_out=_held_out(model, volume.sha256),
    )


def _held_out(model: ExcursionModel, sha256: str) -> bool:
    sources = () if model.provenance is None else model.provenance.sources
    return sha256 not in {source.sha256 for source in sources}
