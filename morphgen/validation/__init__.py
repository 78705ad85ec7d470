"""Comparing models with real sections, and telling about it in figures and reports."""

from morphgen.validation.compare import compare
from morphgen.validation.comparison import ComparedSection, Comparison, Quantity

__all__ = ["ComparedSection", "Comparison", "Quantity", "compare"]
