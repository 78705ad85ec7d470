"""A study as it is asked for: what is varied, by which design, and what is measured."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import ClassVar, Literal

from pydantic import ConfigDict

from morphgen.descriptors import KINDS
from morphgen.errors import InputError
from morphgen.fields.kernels import Axis

Parameter = Literal[
    "volume_fraction", "length_factor", "axial_factor", "degrees_of_freedom", "seed"
]
DesignKind = Literal["grid", "list", "latin-hypercube", "sobol"]

# what the published regressions relate
DESCRIPTORS = (
    "volume_fraction",
    "mean_geodesic_tortuosity",
    "constrictivity",
    "effective_diffusivity",
)
_SPACE_FILLING = ("latin-hypercube", "sobol")
_INTEGERS = ("degrees_of_freedom", "seed")
_MOST_SCENARIOS = 100_000

# seeds have 64 bits, and a float only 53
Number = float | int


@dataclass(frozen=True)
class Variable:
    """One parameter that is varied.

    Parameters
    ----------
    parameter : str
        ``volume_fraction`` of a phase, at fixed correlations; ``length_factor``, by which all
        lengths of a field are multiplied; ``axial_factor``, by which its lengths along an axis
        are; ``degrees_of_freedom`` of a chi-square field, at fixed volume fractions; ``seed``.
    phase : str or int, optional
        Phase of a volume fraction, by name or label.
    field : str or int, optional
        Field, by the phase that it decides; ``all`` for all that the model has, ``shared`` for
        the noise that fields share.
    axis : {"z", "y", "x"}, optional
        Axis of an axial factor.
    values : tuple of int or float, optional
        Values to take.
    range : tuple of 2 ints or floats, optional
        Least and largest value, instead of values.
    steps : int, optional
        Number of values in the range, ends included, in a grid.
    scale : {"linear", "log"}
        How values fill the range.

    Raises
    ------
    InputError
        If something is missing, superfluous or out of its range.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", allow_inf_nan=False)

    parameter: Parameter
    phase: str | int | None = None
    field: str | int | None = None
    axis: Axis | None = None
    values: tuple[Number, ...] | None = None
    range: tuple[Number, Number] | None = None
    steps: int | None = None
    scale: Literal["linear", "log"] = "linear"

    def __post_init__(self) -> None:
        self._check_target()
        if (self.values is None) == (self.range is None):
            raise InputError(f"{self.name}: expected either values = [...] or range = [low, high]")
        if self.values is not None and (self.steps is not None or self.scale != "linear"):
            raise InputError(f"{self.name}: steps and scale belong to a range, not to values")
        if self.values == ():
            raise InputError(f"{self.name}: expected one value at least")
        if self.range is not None:
            self._check_range(*self.range)
        if self.integer and any(one != int(one) for one in self.values or self.range or ()):
            raise InputError(f"{self.name}: expected integers")

    @property
    def name(self) -> str:
        """Name of the parameter's column in the table."""
        target = self.phase if self.phase is not None else self.field
        parts = ["set", self.parameter, target, self.axis]
        return ".".join(str(part) for part in parts if part is not None)

    @property
    def integer(self) -> bool:
        """Whether only integers make sense."""
        return self.parameter in _INTEGERS

    def _check_target(self) -> None:
        needed = {"volume_fraction": {"phase"}, "seed": set(), "axial_factor": {"field", "axis"}}
        wanted = needed.get(self.parameter, {"field"})
        given = {name for name in ("phase", "field", "axis") if getattr(self, name) is not None}
        if given != wanted:
            asked = " and ".join(sorted(wanted)) or "none of phase, field and axis"
            raise InputError(
                f"{self.parameter} is given {' and '.join(sorted(given)) or 'nothing'}: "
                f"expected {asked}"
            )

    def _check_range(self, low: Number, high: Number) -> None:
        if not low < high:
            raise InputError(f"{self.name}: range [{low}, {high}] is empty; give low < high")
        if self.scale == "log" and low <= 0.0:
            raise InputError(f"{self.name}: a log scale begins at {low}; expected a positive value")
        if self.steps is not None and self.steps < 2:
            raise InputError(f"{self.name}: {self.steps} steps; expected 2 or more")


