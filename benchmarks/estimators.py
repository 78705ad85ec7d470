"""Coverage functions in closed form against sampled ones: the same optimum, and how much faster.

    python benchmarks/estimators.py [--seeds 3] [--steps 300]

Sections of known truths, 512 pixels and 64 correlation lengths wide, are calibrated by both
estimators, with the order and the laws given. Both start from the rough fit of one field after
the other. Printed are the difference of the two optima in C, the largest and the root mean square
over pairs and lags, beside the largest standard error of the section's own C_ij - p_i p_j.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch

import morphgen as mg
from morphgen.workflows import TrainingOptions

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from calibration.truths import TRUTHS


def compare(name: str, seed: int, steps: int, smoothing: str) -> list[float]:
    """Differences of the optima, standard error, misfits, and the times of both."""
    truth = TRUTHS[name]
    sections = [mg.read_section(mg.section_sampler(truth, (512, 512)).labels(seed))]
    laws = [field.law.name for field in truth.fields]
    fits, seconds = [], []
    for estimator in ("closed", "sampled"):
        start = time.perf_counter()
        fit = mg.calibrate(
            sections,
            estimator=estimator,
            fields=laws,
            order=truth.order,
            training=TrainingOptions(steps=steps, smoothing=smoothing, device="cpu"),
        )
        seconds.append(time.perf_counter() - start)
        fits.append(fit)
    difference = fits[1].coverage.model - fits[0].coverage.model
    error = fits[0].coverage.standard_error.max()
    misfits = [fit.coverage.misfit for fit in fits]
    rms = float(np.sqrt(np.mean(difference**2)))
    return [float(np.abs(difference).max()), rms, float(error), *misfits, *seconds]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--smoothing", default="probit")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(
        "| truth | sup of the difference | rms | sup standard error | misfit closed | misfit "
        "sampled | closed (s) | sampled (s) | ratio |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for name in TRUTHS:
        rows = [
            compare(name, seed, options.steps, options.smoothing) for seed in range(options.seeds)
        ]
        *shown, closed, sampled = np.median(np.array(rows), axis=0)
        cells = " | ".join(f"{value:.4f}" for value in shown)
        print(
            f"| {name} | {cells} | {closed:.1f} | {sampled:.1f} | {sampled / closed:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
