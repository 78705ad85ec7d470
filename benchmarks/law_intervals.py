"""How often intervals of fitted power laws hold the truth: a table of the explanation page.

    python benchmarks/law_intervals.py [--trials 2000]

Made-up values of a known law, most of whose errors the observations of a point have in common, are
fitted again and again; the volume fraction is one for each point, as it is in a study.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from runs import surroundings

from morphgen.studies.regression import fit_power_law

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from studies.test_regression import TRUTH, observed


def shares(points: int, each: int, trials: int) -> list[float]:
    """Share of the 95 % intervals that hold the constant and each exponent."""
    rng, held = np.random.default_rng(0), np.zeros(len(TRUTH))
    for _ in range(trials):
        intervals = fit_power_law(observed(rng, 0.1, points, each), folds=6).intervals
        held += [low <= TRUTH[name] <= high for name, (low, high) in intervals.items()]
    return [float(share) for share in held / trials]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=2000)
    trials = parser.parse_args().trials
    print(surroundings("numpy", "scipy"))
    print("| points | values of each | c | a | b | d |\n|---|---|---|---|---|---|")
    for each in (3, 1):
        for points in (6, 8, 12, 20, 60):
            found = [f"{100 * share:.1f} %" for share in shares(points, each, trials)]
            print(f"| {points} | {each} | {' | '.join(found)} |", flush=True)


if __name__ == "__main__":
    main()
