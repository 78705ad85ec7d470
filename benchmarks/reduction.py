"""Two routes to a low-parametric model: fitted directly, or obtained from a high-parametric one.

    python benchmarks/reduction.py [--seeds 5] [--side 512]
    MORPHGEN_DATA=FOLDER python benchmarks/reduction.py --cathode

Prints the tables of docs/explanation/calibration.md. Of known truths: the largest difference of
C_ij - p_i p_j from the truth's, over lags up to 8 correlation lengths, for the model of spline
kernels (HP) and for either low-parametric one (medians over the seeds). Of the cathode: the
misfit of each to its upper and to its lower half, and the loss of each C_ij against HP.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import tifffile

import morphgen as mg
from morphgen.calibration.targets import measure_target

ROOT = Path(__file__).parent.parent
MAX_LAG = 40


def excess(model: mg.ExcursionModel, lag: np.ndarray) -> np.ndarray:
    """C_ij - p_i p_j of a model."""
    shares = np.array(list(model.volume_fractions().values()))
    return np.asarray(model.two_point_coverage(lag)) - np.multiply.outer(shares, shares)[..., None]


def models(
    section: mg.Section,
    order: str,
    fields: str,
    max_lag: int | None = None,
    dependence: str = "independent",
) -> list:
    """HP, LP fitted directly, and LP obtained from HP."""
    found = [
        mg.calibrate(
            [section],
            order=order,
            fields=fields,
            parametrization=kind,
            max_lag=max_lag,
            dependence=dependence,
        ).model
        for kind in ("high", "low")
    ]
    return [*found, mg.reduce_model(found[0])]


def families(model: mg.ExcursionModel) -> str:
    """Kernels of a model in words, that of shared noise last."""
    return " + ".join(noise.kernel.type for noise in model.noises)


def mixture(truth: mg.ExcursionModel) -> mg.ExcursionModel:
    """A truth of no single family: splines with the mean of two correlations."""
    from morphgen.calibration.lags import Lags
    from morphgen.calibration.parametrization import high
    from morphgen.fields.parametric import MaternKernel

    lag = np.arange(1.0, 49.0)
    wave = truth.fields[0].kernel.radial_correlation(lag)
    mixed = 0.5 * (wave + MaternKernel(6.0, smoothness=1.0).radial_correlation(lag))
    member = high(Lags.radial(lag), 36.0, 20)
    field = mg.Field(member.kernel(member.start(mixed)), truth.fields[0].law, 0.1)
    return mg.ExcursionModel(truth.phases, truth.order, (field, truth.fields[1]))


def truths(seeds: int, side: int) -> None:
    """Table of the synthetic truths."""
    sys.path.insert(0, str(ROOT / "tests"))
    from calibration.truths import TRUTHS

    cases = {name: TRUTHS[name] for name in ("hole effect", "Matern", "chi-square 2", "mixed")}
    cases["no family"] = mixture(TRUTHS["hole effect"])
    lag = np.arange(1.0, 49.0)
    print(f"{side} x {side} pixels, medians of {seeds}: HP, LP direct, LP from HP; families")
    for name, truth in cases.items():
        order = ",".join(map(str, truth.order))
        fields = ",".join(field.law.name for field in truth.fields)
        errors, kinds = [], []
        for seed in range(1, seeds + 1):
            section = mg.read_section(mg.section_sampler(truth, (side, side)).labels(seed))
            found = models(section, order, fields)
            wanted = excess(truth, lag)
            errors.append([np.abs(excess(one, lag) - wanted).max() for one in found])
            kinds.append([families(one) for one in found[1:]])
        print(name, np.round(np.median(errors, axis=0), 4))
        for route, column in zip(("direct", "from HP"), zip(*kinds, strict=True), strict=True):
            print(" ", route, dict(Counter(column)))


def cathode() -> None:
    """Figures of the real cathode."""
    labels = tifffile.imread(Path(os.environ["MORPHGEN_DATA"]) / "sofc_cathode_2d.tif")
    upper, lower = mg.read_section(labels[:1143]), mg.read_section(labels[1143:])
    targets = [measure_target([half], MAX_LAG) for half in (upper, lower)]
    for dependence, fields in (("independent", "chi2:1,gaussian"), ("shared", "gaussian,gaussian")):
        print(dependence, fields)
        _three_models(models(upper, "1,0,2", fields, MAX_LAG, dependence), targets)


def _three_models(found: list, targets: list) -> None:
    lag = targets[0].lag
    for name, model in zip(("HP", "LP direct", "LP from HP"), found, strict=True):
        misfits = [
            np.abs(
                excess(model, target.lag)
                - (target.values - np.multiply.outer(target.fractions, target.fractions)[..., None])
            ).max()
            for target in targets
        ]
        loss = np.abs(model.two_point_coverage(lag) - found[0].two_point_coverage(lag)).max(-1)
        print(name, families(model), "upper, lower", np.round(misfits, 4))
        print("  loss per C_ij", np.round(loss[np.triu_indices(3)], 4))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--cathode", action="store_true")
    options = parser.parse_args()
    if options.cathode:
        cathode()
    else:
        truths(options.seeds, options.side)


if __name__ == "__main__":
    main()
