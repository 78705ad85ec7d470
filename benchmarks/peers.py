"""Morphgen beside its peers: time and memory of the same two-phase volume, in one run.

    pip install -c constraints.txt -e ".[bench,calibrate]"
    python benchmarks/peers.py [--side 512] [--length 8] [--repeats 3] [--peers generate blobs ...]
    python benchmarks/peers.py --check

One Gaussian field of covariance exp(-h^2 / 2 l^2), thresholded at a volume fraction of one half.
Every measurement is a fresh process; in every repeat all peers take their turn, and a ratio
compares two runs of one repeat. `--check` compares the two-point statistics of every peer's labels
with the exact ones instead.
"""

from __future__ import annotations

import argparse
import atexit
import json
import math
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from models import smooth
from runs import GIB, MIB, fresh, surroundings, watched

PACKAGES = ("morphgen", "numpy", "scipy", "zarr", "torch", "porespy", "gstools")


def generate(side: int, length: float, seed: int, modes: int | None) -> Any:
    """morphgen, into a compressed Zarr store, by as many processes as it takes by itself."""
    import morphgen as mg

    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    mg.generate(smooth(length), folder / "v.zarr", shape=(side,) * 3, seed=seed, backend="numpy")
    return mg.open_volume(folder / "v.zarr").labels()


def window(side: int, length: float, seed: int, modes: int | None) -> Any:
    """morphgen, a window of the realization in memory, on one thread."""
    import morphgen as mg

    return mg.Realization(smooth(length), seed).window((0, 0, 0), (side,) * 3)


def blobs(side: int, length: float, seed: int, modes: int | None) -> Any:
    """PoreSpy `blobs`: white noise smoothed by `gaussian_filter`, thresholded per image.

    It smooths with the standard deviation s = mean(shape) / (40 blobiness); the covariance of
    smoothed white noise has the length s sqrt(2).
    """
    import porespy

    blobiness = side / 40.0 / (length / math.sqrt(2.0))
    return porespy.generators.blobs(shape=[side] * 3, porosity=0.5, blobiness=blobiness, seed=seed)


def smoothing(side: int, length: float, seed: int, modes: int | None) -> Any:
    """SciPy `gaussian_filter` of white noise, periodic, as it cuts off: at four deviations."""
    from scipy.ndimage import gaussian_filter

    noise = np.random.default_rng(seed).standard_normal((side,) * 3, dtype=np.float32)
    return gaussian_filter(noise, length / math.sqrt(2.0), mode="wrap") >= 0.0


def transfer(side: int, length: float) -> tuple[np.ndarray, np.ndarray]:
    """Square root of the spectrum along one whole axis, and along the halved one."""
    whole, half = np.fft.fftfreq(side), np.fft.rfftfreq(side)
    long, short = (np.exp(-((math.pi * length * k) ** 2)).astype(np.float32) for k in (whole, half))
    return long, short


def numpy_fft(side: int, length: float, seed: int, modes: int | None) -> Any:
    """Whole volume at once: white noise times the root of the spectrum, by numpy.fft."""
    noise = np.random.default_rng(seed).standard_normal((side,) * 3, dtype=np.float32)
    spectrum = np.fft.rfftn(noise)
    del noise
    long, short = transfer(side, length)
    spectrum *= long[:, None, None]
    spectrum *= long[:, None]
    spectrum *= short
    return np.fft.irfftn(spectrum, s=(side,) * 3, axes=(0, 1, 2)) >= 0.0


def torch_fft(side: int, length: float, seed: int, modes: int | None) -> Any:
    """The same by torch.fft, on as many threads as torch takes by itself."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn((side,) * 3, generator=generator, dtype=torch.float32)
    spectrum = torch.fft.rfftn(noise)
    del noise
    long, short = (torch.from_numpy(part) for part in transfer(side, length))
    spectrum *= long[:, None, None]
    spectrum *= long[:, None]
    spectrum *= short
    return torch.fft.irfftn(spectrum, s=(side,) * 3) >= 0.0


def covariance_model(length: float) -> Any:
    """GSTools' Gaussian model exp(-(s h / l)^2) with s = 1 / sqrt(2)."""
    import gstools

    found = gstools.Gaussian(dim=3, var=1.0, len_scale=length, rescale=1.0 / math.sqrt(2.0))
    assert math.isclose(float(found.correlation(length)), math.exp(-0.5), rel_tol=1e-9)
    return found


def randomization(side: int, length: float, seed: int, modes: int | None) -> Any:
    """GSTools SRF, randomization method, with its default of 1000 modes."""
    import gstools

    field = gstools.SRF(covariance_model(length), seed=seed, mode_no=modes or 1000)
    return field.structured([np.arange(side, dtype=float)] * 3) >= 0.0


