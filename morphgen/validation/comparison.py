"""The result of a comparison: every quantity with its band, and the verdict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from morphgen.validation.measure import Key


@dataclass(frozen=True)
class Quantity:
    """One number or curve of the sections, beside the same of simulated sections.

    Attributes
    ----------
    kind : str
        "volume_fraction", "two_point_coverage", "covariance" (C_ij - p_i p_j), "interface_area",
        "mean_chord_length", "chord_length_distribution" or "section_euler_number".
    phases : tuple of int
        Label or pair of labels that it belongs to.
    direction : str
        Axis of a chord length: "z", "y" or "x"; empty otherwise.
    unit : str
        Unit of the values, such as "1/um"; empty for a number without dimension.
    x : tuple of float
        Lags or chord lengths of a curve, in the comparison's unit; empty for a number.
    observed, mean, sd, lower, upper, z : tuple of float
        Value of the sections; mean and standard deviation of the simulated ones; limits of the
        band; standardised deviation. One entry for each point; NaN where there is none.
    judged : tuple of bool
        False at points that cannot be judged, because the simulations do not vary (lag 0 of a
        mixed pair) or a value is missing.
    closed_form, volume : tuple of float or None
        What the model implies exactly, and what slices of the volume show.
    largest_deviation : float
        Largest deviation z of the judged points, without its sign; 0 without one.
    p_value : float
        Probability that any point of the whole comparison strays as far from a true model.
    passed : bool
        Whether every judged point lies within the band.
    """

    kind: str
    phases: tuple[int, ...]
    direction: str
    unit: str
    x: tuple[float, ...]
    observed: tuple[float, ...]
    mean: tuple[float, ...]
    sd: tuple[float, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    z: tuple[float, ...]
    judged: tuple[bool, ...]
    closed_form: tuple[float, ...] | None
    volume: tuple[float, ...] | None
    largest_deviation: float
    p_value: float
    passed: bool

    @property
    def worst(self) -> int:
        """Index of the judged point that is farthest off; 0 without one."""
        return int(np.argmax(np.nan_to_num(np.abs(self.z), nan=-1.0)))


@dataclass(frozen=True)
class ComparedSection:
    """A section that was compared, and whether the model was calibrated on it."""

    name: str
    sha256: str
    plane: str
    shape: tuple[int, int]
    pixel_size: tuple[float, float]
    pixels: int
    held_out: bool


@dataclass(frozen=True)
class Comparison:
    """Sections beside simulated sections of a model; made by `compare`.

    Attributes
    ----------
    passed : bool
        Whether every quantity lies within its band.
    p_value : float
        Probability that sections of the model itself stray as far.
    level : float
        Probability that sections of the model itself do not pass.
    critical : float
        Half-width of all bands, in standard deviations of observed - mean.
    effective_points : float
        Number of independent points that would stray as far as all points together.
    calibration_share : float
        Area of the sections over that of the calibration's sections.
    realizations, seed : int
        How often the sections were simulated, and from which seed.
    unit : str
        Unit of all lengths.
    max_lag : float
        Largest lag.
    sections : tuple of ComparedSection
        What was compared.
    quantities : tuple of Quantity
        By decreasing deviation.
    misfit, volume_misfit : dict
        Largest difference of C_ij - p_i p_j between the sections and the closed form, or the
        volume, over all lags and without its sign; per pair "i-j".
    versions : dict
        Versions of morphgen and of what it computes with.
    """

    passed: bool
    p_value: float
    level: float
    critical: float
    effective_points: float
    calibration_share: float
    realizations: int
    seed: int
    unit: str
    max_lag: float
    sections: tuple[ComparedSection, ...]
    quantities: tuple[Quantity, ...]
    misfit: dict[str, float]
    volume_misfit: dict[str, float] | None
    versions: dict[str, str]

    @property
    def held_out(self) -> bool:
        """Whether the model was calibrated on none of the sections."""
        return all(section.held_out for section in self.sections)

    def quantity(self, kind: str, phases: Sequence[int], direction: str = "") -> Quantity:
        """Find the quantity of a kind, of a phase or a pair of phases, along an axis if any.

        Raises
        ------
        KeyError
            If there is none.
        """
        wanted = Key(kind, tuple(phases), direction)
        for one in self.quantities:
            if Key(one.kind, one.phases, one.direction) == wanted:
                return one
        raise KeyError(wanted)

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries, lists and numbers for JSON; None for what is not a number."""
        found = plain(asdict(self))
        assert isinstance(found, dict)
        return found


def plain(value: Any) -> Any:
    """The same without what JSON lacks: null for numbers that are not finite, text for paths."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (str, int)) else str(value)
