"""Capabilities of `morphgen.descriptors` and of what measures an array."""

from __future__ import annotations

from typing import Any

import numpy as np
from matrix.capabilities import Capability, Reads, refused_elsewhere

import morphgen as mg
from morphgen import descriptors as d
from morphgen.descriptors.connectivity import Connectivity
from morphgen.descriptors.measures import Wanted
from morphgen.images import read_image

_RANDOM = np.random.default_rng(3)
_VOLUME = np.repeat(np.repeat(_RANDOM.integers(0, 3, (4, 5, 6)), 3, axis=0), 2, axis=2)
_VOLUME = _VOLUME.astype(np.uint8)
_SECTION = _VOLUME[0].copy()
_HOLED = _VOLUME.copy()
_HOLED[:2, 1, 3] = 255
_MASK = np.ones(_VOLUME.shape, dtype=np.bool_)
_MASK[-2:, :, 0] = False
_PHASES = (0, 1, 2)
_SPACING = (1.0, 0.5, 0.7)

_INSIDE = "whether a voxel is inside at all"
_RUNS = "there are as many runs as the labels have"
_PLACES = "where phases meet, which is rare, is picked out before square roots are taken"
_PARTS = "measures everything, also by compiled libraries for arrays in host memory"
_FILES = "reads images, which are files or arrays in host memory"
_LIBRARY = "stands on a compiled library for arrays in host memory"
_COMPUTED = {
    "refused": {"dask": "counts are exact integers of a whole image; `describe` reads parts of one"}
}
_COUNTS = {"result": "float64", "tolerance": 1e-12}


def _coverage(found: d.Coverage) -> tuple[Any, ...]:
    return (found.counts.pairs, found.counts.totals, found.counts.offsets)


def _coverage_values(found: d.Coverage) -> tuple[Any, ...]:
    near = found.radial()
    return (
        found.lags,
        found.directional(),
        found.symmetrised(),
        found.fractions(),
        near.lag,
        near.values,
        near.weight,
    )


_OF_COUNTS = tuple(
    f"descriptors.coverage.{kind}.{name}"
    for kind in ("Coverage", "CoverageCounts")
    for name in ("directional", "symmetrised", "fractions", "radial")
)

_SUMS = (
    Capability(
        (
            "descriptors.coverage.two_point_coverage",
            "descriptors.coverage.Coverage.lags",
            *_OF_COUNTS,
        ),
        lambda labels: _coverage_values(
            d.two_point_coverage(labels, max_lag=3, spacing=_SPACING[1:])
        ),
        (_SECTION,),
        reads=Reads(6, f"{_INSIDE}; the labels that are present, where no phases are given"),
        shapes="the labels that are present, where no phases are given",
        **_COUNTS,
        **_COMPUTED,
    ),
    Capability(
        ("descriptors.coverage.two_point_coverage", *_OF_COUNTS),
        lambda labels: _coverage_values(
            d.two_point_coverage(labels, _PHASES, max_lag=2, spacing=_SPACING)
        ),
        (_HOLED,),
        reads=Reads(2, _INSIDE),
        **_COUNTS,
        **_COMPUTED,
    ),
    Capability(
        ("descriptors.coverage.coverage_counts", "descriptors.coverage.CoverageCounts.offsets"),
        lambda labels, mask: _coverage(
            d.Coverage(d.coverage_counts(labels, _PHASES, 2, mask=mask), _SPACING)
        ),
        (_VOLUME, _MASK),
        result="int64",
        **_COMPUTED,
        reads=Reads(2, _INSIDE),
    ),
    Capability(
        ("descriptors.coverage.pool",),
        lambda first, second: (
            d.pool([d.coverage_counts(one, (1,), 2) for one in (first, second)]).pairs
        ),
        (_SECTION, _SECTION[::-1].copy()),
        result="int64",
        **_COMPUTED,
        reads=Reads(4, _INSIDE),
    ),
    Capability(
        ("descriptors.surface.interface_densities",),
        lambda labels, mask: d.interface_densities(labels, _PHASES, _SPACING, mask),
        (_HOLED, _MASK),
        reads=Reads(14, f"{_INSIDE}, and of each direction whether two neighbours are"),
        **_COUNTS,
        **_COMPUTED,
    ),
    Capability(
        ("descriptors.surface.specific_surface_areas",),
        lambda labels: d.specific_surface_areas(labels, _PHASES, _SPACING[1:], directions=4),
        (_SECTION,),
        reads=Reads(5, f"{_INSIDE}, and of each direction whether two neighbours are"),
        **_COUNTS,
        **_COMPUTED,
    ),
    Capability(
        ("descriptors.boundary.triple_phase_boundary_densities",),
        lambda labels: d.triple_phase_boundary_densities(labels, _PHASES, _SPACING),
        (np.pad(_VOLUME, 2, mode="edge"),),
        reads=Reads(2, f"{_INSIDE}, and the number of whole windows"),
        shapes=_PLACES,
        **_COUNTS,
        **_COMPUTED,
    ),
    Capability(
        ("descriptors.euler.euler_density",),
        lambda labels, mask: d.euler_density(labels, 1, _SPACING, mask),
        (_HOLED, _MASK),
        reads=Reads(2, f"{_INSIDE}, and the number of whole cells"),
        **_COUNTS,
        **_COMPUTED,
    ),
    Capability(
        ("descriptors.euler.section_euler_density",),
        lambda labels: d.section_euler_density(labels, 1, _SPACING[1:]),
        (_SECTION,),
        reads=Reads(2, f"{_INSIDE}, and the number of whole cells"),
        **_COUNTS,
        **_COMPUTED,
    ),
    Capability(
        (
            "descriptors.chords.chord_lengths",
            "descriptors.chords.ChordLengths.mean",
            "descriptors.chords.ChordLengths.distribution",
            "descriptors.chords.ChordLengths.cumulative",
        ),
        lambda labels: _chords(d.chord_lengths(labels, 1, 0, spacing=_SPACING)),
        (_HOLED,),
        reads=Reads(1, _INSIDE),
        shapes=_RUNS,
        **_COUNTS,
        **_COMPUTED,
    ),
    Capability(
        ("descriptors.lineal_path.lineal_path", "descriptors.lineal_path.LinealPath.values"),
        lambda labels, mask: d.lineal_path(labels, 1, 2, spacing=_SPACING, mask=mask).values(),
        (_HOLED, _MASK),
        reads=Reads(1, _INSIDE),
        shapes=_RUNS,
        **_COUNTS,
        **_COMPUTED,
    ),
    Capability(
        ("descriptors.lineal_path.segment_positions",),
        d.lineal_path.__globals__["segment_positions"],
        (np.array([4, 0, 2, 1]),),
        result="int64",
    ),
)


