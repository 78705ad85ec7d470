"""Two structures of equal two-point functions: what a discriminator is for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import morphgen as mg
from morphgen.calibration.fields import fit_field, parametrizations
from morphgen.calibration.lags import Lags
from morphgen.calibration.objective import FieldLaw
from morphgen.fields.laws import ChiSquare, Gaussian
from morphgen.fields.parametric import GaussianKernel

PHASES = (mg.Phase(0, "pore"), mg.Phase(1, "solid"))
FRACTION, LENGTH, SIDE = 0.3, 8.0, 320
LAG = np.arange(1.0, 49.0)


def _model(law: FieldLaw, kernel: object) -> mg.ExcursionModel:
    field = mg.Field(kernel, law.law, law.threshold(FRACTION))
    return mg.ExcursionModel(PHASES, (1, 0), (field,))


def pair(components: int) -> tuple[mg.ExcursionModel, mg.ExcursionModel]:
    """A structure of a chi-square field, and that of a Gaussian field with its coverage."""
    plain, squared = FieldLaw(Gaussian()), FieldLaw(ChiSquare(components))
    truth = _model(squared, GaussianKernel(LENGTH))
    joint = squared.joint(np.exp(-0.5 * (LAG / LENGTH) ** 2), FRACTION)
    members = parametrizations(Lags.radial(LAG), "high")
    found = fit_field(joint, FRACTION, plain, members, np.full(LAG.size, 1e-4))
    return truth, _model(plain, found.kernel)


def draw(folder: Path) -> None:
    """Draw a chi-square and a Gaussian structure, and their coverage functions."""
    truth, twin = pair(1)
    figure = Figure(figsize=(9.0, 3.2), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    for axis, model, name in ((left, truth, "chi-square, n = 1"), (middle, twin, "Gaussian")):
        labels = mg.section_sampler(model, (SIDE, SIDE)).labels(seed=3)
        axis.imshow(labels, cmap="gray_r", interpolation="nearest")
        axis.set_title(name, fontsize=10)
        axis.set_xticks([])
        axis.set_yticks([])
    for model, style, name in ((truth, "k-", "chi-square"), (twin, "C0--", "Gaussian")):
        values = np.asarray(model.two_point_coverage(LAG))
        right.plot(LAG, values[1, 1], style, label=name)
    right.axhline(FRACTION**2, color="0.7", linewidth=0.8)
    right.set_xlabel("lag (voxels)")
    right.set_title("two-point coverage of the solid", fontsize=10)
    right.legend(frameon=False)
    figure.savefig(folder / "blindness.png", dpi=130)
