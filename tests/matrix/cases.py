"""The whole table of capabilities."""

from __future__ import annotations

from matrix import descriptor_cases, excursion_cases, field_cases
from matrix.capabilities import Capability

CAPABILITIES: tuple[Capability, ...] = (
    *field_cases.CAPABILITIES,
    *excursion_cases.CAPABILITIES,
    *descriptor_cases.CAPABILITIES,
)
