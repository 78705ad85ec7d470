"""The result of a comparison: every quantity with its band, and the verdict."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from morphgen.validation.specimens import Place
from morphgen.validation.verdicts import Verdict

Judge = Literal["difference", "equivalence"]


@dataclass(frozen=True)
class Quantity:
    """One number or curve of a specimen, beside the same of simulated ones.

    Attributes
    ----------
    where : {"sections", "volume"}
        What it was measured on.
    kind : str
        One of `morphgen.descriptors.KINDS`.
    phases : tuple of int
        Labels that it belongs to.
    direction : str
        Axis that it belongs to: "z", "y" or "x"; empty otherwise.
    unit : str
        Unit of the values, such as "1/um"; empty for a number without dimension.
    x : tuple of float
        Arguments of a curve, such as lags in the comparison's unit; empty for a number.
    observed, standard_error : tuple of float
        Value of the specimen, and its own standard error from the scatter between its parts; NaN
        where that is not known. One entry for each point, as in all that follows.
    mean, sd, lower, upper, z : tuple of float
        Mean and standard deviation of the simulated values; limits of the band; standardised
        deviation. NaN where there is none.
    difference_low, difference_high : tuple of float
        Confidence interval of the difference between specimen and model.
    judged : tuple of bool
        False at points that cannot be judged, because the simulations do not vary (lag 0 of a
        mixed pair) or a value is missing.
    closed_form, shown : tuple of float or None
        What the model implies exactly, and what slices of a volume show that is not judged.
    scale : float
        What a margin is a share of: the largest value of the number or curve, without its sign; of
        an Euler number that of all phases; of C_ij - p_i p_j its bound
        sqrt(p_i (1 - p_i) p_j (1 - p_j)).
    smallest_margin : float
        Least share of the scale within which the difference is shown to lie: "true to within".
        Infinite where a value is missing or infinite that others have.
    largest_deviation : float
        Largest deviation z of the judged points, without its sign; 0 without one. Infinite where
        the specimen alone, or all simulations alone, have no finite value.
    p_value : float
        Probability that any point of the whole comparison strays as far from a true model; 0 of
        an infinite deviation, whose probability is not known.
    passed : bool
        Whether every judged point lies within the band.
    verdict : str
        "equivalent": within the band, and shown to lie within the margin; "not told apart":
        within the band, but not shown to lie within the margin; "differs, within the margin":
        outside the band, and shown to lie within the margin; "differs"; or "not judged": nothing
        has a value, or all have the same.
    """

    where: Place
    kind: str
    phases: tuple[int, ...]
    direction: str
    unit: str
    x: tuple[float, ...]
    observed: tuple[float, ...]
    standard_error: tuple[float, ...]
    mean: tuple[float, ...]
    sd: tuple[float, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    z: tuple[float, ...]
    difference_low: tuple[float, ...]
    difference_high: tuple[float, ...]
    judged: tuple[bool, ...]
    closed_form: tuple[float, ...] | None
    shown: tuple[float, ...] | None
    scale: float
    smallest_margin: float
    largest_deviation: float
    p_value: float
    passed: bool
    verdict: Verdict

    @property
    def worst(self) -> int:
        """Index of the judged point that is farthest off; 0 without one."""
        return int(np.argmax(np.nan_to_num(np.abs(self.z), nan=-1.0)))

    @property
    def within_margin(self) -> bool:
        """Whether the difference is shown to lie within the margin."""
        return self.verdict in ("equivalent", "differs, within the margin")

    @property
    def one_sided(self) -> bool:
        """Whether either the specimen or all simulations have no finite value."""
        return math.isinf(self.largest_deviation)


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
class ComparedVolume:
    """A reference volume, and what of it was compared.

    Attributes
    ----------
    whole_shape, start, shape : tuple of int
        Voxels of the volume that was given; first voxel and shape of the part of it that was
        compared.
    cubes, cube_side : int
        Number and edge of the cubes in this part on which those descriptors were measured that
        are no sums over voxels; an axis shorter than the edge was taken whole.
    held_out : bool
        Whether the model was calibrated on another file.
    """

    name: str
    sha256: str
    whole_shape: tuple[int, int, int]
    start: tuple[int, int, int]
    shape: tuple[int, int, int]
    voxel_size: tuple[float, float, float]
    voxels: int
    cubes: int
    cube_side: int
    held_out: bool


@dataclass(frozen=True)
class Comparison:
    """Sections or a volume beside simulated ones of a model; made by `compare`.

    Attributes
    ----------
    passed : bool
        The verdict: whether every quantity lies within its band, or, where equivalence is judged,
        whether every judged quantity is shown to lie within the margin.
    judge : {"difference", "equivalence"}
        What decides the verdict.
    p_value : float
        Probability that specimens of the model itself stray as far.
    level : float
        Probability that specimens of the model itself leave a band.
    margin : float
        Margin of equivalence, as a share of a quantity's scale.
    confidence : float
        Probability of the intervals of the differences.
    critical : float
        Half-width of all bands, in standard deviations of observed - mean.
    effective_points : float
        Number of independent points that would stray as far as all points together.
    calibration_share, volume_share : float
        Variance of the model's error from its calibration, in units of the variance between
        specimens: area of the sections over that of the calibration's sections; for the volume,
        variance of the fractions of the calibration's sections over that of the volume.
    realizations, seed : int
        How often sections and volume were simulated, and from which seed.
    unit : str
        Unit of all lengths.
    max_lag : float
        Largest lag.
    sections : tuple of ComparedSection
        Sections that were compared.
    volume : ComparedVolume or None
        Volume that was compared.
    quantities : tuple of Quantity
        By decreasing deviation.
    misfit, shown_misfit : dict
        Largest difference of C_ij - p_i p_j between the sections (the volume, where there are no
        sections) and the closed form, or the volume that is shown, over all lags and without its
        sign; per pair "i-j".
    versions : dict
        Versions of morphgen and of what it computes with.
    """

    passed: bool
    judge: Judge
    p_value: float
    level: float
    margin: float
    confidence: float
    critical: float
    effective_points: float
    calibration_share: float
    volume_share: float
    realizations: int
    seed: int
    unit: str
    max_lag: float
    sections: tuple[ComparedSection, ...]
    volume: ComparedVolume | None
    quantities: tuple[Quantity, ...]
    misfit: dict[str, float]
    shown_misfit: dict[str, float] | None
    versions: dict[str, str]

    @property
    def held_out(self) -> bool:
        """Whether the model was calibrated on nothing that is compared."""
        held = [section.held_out for section in self.sections]
        return all(held) and (self.volume is None or self.volume.held_out)

    def quantity(
        self,
        kind: str,
        phases: Sequence[int] = (),
        direction: str = "",
        where: Place = "sections",
    ) -> Quantity:
        """Find the quantity of a kind, of some phases, along an axis if any.

        Raises
        ------
        KeyError
            If there is none.
        """
        wanted = (where, kind, tuple(phases), direction)
        for one in self.quantities:
            if (one.where, one.kind, one.phases, one.direction) == wanted:
                return one
        raise KeyError(wanted)

    def verdicts(self) -> dict[str, int]:
        """How many quantities have each verdict."""
        return dict(Counter(one.verdict for one in self.quantities))

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
