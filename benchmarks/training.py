"""How long a combined calibration takes, from the first measurement to the saved model.

    python benchmarks/training.py [--steps 800] [--truths "mixed" ...] [--device cpu cuda]
    python benchmarks/training.py --predict [--bandwidth 4.8e12] [--launch 5e-6] [--flops 67e12]

Three-phase sections of 512 x 512 pixels; order and laws are chosen, networks trained. On CUDA as
well where torch finds a device; the first lines say why where it does not.

With --predict nothing is trained: steps and a score are counted as traffic.py counts blocks, and
what the host does itself is measured: all processor time outside the operations of a device. That
is the arithmetic of kernels and coverage functions, the descriptors of a score, and Python. A
device is bound from below by its bytes and floating-point operations; launches come on top of the
host's own time. A prediction, not a measurement. Defaults: what NVIDIA states for an H200, and a
usual cost of a launch from Python.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from runs import surroundings
from traffic import Traffic

import morphgen as mg
from morphgen.calibration.coverage import CoverageSolution, fit_coverage
from morphgen.calibration.training import generator
from morphgen.calibration.training.adversarial import AdversarialObjective
from morphgen.calibration.training.arithmetic import fixed_arithmetic
from morphgen.calibration.training.scaling import scaling_at
from morphgen.calibration.training.setting import adversarial_setting
from morphgen.devices import find
from morphgen.fields import noise
from morphgen.workflows import TrainingOptions, calibration_request

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from calibration.truths import TRUTHS

STEPS, SCORE_EVERY = 800, 50


def section_of(name: str) -> mg.Section:
    """Section of a truth."""
    return mg.read_section(mg.section_sampler(TRUTHS[name], (512, 512)).labels(1))


def timed(name: str, device: str, steps: int | None, method: str) -> str:
    """Table row of one truth."""
    section = section_of(name)
    began, busy = time.perf_counter(), time.process_time()
    stages: dict[str, float] = {}

    def tell(stage: str, done: int, total: int) -> None:
        stages.setdefault(stage.partition(":")[0], time.perf_counter() - began)

    options = TrainingOptions(steps=steps, device=device)
    result = mg.calibrate([section], method=method, training=options, progress=tell)
    with tempfile.TemporaryDirectory() as folder:
        result.model.save(Path(folder) / "model.json")
    seconds, busy = time.perf_counter() - began, time.process_time() - busy
    assert result.model.provenance is not None
    record = result.model.provenance.training
    assert record is not None
    laws = " + ".join(field.law.name for field in result.model.fields)
    trained = seconds - stages["training"]
    return (
        f"| {name} | {record.device}, {record.precision} | {laws} | {seconds:.0f} | {busy:.0f} "
        f"| {trained:.0f} | {record.steps} | {record.best_step} | {record.score_start:.3f} "
        f"| {record.score_best:.3f} | {result.coverage.misfit:.4f} |"
    )


def predicted(name: str, asked: argparse.Namespace) -> list[str]:
    """Table rows of one truth: a mean step, and a score, and how long all of them take at least."""
    laws = ",".join(field.law.name for field in TRUTHS[name].fields)
    request = calibration_request(fields=laws, order=TRUTHS[name].order, method="combined")
    found = []
    with fixed_arithmetic(1):
        fitted = fit_coverage([section_of(name)], request)
        for precision in ("float32", "bfloat16"):
            objective, score = _prepared(fitted, TrainingOptions(precision=precision))
            parts = (
                ("8 steps", _eight_steps(objective), STEPS // 8),
                ("score", score, 1 + STEPS // SCORE_EVERY),
            )
            found += [
                _bound(f"| {name} | {precision} | {what}", *part, asked) for what, *part in parts
            ]
    return found


def _prepared(
    fitted: CoverageSolution, options: TrainingOptions
) -> tuple[AdversarialObjective, Callable[[], object]]:
    scaling = scaling_at(fitted.problem, fitted.solution.parameters, 5e-3)
    device = torch.device("cpu")
    objective, score, _ = adversarial_setting(fitted, options, scaling, device, "combined")
    # weights are moved as on a CUDA device
    fighting = [
        replace(one, optimiser=torch.optim.Adam(one.network.parameters(), fused=True))
        for one in objective.adversaries
    ]
    start = np.zeros(scaling.start.size)
    return replace(objective, adversaries=fighting), lambda: score(start)


def _eight_steps(objective: AdversarialObjective) -> Callable[[], None]:
    """Steps of which one has the penalty."""
    coordinates = torch.zeros(objective.scaling.start.size, dtype=torch.float64, requires_grad=True)

    def run() -> None:
        for number in range(9, 17):
            objective.step(coordinates, number)

    return run


def _bound(head: str, run: Callable[[], object], times: int, asked: argparse.Namespace) -> str:
    """What a piece of work queues and computes itself, and how long all such pieces take."""
    run()
    whole = min(_processor_seconds(run) for _ in range(3))
    counts = [_counted(run) for _ in range(3)]
    seen = counts[0]
    own = max(0.0, whole - min(one.seconds for one in counts))
    calls, moved = sum(seen.calls.values()), sum(seen.bytes.values())
    queued = calls * asked.launch
    busy = max(moved / asked.bandwidth, seen.flops / asked.flops)
    return (
        f"{head} | {calls} | {moved / 1e6:.0f} MB | {seen.flops / 1e9:.1f} | {1e3 * busy:.2f} ms "
        f"| {1e3 * queued:.1f} ms | {1e3 * own:.0f} ms | {times} "
        f"| {times * max(busy, own + queued):.1f} s | {times * whole:.0f} s |"
    )


def _counted(run: Callable[[], object]) -> Traffic:
    # the host's own arithmetic is the one in float64
    with Traffic(host=torch.float64) as seen:
        run()
    return seen


def _processor_seconds(run: Callable[[], object]) -> float:
    began = time.process_time()
    run()
    return time.process_time() - began


def _noise_of_devices(*window: Any, **_: Any) -> np.ndarray:
    """Noise by the operations that a device carries out, the same bits as NumPy's."""
    found: np.ndarray = noise.white_noise(*window, xp=torch).numpy()
    return found


