"""What the methods of calibration make of real structures: descriptors that they did not see.

    MORPHGEN_DATA=FOLDER python benchmarks/mismatch.py [--materials nmc berea demo] [--side 128]
        [--samples 4] [--methods coverage adversarial combined]

A phase against the rest. NMC cathode (label 1) and Berea sandstone (label 0): every method is
given the middle section; its volumes are compared with cubes of the real one. The built-in section
(all but label 1, which is what conducts through it) has no volume: other sections of it are
compared with sections of the models, in 2D.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import numpy as np
import scipy.ndimage
import taufactor
import tifffile
from morphgen.cli.demo_section import demo_section
from runs import surroundings

import morphgen as mg
from morphgen.descriptors import chord_lengths, specific_surface_areas

METHODS = ("coverage", "adversarial", "combined")
VOLUMES = {"nmc": ("nmc_cathode_3d.tif", 1), "berea": ("berea_sandstone_3d.tif", 0)}
DEMO_REST, DEMO_SIDE = 1, 512

Row = dict[str, float]


def measure(phase: np.ndarray) -> Row:
    """Descriptors of a boolean image of two or three axes, lengths in voxels."""
    labels = phase.astype(np.uint8)
    chords = [
        [float(chord_lengths(labels, i, axis).mean()) for axis in range(labels.ndim)]
        for i in (0, 1)
    ]
    clusters, _ = scipy.ndimage.label(phase)
    sizes = np.bincount(clusters.ravel())[1:]
    return {
        "mean chord of the phase": float(np.mean(chords[1])),
        "mean chord of the rest": float(np.mean(chords[0])),
        "specific surface area": float(specific_surface_areas(labels, (0, 1))[1]),
        "largest cluster": float(sizes.max() / sizes.sum()),
        "tortuosity factor": tortuosity_factor(clusters),
    }


def tortuosity_factor(clusters: np.ndarray) -> float:
    """Tortuosity factor along the first axis; infinite if no cluster connects the two faces."""
    through = np.intersect1d(clusters[0], clusters[-1])
    connected = np.isin(clusters, through[through > 0])
    if not connected.any():
        return float("inf")
    solver = taufactor.Solver(connected.astype(np.uint8), device="cpu")
    solver.solve(verbose=False)
    # it relates the conductivity to the volume of what it is given, here the connected part
    return float(np.ravel(solver.tau)[0] * np.mean(clusters > 0) / connected.mean())


def cubes(volume: np.ndarray, side: int, count: int) -> list[np.ndarray]:
    """Cubes in the corners of a volume, which differ as far as it allows."""
    corners = [
        (0, 0, 0),
        (1, 1, 1),
        (0, 1, 1),
        (1, 0, 0),
        (1, 1, 0),
        (0, 0, 1),
        (1, 0, 1),
        (0, 1, 0),
    ]
    found = []
    for corner in corners[:count]:
        starts = [end * (length - side) for end, length in zip(corner, volume.shape, strict=True)]
        found.append(volume[tuple(slice(start, start + side) for start in starts)])
    return found


def real(material: str, side: int, samples: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Section that is calibrated on, and images that are compared with, as booleans."""
    if material == "demo":
        images = [demo_section(seed, DEMO_SIDE) != DEMO_REST for seed in range(samples + 1)]
        return images[0], images[1:]
    name, label = VOLUMES[material]
    phase = tifffile.imread(Path(os.environ["MORPHGEN_DATA"]) / name) == label
    return phase[phase.shape[0] // 2], cubes(phase, side, samples)


def drawn(model: mg.ExcursionModel, like: list[np.ndarray]) -> list[np.ndarray]:
    """Realizations of a model of the shape of the given images."""
    if like[0].ndim == 2:
        sampler = mg.section_sampler(model, like[0].shape)
        return [sampler.labels(seed) == 1 for seed in range(len(like))]
    windows = (
        mg.Realization(model, seed).window((0, 0, 0), image.shape)
        for seed, image in enumerate(like)
    )
    return [window == 1 for window in windows]


def mean(rows: list[Row]) -> tuple[Row, Row]:
    """Mean of each descriptor and the standard error of the mean."""
    table = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    scatter = {name: float(v.std(ddof=1) / np.sqrt(v.size)) for name, v in table.items()}
    return {name: float(v.mean()) for name, v in table.items()}, scatter


def compare(material: str, options: argparse.Namespace) -> None:
    """Print the table of one material."""
    section, images = real(material, options.side, options.samples)
    truth, scatter = mean([measure(image) for image in images])
    heads = ("method", "laws", "seconds", *truth, "mean relative error")
    print(f"\n### {material}\n\n| {' | '.join(heads)} |")
    print("|" + "---|" * len(heads))
    cells = (f"{truth[name]:.4g} ± {scatter[name]:.2g}" for name in truth)
    print(f"| real | | | {' | '.join(cells)} | |", flush=True)
    given = mg.read_section(section.astype(np.uint8))
    for method in options.methods:
        start = time.perf_counter()
        model = mg.calibrate([given], method=method).model
        seconds = time.perf_counter() - start
        found, spread = mean([measure(image) for image in drawn(model, images)])
        errors = [abs(found[name] / truth[name] - 1.0) for name in truth]
        # a phase that does not connect two faces has no finite tortuosity factor
        finite = [error for error in errors if np.isfinite(error)]
        cells = (f"{found[name]:.4g} ± {spread[name]:.2g}" for name in truth)
        laws = ", ".join(field.law.name for field in model.fields)
        error = f"{np.mean(finite):.3f}" + ("" if len(finite) == len(errors) else " (finite ones)")
        print(f"| {method} | {laws} | {seconds:.0f} | {' | '.join(cells)} | {error} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--materials", nargs="+", default=["demo", *VOLUMES])
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=METHODS)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--samples", type=int, default=4)
    options = parser.parse_args()
    print(surroundings("morphgen", "numpy", "torch", "taufactor"))
    for material in options.materials:
        compare(material, options)


if __name__ == "__main__":
    main()
