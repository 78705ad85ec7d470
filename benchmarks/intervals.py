"""How often confidence intervals hold the truth: the table of the explanation page.

    python benchmarks/intervals.py [--side 512] [--sections 400] [--max-lag PIXELS]

Sections of one known model are measured and fitted with the true order, laws and families; counted
is how often each interval holds the true value, with the t quantiles and, for comparison, without.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import scipy.special

import morphgen as mg
from morphgen.calibration.coverage import quantities_of
from morphgen.calibration.lengths import correlation_length
from morphgen.calibration.minimize import solve
from morphgen.calibration.objective import FieldLaw
from morphgen.calibration.parametrization import Low
from morphgen.calibration.problem import Problem
from morphgen.calibration.targets import Target, measure_target
from morphgen.calibration.uncertainty import Spread, spread
from morphgen.fields.laws import Gaussian
from morphgen.fields.parametric import MaternKernel

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from calibration.truths import TRUTHS

TRUTH = TRUTHS["Matern"]


def true_values() -> dict[str, float]:
    """What the intervals should hold."""
    lag = np.linspace(0.01, 30.0, 30_000)
    found = {f"volume_fraction.{label}": p for label, p in TRUTH.volume_fractions().items()}
    for number, field in enumerate(TRUTH.fields):
        name, kernel = f"fields.{number}", field.kernel
        found[f"{name}.threshold"] = field.threshold
        rho = kernel.radial_correlation(lag)
        found[f"{name}.correlation_length"] = correlation_length(lag, rho)
        found[f"{name}.kernel.length"] = kernel.length
        found[f"{name}.kernel.smoothness"] = kernel.smoothness
    return found


def fitted(target: Target) -> Spread:
    """Fit the true families, and follow the tiles."""
    fractions, rows = target.in_order(TRUTH.order)
    law, member = FieldLaw(Gaussian()), Low(target.lags, MaternKernel)
    problem = Problem(rows, fractions, (law, law), (member, member))
    start = problem.start([np.log([4.0, 2.0]), np.log([3.0, 2.5])])
    found = solve(problem, start, evaluations=60, tolerance=1e-5).parameters
    return spread(problem, found, target, TRUTH.order, quantities_of(TRUTH.order, target.lags))


def holds(known: Spread, truth: dict[str, float], seed: int) -> np.ndarray:
    """Whether each interval holds the truth, with and without t quantiles, shape (names, 2)."""
    degrees = len(known.effects) - 1
    stretch = float(scipy.special.stdtrit(degrees, 0.975) / scipy.special.ndtri(0.975))
    intervals = known.intervals(seed=seed)
    found = []
    for name, value in truth.items():
        ends = np.array(intervals[name])
        plain = known.values[name] + (ends - known.values[name]) / stretch
        found.append([one[0] <= value <= one[1] for one in (ends, plain)])
    return np.array(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--sections", type=int, default=400)
    parser.add_argument("--max-lag", type=int)
    options = parser.parse_args()
    truth, tiles, hits = true_values(), [], []
    sampler = mg.section_sampler(TRUTH, (options.side,) * 2)
    for seed in range(options.sections):
        target = measure_target([mg.read_section(sampler.labels(seed))], options.max_lag)
        tiles.append(len(target.influence))
        hits.append(holds(fitted(target), truth, seed))
    print(f"{options.side} x {options.side} pixels, {np.mean(tiles):.1f} tiles on average")
    for name, (found, plain) in zip(truth, np.mean(hits, axis=0), strict=True):
        print(f"{name:32s} {found:.3f}, without t quantiles {plain:.3f}")


if __name__ == "__main__":
    main()
