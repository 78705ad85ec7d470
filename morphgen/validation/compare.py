"""Comparing held-out sections with sections simulated from a model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from morphgen.errors import InputError
from morphgen.excursion import ExcursionModel
from morphgen.images import Section, Volume
from morphgen.phases import OUTSIDE
from morphgen.progress import Progress, silent
from morphgen.validation.bands import Bands, Floats, simultaneous_bands
from morphgen.validation.comparison import ComparedSection, Comparison, Quantity
from morphgen.validation.measure import Key, Measured, View, measure, view_of
from morphgen.validation.references import closed_forms, misfits, volume_values
from morphgen.validation.simulate import simulate

FEWEST_REALIZATIONS = 8
LONGEST_DEFAULT_LAG = 60

# Chord lengths are judged between these shares of all chords: what lies beyond are single chords,
# whose number is far from normal.
CHORD_SHARES = (0.05, 0.95)
CHORD_POINTS = 40

_INVERSE_POWERS = {"interface_area": 1, "section_euler_number": 2}
_LENGTHS = ("mean_chord_length",)


def compare(
    model: ExcursionModel,
    sections: Sequence[Section],
    *,
    realizations: int = 32,
    seed: int = 0,
    level: float = 0.01,
    max_lag: float | None = None,
    volume: Volume | None = None,
    progress: Progress = silent,
) -> Comparison:
    """Compare held-out sections with sections simulated from a model.

    Every realization simulates all sections: same shape, plane, pixel size and specimen. On both,
    the same is measured: volume fractions; C_ij by distance, and C_ij - p_i p_j, which is free of
    most of the error of the fractions (THEORY 8); interface areas; chord lengths along rows and
    columns, mean and distribution; Euler number per area. Sections are pooled.

    A value is standardised as z = (observed - mean) / (sd sqrt(1 + 1/n + A_new/A_cal)), with mean
    and sd over the n realizations. The three terms are the scatter of the sections themselves, the
    error of the simulated mean, and the error of the model: its parameters come from sections of
    area A_cal, whose averages scatter like those compared here but with a variance smaller by
    A_new/A_cal (A_new the area compared); a model that follows its data inherits that scatter.
    Without provenance the model counts as exactly known, and the term is 0.

    All bands are mean +- critical * sd * sqrt(...), with one ``critical`` for all points of all
    quantities, such that sections of the model itself leave any of the bands with a probability
    of ``level``. It is found from the largest deviations of the simulations among each other; see
    `morphgen.validation.bands`.

    Parameters
    ----------
    model : ExcursionModel
        The model.
    sections : sequence of Section
        Sections that the model was not calibrated on, in the unit and with the labels of the
        model. Of a section that it was calibrated on, the report says so.
    realizations : int
        Number n of simulations of each section, 8 at least.
    seed : int
        Seed of the simulations; 0 or more.
    level : float
        Probability that a true model does not pass, for the comparison as a whole.
    max_lag : float, optional
        Largest lag, in the model's unit. By default that of the calibration, at most 60 pixels
        and half the shortest side.
    volume : Volume, optional
        A volume, for instance generated from the model, whose values are shown beside; they are
        not judged. Fractions are those of all voxels, the rest is measured on slices.
    progress : callable
        Told the stage and the numbers of simulations done and to do.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        If sections or volume have other labels or another unit than the model, ``max_lag`` does
        not fit into a section, or another argument is out of its range.
    """
    _check_request(sections, realizations, seed, level)
    for section in sections:
        _check_image(model, section)
    if volume is not None:
        _check_image(model, volume)
    labels = tuple(phase.label for phase in model.phases)
    lag = _max_lag(model, sections, max_lag)
    views = [view_of(section, lag) for section in sections]
    observed = measure([section.labels for section in sections], views, labels)
    simulated = simulate(model, views, realizations, seed, progress)
    share = calibration_share(model, views)
    points = _points(observed, simulated)
    bands = simultaneous_bands(_joined(simulated, points), _joined([observed], points)[0], share)
    exact = closed_forms(model, views, observed.lag)
    shown = None if volume is None else volume_values(model, volume, views, observed, lag)
    frame = _Frame(observed, bands, exact, shown, model.unit, level)
    quantities = _quantities(frame, points)
    worst = quantities[0].largest_deviation
    return Comparison(
        passed=all(one.passed for one in quantities),
        p_value=bands.family.p_value(worst),
        level=level,
        critical=bands.family.critical(level),
        effective_points=bands.family.effective_points,
        calibration_share=share,
        realizations=realizations,
        seed=seed,
        unit=model.unit,
        max_lag=lag,
        sections=tuple(_record(model, section) for section in sections),
        quantities=quantities,
        misfit=misfits(observed, exact),
        volume_misfit=None if shown is None else misfits(observed, shown),
        versions={name: version(name) for name in ("morphgen", "numpy", "scipy")},
    )


def calibration_share(model: ExcursionModel, views: Sequence[View]) -> float:
    """Area that is compared over the area that the model was calibrated on; 0 if not known."""
    if model.provenance is None:
        return 0.0
    sources = model.provenance.sources
    known = sum(one.pixels * one.pixel_size[0] * one.pixel_size[1] for one in sources)
    return float(sum(view.area for view in views) / known) if known > 0.0 else 0.0


@dataclass(frozen=True, eq=False)
class _Frame:
    """All that quantities are made of."""

    observed: Measured
    bands: Bands
    exact: Mapping[Key, Floats]
    volume: Mapping[Key, Floats] | None
    unit: str
    level: float


def _check_request(sections: Sequence[Section], realizations: int, seed: int, level: float) -> None:
    if not sections:
        raise InputError("no section to compare with; give one at least")
    if realizations < FEWEST_REALIZATIONS:
        raise InputError(
            f"{realizations} realizations are too few to know their scatter; "
            f"take {FEWEST_REALIZATIONS} at least, better 32"
        )
    if seed < 0:
        raise InputError(f"seed is {seed}; expected 0 or more")
    if not 0.0 < level < 1.0:
        raise InputError(f"level is {level}; expected a probability such as 0.01")


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


def _max_lag(model: ExcursionModel, sections: Sequence[Section], given: float | None) -> float:
    finest = min(min(section.pixel_size) for section in sections)
    fits = min((min(section.labels.shape) - 1) * min(section.pixel_size) for section in sections)
    if given is None:
        known = math.inf if model.provenance is None else model.provenance.max_lag
        return float(min(known, LONGEST_DEFAULT_LAG * finest, fits / 2))
    if not finest <= given <= fits:
        raise InputError(
            f"max_lag is {given:g} {model.unit}; expected {finest:g} to {fits:g}, "
            "from one pixel to the shortest side of a section"
        )
    return given


def _points(observed: Measured, simulated: Sequence[Measured]) -> dict[Key, NDArray[np.intp]]:
    """Points of each quantity that are compared: all of them, but for chord lengths.

    Lag 0 is left out: it repeats the fractions.
    """
    points = {key: np.arange(values.size) for key, values in observed.values.items()}
    for key in points:
        if key.kind in ("two_point_coverage", "covariance"):
            points[key] = points[key][1:]
        if key.kind == "chord_length_distribution":
            points[key] = _chord_points(np.mean([one.values[key] for one in simulated], axis=0))
    return points


def _chord_points(cumulative: Floats) -> NDArray[np.intp]:
    low, high = CHORD_SHARES
    found = np.flatnonzero((cumulative >= low) & (cumulative <= high))
    if not found.size:
        return np.zeros(1, dtype=np.intp)
    count = min(found.size, CHORD_POINTS)
    return found[np.linspace(0, found.size - 1, count).round().astype(np.intp)]


def _joined(measured: Sequence[Measured], points: Mapping[Key, NDArray[np.intp]]) -> Floats:
    """All points side by side, one row for each set of sections."""
    return np.array(
        [np.concatenate([one.values[key][at] for key, at in points.items()]) for one in measured]
    )


def _quantities(frame: _Frame, points: Mapping[Key, NDArray[np.intp]]) -> tuple[Quantity, ...]:
    """Every quantity with its bands, by decreasing deviation."""
    ends = np.cumsum([at.size for at in points.values()])
    found = [
        _quantity(frame, key, at, slice(end - at.size, end))
        for (key, at), end in zip(points.items(), ends, strict=True)
    ]
    return tuple(sorted(found, key=lambda one: -one.largest_deviation))


def _quantity(frame: _Frame, key: Key, at: NDArray[np.intp], part: slice) -> Quantity:
    bands = frame.bands
    critical = bands.family.critical(frame.level)
    mean, half = bands.mean[part], critical * bands.scale[part]
    worst = float(np.max(np.nan_to_num(np.abs(bands.z[part])), initial=0.0))
    return Quantity(
        kind=key.kind,
        phases=key.phases,
        direction=key.direction,
        unit=_unit(key.kind, frame.unit),
        x=_abscissa(frame.observed, key, at),
        observed=_floats(frame.observed.values[key][at]),
        mean=_floats(mean),
        sd=_floats(bands.sd[part]),
        lower=_floats(mean - half),
        upper=_floats(mean + half),
        z=_floats(bands.z[part]),
        judged=tuple(bool(one) for one in bands.judged[part]),
        closed_form=_chosen(frame.exact, key, at),
        volume=None if frame.volume is None else _chosen(frame.volume, key, at),
        largest_deviation=worst,
        p_value=bands.family.p_value(worst),
        passed=worst <= critical,
    )


def _abscissa(observed: Measured, key: Key, at: NDArray[np.intp]) -> tuple[float, ...]:
    if key.kind in ("two_point_coverage", "covariance"):
        return _floats(observed.lag[at])
    if key.kind == "chord_length_distribution":
        return _floats(observed.lengths[key.direction][at])
    return ()


def _chosen(
    values: Mapping[Key, Floats], key: Key, at: NDArray[np.intp]
) -> tuple[float, ...] | None:
    return _floats(values[key][at]) if key in values else None


def _unit(kind: str, length: str) -> str:
    if kind in _LENGTHS:
        return length
    power = _INVERSE_POWERS.get(kind, 0)
    return "" if not power else f"1/{length}" + ("" if power == 1 else f"^{power}")


def _floats(values: Floats) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _record(model: ExcursionModel, section: Section) -> ComparedSection:
    sources = () if model.provenance is None else model.provenance.sources
    rows, columns = section.labels.shape
    return ComparedSection(
        name=section.source,
        sha256=section.sha256,
        plane=section.plane,
        shape=(rows, columns),
        pixel_size=section.pixel_size,
        pixels=int(np.count_nonzero(section.labels != OUTSIDE)),
        held_out=section.sha256 not in {source.sha256 for source in sources},
    )
