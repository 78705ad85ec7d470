"""What is measured on label images, on whichever array library holds them."""

from morphgen.descriptors.chords import ChordLengths, chord_lengths
from morphgen.descriptors.coverage import (
    Coverage,
    CoverageCounts,
    RadialCoverage,
    coverage_counts,
    pool,
    two_point_coverage,
)
from morphgen.descriptors.euler import section_euler_density
from morphgen.descriptors.surface import interface_densities, specific_surface_areas

__all__ = [
    "ChordLengths",
    "Coverage",
    "CoverageCounts",
    "RadialCoverage",
    "chord_lengths",
    "coverage_counts",
    "interface_densities",
    "pool",
    "section_euler_density",
    "specific_surface_areas",
    "two_point_coverage",
]
