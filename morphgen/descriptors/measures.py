"""What is to be measured on an image, and by which measures."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from morphgen.descriptors._volume import check_on_host
from morphgen.descriptors.boundary import TriplePhaseBoundaries
from morphgen.descriptors.catalogue import KINDS, known_kind
from morphgen.descriptors.connectivity import Connectivity
from morphgen.descriptors.contact import SphericalContact
from morphgen.descriptors.coverage_measure import CoverageMeasure
from morphgen.descriptors.description import NOT_ASKED
from morphgen.descriptors.euler import EulerNumbers
from morphgen.descriptors.fractions import VolumeFractions
from morphgen.descriptors.geodesic import GeodesicTortuosity
from morphgen.descriptors.parts import Frame, Labels, SumMeasure, WholeMeasure, whole
from morphgen.descriptors.readings import Key, Reading
from morphgen.descriptors.run_lengths import RunLengths
from morphgen.descriptors.sizes import PhaseSizes
from morphgen.descriptors.subvolumes import cheap_and_other, measure_box, measure_subvolumes
from morphgen.descriptors.surface import InterfaceAreas
from morphgen.descriptors.transport import Conductivity, Transport
from morphgen.errors import InputError

# modules by which the presence of an extra is seen
_MODULES = {"analysis": ("cc3d", "edt", "skimage", "taufactor")}


@dataclass(frozen=True)
class Wanted:
    """What is to be measured.

    Parameters
    ----------
    kinds : tuple of str
        Names of `KINDS`.
    max_lag : int
        Largest lag of two-point coverage, in the finest voxel spacing.
    ionic, electronic : tuple of (int, float)
        Phases and their conductivities for ions and electrons; phases that are not named do not
        conduct. Without them there is no effective conductivity.

    Raises
    ------
    InputError
        If a kind is not known, or the largest lag is not positive.
    """

    kinds: tuple[str, ...]
    max_lag: int
    ionic: tuple[tuple[int, float], ...] = ()
    electronic: tuple[tuple[int, float], ...] = ()

    def __post_init__(self) -> None:
        for kind in self.kinds:
            known_kind(kind)
        if self.max_lag < 1:
            raise InputError(f"max_lag is {self.max_lag} voxels; expected 1 or more")

    def any_of(self, kinds: Sequence[str]) -> bool:
        """Whether one of these kinds is wanted."""
        return not set(kinds).isdisjoint(self.kinds)


Sums = Callable[[Wanted, Frame], Sequence[SumMeasure]]
Wholes = Callable[[Wanted, Frame], Sequence[WholeMeasure]]


def _conductivity(kind: str, conductivities: tuple[tuple[int, float], ...]) -> list[WholeMeasure]:
    return [Conductivity(kind, conductivities)] if conductivities else []


# by the number of their axes
_IMAGES = {2: "sections", 3: "volumes"}

# which measures serve which kinds
_SUMS: tuple[tuple[tuple[str, ...], Sums], ...] = (
    (("volume_fraction",), lambda _wanted, _frame: [VolumeFractions()]),
    (
        ("two_point_coverage", "covariance"),
        lambda wanted, _frame: [CoverageMeasure(wanted.max_lag)],
    ),
    (
        ("interface_area", "specific_surface_area"),
        lambda _wanted, _frame: [InterfaceAreas()],
    ),
    (
        ("triple_phase_boundary_length",),
        lambda _wanted, frame: [TriplePhaseBoundaries()] if len(frame.shape) == 3 else [],
    ),
    (("euler_number", "section_euler_number"), lambda _wanted, _frame: [EulerNumbers()]),
    (
        ("mean_chord_length", "chord_length_distribution", "lineal_path"),
        lambda _wanted, frame: [RunLengths(axis) for axis in range(len(frame.shape))],
    ),
)
_WHOLES: tuple[tuple[tuple[str, ...], Wholes], ...] = (
    (
        ("connected_fraction", "cluster_number", "through_connected_fraction"),
        lambda _wanted, _frame: [Connectivity()],
    ),
    (
        (
            "phase_size_distribution",
            "phase_size_radius",
            "intrusion_distribution",
            "intrusion_radius",
            "constrictivity",
        ),
        lambda _wanted, _frame: [PhaseSizes()],
    ),
    (("spherical_contact",), lambda _wanted, _frame: [SphericalContact()]),
    (
        ("mean_geodesic_tortuosity", "geodesic_tortuosity_distribution"),
        lambda _wanted, _frame: [GeodesicTortuosity()],
    ),
    (("effective_diffusivity", "tortuosity_factor"), lambda _wanted, _frame: [Transport()]),
    (
        ("effective_ionic_conductivity",),
        lambda wanted, _frame: _conductivity("effective_ionic_conductivity", wanted.ionic),
    ),
    (
        ("effective_electronic_conductivity",),
        lambda wanted, _frame: _conductivity(
            "effective_electronic_conductivity", wanted.electronic
        ),
    ),
)


def possible_kinds(axes: int) -> tuple[str, ...]:
    """Kinds that are defined for images of so many axes and whose packages are installed."""
    return tuple(kind for kind, reason in _obstacles(axes).items() if not reason)


def chosen_kinds(
    axes: int,
    kinds: Sequence[str] | None,
    ionic: tuple[tuple[int, float], ...],
    electronic: tuple[tuple[int, float], ...],
) -> tuple[str, ...]:
    """Kinds that were asked for, or all possible ones that the conductivities suffice for.

    Raises
    ------
    InputError
        If a kind is asked for that is not known, that such images do not have, or whose packages
        are missing, or an effective conductivity and no phase conducts.
    """
    missing = {
        kind
        for kind, given in (
            ("effective_ionic_conductivity", ionic),
            ("effective_electronic_conductivity", electronic),
        )
        if not given
    }
    if kinds is None:
        return tuple(kind for kind in possible_kinds(axes) if kind not in missing)
    for kind in kinds:
        _check_possible(kind, axes)
        if kind in missing:
            raise InputError(f"{kind} needs conductivities; give those of the phases that conduct")
    return tuple(kinds)


def _check_possible(kind: str, axes: int) -> None:
    known = known_kind(kind)
    if axes not in known.axes:
        theirs, its = (" and ".join(_IMAGES[n] for n in some) for some in (known.axes, (axes,)))
        raise InputError(f"{kind} is a descriptor of {theirs}; expected one of {its}")
    if lacking := _lacking(known.extra):
        raise InputError(f"{kind} cannot be measured: {lacking}")


def left_out(axes: int, kinds: Sequence[str]) -> dict[str, str]:
    """Reason why each kind that is defined for such images is not among those chosen."""
    return {
        kind: reason or NOT_ASKED for kind, reason in _obstacles(axes).items() if kind not in kinds
    }


def sum_measures(wanted: Wanted, frame: Frame) -> tuple[SumMeasure, ...]:
    """Measures that count part by part."""
    found = [make(wanted, frame) for kinds, make in _SUMS if wanted.any_of(kinds)]
    return tuple(measure for several in found for measure in several)


def whole_measures(wanted: Wanted, frame: Frame) -> tuple[WholeMeasure, ...]:
    """Measures that must see the image as a whole."""
    ndim = len(frame.shape)
    found = [
        make(wanted, frame)
        for kinds, make in _WHOLES
        if wanted.any_of([kind for kind in kinds if ndim in KINDS[kind].axes])
    ]
    return tuple(measure for several in found for measure in several)


def measure(labels: Labels, frame: Frame, wanted: Wanted) -> tuple[Reading, ...]:
    """Measure an image in memory.

    Parameters
    ----------
    labels : array of uint8
        Labels of the shape of the frame, 255 outside the specimen.
    frame : Frame
        Voxel size, axes and phases.
    wanted : Wanted
        What to measure; kinds that such an image does not have are left out.

    Returns
    -------
    tuple of Reading

    Raises
    ------
    InputError
        If the labels are no NumPy array.
    """
    check_on_host(labels)
    return chosen([*summed([labels], frame, wanted), *seen_whole(labels, frame, wanted)], wanted)


def summed(images: Sequence[Labels], frame: Frame, wanted: Wanted) -> list[Reading]:
    """Readings of the measures that count, pooled over images of one frame."""
    found: list[Reading] = []
    for one in sum_measures(wanted, frame):
        counts = [one.counts(whole(labels, one.margin), frame) for labels in images]
        found += one.readings(np.sum(counts, axis=0), frame)
    return found


def seen_whole(labels: Labels, frame: Frame, wanted: Wanted) -> list[Reading]:
    """Readings of the measures that must see an image as a whole.

    All but the cheap ones are taken on sub-volumes of a large image.
    """
    cheap, others = cheap_and_other(labels.shape, whole_measures(wanted, frame))
    return [*measure_box(labels, frame, cheap), *measure_subvolumes(labels, frame, others)]


def chosen(readings: Sequence[Reading], wanted: Wanted) -> tuple[Reading, ...]:
    """Those of the kinds that are wanted: a measure may give more."""
    return tuple(reading for reading in readings if reading.key.kind in wanted.kinds)


def measure_sections(images: Sequence[Labels], frame: Frame, wanted: Wanted) -> tuple[Reading, ...]:
    """Measure independent sections of one shape: pooled values, and their standard errors.

    The standard error of a value is the standard deviation of the sections' own values over the
    square root of their number; there is none for a single section.

    Raises
    ------
    InputError
        If one of them is no NumPy array.
    """
    for labels in images:
        check_on_host(labels)
    pooled = chosen(summed(images, frame, wanted), wanted)
    if len(images) < 2:
        return pooled
    single: dict[Key, list[np.ndarray]] = {}
    for labels in images:
        for reading in summed([labels], frame, wanted):
            single.setdefault(reading.key, []).append(reading.values)
    return tuple(
        replace(one, standard_error=np.std(single[one.key], axis=0, ddof=1) / len(images) ** 0.5)
        for one in pooled
    )


def _obstacles(axes: int) -> dict[str, str]:
    """What keeps each kind that is defined for such images from being measured, if anything."""
    return {kind.name: _lacking(kind.extra) for kind in KINDS.values() if axes in kind.axes}


def _lacking(extra: str) -> str:
    absent = [name for name in _MODULES.get(extra, ()) if importlib.util.find_spec(name) is None]
    if not absent:
        return ""
    verb = "is" if len(absent) == 1 else "are"
    return f'{", ".join(absent)} {verb} not installed: pip install "morphgen[{extra}]"'
