"""Whether bfloat16 in the discriminator's convolutions changes what a training finds.

    python benchmarks/mixed_precision.py [--seeds 8] [--steps 200] [--methods combined adversarial]

Every seed trains three times from the same closed-form fit of the built-in section, with the same
noise and the same crops: in float32; in bfloat16; and in float32 once more from a start that lies
1e-6 beside it, as other rounding would make it. Differences of each from the first, seed by seed,
stand beside those of the next seed. The unit of parameters is what changes the C_ij by one standard
error of the data (root mean square): see `calibration.training.scaling`.
"""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import replace

import numpy as np
from runs import surroundings

import morphgen as mg
from morphgen.calibration.coverage import CoverageSolution, fit_coverage
from morphgen.calibration.training.arithmetic import chosen_device, fixed_arithmetic
from morphgen.calibration.training.loop import Track, train
from morphgen.calibration.training.options import TrainingOptions
from morphgen.calibration.training.scaling import scaling_at
from morphgen.calibration.training.setting import adversarial_setting
from morphgen.progress import silent
from morphgen.workflows import calibration_request

ASIDE = 1e-6


def trained(
    fitted: CoverageSolution, options: TrainingOptions, method: str, seed: int, aside: float = 0.0
) -> np.ndarray:
    """Coordinates that a training ends with, and behind them their held-out score."""
    fitted = replace(fitted, request=replace(fitted.request, seed=seed))
    unit = float(np.sqrt(np.mean(fitted.target.standard_errors() ** 2)))
    scaling = scaling_at(fitted.problem, fitted.solution.parameters, unit)
    device = chosen_device(options.device)
    objective, score, pace = adversarial_setting(fitted, options, scaling, device, method)
    track = Track.at_start(scaling.start.size)
    track.coordinates += aside
    end = train(objective, track, pace, progress=silent).average.numpy()
    found = np.append(end, score(end))
    print(f"{method}, seed {seed}, {options.precision}, {aside}: {found[-1]:.4f}", file=sys.stderr)
    return found


def rows(fitted: CoverageSolution, options: TrainingOptions, method: str, seeds: int) -> list[str]:
    """Table rows of one method."""
    single = replace(options, precision="float32")
    half = replace(options, precision="bfloat16")
    ends = [
        (
            trained(fitted, single, method, seed),
            trained(fitted, half, method, seed),
            trained(fitted, single, method, seed, ASIDE),
        )
        for seed in range(seeds)
    ]
    usual, coarse, beside = (np.stack(part) for part in zip(*ends, strict=True))
    compared = {
        "bfloat16": coarse,
        f"float32 from {ASIDE:g} beside": beside,
        "float32 of the next seed": np.roll(usual, 1, axis=0),
    }
    return [
        f"| {method} | {name} | {_differences(usual, other)} |" for name, other in compared.items()
    ]


def _differences(usual: np.ndarray, other: np.ndarray) -> str:
    moved = other - usual
    error = moved.std(axis=0, ddof=1) / math.sqrt(len(moved))
    # means that vanish by themselves have no error to speak of
    mean = np.abs(moved.mean(axis=0)) / np.maximum(error, 1e-12)
    return (
        f"{_rms(moved[:, :-1]):.4f} | {np.abs(moved[:, :-1]).max():.3f} | {mean[:-1].max():.1f} "
        f"| {_rms(moved[:, -1]):.4f} | {moved[:, -1].mean():+.4f} ± {error[-1]:.4f} "
        f"| {usual[:, -1].mean():.3f}"
    )


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--crop", type=int, default=64)
    parser.add_argument("--methods", nargs="+", default=["combined", "adversarial"])
    asked = parser.parse_args()
    print(surroundings("morphgen", "numpy", "scipy", "torch"))
    section = mg.read_section(mg.demo_section(1))
    options = TrainingOptions(steps=asked.steps, crop=asked.crop)
    print(
        "| method | compared with float32 | difference of parameters, rms | largest "
        "| largest mean, in its standard errors | difference of held-out scores, rms | mean "
        "| score of float32 |\n|---|---|---|---|---|---|---|---|"
    )
    request = calibration_request(fields="chi2:4,gaussian", thresholds="free")
    with fixed_arithmetic(1):
        for method in asked.methods:
            fitted = fit_coverage([section], replace(request, method=method))
            print("\n".join(rows(fitted, options, method, asked.seeds)), flush=True)


if __name__ == "__main__":
    main()
