"""Recovery of cylindrical truths from one xy and one yz section: axial scale and C_ij.

    python benchmarks/cylindrical.py [--seeds 5] [--side 512]
    python benchmarks/cylindrical.py --isotropy 300 [--side 256] [--scales 1 1.2 1.5 2]

Three phases, decided by a Gaussian and by a chi-square field, stretched along z; the longer of the
two correlation lengths is 8 pixels. Symmetry, axis, order and laws are chosen automatically.
Deviations of C_ij are the largest over all pairs and lags, in the yz and in the xy plane:

- sections: model less sections, at the fractions of all sections, at every lag (across, along);
- by distance: the same, averaged over the directions of the plane first;
- truth: model less the truth's closed form, both at the truth's fractions.

Printed are medians over the seeds, and the worst of them in brackets.

With --isotropy: how often the test for isotropy rejects, on as many pairs of sections.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from morphgen.calibration.isotropy import isotropy_test
from morphgen.calibration.result import CalibrationResult
from morphgen.excursion import ExcursionModel, Field, section_sampler
from morphgen.excursion.model import AnyLaw
from morphgen.fields.laws import ChiSquare, Gaussian
from morphgen.fields.parametric import GaussianKernel
from morphgen.images import Section, read_section
from morphgen.phases import Phase
from morphgen.workflows import calibrate

SCALES = (0.5, 2.0)
PLANES = ("xy", "yz")
LENGTH = 8.0


def truth_of(scale: float) -> ExcursionModel:
    """Truth with an axial scale; the longer correlation length of its first field is 8 pixels."""
    across = LENGTH / max(1.0, scale)
    laws: tuple[tuple[AnyLaw, float, float], ...] = (
        (Gaussian(), 0.35, across),
        (ChiSquare(2), 0.5, 0.75 * across),
    )
    fields = tuple(
        Field(
            GaussianKernel(length, axial_scale=scale, symmetry_axis="z"), law, law.threshold(share)
        )
        for law, share, length in laws
    )
    return ExcursionModel((Phase(0, "a"), Phase(1, "b"), Phase(2, "c")), (1, 0, 2), fields)


@dataclass(frozen=True)
class Recovery:
    """What one calibration found; deviations in the planes that contain the axis, and normal."""

    right: bool
    laws: str
    scales: tuple[float, ...]
    sections: tuple[float, float]
    by_distance: tuple[float, float]
    truth: tuple[float, float]
    seconds: float


def recover(scale: float, kind: str, seed: int, side: int) -> Recovery:
    """Calibrate to one section of each plane."""
    truth = truth_of(scale)
    sections = [draw(truth, plane, 1000 * seed + place, side) for place, plane in enumerate(PLANES)]
    began = time.perf_counter()
    result = calibrate(sections, symmetry="auto", parametrization=kind)
    seconds = time.perf_counter() - began
    model, fit = result.model, result.coverage
    right = fit.axis == "z" and model.order == truth.order
    laws = " + ".join(field.law.name for field in model.fields)
    if fit.axis is None:
        return Recovery(right, laws, (1.0, 1.0), *((np.nan, np.nan),) * 3, seconds)
    return Recovery(
        right,
        laws,
        tuple(axial_scale(field) for field in model.fields),
        by_plane(result, np.abs(fit.model - fit.data)),
        averaged(result),
        by_plane(result, np.abs(difference(result, truth))),
        seconds,
    )


def draw(truth: ExcursionModel, plane: str, seed: int, side: int) -> Section:
    """One section of a truth."""
    return read_section(section_sampler(truth, (side, side), plane=plane).labels(seed), plane=plane)


def axial_scale(field: Field) -> float:
    """Correlation length along the axis over that across it, from the kernel itself."""
    distance = np.linspace(0.0, 40.0, 4001)
    zero = np.zeros(1)
    across = field.kernel.grid_correlation(distance, zero)[:, 0]
    along = field.kernel.grid_correlation(zero, distance)[0]
    level = np.exp(-0.5)
    return float(distance[np.argmax(along < level)] / distance[np.argmax(across < level)])


def difference(result: CalibrationResult, truth: ExcursionModel) -> np.ndarray:
    """C_ij of the model less those of the truth at the lags fitted, at the truth's fractions."""
    model, lags = result.model, result.coverage.lags
    fields = tuple(
        replace(
            one,
            threshold=one.law.threshold(
                known.probability if one.side == "above" else 1.0 - known.probability
            ),
        )
        for one, known in zip(model.fields, truth.fields, strict=True)
    )
    offsets = np.stack([lags.along, np.zeros_like(lags.along), lags.across], axis=-1)
    matched = replace(model, fields=fields, order=truth.order, provenance=None)
    return np.asarray(matched.two_point_coverage(offsets) - truth.two_point_coverage(offsets))


