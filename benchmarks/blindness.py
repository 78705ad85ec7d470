"""Field classes of matched two-point functions: which method picks the right one.

    python benchmarks/blindness.py [--trials 10] [--side 512] [--fractions .3 .6]

One phase against the rest; truths are a Gaussian field and chi-square fields of 1 and 2 degrees of
freedom, their sections 64 correlation lengths wide. For each section the three classes are fitted
to its C_ij in closed form; then the class is picked by the smallest misfit of C_ij, by the Euler
numbers of the closed-form method, and by the classifier of the methods adversarial and combined.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch

import morphgen as mg
from morphgen.calibration.coverage import CoverageSolution, fit_coverage
from morphgen.calibration.plane_families import plane_families
from morphgen.calibration.training.class_choice import CROPS
from morphgen.calibration.training.classes import DrawnModel, class_scores
from morphgen.calibration.training.crops import real_crops
from morphgen.calibration.training.generator import generator, reach_of
from morphgen.calibration.training.options import TrainingOptions
from morphgen.calibration.training.parallel_sets import STEPS_PER_LENGTH
from morphgen.calibration.training.planes import torus_of
from morphgen.calibration.training.setting import crop_edge
from morphgen.fields.laws import ChiSquare, Gaussian, Law
from morphgen.fields.parametric import GaussianKernel
from morphgen.workflows import calibration_request

LAWS: tuple[Law, ...] = (Gaussian(), ChiSquare(1), ChiSquare(2))
LENGTHS = 64.0


def truth(law: Law, fraction: float, side: int) -> mg.ExcursionModel:
    """Model whose sections of the given side are 64 correlation lengths wide."""
    field = mg.Field(GaussianKernel(side / LENGTHS), law, law.threshold(fraction))
    return mg.ExcursionModel((mg.Phase(0, "rest"), mg.Phase(1, "phase")), (1, 0), (field,))


def classified(fits: list[CoverageSolution], seed: int) -> int:
    """Place of the class that the classifier picks."""
    family = plane_families(fits[0].sections, None)[0]
    length = fits[0].target.correlation_length
    edge = crop_edge(TrainingOptions(), length, family)
    contenders = []
    for fit in fits:
        parameters = fit.solution.parameters
        torus = torus_of(family, (edge, edge), reach_of(fit.problem, parameters), least=2 * edge)
        drawing = generator(fit.problem, torus, seed=seed, device=torch.device("cpu"))
        contenders.append(DrawnModel(drawing, parameters))
    step = max(1, round(length / STEPS_PER_LENGTH))
    real = real_crops(family, (1, 0), edge)
    found = class_scores(contenders, real, step=step, count=CROPS, progress=lambda *told: None)
    return int(np.argmax(found.mean))


def trial(law: Law, fraction: float, side: int, seed: int) -> tuple[int, int, float]:
    """Class by misfit of C_ij and by the classifier, and seconds of the classifier."""
    sampler = mg.section_sampler(truth(law, fraction, side), (side, side))
    sections = [mg.read_section(sampler.labels(seed))]
    fits = [
        fit_coverage(sections, calibration_request(fields=one.name, order=(1, 0))) for one in LAWS
    ]
    misfits = [fit.problem.model_rows(fit.solution.parameters) - fit.problem.rows for fit in fits]
    by_misfit = int(np.argmin([np.sum(misfit**2) for misfit in misfits]))
    start = time.perf_counter()
    return by_misfit, classified(fits, seed), time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--fractions", type=float, nargs="+", default=[0.3, 0.6])
    options = parser.parse_args()
    torch.set_num_threads(1)
    print("| fraction | truth | right by misfit of C_ij | right by classifier | seconds |")
    print("|---|---|---|---|---|")
    for fraction in options.fractions:
        for place, law in enumerate(LAWS):
            found = [trial(law, fraction, options.side, seed) for seed in range(options.trials)]
            misfit, picked = (sum(one[k] == place for one in found) for k in (0, 1))
            seconds = np.median([one[2] for one in found])
            print(
                f"| {fraction} | {law.name} | {misfit} of {len(found)} | {picked} of {len(found)} "
                f"| {seconds:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
