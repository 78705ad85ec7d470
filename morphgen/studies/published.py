"""Forms that relate transport to structure: power laws, and those that were published."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FRACTION, NECKS, PATHS = "volume_fraction", "constrictivity", "mean_geodesic_tortuosity"
SYMBOLS = {FRACTION: "eps", NECKS: "beta", PATHS: "tau"}


@dataclass(frozen=True)
class PowerLaw:
    """M = c x_1^a_1 x_2^a_2 ...

    Attributes
    ----------
    name : str
        What it is called.
    constant : float
        The factor c.
    exponents : dict of str to float
        Exponent of each descriptor; negative where the descriptor divides.
    """

    name: str
    constant: float
    exponents: Mapping[str, float]

    def predict(self, predictors: Mapping[str, Floats]) -> Floats:
        """Values of the law.

        Parameters
        ----------
        predictors : mapping of str to array, shape (N,)
            Positive values of each descriptor.
        """
        log = math.log(self.constant)
        powers = [a * np.log(predictors[name]) for name, a in self.exponents.items()]
        return np.asarray(np.exp(log + sum(powers)))

    @property
    def text(self) -> str:
        """The law as text, such as ``2.03 eps^1.57 beta^0.72 / tau^2``."""
        above = [] if self.constant == 1.0 else [f"{self.constant:.3g}"]
        below: list[str] = []
        for name, exponent in self.exponents.items():
            divides = name == PATHS and exponent < 0.0
            shown = abs(exponent) if divides else exponent
            (below if divides else above).append(f"{SYMBOLS.get(name, name)}^{shown:.3g}")
        return " / ".join([" ".join(above) or "1", *below])


# Effective over intrinsic conductivity, by the volume fraction of the phase, its constrictivity
# and its mean geodesic tortuosity.
# O. Stenzel, O. Pecho, L. Holzer, M. Neumann, V. Schmidt, AIChE J. 62 (2016) 1834
STENZEL = PowerLaw("Stenzel et al. 2016", 1.0, {FRACTION: 1.15, NECKS: 0.37, PATHS: -4.39})
# G. Gaiselmann, M. Neumann, V. Schmidt, O. Pecho, T. Hocker, L. Holzer, AIChE J. 60 (2014) 1983
GAISELMANN = PowerLaw("Gaiselmann et al. 2014", 2.03, {FRACTION: 1.57, NECKS: 0.72, PATHS: -2.0})
PUBLISHED = (STENZEL, GAISELMANN)
