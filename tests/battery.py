"""A cell in BPX, made up, with all fields that a DFN wants."""

from __future__ import annotations

from typing import Any

_PARTICLE = {
    "Minimum stoichiometry": 0.1,
    "Maximum stoichiometry": 0.9,
    "Maximum concentration [mol.m-3]": 50000,
    "Particle radius [m]": 5e-06,
    "Surface area per unit volume [m-1]": 3.6e5,
    "Diffusivity [m2.s-1]": "3.3e-14 * (1 + x)",
    "OCP [V]": {"x": [0, 0.5, 1], "y": [4.3, 3.8, 3.1]},
    "Reaction rate constant [mol.m-2.s-1]": 1e-10,
}
_POROUS = {"Thickness [m]": 8.5e-05, "Porosity": 0.25, "Transport efficiency": 0.125}
_NEGATIVE = {"Minimum stoichiometry": 0.01, "OCP [V]": {"x": [0, 1], "y": [0.9, 0.05]}}


def cell() -> dict[str, Any]:
    """A cell whose positive electrode is of one material, the negative a blend of two."""
    particle = _PARTICLE | _NEGATIVE
    return {
        "Header": {"BPX": "1.1.0", "Title": "Zelle für Tests", "Model": "DFN"},
        "Parameterisation": {
            "Cell": {
                "Electrode area [m2]": 0.0168,
                "External surface area [m2]": 0.0378,
                "Volume [m3]": 1.27e-04,
                "Number of electrode pairs connected in parallel to make a cell": 1,
                "Lower voltage cut-off [V]": 2.5,
                "Upper voltage cut-off [V]": 4.2,
                "Nominal cell capacity [A.h]": 5.0,
                "Reference temperature [K]": 298.15,
            },
            "Electrolyte": {
                "Cation transference number": 0.26,
                "Diffusivity [m2.s-1]": "8.794e-11 * (x / 1000) ** 2 + 4.0e-10",
                "Conductivity [S.m-1]": 1.0,
            },
            "Negative electrode": _POROUS
            | {
                "Conductivity [S.m-1]": 215.0,
                "Particle": {"Graphite": particle, "Silicon": particle},
            },
            "Positive electrode": _POROUS | {"Conductivity [S.m-1]": 0.18} | _PARTICLE,
            "Separator": {"Thickness [m]": 1.2e-05, "Porosity": 0.47, "Transport efficiency": 0.32},
        },
    }