def _predict(asked: argparse.Namespace) -> None:
    noise._SLAB_VOXELS = noise._DEVICE_SLAB_VOXELS
    generator.white_noise = _noise_of_devices  # type: ignore[attr-defined]
    print(
        "\n| truth | precision | what | kernels | bytes | GFLOP | device at least | launches "
        "| host itself | times | all: predicted | all: CPU alone |\n"
        "|---|---|---|---|---|---|---|---|---|---|---|---|"
    )
    for name in asked.truths:
        print("\n".join(predicted(name, asked)), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int)
    parser.add_argument("--method", default="combined")
    parser.add_argument("--truths", nargs="+", default=list(TRUTHS))
    parser.add_argument("--device", nargs="+", default=["cpu", "cuda"])
    parser.add_argument("--predict", action="store_true", help="count instead of training")
    parser.add_argument("--bandwidth", type=float, default=4.8e12, help="bytes per second")
    parser.add_argument("--launch", type=float, default=5e-6, help="seconds per kernel")
    parser.add_argument("--flops", type=float, default=67e12, help="per second, in float32")
    asked = parser.parse_args()
    print(surroundings("morphgen", "numpy", "scipy", "torch"))
    if asked.predict:
        _predict(asked)
        return
    found = find("torch")
    print(
        "\n".join(f"{one.name}: {one.model}, {one.memory / 2**30:.0f} GiB" for one in found.devices)
    )
    if "cuda" in asked.device and not found.devices:
        print(f"CUDA is left out: {found.trouble}")
    print(
        "\n| truth | device, precision | laws found | seconds | CPU seconds | seconds of training "
        "| steps | best step | held-out score at the start | at best | sup dC |\n"
        "|---|---|---|---|---|---|---|---|---|---|---|"
    )
    for name in asked.truths:
        for device in asked.device:
            if device == "cpu" or found.devices:
                print(timed(name, device, asked.steps, asked.method), flush=True)


if __name__ == "__main__":
    main()