def by_plane(result: CalibrationResult, deviation: np.ndarray) -> tuple[float, float]:
    """Largest deviation in planes with the axis, and normal to it."""
    with_axis, normal = (
        float(deviation[..., rows.start : rows.stop].max()) for rows in result.coverage.planes
    )
    return with_axis, normal


def averaged(result: CalibrationResult) -> tuple[float, float]:
    """Largest deviation from the sections after averaging over the directions in each plane."""
    fit = result.coverage
    mean = np.zeros_like(fit.data)
    for rows in fit.planes:
        inside = slice(rows.start, rows.stop)
        rings = np.rint(fit.lag[inside]).astype(int)
        for ring in np.unique(rings):
            own = np.flatnonzero(rings == ring) + rows.start
            mean[..., own] = (fit.model - fit.data)[..., own].mean(axis=-1, keepdims=True)
    return by_plane(result, np.abs(mean))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--isotropy", type=int, default=0, metavar="PAIRS")
    parser.add_argument("--scales", type=float, nargs="+", default=[1.0, 1.2, 1.5, 2.0])
    options = parser.parse_args()
    if options.isotropy:
        print_rejections(options.isotropy, options.side, options.scales)
        return
    print(
        "| axial scale | parametrization | axis and order right | laws found | axial scale of X, "
        "found / true | of Y | worst | within 5 % | sections | by distance | truth | seconds |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    for scale in SCALES:
        for kind in ("high", "low"):
            found = [recover(scale, kind, seed, options.side) for seed in range(options.seeds)]
            print(row(scale, kind, found), flush=True)


def print_rejections(pairs: int, side: int, scales: Sequence[float]) -> None:
    """Print how often isotropy is rejected, and how often z is then the axis."""
    print("| axial scale | rejected at 1 % | axis right |")
    print("|---|---|---|")
    for scale in scales:
        truth = truth_of(scale)
        samplers = [section_sampler(truth, (side, side), plane=plane) for plane in PLANES]
        tests = [
            isotropy_test(
                [
                    read_section(sampler.labels(2 * pair + place), plane=plane)
                    for place, (plane, sampler) in enumerate(zip(PLANES, samplers, strict=True))
                ]
            )
            for pair in range(pairs)
        ]
        rejected = [test for test in tests if test is not None and test.rejected]
        right = sum(test.axis == "z" for test in rejected)
        print(f"| {scale:g} | {len(rejected)}/{pairs} | {right}/{len(rejected)} |", flush=True)


def row(scale: float, kind: str, found: list[Recovery]) -> str:
    """Row of the table: medians over the seeds, and the worst."""
    ratios = np.array([one.scales for one in found]) / scale
    off = np.abs(ratios - 1.0)
    laws = [one.laws for one in found]
    cells = [
        f"{scale:g}",
        kind,
        f"{sum(one.right for one in found)}/{len(found)}",
        ", ".join(f"{laws.count(name)} x {name}" for name in sorted(set(laws))),
        *(
            f"{np.median(column):.3f} ({column.min():.3f} to {column.max():.3f})"
            for column in ratios.T
        ),
        f"{100 * off.max():.1f} %",
        f"{int(np.sum(off <= 0.05))}/{off.size}",
        *(
            f"{median_of(found, name, 0)} / {median_of(found, name, 1)}"
            for name in ("sections", "by_distance", "truth")
        ),
        f"{np.median([one.seconds for one in found]):.1f}",
    ]
    return "| " + " | ".join(cells) + " |"


def median_of(found: list[Recovery], name: str, place: int) -> str:
    """Median of a deviation, and the largest."""
    values = [getattr(one, name)[place] for one in found]
    return f"{np.nanmedian(values):.4f} ({np.nanmax(values):.4f})"


if __name__ == "__main__":
    main()
