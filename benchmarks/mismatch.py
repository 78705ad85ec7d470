"""What the methods of calibration make of real structures: descriptors that they did not see.

    MORPHGEN_DATA=FOLDER python benchmarks/mismatch.py [--materials nmc berea demo] [--side 128]
        [--sections 3] [--samples 3] [--methods coverage adversarial combined]

A phase against the rest. NMC cathode (label 1) and Berea sandstone (label 0): every method is
given one section, several times another one; volumes of its models are compared with eight cubes
of the real one. The built-in section (all but label 1, which is what conducts through it) has no
volume: other sections of it are compared with sections of the models, in 2D. The tortuosity
factor is that of the mean conductivity, so that one sample without a connection does not make it
infinite.
"""

from __future__ import annotations

import argparse
import itertools
import os
import time
from pathlib import Path

import numpy as np
import scipy.ndimage
import taufactor
import tifffile
from runs import surroundings

import morphgen as mg
from morphgen.descriptors import chord_lengths, specific_surface_areas
from morphgen.images.demo import demo_section

TORTUOSITY = "tortuosity factor"
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
        TORTUOSITY: relative_conductivity(clusters),
    }


def relative_conductivity(clusters: np.ndarray) -> float:
    """Reciprocal tortuosity factor along the first axis; 0 if no cluster connects the faces."""
    through = np.intersect1d(clusters[0], clusters[-1])
    connected = np.isin(clusters, through[through > 0])
    if not connected.any():
        return 0.0
    solver = taufactor.Solver(connected.astype(np.uint8), device="cpu")
    solver.solve(verbose=False)
    # it relates the conductivity to the volume of what it is given, here the connected part
    return float(connected.mean() / (np.ravel(solver.tau)[0] * np.mean(clusters > 0)))


def cubes(volume: np.ndarray, side: int) -> list[np.ndarray]:
    """Cubes in the corners of a volume."""
    starts = [(0, length - side) for length in volume.shape]
    return [
        volume[z : z + side, y : y + side, x : x + side] for z, y, x in itertools.product(*starts)
    ]


def real(material: str, side: int, sections: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Sections that are calibrated on one by one, and images to compare with, as booleans."""
    if material == "demo":
        images = [demo_section(seed, DEMO_SIDE) != DEMO_REST for seed in range(sections + 8)]
        return images[:sections], images[sections:]
    name, label = VOLUMES[material]
    phase = tifffile.imread(Path(os.environ["MORPHGEN_DATA"]) / name) == label
    places = [(2 * k + 1) * len(phase) // (2 * sections) for k in range(sections)]
    return [phase[place] for place in places], cubes(phase, side)


def drawn(model: mg.ExcursionModel, shape: tuple[int, ...], samples: int) -> list[np.ndarray]:
    """Realizations of a model."""
    if len(shape) == 2:
        sampler = mg.section_sampler(model, shape)
        return [sampler.labels(seed) == 1 for seed in range(samples)]
    windows = (mg.Realization(model, seed).window((0, 0, 0), shape) for seed in range(samples))
    return [window == 1 for window in windows]


def mean(rows: list[Row]) -> tuple[Row, Row]:
    """Mean of each descriptor and the standard error of the mean."""
    values, errors = {}, {}
    for name in rows[0]:
        column = np.array([row[name] for row in rows])
        value, error = float(column.mean()), float(column.std(ddof=1) / np.sqrt(column.size))
        if name == TORTUOSITY and value > 0.0:
            value, error = 1.0 / value, error / value**2
        values[name], errors[name] = value, error
    return values, errors


def table_row(head: tuple[str, ...], values: Row, errors: Row, last: str) -> None:
    cells = (f"{values[name]:.4g} ± {errors[name]:.2g}" for name in values)
    print(f"| {' | '.join((*head, *cells, last))} |", flush=True)


def compare(material: str, options: argparse.Namespace) -> None:
    """Print the table of one material."""
    sections, images = real(material, options.side, options.sections)
    truth, scatter = mean([measure(image) for image in images])
    heads = ("method", "laws", "seconds", *truth, "mean relative error")
    print(f"\n### {material}\n\n| {' | '.join(heads)} |")
    print("|" + "---|" * len(heads))
    table_row(("real", "", ""), truth, scatter, "")
    for method in options.methods:
        rows, laws, seconds = [], [], []
        for section in sections:
            start = time.perf_counter()
            given = mg.read_section(section.astype(np.uint8))
            model = mg.calibrate([given], method=method).model
            seconds.append(time.perf_counter() - start)
            laws.append(model.fields[0].law.name + f" ({model.fields[0].side})")
            rows += [measure(one) for one in drawn(model, images[0].shape, options.samples)]
        found, spread = mean(rows)
        error = np.mean([abs(found[name] / truth[name] - 1.0) for name in truth])
        counts = ", ".join(f"{laws.count(law)} × {law}" for law in sorted(set(laws)))
        table_row((method, counts, f"{np.mean(seconds):.0f}"), found, spread, f"{error:.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--materials", nargs="+", default=["demo", *VOLUMES])
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=METHODS)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--sections", type=int, default=3)
    parser.add_argument("--samples", type=int, default=3)
    options = parser.parse_args()
    print(surroundings("morphgen", "numpy", "torch", "taufactor"))
    for material in options.materials:
        compare(material, options)


if __name__ == "__main__":
    main()