def fourier(side: int, length: float, seed: int, modes: int | None) -> Any:
    """GSTools SRF, Fourier method, periodic, with the modes that the covariance needs.

    Wave numbers up to 4.5 / l along each axis: all but 2e-5 of the variance.
    """
    import gstools

    needed = 2 * math.ceil(4.5 * side / (2.0 * math.pi * length))
    field = gstools.SRF(
        covariance_model(length),
        generator="Fourier",
        period=[float(side)] * 3,
        mode_no=[modes or needed] * 3,
        seed=seed,
    )
    return field.structured([np.arange(side, dtype=float)] * 3) >= 0.0


@dataclass(frozen=True)
class Peer:
    """One way to draw the volume.

    `slow` ones run at `--slow-side`. Their memory is measured at larger sizes with two modes: the
    number of modes changes the time alone.
    """

    title: str
    draw: Callable[[int, float, int, int | None], Any]
    cores: str
    slow: bool = False


PEERS = {
    "generate": Peer("morphgen `generate`, Zarr store", generate, "all, processes"),
    "window": Peer("morphgen `Realization.window`", window, "1"),
    "blobs": Peer("PoreSpy `blobs`", blobs, "1"),
    "smoothing": Peer("SciPy `gaussian_filter`", smoothing, "1"),
    "numpy": Peer("whole-volume FFT, NumPy", numpy_fft, "1"),
    "torch": Peer("whole-volume FFT, torch", torch_fft, "all, threads"),
    "randomization": Peer("GSTools SRF, randomization", randomization, "GSTools' own", slow=True),
    "fourier": Peer("GSTools SRF, Fourier", fourier, "GSTools' own", slow=True),
}


def one(peer: str, side: int, length: float, seed: int, modes: int | None) -> dict[str, float]:
    """Measure in this process; libraries are loaded, and compiled, by a tiny volume before."""
    draw = PEERS[peer].draw
    # of another length, so that no kernel is prepared in advance
    draw(16, 0.75 * length, seed, modes)
    with watched() as peak:
        start = time.perf_counter()
        labels = draw(side, length, seed, modes)
        seconds = time.perf_counter() - start
        assert tuple(labels.shape) == (side,) * 3
    return {"seconds": seconds, "peak": peak.bytes}


@dataclass
class Measured:
    """What was measured of one peer."""

    side: int
    seconds: list[float | None]
    peaks: list[float]

    @property
    def per_voxel(self) -> list[float | None]:
        """Nanoseconds per voxel of each repeat; None where the time limit was reached."""
        return [None if s is None else s / self.side**3 * 1e9 for s in self.seconds]


def measure(options: argparse.Namespace) -> dict[str, Measured]:
    sides = {
        name: options.slow_side if PEERS[name].slow else options.side for name in options.peers
    }
    found = {name: Measured(side, [], []) for name, side in sides.items()}
    for seed in range(options.repeats):
        for name, measured in found.items():
            request = {"peer": name, "side": sides[name], "length": options.length, "seed": seed}
            answer = fresh(__file__, request | {"modes": None}, options.limit)
            measured.seconds.append(None if answer is None else answer["seconds"])
            measured.peaks.append(math.nan if answer is None else answer["peak"])
            print(json.dumps(request | (answer or {"seconds": None})), file=sys.stderr, flush=True)
    return found


