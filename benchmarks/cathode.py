"""The real cathode: calibrated on its upper half, held against its lower half and a volume.

    MORPHGEN_DATA=FOLDER python benchmarks/cathode.py [--side 384] [--seed 7]

Prints the tables of docs/explanation/calibration.md, for independent fields and for what is chosen
where fields may share noise. All misfits are the largest over lags of 1 to 40 pixels of
|C_ij - p_i p_j| against the sections.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tifffile

import morphgen as mg
from morphgen.calibration.targets import Target, measure_target
from morphgen.descriptors import coverage_counts
from morphgen.excursion import fraction_scatter

MAX_LAG = 40


def excess(values: np.ndarray, fractions: np.ndarray) -> np.ndarray:
    """C_ij - p_i p_j."""
    return values - np.multiply.outer(fractions, fractions)[..., None]


def volume_excess(labels: np.ndarray, target: Target) -> tuple[np.ndarray, np.ndarray]:
    """C_ij - p_i p_j of a volume at the lags of the sections, and its fractions."""
    radial = coverage_counts(labels, target.labels, MAX_LAG).radial()
    values = np.asarray(radial.values)
    fractions = np.array([values[i, i, 0] for i in range(len(target.labels))])
    places = [int(np.argmin(np.abs(np.asarray(radial.lag) - lag))) for lag in target.lag]
    return excess(values[..., places], fractions), fractions


def measured(
    result: mg.CalibrationResult, targets: Sequence[Target], options: argparse.Namespace
) -> None:
    """Print how well a model fits either half, in closed form and as a volume."""
    halves = [excess(target.values, target.fractions) for target in targets]
    shares = np.array(list(result.model.volume_fractions().values()))
    model = excess(result.coverage.model, shares)
    window = mg.Realization(result.model, options.seed).window((0, 0, 0), (options.side,) * 3)
    volume, found = volume_excess(window, targets[0])
    scatter = fraction_scatter(result.model).standard_deviations(window.shape)
    deviations = np.array(list(scatter.values()))
    for name, curves in (("closed form", model), ("volume", volume)):
        errors = [np.abs(curves - half).max() for half in halves]
        print(f"  {name}: upper {errors[0]:.4f}, lower {errors[1]:.4f}")
    print("  fractions, section:", np.round(targets[0].fractions, 5))
    print("  fractions, closed form:", np.round(shares, 5))
    print(
        "  fractions, volume, in standard deviations off:",
        np.round((found - shares) / deviations, 2),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=384)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    labels = tifffile.imread(Path(os.environ["MORPHGEN_DATA"]) / "sofc_cathode_2d.tif")
    upper, lower = mg.read_section(labels[:1143]), mg.read_section(labels[1143:])
    targets = [measure_target([half], MAX_LAG) for half in (upper, lower)]
    halves = [excess(target.values, target.fractions) for target in targets]
    print(f"upper half against lower half {np.abs(halves[0] - halves[1]).max():.4f}")
    for dependence in ("independent", "auto"):
        start = time.perf_counter()
        result = mg.calibrate([upper], max_lag=MAX_LAG, dependence=dependence)
        seconds = time.perf_counter() - start
        laws = ", ".join(field.law.name for field in result.model.fields)
        shared = result.model.shared
        print(
            f"{dependence}: order {result.model.order}, laws {laws}, "
            f"{'independent' if shared is None else shared}, {seconds:.1f} s, {result.status}, "
            f"{result.candidates[0].parameters} numbers, "
            f"held-out score {result.candidates[0].held_out:.2f}"
        )
        print(f"  bound of independent fields in this order {result.coverage.bound.max():.4f}")
        measured(result, targets, options)


if __name__ == "__main__":
    main()
