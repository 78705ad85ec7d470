"""What sections say about isotropy, as a model file keeps it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DirectionPair:
    """One phase along two directions.

    Attributes
    ----------
    phase : int
        Label of the phase.
    directions : tuple of 2 str
        Two of the axes z, y and x.
    deviation : float
        Difference of the correlated distances, in standard errors.
    p_value : float
        Probability of so large a deviation if the material is isotropic.
    """

    phase: int
    directions: tuple[str, str]
    deviation: float
    p_value: float


@dataclass(frozen=True)
class IsotropyTest:
    """Comparison of the correlations of phases along the axes that sections show.

    Attributes
    ----------
    level : float
        Probability of rejecting a material that is isotropic.
    reach : float
        Largest lag, in the model's unit.
    phases : tuple of int
        Labels.
    directions : tuple of str
        Axes seen, of z, y and x.
    distances, standard_errors : tuple of tuples of float
        Correlated distance of each phase (row) along each direction, in the model's unit.
    pairs : tuple of DirectionPair
        All pairs of directions, phase by phase.
    rejected : bool
        Whether any pair differs, at ``level`` for all of them together (Bonferroni).
    axis : str or None
        The direction that differs most from two others, which are alike; None where fewer than
        three are seen.
    """

    level: float
    reach: float
    phases: tuple[int, ...]
    directions: tuple[str, ...]
    distances: tuple[tuple[float, ...], ...]
    standard_errors: tuple[tuple[float, ...], ...]
    pairs: tuple[DirectionPair, ...]
    rejected: bool
    axis: str | None = None

    @property
    def worst(self) -> DirectionPair:
        """The pair that differs most."""
        return max(self.pairs, key=lambda pair: abs(pair.deviation))

    @property
    def alike(self) -> bool:
        """Whether the two directions across the axis found do not differ at the level."""
        across = [pair for pair in self.pairs if self.axis not in pair.directions]
        return all(pair.p_value * len(self.pairs) >= self.level for pair in across)

    @property
    def verdict(self) -> str:
        """One sentence."""
        worst = self.worst
        first, second = worst.directions
        differs = "differ" if self.rejected else "do not differ"
        return (
            f"the correlations along {', '.join(self.directions)} {differs} at the level "
            f"{100.0 * self.level:g} %: at most {abs(worst.deviation):.1f} standard errors, "
            f"phase {worst.phase} along {first} and {second}"
        )
