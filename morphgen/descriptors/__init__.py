"""What is measured on label images, on whichever array library holds them."""

from morphgen.descriptors.boundary import triple_phase_boundary_densities
from morphgen.descriptors.catalogue import DESCRIPTORS_VERSION, KINDS, Kind
from morphgen.descriptors.chords import ChordLengths, chord_lengths
from morphgen.descriptors.connectivity import Clusters, clusters
from morphgen.descriptors.contact import spherical_contact_distribution
from morphgen.descriptors.coverage import (
    Coverage,
    CoverageCounts,
    RadialCoverage,
    coverage_counts,
    pool,
    two_point_coverage,
)
from morphgen.descriptors.description import Description
from morphgen.descriptors.euler import euler_density, section_euler_density
from morphgen.descriptors.geodesic import geodesic_tortuosities
from morphgen.descriptors.lineal_path import LinealPath, lineal_path
from morphgen.descriptors.measures import (
    Wanted,
    chosen_kinds,
    left_out,
    measure,
    measure_sections,
    possible_kinds,
)
from morphgen.descriptors.parts import Frame
from morphgen.descriptors.readings import Key, Reading
from morphgen.descriptors.sizes import (
    SizeDistribution,
    constrictivity,
    continuous_phase_size_distribution,
    simulated_intrusion,
)
from morphgen.descriptors.subvolumes import Placement, Subvolumes, measure_subvolumes
from morphgen.descriptors.surface import interface_densities, specific_surface_areas
from morphgen.descriptors.transport import (
    conductivities_by_label,
    effective_conductivity,
    effective_diffusivity,
    tortuosity_factor,
)

__all__ = [
    "DESCRIPTORS_VERSION",
    "KINDS",
    "ChordLengths",
    "Clusters",
    "Coverage",
    "CoverageCounts",
    "Description",
    "Frame",
    "Key",
    "Kind",
    "LinealPath",
    "Placement",
    "RadialCoverage",
    "Reading",
    "SizeDistribution",
    "Subvolumes",
    "Wanted",
    "chord_lengths",
    "chosen_kinds",
    "clusters",
    "conductivities_by_label",
    "constrictivity",
    "continuous_phase_size_distribution",
    "coverage_counts",
    "effective_conductivity",
    "effective_diffusivity",
    "euler_density",
    "geodesic_tortuosities",
    "interface_densities",
    "left_out",
    "lineal_path",
    "measure",
    "measure_sections",
    "measure_subvolumes",
    "pool",
    "possible_kinds",
    "section_euler_density",
    "simulated_intrusion",
    "specific_surface_areas",
    "spherical_contact_distribution",
    "tortuosity_factor",
    "triple_phase_boundary_densities",
    "two_point_coverage",
]
