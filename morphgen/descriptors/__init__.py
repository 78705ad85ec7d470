"""What is measured on label images, on whichever array library holds them."""

from morphgen.descriptors.catalogue import KINDS, Kind
from morphgen.descriptors.chords import ChordLengths, chord_lengths
from morphgen.descriptors.coverage import (
    Coverage,
    CoverageCounts,
    RadialCoverage,
    coverage_counts,
    pool,
    two_point_coverage,
)
from morphgen.descriptors.description import Description
from morphgen.descriptors.euler import section_euler_density
from morphgen.descriptors.measures import (
    Wanted,
    left_out,
    measure,
    measure_sections,
    possible_kinds,
)
from morphgen.descriptors.parts import Frame
from morphgen.descriptors.readings import Key, Reading
from morphgen.descriptors.surface import interface_densities, specific_surface_areas

__all__ = [
    "KINDS",
    "ChordLengths",
    "Coverage",
    "CoverageCounts",
    "Description",
    "Frame",
    "Key",
    "Kind",
    "RadialCoverage",
    "Reading",
    "Wanted",
    "chord_lengths",
    "coverage_counts",
    "interface_densities",
    "left_out",
    "measure",
    "measure_sections",
    "pool",
    "possible_kinds",
    "section_euler_density",
    "specific_surface_areas",
    "two_point_coverage",
]
