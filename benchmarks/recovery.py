"""How well calibration recovers known truths: the table of the explanation page.

    python benchmarks/recovery.py [--seeds 5] [--sections 1] [--side 512]

Each truth is drawn as one or more sections, 64 correlation lengths wide, and calibrated with
order and field classes chosen automatically. Printed are medians over the seeds.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

import morphgen as mg

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from calibration.truths import TRUTHS

LAGS = np.arange(0.0, 65.0)


def correlation_error(found: mg.Field, truth: mg.Field) -> float:
    """Largest |rho - rho_true|; of |rho| for a chi-square truth, whose sign cannot be seen."""
    offsets = np.zeros((LAGS.size, 3))
    offsets[:, 2] = LAGS
    values = [field.kernel.correlation(offsets) for field in (found, truth)]
    if truth.law.components > 1 or truth.law.name != "gaussian":
        values = [np.abs(value) for value in values]
    return float(np.abs(values[0] - values[1]).max())


def recover(name: str, seed: int, sections: int, side: int) -> tuple[list[float], str, bool]:
    """Misfit, correlation errors and seconds of one calibration; laws; whether the order holds."""
    truth = TRUTHS[name]
    sampler = mg.section_sampler(truth, (side, side))
    images = [mg.read_section(sampler.labels(100 * seed + k)) for k in range(sections)]
    start = time.perf_counter()
    result = mg.calibrate(images)
    seconds = time.perf_counter() - start
    pairs = zip(result.model.fields, truth.fields, strict=True)
    errors = [correlation_error(found, wanted) for found, wanted in pairs]
    laws = " + ".join(field.law.name for field in result.model.fields)
    row = [result.coverage.misfit, *errors, seconds]
    return row, laws, result.model.order == truth.order


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--sections", type=int, default=1)
    parser.add_argument("--side", type=int, default=512)
    options = parser.parse_args()
    print("| truth | laws found | order right | sup dC | sup drho_X | sup drho_Y | seconds |")
    print("|---|---|---|---|---|---|---|")
    for name, truth in TRUTHS.items():
        rows, laws, right = [], [], 0
        for seed in range(1, options.seeds + 1):
            row, found, order = recover(name, seed, options.sections, options.side)
            rows.append(row)
            laws.append(found)
            right += order
        median = np.median(rows, axis=0)
        counts = ", ".join(f"{laws.count(entry)}x {entry}" for entry in sorted(set(laws)))
        wanted = " + ".join(field.law.name for field in truth.fields)
        print(
            f"| {name} ({wanted}) | {counts} | {right}/{options.seeds} | {median[0]:.4f} | "
            f"{median[1]:.3f} | {median[2]:.3f} | {median[3]:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