def _chords(found: d.ChordLengths) -> tuple[Any, ...]:
    return (found.lengths, found.mean(), found.distribution(), found.cumulative())


_FRAME = d.Frame(_VOLUME.shape, _SPACING, "zyx", _PHASES)
_FLAT = d.Frame(_SECTION.shape, _SPACING[1:], "yx", _PHASES)
_WANTED = Wanted(("volume_fraction", "specific_surface_area", "two_point_coverage"), 2)


def _values(readings: tuple[d.Reading, ...]) -> tuple[np.ndarray, ...]:
    return tuple(one.values for one in readings)


def _on_host(
    name: str,
    call: Any,
    array: np.ndarray = _VOLUME,
    why: str = _LIBRARY,
    *,
    reads_boxes: bool = False,
) -> Capability:
    """Capability of NumPy arrays alone, and of what boxes are read of."""
    refused = refused_elsewhere(why)
    if reads_boxes:
        del refused["dask"]
    return Capability((name,), call, (array,), result="host", refused=refused)


_WHOLES = (
    _on_host("descriptors.connectivity.clusters", lambda labels: d.clusters(labels, 1).sizes),
    _on_host(
        "descriptors.contact.spherical_contact_distribution",
        lambda labels: d.spherical_contact_distribution(labels, 1, _SPACING),
    ),
    _on_host(
        "descriptors.sizes.continuous_phase_size_distribution",
        lambda labels: d.continuous_phase_size_distribution(labels, 1, _SPACING).shares,
    ),
    _on_host(
        "descriptors.sizes.simulated_intrusion",
        lambda labels: d.simulated_intrusion(labels, 1, 0, _SPACING).shares,
    ),
    _on_host(
        "descriptors.geodesic.geodesic_tortuosities",
        lambda labels: d.geodesic_tortuosities(labels, 1, 0, _SPACING),
    ),
    _on_host(
        "descriptors.transport.effective_diffusivity",
        lambda labels: d.effective_diffusivity(labels, 1, 1, _SPACING),
    ),
    _on_host(
        "descriptors.transport.effective_conductivity",
        lambda labels: d.effective_conductivity(labels, {0: 1.0, 1: 2.0, 2: 0.5}, 0, _SPACING),
    ),
    _on_host(
        "descriptors.measures.measure",
        lambda labels: _values(d.measure(labels, _FRAME, _WANTED)),
        why=_PARTS,
    ),
    _on_host(
        "descriptors.measures.measure_sections",
        lambda labels: _values(d.measure_sections([labels, labels], _FLAT, _WANTED)),
        _SECTION,
        why=_PARTS,
    ),
    _on_host(
        "descriptors.subvolumes.measure_subvolumes",
        lambda labels: _values(d.measure_subvolumes(labels, _FRAME, [Connectivity()])),
        reads_boxes=True,
    ),
    _on_host(
        "workflows.describing.describe",
        lambda labels: _values(
            mg.describe(labels, phases="0=a,1=b,2=c", kinds=["volume_fraction"]).readings
        ),
        why=_PARTS,
        reads_boxes=True,
    ),
    *(
        _on_host(
            f"images.read.{read.__name__}",
            lambda image, read=read: read(image, phases="0=a,1=b,2=c"),
            image,
            why=_FILES,
        )
        for read, image in (
            (mg.read_section, np.tile(_SECTION, (8, 4))),
            (mg.read_sections, np.tile(_VOLUME, (1, 8, 4))),
            (mg.read_volume, _VOLUME),
            (read_image, _VOLUME),
        )
    ),
)

CAPABILITIES = (*_SUMS, *_WHOLES)