def memory_line(name: str, options: argparse.Namespace) -> tuple[float, float]:
    """Bytes at no voxels, and bytes per voxel, from two sizes in fresh processes."""
    modes = 2 if PEERS[name].slow else None
    points = []
    for side in (options.side // 2, options.side):
        request = {"peer": name, "side": side, "length": options.length, "seed": 0, "modes": modes}
        answer = fresh(__file__, request, options.limit)
        if answer is None:
            return math.nan, math.nan
        points.append((side**3, answer["peak"]))
    (small, low), (large, high) = points
    slope = (high - low) / (large - small)
    return low - slope * small, slope


def row(name: str, found: dict[str, Measured], options: argparse.Namespace) -> str:
    peer, measured = PEERS[name], found[name]
    base, slope = memory_line(name, options)
    times = [t for t in measured.per_voxel if t is not None]
    cells = [peer.title, f"{measured.side}³", peer.cores]
    if times:
        typical = statistics.median(times)
        cells += [f"{typical:.3g}", f"{1e9 / typical:.3g}", _ratio(name, found)]
    else:
        cells += [f"over {options.limit:g} s", "–", "–"]
    cells.append(f"{max(measured.peaks) / MIB:.0f}")
    if name == "generate":
        cells += ["none", "as the disk holds"]
    else:
        cells += [f"{slope:.1f}", f"{_largest(base, slope)}³" if slope > 0.0 else "–"]
    return "| " + " | ".join(cells) + " |"


def _ratio(name: str, found: dict[str, Measured]) -> str:
    if name == "generate" or "generate" not in found:
        return "1" if name == "generate" else "–"
    pairs = zip(found[name].per_voxel, found["generate"].per_voxel, strict=True)
    ratios = [theirs / ours for theirs, ours in pairs if theirs is not None and ours is not None]
    if not ratios:
        return "–"
    text = f"{statistics.median(ratios):.3g}"
    return text if len(ratios) == 1 else f"{text} ({min(ratios):.3g} to {max(ratios):.3g})"


def _largest(base: float, slope: float) -> int:
    return math.floor((max(4 * GIB - base, 0.0) / slope) ** (1.0 / 3.0))


def report(options: argparse.Namespace) -> None:
    print(surroundings(*PACKAGES))
    print(
        f"Covariance exp(−h²/2l²) with l = {options.length:g} voxels, fraction one half; median of "
        f"{options.repeats}, ratios paired within each repeat (least to greatest).\n"
    )
    found = measure(options)
    print(
        "| | volume | cores | ns per voxel | voxels per second | time per voxel, `generate` = 1 "
        "| peak, MiB | bytes per voxel | largest cube in 4 GiB (derived) |"
    )
    print("|---" * 9 + "|")
    for name in options.peers:
        print(row(name, found, options), flush=True)
    print(
        f"\nBytes per voxel from the peaks at {options.side // 2}³ and {options.side}³, and the "
        "largest cube from these; it was not run."
    )
    if any(PEERS[name].slow for name in options.peers):
        print(
            "GSTools is too slow for the side of the others: its time is that of a smaller volume, "
            "and its Fourier method needs more modes per voxel the larger the volume."
        )


def check(options: argparse.Namespace) -> int:
    """Compare the share of equal pairs at some lags with 1/2 + asin(rho) / pi.

    Too far is what Student's t with the scatter over the seeds makes rarer than 1 in 1000.
    """
    from scipy.stats import t

    tolerated = float(t.isf(0.5e-3, options.seeds - 1))
    print(surroundings(*PACKAGES))
    print(
        f"Share of pairs of equal labels, {options.seeds} realizations; tolerated: {tolerated:.2g} "
        "standard errors.\n"
    )
    print("| | volume | lag | exact | found | standard error | |")
    print("|---" * 7 + "|")
    failures = 0
    for name in options.peers:
        side = options.check_slow_side if PEERS[name].slow else options.check_side
        lags = [max(1, round(options.length * factor)) for factor in (0.5, 1.0, 2.0)]
        shares = np.asarray(
            [
                equal_pairs(PEERS[name].draw(side, options.length, seed, None), lags)
                for seed in range(options.seeds)
            ]
        )
        errors = shares.std(axis=0, ddof=1) / math.sqrt(options.seeds)
        for lag, found, error in zip(lags, shares.mean(axis=0), errors, strict=True):
            rho = math.exp(-0.5 * (lag / options.length) ** 2)
            exact = 0.5 + math.asin(rho) / math.pi
            good = abs(found - exact) <= tolerated * error
            failures += not good
            print(
                f"| {PEERS[name].title} | {side}³ | {lag} | {exact:.4f} | {found:.4f} "
                f"| {error:.4f} | {'within' if good else 'OUTSIDE'} |",
                flush=True,
            )
    return failures


def equal_pairs(labels: Any, lags: list[int]) -> list[float]:
    """Share of pairs of equal labels at some lags, averaged over the axes."""
    host = np.asarray(labels[...]).astype(bool)
    shares = []
    for lag in lags:
        turned = (np.moveaxis(host, axis, 0) for axis in range(3))
        shares.append(float(np.mean([np.mean(t[lag:] == t[:-lag]) for t in turned])))
    return shares


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--slow-side", type=int, default=64, help="side for GSTools")
    parser.add_argument("--length", type=float, default=8.0, help="covariance length in voxels")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS))
    parser.add_argument("--limit", type=float, default=900.0, help="seconds for one process")
    parser.add_argument("--check", action="store_true", help="compare the statistics instead")
    parser.add_argument("--check-side", type=int, default=128)
    parser.add_argument("--check-slow-side", type=int, default=48)
    parser.add_argument("--seeds", type=int, default=16, help="realizations of the check")
    parser.add_argument("--one", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(one(**options.one)))
    elif options.check:
        sys.exit(check(options) and 1)
    else:
        report(options)


if __name__ == "__main__":
    main()
