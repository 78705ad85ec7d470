"""Whether bfloat16 in the discriminator's convolutions changes what a training finds.

    python benchmarks/mixed_precision.py [--seeds 6] [--steps 200] [--methods combined adversarial]

Every seed trains twice from the same closed-form fit of the built-in section, with the same noise
and the same crops: in float32 and in bfloat16. Differences between the two, seed by seed, stand
beside the scatter over the seeds of float32. The unit of parameters is what changes the C_ij by one
standard error of the data (root mean square): see `calibration.training.scaling`.
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


def trained(
    fitted: CoverageSolution, options: TrainingOptions, method: str, seed: int
) -> tuple[np.ndarray, float]:
    """Coordinates that are kept at the end, and their held-out score."""
    fitted = replace(fitted, request=replace(fitted.request, seed=seed))
    unit = float(np.sqrt(np.mean(fitted.target.standard_errors() ** 2)))
    scaling = scaling_at(fitted.problem, fitted.solution.parameters, unit)
    device = chosen_device(options.device)
    objective, score, pace = adversarial_setting(fitted, options, scaling, device, method)
    track = train(objective, Track.at_start(scaling.start.size), pace, progress=silent)
    return track.average.numpy(), score(track.average.numpy())


def row(fitted: CoverageSolution, options: TrainingOptions, method: str, seeds: int) -> str:
    """Table row of one method."""
    found: dict[str, list[tuple[np.ndarray, float]]] = {"float32": [], "bfloat16": []}
    for seed in range(seeds):
        for precision, runs in found.items():
            runs.append(trained(fitted, replace(options, precision=precision), method, seed))
            print(f"{method}, seed {seed}, {precision}: {runs[-1][1]:.4f}", file=sys.stderr)
    single, half = (np.stack([place for place, _ in runs]) for runs in found.values())
    scores = [np.array([score for _, score in runs]) for runs in found.values()]
    moved, scatter = half - single, single.std(axis=0, ddof=1)
    shift = np.abs(moved.mean(axis=0)) / (moved.std(axis=0, ddof=1) / math.sqrt(seeds))
    lead = scores[1] - scores[0]
    return (
        f"| {method} | {_rms(single):.3f} | {_rms(scatter):.3f} | {_rms(moved):.4f} "
        f"| {np.abs(moved).max():.4f} | {shift.max():.1f} of {shift.size} "
        f"| {scores[0].mean():.4f} | {scores[0].std(ddof=1):.4f} | {_rms(lead):.4f} "
        f"| {lead.mean():+.4f} ± {lead.std(ddof=1) / math.sqrt(seeds):.4f} |"
    )


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--side", type=int, default=512, help="edge of the section, in pixels")
    parser.add_argument("--crop", type=int, default=64)
    parser.add_argument("--methods", nargs="+", default=["combined", "adversarial"])
    asked = parser.parse_args()
    print(surroundings("morphgen", "numpy", "scipy", "torch"))
    section = mg.read_section(mg.demo_section(1, asked.side))
    options = TrainingOptions(steps=asked.steps, crop=asked.crop)
    print(
        "| method | way from the start | scatter over seeds | bfloat16 less float32, rms | largest "
        "| largest mean, in standard errors | held-out score | scatter over seeds "
        "| bfloat16 less float32, rms | mean |\n|---|---|---|---|---|---|---|---|---|---|"
    )
    with fixed_arithmetic(1):
        request = calibration_request(fields="chi2:4,gaussian", thresholds="free")
        for method in asked.methods:
            fitted = fit_coverage([section], replace(request, method=method))
            print(row(fitted, options, method, asked.seeds), flush=True)


if __name__ == "__main__":
    main()