@dataclass(frozen=True)
class Design:
    """How points are laid into the space of the parameters.

    Parameters
    ----------
    kind : {"grid", "list", "latin-hypercube", "sobol"}
        All combinations of the values; the n-th values of all together; or points that fill the
        space evenly.
    points : int, optional
        Number of points of a Latin hypercube or a Sobol design.
    seed : int
        Seed of these designs.

    Raises
    ------
    InputError
        If the number of points is missing, superfluous or out of range.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    kind: DesignKind
    points: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise InputError(f"design: seed is {self.seed}; expected 0 or more")
        if (self.points is None) == (self.kind in _SPACE_FILLING):
            wanted = "a number of points" if self.points is None else "no points: they follow"
            raise InputError(f"design {self.kind}: expected {wanted}")
        if self.points is not None and self.points < 1:
            raise InputError(f"design: {self.points} points; expected 1 or more")
        if self.kind == "sobol" and self.points is not None and self.points & (self.points - 1):
            below = 2 ** (self.points.bit_length() - 1)
            raise InputError(
                f"design sobol: {self.points} points; it is balanced for powers of two alone, "
                f"such as {below} or {2 * below}"
            )


@dataclass(frozen=True)
class StudyRequest:
    """A study as it is asked for.

    Parameters
    ----------
    shape : tuple of 3 ints
        Voxels of every volume along (z, y, x).
    design : Design
        How points are laid.
    vary : tuple of Variable
        What is varied.
    seed : int
        Seed of the first volume; every further volume has the next one.
    realizations : int
        Volumes of every point, with different seeds.
    common_seeds : bool
        Whether all points have the same seeds, so that they differ by their parameters alone.
    rest : str or int, optional
        Phase that takes what volume fractions leave; by default all phases that are not varied,
        in their proportions.
    descriptors : tuple of str
        What is measured, names of `morphgen.descriptors.KINDS` that are numbers.
    phases : tuple of str or int
        Phases that it is measured of; all by default.
    ionic, electronic : dict of str to float
        Conductivity of each phase that conducts ions, or electrons, for the effective
        conductivities.
    keep_volumes : bool
        Whether volumes are kept as Zarr stores.

    Raises
    ------
    InputError
        If something is out of its range, or two parameters are one and the same.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", allow_inf_nan=False)

    shape: tuple[int, int, int]
    design: Design
    vary: tuple[Variable, ...]
    seed: int = 0
    realizations: int = 1
    common_seeds: bool = False
    rest: str | int | None = None
    descriptors: tuple[str, ...] = DESCRIPTORS
    phases: tuple[str | int, ...] = ()
    ionic: dict[str, float] = dataclass_field(default_factory=dict)
    electronic: dict[str, float] = dataclass_field(default_factory=dict)
    keep_volumes: bool = False

    def __post_init__(self) -> None:
        if min(self.shape) < 2:
            raise InputError(f"shape is {list(self.shape)}: expected three sides of 2 or more")
        if self.seed < 0 or self.realizations < 1:
            raise InputError(
                f"seed {self.seed} and {self.realizations} realizations: expected 0 or more, and "
                "1 or more"
            )
        names = [one.name for one in self.vary]
        if not names or len(set(names)) < len(names):
            raise InputError(f"vary is {', '.join(names) or 'empty'}: expected each parameter once")
        if "set.seed" in names and (self.realizations > 1 or self.common_seeds):
            raise InputError("seed is varied: leave out realizations and common_seeds")
        if self.rest is not None and all(one.parameter != "volume_fraction" for one in self.vary):
            raise InputError(f"rest is {self.rest!r}: no volume fraction is varied; leave it out")
        self._check_values()
        self._check_number()
        self._check_descriptors()

    def _check_values(self) -> None:
        kind = self.design.kind
        for one in self.vary:
            if one.range is not None and (kind == "grid") != (one.steps is not None):
                wanted = "steps" if kind == "grid" else "no steps"
                raise InputError(f"{one.name}: a range in a design {kind} expects {wanted}")
            if kind == "list" and one.values is None:
                raise InputError(f"{one.name}: a design list expects values")
            if kind != "list":
                _check_different(f"values of {one.name}", one.values or ())
        if kind == "list":
            lengths = {len(one.values or ()) for one in self.vary}
            if len(lengths) > 1:
                raise InputError(f"design list: {sorted(lengths)} values; expected as many of each")
            rows = zip(*(one.values or () for one in self.vary), strict=True)
            _check_different("design list", list(rows))

    def _check_number(self) -> None:
        sizes = [len(one.values or ()) or one.steps or 1 for one in self.vary]
        of_design = sizes[0] if self.design.kind == "list" else math.prod(sizes)
        points = self.design.points or of_design
        if points * self.realizations > _MOST_SCENARIOS:
            raise InputError(
                f"{points} points with {self.realizations} realizations: expected "
                f"{_MOST_SCENARIOS} scenarios at most"
            )

    def _check_descriptors(self) -> None:
        if not self.descriptors:
            raise InputError("descriptors is empty: expected one at least")
        _check_different("descriptors", self.descriptors)
        numbers = [kind.name for kind in KINDS.values() if not kind.argument and 3 in kind.axes]
        for name in self.descriptors:
            if name not in numbers:
                raise InputError(
                    f"descriptor {name!r} is no number of a volume; expected {', '.join(numbers)}"
                )
        for kind in ("ionic", "electronic"):
            values = getattr(self, kind)
            if bool(values) != (f"effective_{kind}_conductivity" in self.descriptors):
                raise InputError(
                    f"effective_{kind}_conductivity and the conductivities [{kind}] belong together"
                )
            if values and not (min(values.values()) >= 0.0 < max(values.values())):
                raise InputError(f"[{kind}] is {values}: expected a positive conductivity")


def _check_different(what: str, values: Sequence[object]) -> None:
    for value, times in Counter(values).items():
        if times > 1:
            raise InputError(f"{what}: {value} stands there {times} times; expected once")
