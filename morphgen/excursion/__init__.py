"""Excursion-set models: from thresholded fields to phases, and what that implies."""

from morphgen.excursion.coverage import (
    interface_densities,
    specific_surface_areas,
    triple_phase_boundary_length,
    two_point_coverage,
    volume_fractions,
)
from morphgen.excursion.graded import GradedModel
from morphgen.excursion.model import ExcursionModel, Field
from morphgen.excursion.precision import FractionScatter, fraction_scatter
from morphgen.excursion.profile import Profile
from morphgen.excursion.profile_files import load_profile
from morphgen.excursion.provenance import Candidate, Provenance, Reduction, Source
from morphgen.excursion.realization import Realization
from morphgen.excursion.resolution import resolution_notes, section_pixels
from morphgen.excursion.sections import SectionSampler, section_sampler
from morphgen.excursion.shared import SharedNoise
from morphgen.excursion.storage import load_model, save_model

__all__ = [
    "Candidate",
    "ExcursionModel",
    "Field",
    "FractionScatter",
    "GradedModel",
    "Profile",
    "Provenance",
    "Realization",
    "Reduction",
    "SectionSampler",
    "SharedNoise",
    "Source",
    "fraction_scatter",
    "interface_densities",
    "load_model",
    "load_profile",
    "resolution_notes",
    "save_model",
    "section_pixels",
    "section_sampler",
    "specific_surface_areas",
    "triple_phase_boundary_length",
    "two_point_coverage",
    "volume_fractions",
]
