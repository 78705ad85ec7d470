"""Descriptors that see a volume as a whole: what they cost, how far they err, beside their peers.

    OMP_NUM_THREADS=1 python benchmarks/wholes.py cost [--edges 96,128,192]
    OMP_NUM_THREADS=1 python benchmarks/wholes.py bias
    OMP_NUM_THREADS=1 python benchmarks/wholes.py peers

cost: seconds of one core per cube of three phases, all phases and directions. bias: balls, channels
and walks whose size is known, at random places and in random directions. peers: the same quantities
by PoreSpy and taufactor.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import time
import warnings
from collections.abc import Callable

import models
import numpy as np
import porespy
import scipy.ndimage
import taufactor
import torch
from runs import surroundings

import morphgen as mg
from morphgen import descriptors
from morphgen.descriptors import _conduction, _openings
from morphgen.descriptors.connectivity import Connectivity
from morphgen.descriptors.contact import SphericalContact
from morphgen.descriptors.geodesic import GeodesicTortuosity
from morphgen.descriptors.parts import Frame
from morphgen.descriptors.sizes import PhaseSizes
from morphgen.descriptors.transport import Conductivity, Transport

CONDUCTIVITIES = ((0, 1.0), (1, 0.1), (2, 10.0))
MEASURES = {
    "clusters": Connectivity(),
    "spherical contact": SphericalContact(),
    "phase sizes, intrusion": PhaseSizes(),
    "geodesic tortuosity": GeodesicTortuosity(),
    "effective diffusivity": Transport(),
    "effective conductivity": Conductivity("effective_ionic_conductivity", CONDUCTIVITIES),
}


def volume(edge: int, seed: int = 1) -> np.ndarray:
    """Three phases of fractions .35, .26, .39 and a correlation length of 8 voxels."""
    sample = mg.Realization(models.three_phases(), seed=seed)
    return sample.window(start=(0, 0, 0), shape=(edge,) * 3, xp=np)


def seconds(work: Callable[[], object]) -> tuple[float, object]:
    """Time of this process, and the result."""
    before = time.process_time()
    result = work()
    return time.process_time() - before, result


def cost(edges: list[int]) -> None:
    print("| measure | " + " | ".join(f"{edge}³" for edge in edges) + " |")
    print("|---|" + "---|" * len(edges))
    volumes = [volume(edge) for edge in edges]
    for name, measure in MEASURES.items():
        cells = []
        measure.readings(volumes[0][:16, :16, :16].copy(), frame_of((16,) * 3))
        for labels in volumes:
            spent, _ = seconds(lambda: measure.readings(labels, frame_of(labels.shape)))  # noqa: B023
            cells.append(f"{spent:.2g}")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def frame_of(shape: tuple[int, ...]) -> Frame:
    return Frame(shape, (1.0, 1.0, 1.0), "zyx", (0, 1, 2))


def bias(repeats: int = 40) -> None:
    rng = np.random.default_rng(0)
    radii = np.arange(8, 88) / 8
    print("| shape of radius R | R | median radius less R: mean | standard deviation |")
    print("|---|---|---|---|")
    for radius in (4.0, 8.0):
        for name in ("ball", "channel along an axis", "channel in any direction"):
            errors = []
            for _ in range(repeats):
                labels = round_shape(name, radius, rng)
                found = descriptors.continuous_phase_size_distribution(labels, 1, 1.0, radii)
                errors.append(found.median() - radius)
            print(f"| {name} | {radius:.0f} | {np.mean(errors):.2f} | {np.std(errors):.2f} |")
        errors = []
        for _ in range(repeats):
            labels = round_shape("channel up to 40° off", radius, rng)
            found = descriptors.simulated_intrusion(labels, 1, 0, 1.0, radii)
            errors.append(found.median() - radius)
        print(
            f"| intrusion: channel up to 40° off | {radius:.0f} | {np.mean(errors):.2f} "
            f"| {np.std(errors):.2f} |"
        )
    contact()
    accuracy()


def round_shape(name: str, radius: float, rng: np.random.Generator) -> np.ndarray:
    edge = int(2 * radius + 10)
    grid = np.indices((edge,) * 3) - (edge - 1) / 2 - rng.uniform(-0.5, 0.5, (3, 1, 1, 1))
    squares = (grid**2).sum(axis=0)
    if name == "ball":
        return (squares < radius**2).astype(np.uint8)
    along = np.array([1.0, 0.0, 0.0])
    if name == "channel in any direction":
        along = rng.standard_normal(3)
    if name.startswith("channel up to"):
        turn, tilt = rng.uniform(0, 2 * np.pi), rng.uniform(0, np.radians(40))
        along = np.array([np.cos(tilt), np.sin(tilt) * np.cos(turn), np.sin(tilt) * np.sin(turn)])
    ahead = np.tensordot(along / np.linalg.norm(along), grid, axes=1)
    return (squares - ahead**2 < radius**2).astype(np.uint8)


def contact(edge: int = 128, radius: float = 6.0, density: float = 2e-4) -> None:
    """Boolean model of balls about Poisson points: 1 - H = exp(-density (|B_R+r| - |B_R|))."""
    radii = np.arange(1.0, 9.0)
    found = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        reach = int(radius) + 1
        germs = rng.uniform(
            -reach, edge + reach, (rng.poisson(density * (edge + 2 * reach) ** 3), 3)
        )
        labels = np.zeros((edge,) * 3, dtype=np.uint8)
        for germ in germs:
            low = np.maximum(np.ceil(germ - radius), 0).astype(int)
            high = np.clip(np.floor(germ + radius).astype(int) + 1, 0, edge)
            if (low < high).all():
                box = tuple(map(slice, low, high))
                places = np.meshgrid(*map(np.arange, low, high), indexing="ij")
                near = sum((g - c) ** 2 for g, c in zip(places, germ, strict=True)) <= radius**2
                labels[box] |= near.astype(np.uint8)
        found.append(descriptors.spherical_contact_distribution(labels, 1, 1.0, radii))
    mean, error = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / len(found) ** 0.5

    def exact(r):
        return 1 - np.exp(-density * 4 / 3 * np.pi * ((radius + r) ** 3 - radius**3))

    shift = [
        r - np.interp(h, exact(np.linspace(0, 20, 2001)), np.linspace(0, 20, 2001))
        for r, h in zip(radii, mean, strict=True)
    ]
    print("\n| radius in voxels | H | standard error | exact | shift of the radius |")
    print("|---|---|---|---|---|")
    for row in zip(radii, mean, error, exact(radii), shift, strict=True):
        print("| {:.0f} | {:.3f} | {:.3f} | {:.3f} | {:.2f} |".format(*row))


def accuracy() -> None:
    """Error of the conductivity because the equations are solved to a residual only."""
    print("\n| edge | conductivities | error of the solver |\n|---|---|---|")
    for edge in (64, 96):
        labels = volume(edge)
        for values in ({0: 1.0, 1: 0.0, 2: 0.0}, dict(CONDUCTIVITIES), {0: 1e-6, 1: 1.0, 2: 1e3}):
            found = descriptors.effective_conductivity(labels, values, 0)
            given, _conduction._RESIDUAL = _conduction._RESIDUAL, 1e-10
            exact = descriptors.effective_conductivity(labels, values, 0)
            _conduction._RESIDUAL = given
            print(f"| {edge} | {list(values.values())} | {found / exact - 1:.1e} |", flush=True)


def peers(edge: int = 96) -> None:
    labels = volume(edge)
    own = labels == 0
    radii = np.arange(1, 13)
    rows = [("quantity", "morphgen", "peer", "largest difference", "morphgen s", "peer s")]
    ours, found = seconds(
        lambda: descriptors.continuous_phase_size_distribution(labels, 0, 1.0, radii.astype(float))
    )
    theirs, thick = seconds(lambda: porespy.filters.local_thickness(own, sizes=radii, method="dt"))
    shares = np.array([(thick[own] >= radius).mean() for radius in radii])
    rows.append(row("phase size distribution, PoreSpy", found.shares, shares, ours, theirs))
    spent, entered = seconds(
        lambda: descriptors.simulated_intrusion(labels, 0, 0, 1.0, radii.astype(float))
    )
    theirs, shares = seconds(lambda: intrusion(own, radii))
    rows.append(row("intrusion, PoreSpy", entered.shares, shares, spent, theirs))
    numbered = _openings.numbered_clusters
    _openings.numbered_clusters = lambda image, _: numbered(image, 6)
    entered = descriptors.simulated_intrusion(labels, 0, 0, 1.0, radii.astype(float))
    _openings.numbered_clusters = numbered
    rows.append(row("intrusion by faces only, PoreSpy", entered.shares, shares, spent, theirs))
    for phase in (0, 1, 2):
        values = {other: float(other == phase) for other in (0, 1, 2)}
        spent, ours = seconds(lambda: descriptors.effective_conductivity(labels, values, 0))  # noqa: B023
        theirs, value = seconds(lambda: diffusivity(labels == phase))  # noqa: B023
        rows.append(row(f"diffusivity of phase {phase}, taufactor", ours, value, spent, theirs))
    for line in rows:
        print("| " + " | ".join(line) + " |")
        if line is rows[0]:
            print("|---" * len(line) + "|")
    multiphase()


def row(name: str, ours, theirs, spent: float, their_time: float) -> tuple[str, ...]:
    middle = len(ours) // 2 if np.ndim(ours) else ()
    one, other = np.asarray(ours)[middle], np.asarray(theirs)[middle]
    difference = np.max(np.abs(np.asarray(ours) - np.asarray(theirs)))
    return (
        name,
        f"{one:.4f}",
        f"{other:.4f}",
        f"{difference:.1e}",
        f"{spent:.2g}",
        f"{their_time:.2g}",
    )


def intrusion(own: np.ndarray, radii: np.ndarray) -> np.ndarray:
    shares = np.zeros(radii.size)
    for side in (0, -1):
        inlet = np.zeros_like(own)
        inlet[side] = True
        reached = porespy.filters.porosimetry(own, sizes=radii, inlets=inlet)
        shares += [(reached[own] >= radius).mean() / 2 for radius in radii]
    return shares


def diffusivity(own: np.ndarray) -> float:
    solver = taufactor.Solver(own.astype(np.uint8), device="cpu")
    solver.solve(verbose=False, conv_crit=1e-3)
    return float(solver.D_eff[0])


def multiphase() -> None:
    """Laminates in series and in parallel and a checkerboard, of conductivities 1 and 10."""
    print("\n| structure | exact | morphgen | taufactor's MultiPhaseSolver |\n|---|---|---|---|")
    for edge in (16, 64):
        sandwich = np.ones((edge, 8, 8), dtype=np.uint8)
        sandwich[: edge // 4] = sandwich[-edge // 4 :] = 2
        layers = np.ones((edge, 8, 8), dtype=np.uint8)
        layers[:, 4:] = 2
        cells = scipy.ndimage.zoom(np.indices((2, 2)).sum(axis=0) % 2 + 1, edge // 2, order=0)
        columns = np.repeat(cells[:, :, None], 4, axis=2).astype(np.uint8)
        for name, labels, exact in (
            ("sandwich", sandwich, 1 / (0.5 / 1 + 0.5 / 10)),
            ("parallel layers", layers, 5.5),
            ("checkerboard of columns", columns, 10**0.5),
        ):
            ours = descriptors.effective_conductivity(labels, {1: 1.0, 2: 10.0}, 0)
            solver = taufactor.MultiPhaseSolver(labels, cond={1: 1.0, 2: 10.0}, device="cpu")
            solver.solve(verbose=False, conv_crit=1e-4)
            print(f"| {name}, {edge} voxels | {exact:.4f} | {ours:.4f} | {solver.D_eff[0]:.4f} |")
    print("\n| solid of voxels | exact | morphgen | taufactor's AnisotropicSolver |")
    print("|---|---|---|---|")
    for spacing in ((1.0, 2.0, 1.0), (2.0, 1.0, 1.0), (1.0, 0.5, 0.5)):
        solid = np.ones((16, 12, 12), dtype=np.uint8)
        ours = descriptors.effective_diffusivity(solid, 1, 0, spacing)
        solver = taufactor.AnisotropicSolver(solid, spacing, device="cpu")
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            solver.solve(verbose=False, iter_limit=2000)
        print(f"| {spacing} | 1 | {ours:.4f} | {solver.D_eff[0]:.4f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["cost", "bias", "peers"])
    parser.add_argument("--edges", default="96,128,192")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(surroundings("morphgen", "numpy", "scipy", "porespy", "taufactor"), "\n")
    if options.what == "cost":
        cost([int(edge) for edge in options.edges.split(",")])
    else:
        {"bias": bias, "peers": peers}[options.what]()


if __name__ == "__main__":
    main()
