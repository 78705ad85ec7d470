"""Reading segmented sections and volumes, with their units and phases.

Sections and volumes come from TIFF, PNG, BMP and NPY files or from arrays. What cannot be read
without a guess is refused, with a line that says what to give instead.
"""

from morphgen.images.large import LargeLabels, large_labels
from morphgen.images.lengths import UNITS, parse_length
from morphgen.images.phase_map import parse_phases
from morphgen.images.read import MIN_SIDE, read_image, read_section, read_sections, read_volume
from morphgen.images.section import PLANES, Section, Volume, section_in_unit, volume_in_unit
from morphgen.phases import Phase, phase_colors

__all__ = [
    "MIN_SIDE",
    "PLANES",
    "UNITS",
    "LargeLabels",
    "Phase",
    "Section",
    "Volume",
    "large_labels",
    "parse_length",
    "parse_phases",
    "phase_colors",
    "read_image",
    "read_section",
    "read_sections",
    "read_volume",
    "section_in_unit",
    "volume_in_unit",
]
